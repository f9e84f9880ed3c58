"""How much a volume takes: no more than it has, about what it should, and it stands being full."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import require_files, usable, write_files
from fixtures.subjects.csi.requests import MIB, block, mount, span
from reports.model import ClauseViolation, EnvironmentUnfit, NotApplicable
from suites.csi.volumes.growth import room

SLACK = 64 * MIB  # what a driver may give more than it says
LARGEST = 4 << 30  # bytes of a volume that we fill
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def volume_to_fill(csi: Bench, kind: str) -> InUse:
    """A published volume. NotApplicable: no size of it is stated. EnvironmentUnfit: filling it takes too long."""
    capability = block() if kind == "block" else mount()
    use = csi.bring_up(csi.create(capability, capacity=span(csi.options.capacity)), capability)
    if not use.volume.capacity_bytes and room(use.target) > LARGEST:
        raise NotApplicable("the driver does not say how large its volumes are, and no limit is to be seen")
    if stated(use) > LARGEST:
        raise EnvironmentUnfit(f"the volume has {stated(use)} bytes, too many to be filled (capacity)")
    return use


def stated(use: InUse) -> int:
    """The bytes that the volume is said to have: by the driver, or, where it does not say, at the target path."""
    return int(use.volume.capacity_bytes) or room(use.target)


@usable("written to")
def fill(path: Path, limit: int, rng: Random) -> int:
    """Write to a file or device until it is full, or until limit bytes are written; how many were taken."""
    data, written = rng.randbytes(MIB), 0
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        for piece in (data, data[:4096]):  # what is written is only counted exactly once it is on the disk
            try:
                while written < limit:
                    written += os.write(descriptor, piece)
            except OSError as error:
                if error.errno not in FULL:
                    raise
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return written


@pytest.mark.clause("csi.capacity.is-enforced")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_volume_takes_no_more_than_its_capacity(csi: Bench, rng: Random, kind: str) -> None:
    use = volume_to_fill(csi, kind)
    limit = stated(use) + SLACK
    taken = fill(use.target if kind == "block" else use.target / "filler", limit + MIB, rng)
    if taken > limit:
        raise ClauseViolation("a volume takes more than its capacity", expected=f"{stated(use)} bytes", actual=taken)


@pytest.mark.clause("csi.capacity.is-offered")
def test_volume_offers_most_of_its_capacity(csi: Bench) -> None:
    use = csi.bring_up(csi.create(capacity=span(csi.options.capacity)))
    capacity = use.volume.capacity_bytes or csi.options.capacity
    if room(use.target) < capacity / 2:  # a small file system spends much on its own tables
        raise ClauseViolation("a volume has little of its capacity", expected=capacity, actual=room(use.target))


@pytest.mark.clause("csi.capacity.full-volume-stays-usable")
def test_full_volume_keeps_its_data_and_comes_up_again(csi: Bench, rng: Random) -> None:
    use = volume_to_fill(csi, "mount")
    content = write_files(use.target, rng)
    fill(use.target / "filler", stated(use) + SLACK, rng)
    csi.take_down(use)
    again = csi.bring_up(use.volume)
    require_files(again.target, content, "it was filled up, taken down and brought up")
    with usable("written to"):
        (again.target / "filler").unlink()
    require_files(again.target, write_files(again.target, rng, "later"), "it was full and was cleared")
