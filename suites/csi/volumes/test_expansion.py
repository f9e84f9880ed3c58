"""Expansion at the controller and on the node."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.requests import messages, mount, span
from reports.model import ClauseViolation, NotApplicable

EXPAND = "controller.EXPAND_VOLUME"


def expanding(volume_id: str, size: int, limit: int = 0) -> Any:
    """A ControllerExpandVolumeRequest for a mount volume."""
    return messages().ControllerExpandVolumeRequest(
        volume_id=volume_id, capacity_range=span(size, limit), volume_capability=mount()
    )


def room(path: Path) -> int:
    """The size of the file system at path, in bytes."""
    status = os.statvfs(path)
    return status.f_blocks * status.f_frsize


def expand_on_node(csi: Bench, use: InUse, size: int) -> None:
    """The node's half of an expansion."""
    csi.client.call(
        messages().NodeExpandVolumeRequest(
            volume_id=use.volume.volume_id, volume_path=str(use.target), staging_target_path=use.staging,
            capacity_range=span(size), volume_capability=use.capability,
        )
    )  # fmt: skip


@pytest.mark.clause("csi.controller-expand.capacity-grows")
def test_expanded_volume_has_the_required_capacity(csi: Bench) -> None:
    csi.require(EXPAND)
    volume, size = csi.create(), 2 * csi.options.capacity
    capacity = csi.client.call(expanding(volume.volume_id, size)).capacity_bytes
    if capacity < size:
        raise ClauseViolation("the expanded volume is too small", expected=f"at least {size}", actual=capacity)


@pytest.mark.clause("csi.controller-expand.is-idempotent")
def test_expansion_asked_for_twice_is_fine(csi: Bench) -> None:
    csi.require(EXPAND)
    request = expanding(csi.create().volume_id, 2 * csi.options.capacity)
    first, second = csi.client.call(request).capacity_bytes, csi.client.call(request).capacity_bytes
    assert second >= first, f"the second expansion answered {second} bytes after {first}"


@pytest.mark.clause("csi.controller-expand.absent-volume-is-not-found")
def test_expansion_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    csi.require(EXPAND)
    request = expanding(csi.absent_id(), 2 * csi.options.capacity)
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.controller-expand.impossible-capacity-is-refused")
def test_expansion_beyond_all_room_is_out_of_range(csi: Bench) -> None:
    csi.require(EXPAND)
    request = expanding(csi.create().volume_id, 1 << 62)
    csi.client.require_refusal(request, "OUT_OF_RANGE", because="four exbibytes are asked for")


def expanded_offline(csi: Bench, rng: Random) -> tuple[InUse, Any, int, int]:
    """A volume that was filled, taken down, expanded and brought up again: with content, old and asked-for size."""
    csi.require(EXPAND)
    use = csi.bring_up(csi.create())
    content, before, size = write_files(use.target, rng), room(use.target), 4 * csi.options.capacity
    csi.take_down(use)
    answer = csi.client.call(expanding(use.volume.volume_id, size))
    up = csi.bring_up(use.volume)
    if answer.node_expansion_required:
        expand_on_node(csi, up, size)
    return up, content, before, size


@pytest.mark.clause("csi.controller-expand.data-is-kept")
def test_expanded_volume_keeps_its_data(csi: Bench, rng: Random) -> None:
    up, content, _, _ = expanded_offline(csi, rng)
    require_files(up.target, content, "an expansion")


@pytest.mark.clause("csi.node-expand.user-sees-new-size")
def test_expanded_volume_offers_the_room(csi: Bench, rng: Random) -> None:
    up, _, before, size = expanded_offline(csi, rng)
    after = room(up.target)
    if after < max(before, size * 0.75):
        raise ClauseViolation("the file system keeps its old size", expected=f"about {size}", actual=after)


@pytest.mark.clause("csi.node-expand.absent-volume-is-not-found")
def test_node_expansion_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    csi.require("node.EXPAND_VOLUME")
    request = messages().NodeExpandVolumeRequest(volume_id=csi.absent_id(), volume_path=csi.path("absent"))
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.expand.online-needs-no-unpublish")
def test_published_volume_is_expanded_in_place(csi: Bench, rng: Random) -> None:
    csi.require(EXPAND)
    if "expansion.ONLINE" not in csi.capabilities:
        raise NotApplicable("the driver does not declare expansion.ONLINE")
    use = csi.bring_up(csi.create())
    content, size = write_files(use.target, rng), 4 * csi.options.capacity
    if csi.client.call(expanding(use.volume.volume_id, size)).node_expansion_required:
        expand_on_node(csi, use, size)
    require_files(use.target, content, "an expansion in place")
    assert room(use.target) >= size * 0.75, f"the file system has {room(use.target)} bytes, not about {size}"
