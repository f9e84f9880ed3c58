"""Calls for paths where the volume is not any more, and ends of what somebody else has ended already."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.leaks import is_mounted, mounts_below
from fixtures.subjects.csi.requests import block, mount
from reports.model import ClauseViolation, NotApplicable
from suites.csi.node.measuring import STATS, measuring
from suites.csi.node.test_reference_counting import unmount
from suites.csi.volumes.growth import NODE_EXPAND, node_expanding

STAGE = "node.STAGE_UNSTAGE_VOLUME"
CAPABILITIES = {"mount": mount(), "block": block()}


@pytest.mark.clause("csi.node-stats.unpublished-path-is-not-found")
@pytest.mark.parametrize("kind", CAPABILITIES)
@pytest.mark.parametrize("path", ["target", "staging"])
def test_statistics_at_a_path_that_was_left_are_not_found(csi: Bench, kind: str, path: str) -> None:
    csi.require(STATS, STAGE)
    use = csi.bring_up(csi.create(CAPABILITIES[kind]), CAPABILITIES[kind])
    csi.client.call(csi.unpublishing(use))
    if path == "staging":
        csi.client.call(csi.unstaging(use))
    at = use.target if path == "target" else use.staging
    csi.client.require_refusal(measuring(use, at), "NOT_FOUND", because="the volume is not there any more")


@pytest.mark.clause("csi.node-stats.path-of-another-volume-is-not-found")
def test_statistics_at_the_staging_path_of_another_volume_are_not_found(csi: Bench) -> None:
    csi.require(STATS, STAGE)
    one, other = csi.bring_up(csi.create()), csi.bring_up(csi.create())
    request = measuring(one, other.staging, other.staging)
    csi.client.require_refusal(request, "NOT_FOUND", because="another volume is staged there")


@pytest.mark.clause("csi.node-expand.other-path-is-refused")
@pytest.mark.parametrize("kind", CAPABILITIES)
def test_node_expansion_at_a_path_that_was_left_is_refused(csi: Bench, kind: str) -> None:
    csi.require(NODE_EXPAND)
    use = csi.bring_up(csi.create(CAPABILITIES[kind]), CAPABILITIES[kind])
    csi.client.call(csi.unpublishing(use))
    answer = csi.client.answer(node_expanding(use, csi.options.capacity))
    if answer.is_ok:
        raise ClauseViolation("a volume was expanded where it is not any more", expected="a refusal", actual="OK")


@pytest.mark.clause("csi.node-unpublish.unmounted-target-is-fine")
@pytest.mark.parametrize("left", ["an empty file", "nothing"])
def test_unpublish_of_a_device_unmounted_by_hand_is_fine(csi: Bench, left: str) -> None:
    use = csi.bring_up(csi.create(block()), block())
    if not is_mounted(use.target):
        raise NotApplicable("the device is not mounted at its target path")
    unmount(use.target)
    if left == "nothing":
        use.target.unlink()
    csi.client.call(csi.unpublishing(use))
    if use.target.exists():
        raise ClauseViolation("the target path is left", expected="nothing there", actual=str(use.target))


@pytest.mark.clause("csi.node-unpublish.unmounted-target-is-fine")
def test_unpublish_of_a_target_whose_parent_is_gone_is_fine(csi: Bench) -> None:
    csi.place.make(csi.path("pod"))
    use = csi.prepare(csi.create(), target="pod/target")
    csi.client.call(csi.publishing(use))
    unmount(use.target)
    use.target.rmdir()
    use.target.parent.rmdir()
    csi.client.call(csi.unpublishing(use))


@pytest.mark.clause("csi.node-unstage.missing-path-is-fine")
@pytest.mark.parametrize("left", ["an empty folder", "nothing"])
def test_unstage_of_a_volume_unmounted_by_hand_is_fine(csi: Bench, left: str) -> None:
    csi.require(STAGE)
    use = csi.prepare(csi.create())
    if not is_mounted(Path(use.staging)):
        raise NotApplicable("the volume is not mounted at its staging path")
    unmount(Path(use.staging))
    if left == "nothing":
        Path(use.staging).rmdir()
    csi.client.call(csi.unstaging(use))
    csi.take_down(csi.bring_up(use.volume))
    if mounts_below(csi.folder):
        raise ClauseViolation("a mount is left", expected="none", actual=mounts_below(csi.folder))
