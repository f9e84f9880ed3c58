"""Snapshot metadata against real data: a backup that follows the streams loses nothing."""

from __future__ import annotations

import fcntl
import os
import struct
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import BLOCK_BYTES, device_bytes, write_block
from fixtures.subjects.csi.metadata import METADATA, Range, Stream, allocated, delta, read_stream, require_covered
from fixtures.subjects.csi.requests import block, from_snapshot
from reports.model import ClauseViolation, NotApplicable
from suites.csi.snapshots.descriptions import let_the_source_go_on
from suites.csi.volumes.growth import EXPAND, expanded_offline, node_expanding

BLKDISCARD = 0x1277  # linux/fs.h
SNAPSHOT = "controller.CREATE_DELETE_SNAPSHOT"
READ = 64 << 20  # bytes; what the tests write lies below
PAGE_BYTES, STRIDE, MANY = 4096, 3 * 4096, 1200  # blocks with gaps; a message commonly has 256 of them, or 1000


def disk(csi: Bench) -> InUse:
    """A raw volume in use. NotApplicable: no metadata, no snapshots, or no block access."""
    csi.require(METADATA, SNAPSHOT)
    return csi.bring_up(csi.create(block()), block())


def written(use: InUse, rng: Random, *offsets: int) -> list[Range]:
    """Write a block of random bytes at each offset; a negative one counts from the end."""
    end, found = device_bytes(use.target), list[Range]()
    for offset in offsets:
        position = offset if offset >= 0 else end + offset
        write_block(use.target, rng, position)
        found.append(Range(position, position + BLOCK_BYTES))
    return found


def discarded(use: InUse, offset: int) -> Range:
    """Give a block back to the device, as fstrim does. NotApplicable: the device takes none."""
    descriptor = os.open(use.target, os.O_WRONLY)
    try:
        fcntl.ioctl(descriptor, BLKDISCARD, struct.pack("QQ", offset, BLOCK_BYTES))
        os.fsync(descriptor)
    except OSError as error:
        raise NotApplicable(f"the device takes no discard: {error}") from error
    finally:
        os.close(descriptor)
    return Range(offset, offset + BLOCK_BYTES)


def scattered(use: InUse, rng: Random) -> list[Range]:
    """Write so many blocks apart from each other that no driver tells them all in one message."""
    found = [Range(offset, offset + PAGE_BYTES) for offset in range(0, MANY * STRIDE, STRIDE)]
    descriptor = os.open(use.target, os.O_WRONLY)
    for one in found:
        os.pwrite(descriptor, rng.randbytes(PAGE_BYTES), one.offset)
    os.fsync(descriptor)
    os.close(descriptor)
    return found


def image(csi: Bench, snapshot: Any) -> bytes:
    """The first bytes of a snapshot, all of a volume of ordinary size, through a volume restored from it."""
    restored = csi.bring_up(csi.create(block(), source=from_snapshot(snapshot.snapshot_id)), block())
    with restored.target.open("rb") as device:
        return device.read(READ)


def require_backup(stream: Stream, base: bytes, target: bytes) -> None:
    """ClauseViolation unless base, with the stream's ranges copied over from target, is target."""
    copy = bytearray(base.ljust(len(target), b"\0")[: len(target)])
    for found in stream.ranges:
        copy[found.offset : min(found.end, len(target))] = target[found.offset : found.end]
    if copy != target:
        first = next(at for at in range(len(target)) if copy[at] != target[at])
        raise ClauseViolation(
            f"a backup that follows {stream.rpc} is not the snapshot", expected="the same bytes",
            actual=f"they differ from byte {first} on; ranges: {stream.ranges[:12]}",
        )  # fmt: skip


@pytest.mark.clause("csi.metadata-allocated.covers-what-was-written")
def test_allocated_ranges_cover_what_was_written(csi: Bench, rng: Random) -> None:
    use = disk(csi)
    blocks = written(use, rng, 0, 1 << 20, 5 << 20, -BLOCK_BYTES)
    stream = read_stream(csi, allocated(csi.snapshot(use.volume)))
    for one in blocks:
        require_covered(stream, one, "that was written before the snapshot")


