"""What a user puts on a raw device is the user's: a file system, a partition table. The driver leaves all of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import device_bytes, usable
from fixtures.subjects.csi.requests import MIB, block
from reports.model import ClauseViolation, EnvironmentUnfit
from suites.csi.data.test_lineage import cloned, expanded, remounted, restored


def make_file_system(device: Path) -> None:
    """An ext4 over three quarters of the device, so that it could be grown. EnvironmentUnfit: no program for it."""
    program = shutil.which("mkfs.ext4", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise EnvironmentUnfit("mkfs.ext4 is not on this machine")
    kibibytes = device_bytes(device) * 3 // 4 // 1024
    subprocess.run([program, "-q", "-F", str(device), f"{kibibytes}k"], check=True, capture_output=True)


def make_partition_table(device: Path) -> None:
    """The signatures of a boot record, of a GPT with its copy at the end, of a swap area and of LVM."""
    last = device_bytes(device) - 512
    pieces = {510: b"\x55\xaa", 512: b"EFI PART", 4086: b"SWAPSPACE2", 512 * 16: b"LABELONE", last: b"EFI PART"}
    descriptor = os.open(device, os.O_WRONLY)
    try:
        for offset, piece in pieces.items():
            os.pwrite(descriptor, piece, offset)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


MAKERS: dict[str, Callable[[Path], None]] = {"file system": make_file_system, "partition table": make_partition_table}
WAYS = {"remounted": remounted, "expanded": expanded, "cloned": cloned, "restored": restored}


@usable("read")
def digest(device: Path, length: int) -> str:
    """The sha256 of the first bytes of a device."""
    found = hashlib.sha256()
    descriptor = os.open(device, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        for offset in range(0, length, MIB):
            found.update(os.pread(descriptor, min(MIB, length - offset), offset))
    finally:
        os.close(descriptor)
    return found.hexdigest()


@pytest.mark.clause("csi.data.device-is-the-users")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", MAKERS)
def test_device_with_something_of_the_user_is_left_as_it_is(csi: Bench, what: str, way: str) -> None:
    use: InUse = csi.bring_up(csi.create(block()), block())
    with usable("written to"):
        MAKERS[what](use.target)
    length = device_bytes(use.target)
    before = digest(use.target, length)
    use = WAYS[way](csi, use)
    for step in ("that", "being brought up again"):
        if digest(use.target, length) != before:
            raise ClauseViolation(
                f"a {what} that lay on a raw device is another one after being {way} and {step}", expected=before[:16],
                actual="other bytes", question="Does the driver look for file systems on devices that are not its own?",
            )  # fmt: skip
        use = remounted(csi, use)
