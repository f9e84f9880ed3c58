"""NodeStageVolume and its inverse."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.leaks import mounts_below
from fixtures.subjects.csi.requests import block, changed, messages, mount
from reports.model import ClauseViolation

STAGE = "node.STAGE_UNSTAGE_VOLUME"


def staged(csi: Bench, kind: str = "mount") -> Any:
    """The request that staged a fresh volume."""
    csi.require(STAGE)
    capability = mount() if kind == "mount" else block()
    volume = csi.create(capability)
    request = csi.staging(volume, capability, csi.attach(volume, capability))
    csi.client.call(request)
    return request


@pytest.mark.clause("csi.node-stage.is-idempotent")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_volume_staged_twice_is_mounted_once(csi: Bench, kind: str) -> None:
    request = staged(csi, kind)
    before = mounts_below(csi.folder)
    csi.client.call(request)
    after = mounts_below(csi.folder)
    if after != before:
        raise ClauseViolation("a second stage mounted something again", expected=before, actual=after)


@pytest.mark.clause("csi.node-stage.absent-volume-is-not-found")
def test_stage_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    csi.require(STAGE)
    request = csi.staging(messages().Volume(volume_id=csi.absent_id()), mount(), {}, csi.path("stage"))
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.node-stage.other-capability-conflicts")
def test_staged_volume_with_other_capability_conflicts(csi: Bench) -> None:
    request = staged(csi)
    other = changed(request, volume_capability=mount("SINGLE_NODE_READER_ONLY"))
    csi.client.require_refusal(other, "ALREADY_EXISTS", because="the volume is staged there for writing")


@pytest.mark.clause("csi.node-unstage.is-idempotent")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_volume_unstaged_twice_is_fine(csi: Bench, kind: str) -> None:
    request = staged(csi, kind)
    back = messages().NodeUnstageVolumeRequest(
        volume_id=request.volume_id, staging_target_path=request.staging_target_path
    )
    csi.client.call(back)
    csi.client.call(back)


@pytest.mark.clause("csi.node-unstage.absent-volume-is-not-found")
def test_unstage_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    csi.require(STAGE)
    request = messages().NodeUnstageVolumeRequest(volume_id=csi.absent_id(), staging_target_path=csi.path("stage"))
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.node-unstage.nothing-stays-mounted")
def test_unstaged_volume_leaves_no_mount(csi: Bench) -> None:
    use = csi.bring_up(csi.create())
    csi.require(STAGE)
    csi.take_down(use)
    left = mounts_below(csi.folder)
    if left:
        raise ClauseViolation("NodeUnstageVolume left something mounted", expected="nothing", actual=left)
