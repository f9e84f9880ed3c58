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

# A reaper of one of these tests would take away what another makes under a lease folder of its own.
pytestmark = pytest.mark.xdist_group("reapers")

ROOT = Path(__file__).resolve().parents[3]
# A cluster coming up and being used; the protocol stages with private runtimes, drivers and namespaces.
CLUSTER = ["-m", "pytest", "suites/gpu", "suites/csi", "-m", "cluster", "--provider", "local", "-p", "no:cacheprovider"]
PIPELINE = ["-m", "pipelines", "run", "--stage", "dev", "--no-install"]
MOMENTS = [0, 0.5, 1, 2, 3, 4, 5, 6, 8, 10]  # seconds after the first lease; a cluster is ready after about 6


def labels_of(processes: set[int]) -> set[str]:
    """The labels of the leases that these processes own."""
    return {lease.label for lease in leases.leases() if lease.owner.pid in processes}


def run_until(command: list[str], seconds: float) -> set[str]:
    """Start a command, watch it until it holds a lease and some seconds on, SIGKILL all of its processes."""
    root = psutil.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    labels: set[str] = set()
    seen = {root.pid}
    give_up = time.monotonic() + 120
    moment = give_up
    while time.monotonic() < min(moment, give_up) and root.poll() is None:
        seen |= {child.pid for child in root.children(recursive=True)}
        labels |= labels_of(seen)
        if labels and moment == give_up:
            moment = time.monotonic() + seconds
        time.sleep(0.05)  # watching, not waiting for anything: the moment is the point
    alive = [root, *root.children(recursive=True)] if root.poll() is None else []
    random.shuffle(alive)
    for process in alive:
        if process.is_running():
            process.kill()
    root.wait()
    return labels | labels_of(seen)


@pytest.mark.parametrize("seconds", MOMENTS)
def test_everything_killed_at_a_random_moment_is_cleaned_up(seconds: float, rng: random.Random, tmp_path: Path) -> None:
    is_cluster = MOMENTS.index(seconds) % 2
    command = [*CLUSTER, "--run-dir", str(tmp_path)] if is_cluster else [*PIPELINE, "--runs-dir", str(tmp_path)]
    labels = run_until(command, seconds * rng.uniform(0.7, 1.3))
    assert labels, "the command held no lease, so there was nothing to leave behind"
    clean = [sys.executable, "-m", "pipelines", "clean"]
    done = subprocess.run(clean, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {label: things for label in labels if (things := things_of(label))} == {}
