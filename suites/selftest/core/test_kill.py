"""SIGKILL of everything at a random moment, then `python -m pipelines clean`: nothing of ours is left."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fixtures import lease as leases
from suites.selftest.core.leftovers import things_of

ROOT = Path(__file__).resolve().parents[3]
# A cluster coming up and being used; the protocol stages with private runtimes, drivers and namespaces.
CLUSTER = ["-m", "pytest", "suites/gpu", "suites/csi", "-m", "cluster", "--provider", "local", "-p", "no:cacheprovider"]
PIPELINE = ["-m", "pipelines", "run", "--stage", "dev", "--no-install"]
MOMENTS = [1, 2, 3, 4, 5, 6, 8, 10, 13, 16]  # seconds; a cluster is ready after about 6


def labels_of(processes: set[int]) -> set[str]:
    """The labels of the leases that these processes own."""
    return {lease.label for lease in leases.leases() if lease.owner.pid in processes}


def run_until(command: list[str], seconds: float) -> tuple[set[int], set[str]]:
    """Start a command, watch it for some seconds, SIGKILL all of its processes in random order."""
    root = psutil.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    labels: set[str] = set()
    seen = {root.pid}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and root.poll() is None:
        seen |= {child.pid for child in root.children(recursive=True)}
        labels |= labels_of(seen)
        time.sleep(0.1)  # watching, not waiting for anything: the moment is the point
    alive = [root, *root.children(recursive=True)] if root.poll() is None else []
    random.shuffle(alive)
    for process in alive:
        if process.is_running():
            process.kill()
    root.wait()
    return seen, labels | labels_of(seen)


@pytest.mark.parametrize("seconds", MOMENTS)
def test_everything_killed_at_a_random_moment_is_cleaned_up(seconds: int, rng: random.Random, tmp_path: Path) -> None:
    command = [*PIPELINE, "--runs-dir", str(tmp_path)] if seconds % 2 else [*CLUSTER, "--run-dir", str(tmp_path)]
    _, labels = run_until(command, seconds * rng.uniform(0.7, 1.3))
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "clean"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    left = {label: things for label in labels if (things := things_of(label))}
    assert left == {}
    # Before a first lease nothing can be left; at later moments a run without one would prove nothing.
    assert labels or seconds <= 3
