"""A file system that a driver left frozen is let go on, so that a test that writes there comes to its end."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.reaping import reap_label, thaw
from fixtures.subjects.csi.leaks import force_unmount
from fixtures.subjects.csi.thawing import Thawing
from fixtures.wait import wait_until
from suites.selftest.matrix.judging import by_suite
from suites.selftest.matrix.mutants import ROOT

LIMIT = 60.0  # seconds; it takes about three


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[Path]:
    """The mount point of a frozen ext4."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts")
    image, point = tmp_path / "image", tmp_path / "point"
    point.mkdir()
    with image.open("wb") as stream:
        stream.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(point)], check=True)
    subprocess.run(["fsfreeze", "-f", str(point)], check=True)
    yield point
    force_unmount(tmp_path)


def loops_of(folder: Path) -> list[str]:
    """The loop devices of files in a folder."""
    told = subprocess.run(["losetup", "--noheadings", "--output", "NAME,BACK-FILE"], capture_output=True, text=True)
    return [line.split()[0] for line in told.stdout.splitlines() if f"{folder}/" in line]


@pytest.fixture
def thawing(tmp_path: Path) -> Iterator[Thawing]:
    made = Thawing(tmp_path, lambda: False)
    made.start()
    yield made
    made.stop()


def test_write_to_a_frozen_file_system_is_let_go_on_and_told(frozen: Path, thawing: Thawing) -> None:
    writer = threading.Thread(target=(frozen / "written").write_text, args=("x",), daemon=True)
    writer.start()
    wait_until("the write is through", lambda: not writer.is_alive(), LIMIT)
    assert thawing.take() == [str(frozen)]
    assert thawing.take() == []
    assert (frozen / "written").read_text() == "x"


def test_file_system_is_frozen_once(frozen: Path) -> None:
    assert thaw(str(frozen))
    assert not thaw(str(frozen))


def test_file_system_that_was_unmounted_while_frozen_holds_no_loop_device(frozen: Path, tmp_path: Path) -> None:
    subprocess.run(["umount", str(frozen)], check=True)
    assert loops_of(tmp_path), "the kernel keeps it; this test needs that"
    reap_label("seatrial-00000000", "st00000000", tmp_path, "SEATRIAL_NOBODY")
    wait_until("the loop device is gone", lambda: not loops_of(tmp_path), LIMIT)


def test_driver_that_freezes_for_ever_does_not_stop_the_suite() -> None:
    found = by_suite("csi", "leaves_file_systems_frozen", "1.12", (ROOT / "suites/csi/data/test_moment.py",))
    assert found.ended
    assert "csi.leaks.nothing-stays-frozen" in found.clauses
