"""What the harness reads of the kernel's mount table, whatever the paths look like."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.subjects.csi.leaks import force_unmount, is_mounted, lasting_loops, mounts_below

NAMES = (
    "a blank", "a\ttab", "two\nlines", "back\\slash", "no\\040blank", "größe-日本", "no-break\u00a0blank",
    "line\u2028separator", "return\r", "#", os.fsdecode(b"no text \xff"),
)  # fmt: skip
_libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[list[str]]:
    """The paths of file systems that are mounted at oddly named folders, in the order they were mounted."""
    points = []
    for name in NAMES:
        point = tmp_path / name
        point.mkdir()
        if _libc.mount(b"none", os.fsencode(point), b"tmpfs", 0, None) != 0:
            pytest.skip("this machine lets us mount nothing")
        points.append(str(point))
    yield points
    force_unmount(tmp_path)


def test_mounts_at_odd_paths_are_found_and_taken_away(mounted: list[str], tmp_path: Path) -> None:
    assert mounts_below(tmp_path) == mounted
    assert all(is_mounted(Path(point)) for point in mounted)
    force_unmount(tmp_path)
    assert mounts_below(tmp_path) == []


def test_frozen_file_system_that_is_taken_away_lets_its_device_go(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root mounts")
    image, point = tmp_path / "image", tmp_path / "point"
    point.mkdir()
    with image.open("wb") as stream:
        stream.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(point)], check=True)
    subprocess.run(["fsfreeze", "-f", str(point)], check=True)
    force_unmount(tmp_path)
    assert lasting_loops(tmp_path) == {}