@pytest.mark.clause("csi.metadata-allocated.covers-what-was-written")
def test_allocated_ranges_of_many_blocks_are_all_told(csi: Bench, rng: Random) -> None:
    use = disk(csi)
    blocks = scattered(use, rng)
    stream = read_stream(csi, allocated(csi.snapshot(use.volume)))
    for one in blocks:
        require_covered(stream, one, "of many small pieces that were written before the snapshot")


@pytest.mark.clause("csi.metadata-allocated.makes-a-full-backup")
def test_backup_of_the_allocated_ranges_is_the_snapshot(csi: Bench, rng: Random) -> None:
    use = disk(csi)
    written(use, rng, *(rng.randrange(0, 15 << 20, 4096) for _ in range(12)))
    snapshot = csi.snapshot(use.volume)
    written(use, rng, *(rng.randrange(0, 15 << 20, 4096) for _ in range(4)))
    stream = read_stream(csi, allocated(snapshot, most=3))
    require_backup(stream, b"", image(csi, snapshot))


@pytest.mark.clause("csi.metadata-delta.covers-what-changed")
@pytest.mark.parametrize("change", ["new block", "overwritten block", "zeroed block", "discarded block", "last block"])
def test_delta_covers_what_changed(csi: Bench, rng: Random, change: str) -> None:
    use = disk(csi)
    written(use, rng, 1 << 20, 3 << 20)
    base = csi.snapshot(use.volume)
    if change == "zeroed block":
        descriptor = os.open(use.target, os.O_WRONLY)
        os.pwrite(descriptor, bytes(BLOCK_BYTES), 3 << 20)
        os.fsync(descriptor)
        os.close(descriptor)
        changed = Range(3 << 20, (3 << 20) + BLOCK_BYTES)
    elif change == "discarded block":
        changed = discarded(use, 3 << 20)
    else:
        offset = {"new block": 6 << 20, "overwritten block": 1 << 20, "last block": -BLOCK_BYTES}[change]
        (changed,) = written(use, rng, offset)
    target = csi.snapshot(use.volume)
    require_covered(read_stream(csi, delta(base, target)), changed, f"({change}) that changed between the snapshots")


@pytest.mark.clause("csi.metadata-delta.covers-what-changed")
def test_delta_of_many_blocks_tells_them_all(csi: Bench, rng: Random) -> None:
    use = disk(csi)
    base = csi.snapshot(use.volume)
    blocks = scattered(use, rng)
    stream = read_stream(csi, delta(base, csi.snapshot(use.volume)))
    for one in blocks:
        require_covered(stream, one, "of many small pieces that changed between the snapshots")


@pytest.mark.clause("csi.metadata-delta.compares-the-snapshots")
def test_delta_covers_what_the_live_volume_has_taken_back(csi: Bench, rng: Random) -> None:
    use = disk(csi)
    state = rng.getstate()
    written(use, rng, 2 << 20)
    base = csi.snapshot(use.volume)
    (changed,) = written(use, rng, 2 << 20)
    target = csi.snapshot(use.volume)
    rng.setstate(state)
    written(use, rng, 2 << 20)  # the bytes of the base again
    require_covered(read_stream(csi, delta(base, target)), changed, "that differs between the snapshots")


@pytest.mark.clause("csi.metadata-delta.spans-snapshots-between")
def test_delta_over_a_snapshot_between_covers_both_changes(csi: Bench, rng: Random) -> None:
    use = disk(csi)
    base = csi.snapshot(use.volume)
    first = written(use, rng, 1 << 20, 2 << 20)
    csi.snapshot(use.volume)
    second = written(use, rng, 1 << 20, 4 << 20)  # one place is written both times, one each only once
    stream = read_stream(csi, delta(base, csi.snapshot(use.volume)))
    for one in first + second:
        require_covered(stream, one, "that changed since the base")


