"""Whatever a lease's owner leaves behind, however it ends, is found by its label and removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures import lease as leases
from fixtures import process
from fixtures.wait import wait_until
from suites.selftest.core.leftovers import things_of

# A reaper of one of these tests would take away what another makes under a lease folder of its own.
pytestmark = pytest.mark.xdist_group("reapers")

ROOT = Path(__file__).resolve().parents[3]

MAKE_THINGS = """
import os, subprocess, sys, time
from fixtures import lease, process
held = lease.acquire("selftest")
print(held.label, flush=True)
mount = held.folder("mount")
subprocess.run(["mount", "-t", "tmpfs", "none", str(mount)], check=True)
subprocess.run(["ip", "netns", "add", held.label + "-a"], check=True)
ends = held.link_prefix + "a", held.link_prefix + "b"
subprocess.run(["ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1]], check=True)
image = held.root / "image"
image.write_bytes(bytes(1 << 20))
subprocess.run(["losetup", "-f", str(image)], check=True)
hierarchy = next(line.split()[1] for line in open("/proc/mounts") if line.split()[2] in ("cgroup", "cgroup2"))
os.makedirs(f"{hierarchy}/{held.label}/inner")
subprocess.Popen(["sleep", "600"], env=held.environment(), start_new_session=True)
print("made", flush=True)
time.sleep(600)
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lease folder of the test's own, so that other runs on this machine stay out of it."""
    monkeypatch.setenv("SEATRIAL_STATE", str(tmp_path))
    return tmp_path


@pytest.fixture
def maker(state: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that makes one thing of every kind under its lease, then sleeps."""
    command = [sys.executable, "-c", MAKE_THINGS]
    maker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    yield maker
    maker.kill()
    maker.wait()
    leases.reap()


def test_lease_of_a_killed_owner_is_reaped_whole(maker: subprocess.Popen[str]) -> None:
    assert maker.stdout is not None
    label = maker.stdout.readline().strip()
    assert maker.stdout.readline().strip() == "made"
    assert len(things_of(label)) >= 8, "the maker did not make one of each kind, so this test would prove nothing"
    maker.send_signal(signal.SIGKILL)
    maker.wait()
    leases.reap()
    assert things_of(label) == []


def test_lease_of_a_living_owner_is_left_alone(maker: subprocess.Popen[str]) -> None:
    assert maker.stdout is not None
    label = maker.stdout.readline().strip()
    assert maker.stdout.readline().strip() == "made"
    before = things_of(label)
    leases.reap()
    assert things_of(label) == before


def test_kept_lease_of_a_dead_owner_stays_until_asked_for(state: Path) -> None:
    script = "from fixtures import lease; print(lease.acquire('selftest').keep().label)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    label = done.stdout.strip()
    assert leases.reap() == []
    assert [held.label for held in leases.leases()] == [label]
    assert leases.reap(include_kept=True)
    assert leases.leases() == []


def test_owner_whose_id_was_taken_by_another_process_counts_as_dead() -> None:
    ours = leases.Owner.of(os.getpid())
    assert ours.is_alive
    assert not leases.Owner(ours.pid, str(int(ours.started) + 1), ours.boot).is_alive
    assert not leases.Owner(ours.pid, ours.started, "another boot").is_alive


def test_started_process_dies_with_its_starter(state: Path) -> None:
    script = (
        "import os, pathlib; from fixtures import lease, process; held = lease.acquire('selftest');"
        "started = process.start(['sh', '-c', 'echo up; sleep 600'], log=held.root / 'log', lease=held);\n"
        # The signal is asked for just before the program starts; a death before that is the reaper's to clear up.
        "while 'up' not in started.tail(): pass\n"
        "print(started.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    wait_until("the started process to end", lambda: leases.start_time(pid) == "", timeout=5)
    leases.reap()


def test_stopped_process_that_ignores_sigterm_is_killed(state: Path) -> None:
    held = leases.acquire("selftest")
    stubborn = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"]
    started = process.start(stubborn, log=held.root / "log", lease=held)
    wait_until("the trap to be set", lambda: "ready" in started.tail(), timeout=5)
    assert started.stop(grace=0.2) == -signal.SIGKILL
    assert not started.is_alive
    held.release()
