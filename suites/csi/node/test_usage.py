"""NodeGetVolumeStats: the numbers."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import device_bytes, usable
from fixtures.subjects.csi.requests import MIB, block, messages, mount, span
from reports.model import ClauseViolation, NotApplicable
from suites.csi.node.measuring import STATS, measuring, usage_of
from suites.csi.volumes.growth import EXPAND, METADATA, expanded_offline, node_expanding

WRITTEN = 4 * MIB
TOLERANCE = 0.1  # of a total: what tables of a file system, rounding and other writers may make of a difference


@pytest.mark.clause("csi.node-stats.units-come-once")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_statistics_name_each_unit_once(csi: Bench, kind: str) -> None:
    csi.require(STATS)
    capability = block() if kind == "block" else None
    use = csi.bring_up(csi.create(*filter(None, [capability])), capability)
    units = Counter(entry.unit for entry in csi.client.call(measuring(use, use.target)).usage)
    if units[messages().VolumeUsage.UNKNOWN] or any(count > 1 for count in units.values()):
        raise ClauseViolation("the statistics name a unit twice or none", expected="each once", actual=str(units))


@pytest.mark.clause("csi.node-stats.usage-is-plausible")
def test_statistics_are_plausible(csi: Bench) -> None:
    csi.require(STATS)
    use = csi.bring_up(csi.create())
    for entry in csi.client.call(measuring(use, use.target)).usage:
        if min(entry.total, entry.available, entry.used) < 0:
            raise ClauseViolation("a number of the statistics is negative", expected="0 or more", actual=str(entry))
        if entry.unit == messages().VolumeUsage.BYTES and not entry.total:
            raise ClauseViolation("the statistics lack a total", expected="the bytes in all", actual=str(entry))


@pytest.mark.clause("csi.node-stats.parts-fit-the-total")
def test_statistics_add_up_to_no_more_than_the_total(csi: Bench) -> None:
    csi.require(STATS)
    use = csi.bring_up(csi.create())
    for entry in csi.client.call(measuring(use, use.target)).usage:
        if entry.used + entry.available > entry.total > 0:
            raise ClauseViolation("the statistics do not add up", expected="parts <= total", actual=str(entry))


@pytest.mark.clause("csi.node-stats.block-total-is-its-size")
def test_statistics_of_a_block_volume_tell_its_size(csi: Bench) -> None:
    csi.require(STATS)
    use = csi.bring_up(csi.create(block()), block())
    usage = csi.client.call(measuring(use, use.target)).usage
    totals = [entry.total for entry in usage if entry.unit == messages().VolumeUsage.BYTES]
    size = device_bytes(use.target)
    if totals and not size * 0.9 <= totals[0] <= size * 1.1:
        raise ClauseViolation("the statistics tell another size", expected=size, actual=totals[0])


def total_at(target: Path, unit: str) -> tuple[int, int]:
    """What the file system at a path says of itself: (total, used)."""
    status = os.statvfs(target)
    if unit == "INODES":
        return status.f_files, status.f_files - status.f_ffree
    return status.f_blocks * status.f_frsize, (status.f_blocks - status.f_bfree) * status.f_frsize


@pytest.mark.clause("csi.node-stats.total-is-the-volumes")
def test_statistics_tell_the_size_of_the_volume(csi: Bench) -> None:
    csi.require(STATS)
    use = csi.bring_up(csi.create())
    told, capacity = usage_of(csi, use, "BYTES").total, use.volume.capacity_bytes
    seen, _ = total_at(use.target, "BYTES")
    true = [size for size in (seen, capacity) if abs(told - size) <= TOLERANCE * size + MIB]
    if not true:  # a share may tell its own size, a quota that of the volume
        raise ClauseViolation("the total is of something else", expected=f"about {seen} or {capacity}", actual=told)


@pytest.mark.clause("csi.node-stats.used-is-the-volumes")
@pytest.mark.parametrize("unit", ["BYTES", "INODES"])
@pytest.mark.parametrize("readonly", [False, True], ids=["writable", "read-only"])
def test_statistics_tell_what_is_used(csi: Bench, unit: str, readonly: bool) -> None:
    csi.require(STATS)
    use = csi.bring_up(csi.create(), readonly=readonly)
    told, (total, used) = usage_of(csi, use, unit), total_at(use.target, unit)
    if not told.used or abs(told.total - total) > TOLERANCE * total:
        raise NotApplicable(f"the statistics tell no use of {unit.lower()}, or are not of the file system there")
    if abs(told.used - used) > TOLERANCE * total:
        raise ClauseViolation("the statistics tell another use", expected=f"about {used}", actual=told.used)


@pytest.mark.clause("csi.node-stats.usage-follows-writes")
def test_statistics_follow_writes(csi: Bench) -> None:
    csi.require(STATS)
    use = csi.bring_up(csi.create())
    before = usage_of(csi, use, "BYTES")
    with usable("written to"), (use.target / "filler").open("wb") as stream:
        stream.write(b"x" * WRITTEN)
        stream.flush()
        os.fsync(stream.fileno())
    after = usage_of(csi, use, "BYTES")
    if not before.used and not after.used:
        raise NotApplicable("the statistics do not tell what is used, and need not")
    grown = after.used - before.used
    if not WRITTEN * 0.5 <= grown <= WRITTEN * 2:
        raise ClauseViolation("the usage does not follow a write", expected=f"about {WRITTEN} more", actual=grown)


@pytest.mark.clause("csi.node-stats.total-follows-expansion")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_statistics_of_an_expanded_volume_tell_the_new_size(csi: Bench, kind: str) -> None:
    csi.require(STATS, EXPAND)
    capability, size = block() if kind == "block" else mount(), 4 * csi.options.capacity
    use = csi.bring_up(csi.create(capability), capability)
    before = usage_of(csi, use, "BYTES").total
    use, needs_node = expanded_offline(csi, use, size)
    if needs_node:
        csi.client.call(node_expanding(use, size))
    after = usage_of(csi, use, "BYTES").total
    if before and after < size * METADATA:
        raise ClauseViolation(
            "the statistics of an expanded volume tell another size", expected=f"about {size}", actual=after,
            question="Is the size told that the volume was made with?",
        )  # fmt: skip


@pytest.mark.clause("csi.node-stats.total-is-the-volumes")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_statistics_of_two_volumes_tell_each_its_own_size(csi: Bench, kind: str) -> None:
    csi.require(STATS)
    capability, usual = block() if kind == "block" else mount(), csi.options.capacity
    sizes = [usual, 8 * usual]
    uses = [csi.bring_up(csi.create(capability, capacity=span(size, size)), capability) for size in sizes]
    for size, use in [*zip(sizes, uses, strict=True)][::-1]:
        told, (seen, _) = usage_of(csi, use, "BYTES").total, total_at(use.target, "BYTES")
        if told and seen <= 2 * sizes[1] and not size * METADATA <= told <= 2 * size:  # else a share tells its own
            raise ClauseViolation("the statistics tell the size of another volume", expected=size, actual=told)