@pytest.mark.clause("csi.metadata-delta.covers-what-changed")
def test_delta_covers_what_an_expansion_added(csi: Bench, rng: Random) -> None:
    csi.require(EXPAND)
    use = disk(csi)
    base, size = csi.snapshot(use.volume), 2 * device_bytes(use.target)
    use, needs_node = expanded_offline(csi, use, size)
    if needs_node:
        csi.client.call(node_expanding(use, size))
    beyond = written(use, rng, -BLOCK_BYTES)
    stream = read_stream(csi, delta(base, csi.snapshot(use.volume)))
    assert min(stream.capacities) >= size, f"the metadata of an expanded volume state {stream.capacities} bytes"
    for one in beyond:
        require_covered(stream, one, "that was written beyond the end of the base")


@pytest.mark.clause("csi.metadata-delta.makes-an-incremental-backup")
def test_backup_of_the_changed_ranges_is_the_target(csi: Bench, rng: Random) -> None:
    use = disk(csi)
    written(use, rng, *(rng.randrange(0, 15 << 20, 4096) for _ in range(8)))
    base = csi.snapshot(use.volume)
    written(use, rng, *(rng.randrange(0, 15 << 20, 4096) for _ in range(8)))
    target = csi.snapshot(use.volume)
    written(use, rng, *(rng.randrange(0, 15 << 20, 4096) for _ in range(4)))
    stream = read_stream(csi, delta(base, target, most=2))
    require_backup(stream, image(csi, base), image(csi, target))


@pytest.mark.clause("csi.metadata-delta.is-less-than-everything")
def test_delta_of_one_block_is_not_the_whole_volume(csi: Bench, rng: Random) -> None:
    use = disk(csi)
    written(use, rng, 1 << 20, 8 << 20)
    base = csi.snapshot(use.volume)
    written(use, rng, 1 << 20)
    stream = read_stream(csi, delta(base, csi.snapshot(use.volume)))
    size = sum(found.end - found.offset for found in stream.ranges)
    if size > device_bytes(use.target) // 2:
        raise ClauseViolation("one changed block is a full backup", expected=f"about {BLOCK_BYTES} bytes", actual=size)


@pytest.mark.clause("csi.metadata-delta.nothing-changed-is-empty")
def test_delta_of_two_snapshots_without_a_write_is_empty(csi: Bench, rng: Random) -> None:
    use = disk(csi)
    written(use, rng, 1 << 20)
    base, target = csi.snapshot(use.volume), csi.snapshot(use.volume)
    found = read_stream(csi, delta(base, target)).ranges
    if found:
        raise ClauseViolation("nothing was written between two snapshots", expected="no range", actual=found[:8])


@pytest.mark.clause("csi.metadata.outlives-what-the-volume-goes-through")
@pytest.mark.parametrize("meanwhile", ["deleted", "expanded", "killed"])
def test_ranges_are_the_same_whatever_becomes_of_the_volume(csi: Bench, rng: Random, meanwhile: str) -> None:
    use = disk(csi)
    written(use, rng, 1 << 20, 3 << 20)
    base = csi.snapshot(use.volume)
    written(use, rng, 5 << 20)
    target = csi.snapshot(use.volume)
    before = [read_stream(csi, request).ranges for request in (allocated(target), delta(base, target))]
    if meanwhile == "killed":
        if not csi.driver.owned:
            raise NotApplicable("the driver is not ours to kill")
        csi.restart()
    else:
        csi.take_down(use)
        let_the_source_go_on(csi, use.volume, f"its volume was {meanwhile}", block())
    after = [read_stream(csi, request).ranges for request in (allocated(target), delta(base, target))]
    if after != before:
        raise ClauseViolation(
            f"the metadata of a snapshot changed when its volume was {meanwhile}", expected=before, actual=after
        )
