"""What a volume made from a snapshot may be: larger, one of several, a source itself, and on its own."""

from __future__ import annotations

import os
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import (
    device_bytes,
    read_block,
    require_files,
    usable,
    user_files,
    write_block,
    write_files,
)
from fixtures.subjects.csi.requests import block, from_snapshot, from_volume, messages, mount, span, without
from reports.model import ClauseViolation, NotApplicable
from suites.csi.data.copying import sized_copy
from suites.csi.node.file_systems import in_use_with
from suites.csi.volumes.growth import require_room

SNAPSHOT = "controller.CREATE_DELETE_SNAPSHOT"
LARGE = 80 << 20  # more than the size that a driver may choose where it is not told one


@pytest.mark.clause("csi.restore.can-be-repeated")
def test_snapshot_restored_twice_makes_two_volumes(csi: Bench, rng: Random) -> None:
    csi.require(SNAPSHOT)
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    source = from_snapshot(csi.snapshot(use.volume).snapshot_id)
    first, second = csi.create(source=source), csi.create(source=source)
    ids = {use.volume.volume_id, first.volume_id, second.volume_id}
    if len(ids) < 3:
        raise ClauseViolation("two restores and their source are not three volumes", expected=3, actual=sorted(ids))
    for restored in (first, second):
        require_files(csi.bring_up(restored).target, content, "a restore beside another one")


@pytest.mark.clause("csi.restore.is-independent")
def test_restores_share_writes_with_nobody(csi: Bench, rng: Random) -> None:
    csi.require(SNAPSHOT)
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    source = from_snapshot(csi.snapshot(use.volume).snapshot_id)
    first = csi.bring_up(csi.create(source=source))
    write_files(first.target, rng, "first")
    with usable("written to"):
        os.truncate(first.target / "file-1", 0)
    second = csi.bring_up(csi.create(source=source))
    for name, up in (("source volume", use), ("second restore", second)):
        mixed = [found for found in user_files(up.target) if "first" in found]
        if mixed:
            raise ClauseViolation(f"a write to a restore appears in the {name}", expected="none", actual=mixed)
        require_files(up.target, content, "a write to a restore of the same snapshot")


@pytest.mark.clause("csi.restore.is-independent")
def test_block_restore_and_its_source_share_no_writes(csi: Bench, rng: Random) -> None:
    csi.require(SNAPSHOT)
    use = csi.bring_up(csi.create(block()), block())
    written = write_block(use.target, rng)
    source = from_snapshot(csi.snapshot(use.volume).snapshot_id)
    restored = csi.bring_up(csi.create(block(), source=source), block())
    write_block(restored.target, rng)
    if read_block(use.target) != written:
        raise ClauseViolation("a write to a restore changed the source", expected=written, actual="other bytes")


@pytest.mark.clause("csi.restore.chain-holds-the-data")
def test_snapshot_of_a_restore_holds_both_layers(csi: Bench, rng: Random) -> None:
    csi.require(SNAPSHOT)
    use = csi.bring_up(csi.create())
    lower = write_files(use.target, rng, "lower")
    middle = csi.bring_up(csi.create(source=from_snapshot(csi.snapshot(use.volume).snapshot_id)))
    upper = write_files(middle.target, rng, "upper")
    snapshot = csi.snapshot(middle.volume)
    assert snapshot.source_volume_id == middle.volume.volume_id, "a snapshot of a restore names another source"
    top = csi.bring_up(csi.create(source=from_snapshot(snapshot.snapshot_id)))
    for content in (lower, upper):
        require_files(top.target, content, "a snapshot of a restore was restored")


@pytest.mark.clause("csi.restore.in-larger-size-is-usable")
def test_restore_in_a_larger_size_offers_the_room(csi: Bench, rng: Random) -> None:
    csi.require(SNAPSHOT)
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    size = 3 * max(csi.options.capacity, use.volume.capacity_bytes)
    request = csi.creation(source=from_snapshot(csi.snapshot(use.volume).snapshot_id), capacity=span(size))
    up = csi.bring_up(sized_copy(csi, request))
    status = os.statvfs(up.target)
    offered = status.f_blocks * status.f_frsize
    if offered < size * 0.75:
        raise ClauseViolation("the restore keeps the size of its source", expected=f"about {size}", actual=offered)
    require_files(up.target, content, "a restore into a larger volume")


@pytest.mark.clause("csi.restore.in-larger-size-is-usable")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
@pytest.mark.parametrize("fs_type", ["ext4", "xfs"])
def test_copy_of_a_file_system_in_a_larger_size_offers_the_room(
    csi: Bench, rng: Random, fs_type: str, kind: str
) -> None:
    csi.require(SNAPSHOT if kind == "snapshot" else "controller.CLONE_VOLUME")
    capability = mount(fs_type=fs_type)
    use = in_use_with(csi, capability)
    content = write_files(use.target, rng)
    size = 2 * max(csi.options.capacity, use.volume.capacity_bytes)
    volume_id = use.volume.volume_id
    source = from_snapshot(csi.snapshot(use.volume).snapshot_id) if kind == "snapshot" else from_volume(volume_id)
    up = csi.bring_up(sized_copy(csi, csi.creation(capability, source=source, capacity=span(size))), capability)
    require_room(up.target, size, f"a copy of an {fs_type} into a larger volume")
    require_files(up.target, content, f"a copy of an {fs_type} into a larger volume")


