"""Snapshot metadata of snapshots that are not of a plain raw volume, and of data in long ranges."""

from __future__ import annotations

import os
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import device_bytes, write_files
from fixtures.subjects.csi.groups import GROUPS, grouping, make_group, member_of
from fixtures.subjects.csi.metadata import METADATA, Range, allocated, delta, read_stream, require_covered
from fixtures.subjects.csi.requests import block, changed, from_snapshot, from_volume, span
from reports.model import ClauseViolation, NotApplicable
from suites.csi.data.test_metadata import SNAPSHOT, disk, written

LONG = 3 << 20  # bytes: more than a driver reads at a time


def copied(csi: Bench, use: InUse, kind: str) -> InUse:
    """A clone or a restore of a raw volume, in use."""
    if kind == "clone":
        csi.require("controller.CLONE_VOLUME")
        source = from_volume(use.volume.volume_id)
    else:
        source = from_snapshot(csi.snapshot(use.volume).snapshot_id)
    size = span(use.volume.capacity_bytes or csi.options.capacity)
    return csi.bring_up(csi.create(block(), source=source, capacity=size), block())


def written_at_length(use: InUse, rng: Random, offset: int) -> Range:
    """Write LONG random bytes in one piece."""
    descriptor = os.open(use.target, os.O_WRONLY)
    os.pwrite(descriptor, rng.randbytes(LONG), offset)
    os.fsync(descriptor)
    os.close(descriptor)
    return Range(offset, offset + LONG)


@pytest.mark.clause("csi.metadata-allocated.covers-what-was-written")
@pytest.mark.parametrize("kind", ["clone", "restore"])
def test_allocated_ranges_of_a_copy_cover_what_its_source_had(csi: Bench, rng: Random, kind: str) -> None:
    use = disk(csi)
    inherited = written(use, rng, 1 << 20, 5 << 20)
    copy = copied(csi, use, kind)
    own = written(copy, rng, 3 << 20)
    stream = read_stream(csi, allocated(csi.snapshot(copy.volume)))
    for one in inherited + own:
        require_covered(stream, one, f"that a {kind} has from its source or was given later")


@pytest.mark.clause("csi.metadata-delta.covers-what-changed")
@pytest.mark.parametrize("kind", ["clone", "restore"])
def test_delta_of_snapshots_of_a_copy_covers_what_changed(csi: Bench, rng: Random, kind: str) -> None:
    use = disk(csi)
    written(use, rng, 1 << 20)
    copy = copied(csi, use, kind)
    base = csi.snapshot(copy.volume)
    changes = written(copy, rng, 1 << 20, 4 << 20)
    stream = read_stream(csi, delta(base, csi.snapshot(copy.volume)))
    for one in changes:
        require_covered(stream, one, f"that changed between two snapshots of a {kind}")


@pytest.mark.clause("csi.metadata-allocated.covers-what-was-written")
def test_allocated_ranges_of_a_group_member_cover_what_was_written(csi: Bench, rng: Random) -> None:
    csi.require(GROUPS)
    use = disk(csi)
    blocks = written(use, rng, 1 << 20, 5 << 20)
    member = member_of(make_group(csi, grouping(csi, use.volume)), use.volume)
    stream = read_stream(csi, allocated(member))
    for one in blocks:
        require_covered(stream, one, "that is in a member of a group snapshot")


@pytest.mark.clause("csi.metadata-delta.covers-what-changed")
def test_delta_of_members_of_two_groups_covers_what_changed(csi: Bench, rng: Random) -> None:
    csi.require(GROUPS)
    use = disk(csi)
    written(use, rng, 1 << 20)
    base = member_of(make_group(csi, grouping(csi, use.volume)), use.volume)
    changes = written(use, rng, 1 << 20, 4 << 20)
    target = member_of(make_group(csi, grouping(csi, use.volume)), use.volume)
    stream = read_stream(csi, delta(base, target))
    for one in changes:
        require_covered(stream, one, "that changed between two group snapshots")


@pytest.mark.clause("csi.metadata-allocated.covers-what-was-written")
def test_allocated_ranges_cover_a_long_write(csi: Bench, rng: Random) -> None:
    use = disk(csi)
    whole = written_at_length(use, rng, 1 << 20)
    require_covered(read_stream(csi, allocated(csi.snapshot(use.volume))), whole, "that was written in one piece")


@pytest.mark.clause("csi.metadata-delta.covers-what-changed")
def test_delta_covers_a_long_write(csi: Bench, rng: Random) -> None:
    use = disk(csi)
    base = csi.snapshot(use.volume)
    whole = written_at_length(use, rng, (1 << 20) + 4096)
    stream = read_stream(csi, delta(base, csi.snapshot(use.volume)))
    require_covered(stream, whole, "that was written in one piece between the snapshots")


@pytest.mark.parametrize(
    "rpc", [
        pytest.param("allocated", marks=pytest.mark.clause("csi.metadata-allocated.covers-what-was-written")),
        pytest.param("delta", marks=pytest.mark.clause("csi.metadata-delta.covers-what-changed")),
    ],
)  # fmt: skip
def test_ranges_of_a_file_system_hold_at_least_the_bytes_of_its_files(csi: Bench, rng: Random, rpc: str) -> None:
    csi.require(METADATA, SNAPSHOT)
    use = csi.bring_up(csi.create())
    base = csi.snapshot(use.volume)
    write_files(use.target, rng)
    least = sum(path.stat().st_size for path in use.target.rglob("*") if path.is_file())
    target = csi.snapshot(use.volume)
    request = allocated(target) if rpc == "allocated" else delta(base, target)
    if csi.client.answer(request).code in ("INVALID_ARGUMENT", "FAILED_PRECONDITION"):
        raise NotApplicable("the driver has metadata of raw volumes only")
    told = sum(found.end - found.offset for found in read_stream(csi, request).ranges)
    if told < least:
        raise ClauseViolation(
            "the ranges cannot hold what was written to the file system", expected=f"at least {least} bytes",
            actual=told, question="Are volumes for mount access looked at as if they were empty?",
        )  # fmt: skip


@pytest.mark.parametrize(
    "rpc", [
        pytest.param("allocated", marks=pytest.mark.clause("csi.metadata-allocated.resumes-where-asked")),
        pytest.param("delta", marks=pytest.mark.clause("csi.metadata-delta.resumes-where-asked")),
    ],
)  # fmt: skip
def test_stream_from_within_the_last_block_is_served(csi: Bench, rng: Random, rpc: str) -> None:
    use = disk(csi)
    base = csi.snapshot(use.volume)
    written(use, rng, -4096 * 4)
    target = csi.snapshot(use.volume)
    request = allocated(target) if rpc == "allocated" else delta(base, target)
    read_stream(csi, request)
    end = device_bytes(use.target)
    for start in (end - 4096, end - 1):
        for found in read_stream(csi, changed(request, starting_offset=start)).ranges:
            assert found.end > start, f"a stream from byte {start} on tells a range that ends at {found.end}"
