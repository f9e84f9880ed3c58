"""A worker that is killed at any moment leaves nothing that the next run's reaper does not take away."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures import lease as leases
from fixtures.plugin import Parts
from fixtures.subjects.cri import cgroups
from fixtures.wait import wait_until

# A reaper of one of these tests would take away what another makes under a lease folder of its own.
pytestmark = pytest.mark.xdist_group("reapers")

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for leases of this test's own, so that no other run's reaper is quicker. Short: sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="st-"))
    monkeypatch.setenv("SEATRIAL_STATE", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def traces(label: str) -> dict[str, list[str]]:
    """What on this machine still carries a label: cgroups, processes, mounts; empty kinds left out."""
    found = {
        "cgroups": [str(top / label) for top in cgroups.hierarchies() if (top / label).exists()],
        "processes": [path.parent.name for path in Path("/proc").glob("[0-9]*/environ") if label in _read(path)],
        "mounts": [line for line in _read(Path("/proc/self/mountinfo")).splitlines() if label in line],
    }
    return {kind: names for kind, names in found.items() if names}


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # the process ended meanwhile
        return ""


@pytest.mark.parametrize("moment", range(3))
def test_killed_worker_leaves_nothing_after_the_reaper(
    moment: int, state: Path, parts: Parts, pytestconfig: pytest.Config, rng: random.Random, tmp_path: Path
) -> None:
    parts.file("containerd", "containerd")
    command = [sys.executable, "-m", "pytest", "suites/cri/test_exec.py", "suites/cri/test_logs.py", "-q"]
    command += ["-p", "no:cacheprovider", "--run-dir", str(tmp_path / "run"), "--parts", str(pytestconfig.option.parts)]
    with (tmp_path / "output").open("wb") as output:
        worker = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    try:
        wait_until("its containerd has a socket", lambda: [*state.glob("*/cri/c.sock")], 60)
        time.sleep(rng.uniform(0, 4))  # not a wait for a state: the moment is meant to be any
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    (lease,) = leases.leases()
    leases.reap()
    assert leases.leases() == []
    wait_until(f"nothing of {lease.label} is left", lambda: traces(lease.label), 10, accept=lambda left: not left)
    assert not lease.root.exists()
