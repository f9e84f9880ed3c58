"""NodeGetVolumeStats: the numbers of every kind of volume, at every path, are those of now."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import usable
from fixtures.subjects.csi.requests import MIB, messages
from reports.model import ClauseViolation, NotApplicable
from suites.csi.data.kinds import KINDS
from suites.csi.node.measuring import STATS, measuring
from suites.csi.resilience.test_kill_during_call import require_owned
from suites.csi.volumes.growth import room

WRITTEN, FILES = 4 * MIB, 40
NEAR = {"BYTES": MIB, "INODES": FILES // 4}  # what journals and the like may make of a difference
Numbers = dict[str, tuple[int, int]]


@pytest.mark.clause("csi.node-stats.every-kind-is-measured")
@pytest.mark.parametrize("path", ["target", "staging"])
@pytest.mark.parametrize("kind", KINDS)
def test_statistics_of_any_kind_at_any_path_fit_the_volume(csi: Bench, kind: str, path: str) -> None:
    csi.require(STATS)
    use = KINDS[kind].bring_up(csi)
    if path == "staging" and (KINDS[kind].is_block or not use.staging):
        raise NotApplicable("a device that is staged need not be at the path")
    at = use.target if path == "target" else use.staging
    for entry in csi.client.call(measuring(use, at, use.staging)).usage:
        require_fitting(entry, use)


def require_fitting(entry: object, use: InUse) -> None:
    """ClauseViolation unless the numbers of a usage fit each other and, for bytes, the volume."""
    total, available, used = (int(getattr(entry, name)) for name in ("total", "available", "used"))
    if min(total, available, used) < 0 or (total and (used + available > total)):
        raise ClauseViolation("the statistics do not add up", expected="parts <= total", actual=str(entry))
    sizes = (room(use.target), int(use.volume.capacity_bytes))
    is_bytes = getattr(entry, "unit", None) == messages().VolumeUsage.BYTES
    if is_bytes and total and not any(abs(total - size) <= 0.1 * size + MIB for size in sizes):
        raise ClauseViolation("the total is of something else", expected=f"about one of {sizes}", actual=total)


def seen(target: Path) -> Numbers:
    """(used, free) of each unit as the file system at the target path tells them."""
    status = os.statvfs(target)
    scale, free = status.f_frsize, status.f_bavail
    space = (status.f_blocks - status.f_bfree) * scale, free * scale
    return {"BYTES": space, "INODES": (status.f_files - status.f_ffree, status.f_ffree)}


def told(csi: Bench, use: InUse) -> Numbers:
    """The same as the driver tells them; a unit that it does not tell is left out."""
    kinds = messages().VolumeUsage.Unit
    usage = csi.client.call(measuring(use, use.target)).usage
    return {kinds.Name(entry.unit): (entry.used, entry.available) for entry in usage}


def true_places(csi: Bench, use: InUse) -> list[tuple[str, int]]:
    """Which of the numbers told are those of the file system. A driver may tell others, or none."""
    heard, there = told(csi, use), seen(use.target)
    return [
        (unit, place)
        for unit, numbers in heard.items()
        for place, number in enumerate(numbers)
        if number and abs(number - there[unit][place]) <= NEAR[unit]
    ]  # fmt: skip


def fill(root: Path) -> None:
    """Some mebibytes and some dozens of files, on disk when this returns."""
    with usable("written to"):
        for number in range(FILES):
            (root / f"file-{number}").write_bytes(b"x")
        with (root / "filler").open("wb") as stream:
            stream.write(os.urandom(WRITTEN))
            stream.flush()
            os.fsync(stream.fileno())


def require_still_true(csi: Bench, use: InUse, places: list[tuple[str, int]], after: str) -> None:
    """ClauseViolation if a number that was true before is not any more."""
    heard, there = told(csi, use), seen(use.target)
    for unit, place in places:
        number, truth = heard[unit][place], there[unit][place]
        if abs(number - truth) > NEAR[unit]:
            name = f"{('used', 'available')[place]} {unit.lower()}"
            raise ClauseViolation(
                f"the {name} told are those of before {after}", expected=f"about {truth}", actual=number,
                question="Is what was measured once told again?",
            )  # fmt: skip


@pytest.mark.clause("csi.node-stats.numbers-are-of-now")
def test_statistics_after_writes_and_removals_are_of_now(csi: Bench) -> None:
    csi.require(STATS)
    use, neighbour = (KINDS["ext4"].bring_up(csi) for _ in range(2))  # an xfs frees in its own time
    if room(use.target) > 2 * use.volume.capacity_bytes:
        raise NotApplicable("the volumes have one file system, which others write to meanwhile")
    places = true_places(csi, use)
    others = true_places(csi, neighbour)
    fill(use.target)
    require_still_true(csi, use, places, "files were written")
    require_still_true(csi, neighbour, others, "files were written to another volume")
    for path in use.target.glob("fil*"):
        path.unlink()
    require_still_true(csi, use, places, "files were removed")


@pytest.mark.clause("csi.restart.published-volume-stays-usable")
@pytest.mark.parametrize("kind", ["ext4", "block", "shared"])
def test_statistics_after_a_kill_are_served(csi: Bench, kind: str) -> None:
    csi.require(STATS)
    require_owned(csi)
    use = KINDS[kind].bring_up(csi)
    csi.restart()
    for entry in csi.client.call(measuring(use, use.target, use.staging)).usage:
        require_fitting(entry, use)
