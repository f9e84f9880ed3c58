"""The engine for hosts without CAP_SYS_RESOURCE starts privileged containers and leaves nothing, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures import lease as leases
from fixtures.images.catalogue import find_busybox
from fixtures.wait import wait_until
from suites.selftest.provider.makers import ROOT, could_run_an_engine
from suites.selftest.provider.traces import traces_of

pytestmark = [
    pytest.mark.full,
    pytest.mark.xdist_group("reapers"),
    pytest.mark.skipif(not could_run_an_engine(), reason="no engine can be started here (dockerd, as root)"),
]

_CAP_SYS_ADMIN = 21


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The command, running with a cache of its own, and its DOCKER_HOST."""
    said = tmp_path / "said.txt"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SEATRIAL_CACHE": str(tmp_path / "cache")}
    with said.open("wb") as output:
        argv = [sys.executable, "-m", "fixtures.clusters.kind.restricted"]
        started = subprocess.Popen(argv, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until("it says its DOCKER_HOST", said.read_text, 60, accept=lambda text: "DOCKER_HOST=" in text)
        yield started, said.read_text().strip().partition("DOCKER_HOST=")[2]
    finally:
        started.kill()
        started.wait()
        leases.reap()


def _docker(host: str, *arguments: str) -> str:
    done = subprocess.run(["docker", "--host", host, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _start_container(host: str, folder: Path) -> str:
    busybox = find_busybox()
    assert busybox is not None
    with tarfile.open(folder / "root.tar", "w") as archive:
        archive.add(busybox, "bin/busybox")
    _docker(host, "import", str(folder / "root.tar"), "busybox:test")
    return _docker(
        host, "run", "--detach", "--privileged", "--network=none", "busybox:test", "/bin/busybox", "sleep", "600"
    )


def test_engine_runs_privileged_containers_and_ends_without_a_trace(
    engine: tuple[subprocess.Popen[bytes], str], tmp_path: Path
) -> None:
    running, host = engine
    name = _start_container(host, tmp_path)
    status = _docker(host, "exec", name, "/bin/busybox", "cat", "/proc/self/status")
    ours = Path("/proc/self/status").read_text()
    bounds = [int(text.partition("CapBnd:")[2].split()[0], 16) for text in (status, ours)]
    assert bounds[0] & ~bounds[1] == 0, "it has more than this machine has"
    assert bounds[0] >> _CAP_SYS_ADMIN & 1, "it is not privileged"
    label = Path(host).parent.name
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 0
    assert traces_of(label) == []


def test_engine_killed_with_its_owner_leaves_nothing_after_reap(
    engine: tuple[subprocess.Popen[bytes], str], tmp_path: Path
) -> None:
    running, host = engine
    name = _start_container(host, tmp_path)
    inside = int(_docker(host, "inspect", "--format", "{{.State.Pid}}", name))
    assert leases.start_time(inside), "something has to run in the container, or the check below proves nothing"
    label = Path(host).parent.name
    running.kill()
    running.wait()
    left = [line for line in leases.reap() if line.startswith("left:")]
    assert (left, traces_of(label)) == ([], [])
    assert not leases.start_time(inside), "what ran in a container runs on"
