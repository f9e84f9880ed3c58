"""A mark that is written all over a device, so that what is left of it elsewhere can be found."""

from __future__ import annotations

import errno
import mmap
import os
from pathlib import Path
from random import Random

from fixtures.subjects.csi.content import device_bytes, usable
from fixtures.subjects.csi.requests import MIB
from reports.model import EnvironmentUnfit

BLOCK = 4096
STRIDES = {"buffered": BLOCK, "direct": BLOCK, "sparse": 256 * BLOCK}  # from one mark to the next


def new_mark(rng: Random) -> bytes:
    """32 bytes that nobody writes by chance."""
    return rng.randbytes(32)


@usable("written to")
def mark_device(device: Path, mark: bytes, how: str = "buffered") -> None:
    """Write the mark to every block of a device (sparse: to some of them); flushed when this returns.

    direct: past the kernel's memory. EnvironmentUnfit: the device takes no such writes.
    """
    stride = STRIDES[how]
    piece = (mark + bytes(BLOCK - len(mark))) * (MIB // BLOCK if stride == BLOCK else 1)
    buffer = mmap.mmap(-1, len(piece))  # memory of whole pages, as direct writing wants it
    buffer.write(piece)
    descriptor = os.open(device, os.O_WRONLY | (os.O_DIRECT if how == "direct" else 0))
    try:
        end = device_bytes(device) // BLOCK * BLOCK
        for offset in range(0, end, max(stride, len(piece))):
            os.pwrite(descriptor, memoryview(buffer)[: end - offset], offset)
        os.fsync(descriptor)
    except OSError as error:
        if error.errno == errno.EINVAL and how == "direct":
            raise EnvironmentUnfit(f"{device} takes no direct writes") from error
        raise
    finally:
        os.close(descriptor)


@usable("read")
def first_mark(device: Path, mark: bytes, start: int = 0) -> int | None:
    """The offset of the first mark on a device from start on, or None."""
    descriptor = os.open(device, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        for offset in range(start // BLOCK * BLOCK, device_bytes(device), MIB):
            found = os.pread(descriptor, MIB, offset).find(mark)
            if found >= 0:
                return offset + found
    finally:
        os.close(descriptor)
    return None
