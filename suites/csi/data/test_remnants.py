"""What a deleted volume held is nowhere to be seen: not in a new volume, a restore's tail or new room."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import device_bytes, user_files, write_files
from fixtures.subjects.csi.requests import block, from_snapshot, from_volume, span
from reports.model import ClauseViolation
from suites.csi.data.copying import sized_copy
from suites.csi.data.marking import STRIDES, first_mark, mark_device, new_mark
from suites.csi.volumes.growth import EXPAND, expanded_offline, node_expanding

CAPABILITIES = {"snapshot": "controller.CREATE_DELETE_SNAPSHOT", "volume": "controller.CLONE_VOLUME"}


def leave_marks(csi: Bench, rng: Random, size: int, how: str = "buffered") -> bytes:
    """A raw volume is marked all over, taken down and deleted; its mark."""
    volume, mark = csi.create(block(), capacity=span(size)), new_mark(rng)
    use = csi.bring_up(volume, block())
    mark_device(use.target, mark, how)
    csi.take_down(use)
    csi.delete(volume)
    return mark


def require_no_mark(device: Path, mark: bytes, where: str, start: int = 0) -> None:
    """ClauseViolation if the mark is on the device from start on."""
    found = first_mark(device, mark, start)
    if found is not None:
        raise ClauseViolation(
            f"{where} shows what a deleted volume held", expected="nothing of it", actual=f"its bytes at {found}"
        )


@pytest.mark.clause("csi.delete-volume.data-is-not-handed-on")
@pytest.mark.parametrize("how", STRIDES)
def test_new_block_volume_shows_nothing_of_a_deleted_one(csi: Bench, rng: Random, how: str) -> None:
    mark = leave_marks(csi, rng, csi.options.capacity, how)
    use = csi.bring_up(csi.create(block()), block())
    require_no_mark(use.target, mark, "a new volume")


@pytest.mark.clause("csi.delete-volume.files-are-not-handed-on")
def test_new_volume_shows_no_file_of_a_deleted_one(csi: Bench, rng: Random) -> None:
    use = csi.bring_up(csi.create())
    write_files(use.target, rng)
    csi.take_down(use)
    csi.delete(use.volume)
    found = user_files(csi.bring_up(csi.create()).target)
    if found:
        raise ClauseViolation("a new volume shows files of a deleted one", expected="none", actual=found[:8])


@pytest.mark.clause("csi.restore.tail-holds-nothing-old")
@pytest.mark.parametrize("kind", CAPABILITIES)
def test_copy_in_a_larger_size_shows_nothing_of_a_deleted_volume(csi: Bench, rng: Random, kind: str) -> None:
    csi.require(CAPABILITIES[kind])
    volume = csi.create(block())
    size = 3 * max(csi.options.capacity, volume.capacity_bytes)
    source = from_snapshot(csi.snapshot(volume).snapshot_id) if kind == "snapshot" else from_volume(volume.volume_id)
    mark = leave_marks(csi, rng, size)
    copy = sized_copy(csi, csi.creation(block(), source=source, capacity=span(size)))
    require_no_mark(csi.bring_up(copy, block()).target, mark, f"a copy of a {kind}")


@pytest.mark.clause("csi.expand.new-room-holds-nothing-old")
def test_expanded_block_volume_shows_nothing_of_a_deleted_one(csi: Bench, rng: Random) -> None:
    csi.require(EXPAND)
    before = csi.bring_up(csi.create(block()), block())
    old = device_bytes(before.target)
    size = 3 * old
    mark = leave_marks(csi, rng, size)
    use, needs_node = expanded_offline(csi, before, size)
    if needs_node:
        csi.client.call(node_expanding(use, size))
    require_no_mark(use.target, mark, "the new room of an expanded volume", old)