@pytest.mark.clause("csi.restore.in-larger-size-has-the-device")
def test_block_restore_in_a_larger_size_has_a_larger_device(csi: Bench, rng: Random) -> None:
    csi.require(SNAPSHOT)
    use = csi.bring_up(csi.create(block()), block())
    written = write_block(use.target, rng)
    size = 2 * device_bytes(use.target)
    source = from_snapshot(csi.snapshot(use.volume).snapshot_id)
    request = csi.creation(block(), source=source, capacity=span(size))
    up = csi.bring_up(sized_copy(csi, request), block())
    if device_bytes(up.target) < size:
        raise ClauseViolation("the device is too small", expected=f"{size} bytes", actual=device_bytes(up.target))
    if read_block(up.target) != written:
        raise ClauseViolation("a larger restore lacks the data", expected=written, actual="other bytes")


@pytest.mark.clause("csi.restore.is-not-smaller-than-its-snapshot")
@pytest.mark.parametrize("asked", ["no capacity", "one byte"])
def test_restore_is_not_smaller_than_its_snapshot(csi: Bench, asked: str) -> None:
    csi.require(SNAPSHOT)
    snapshot = csi.snapshot(csi.create(capacity=span(max(2 * csi.options.capacity, LARGE))))
    request = csi.creation(source=from_snapshot(snapshot.snapshot_id), capacity=span(1))
    if asked == "one byte":
        volume = sized_copy(csi, request)
    else:
        volume = csi.client.call(without(request, "capacity_range")).volume
    if 0 < volume.capacity_bytes < snapshot.size_bytes:
        raise ClauseViolation(
            "the restore is smaller than its snapshot", expected=snapshot.size_bytes, actual=volume.capacity_bytes
        )


@pytest.mark.clause("csi.restore.outlives-its-snapshot")
def test_restored_volume_lives_without_snapshot_and_source(csi: Bench, rng: Random) -> None:
    csi.require(SNAPSHOT)
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    snapshot = csi.snapshot(use.volume)
    restored = csi.create(source=from_snapshot(snapshot.snapshot_id))
    csi.take_down(use)
    for ending in (
        messages().DeleteSnapshotRequest(snapshot_id=snapshot.snapshot_id),
        csi.deletion(use.volume.volume_id),
    ):
        answer = csi.client.answer(ending)  # may be refused as long as something depends on it
        if answer.code not in ("OK", "FAILED_PRECONDITION"):
            raise ClauseViolation(
                "deleting what was restored", expected="OK or FAILED_PRECONDITION", actual=str(answer)
            )
    require_files(csi.bring_up(restored).target, content, "its snapshot and their source were deleted")


@pytest.mark.clause("csi.restore.retry-needs-no-source")
def test_restore_asked_for_again_without_its_snapshot_is_the_same(csi: Bench) -> None:
    csi.require(SNAPSHOT)
    snapshot = csi.snapshot(csi.create())
    request = csi.creation(source=from_snapshot(snapshot.snapshot_id))
    first = csi.client.call(request).volume
    answer = csi.client.answer(csi.unsnapshotting(snapshot.snapshot_id))
    if answer.code == "FAILED_PRECONDITION":
        raise NotApplicable("the driver keeps snapshots that volumes were made from")
    csi.client.call(csi.unsnapshotting(snapshot.snapshot_id))
    again = csi.client.call(request).volume
    assert again.volume_id == first.volume_id, "a restore that was asked for again is another volume"


@pytest.mark.clause("csi.snapshot.outlives-its-volume")
def test_snapshot_of_a_deleted_volume_still_restores(csi: Bench, rng: Random) -> None:
    csi.require(SNAPSHOT)
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    request = csi.snapshotting(use.volume.volume_id)
    snapshot = csi.wait_until_ready(request).snapshot
    csi.take_down(use)
    if not csi.client.answer(csi.deletion(use.volume.volume_id)).is_ok:
        return  # a driver may refuse to delete a volume that has snapshots; then nothing is lost either
    restored = csi.bring_up(csi.create(source=from_snapshot(snapshot.snapshot_id)))
    require_files(restored.target, content, "its volume was deleted and a snapshot restored")


@pytest.mark.clause("csi.restore.stated-size-is-enough")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_volume_of_the_size_of_a_snapshot_is_restored(csi: Bench, rng: Random, kind: str) -> None:
    csi.require(SNAPSHOT)
    capability = mount() if kind == "mount" else block()
    use = csi.bring_up(csi.create(capability), capability)
    if kind == "mount":
        write_files(use.target, rng)
    else:
        write_block(use.target, rng)
    snapshot = csi.snapshot(use.volume)
    size = snapshot.size_bytes
    if not 0 < size < use.volume.capacity_bytes:
        return  # it states none, or that of the volume, which can be had
    answer = csi.client.answer(
        csi.creation(capability, source=from_snapshot(snapshot.snapshot_id), capacity=span(size, size))
    )
    if answer.code == "OUT_OF_RANGE":
        raise ClauseViolation(
            "a snapshot needs more room than it states", expected=f"a volume of {size} bytes", actual=str(answer),
            question="Is the size that it takes in the store told?",
        )  # fmt: skip
