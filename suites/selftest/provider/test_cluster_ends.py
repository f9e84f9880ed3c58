"""However a local cluster ends (or never comes up), nothing of it is left and the reason is told."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures import lease as leases
from fixtures.clusters.local.plan import read_plan
from fixtures.clusters.local.provider import LocalProvider
from fixtures.clusters.provider import ClusterFailed, ClusterSpec
from fixtures.clusters.state import read_state
from fixtures.plugin import Parts
from fixtures.wait import wait_until
from suites.selftest.provider.traces import traces_of

# A reaper of one of these tests would take away what another makes under a lease folder of its own.
pytestmark = pytest.mark.xdist_group("reapers")

ROOT = Path(__file__).resolve().parents[3]

CREATE = """
import signal, sys, time
# Whoever starts the tests in the background makes their children ignore Ctrl-C, which is what is tried here.
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from fixtures.clusters.local.provider import LocalProvider
from fixtures.clusters.provider import ClusterSpec
from fixtures.plugin import read_parts
LocalProvider().create(ClusterSpec("selftest", read_parts(Path(sys.argv[1])), Path(sys.argv[2])))
time.sleep(600)
"""


@pytest.fixture
def owner(parts: Parts, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that makes a cluster from tmp_path and owns it."""
    parts.file("kubernetes", "kubelet")
    command = [sys.executable, "-c", CREATE, parts.origin, str(tmp_path)]
    made = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
    yield made
    made.kill()
    made.wait()
    leases.reap()


def _reached(run_dir: Path, step: str) -> str:
    """The label of the cluster once its keeper has got to step."""
    wait_until("the cluster is planned", lambda: (run_dir / "plan.json").exists(), 20)
    if step:
        wait_until(f"the cluster reached {step!r}", lambda: step in read_state(run_dir).get("times", {}), 60)
    return read_plan(run_dir / "plan.json").label


def test_owner_killed_while_nodes_start_leaves_nothing(owner: subprocess.Popen[bytes], tmp_path: Path) -> None:
    label = _reached(tmp_path, "serving")
    owner.kill()
    owner.wait()
    # Nobody reaps here: the keeper notices by itself.
    wait_until("nothing of the cluster is left", lambda: traces_of(label), 20, accept=lambda left: left == [])


def test_owner_and_keeper_killed_leave_nothing_after_reap(owner: subprocess.Popen[bytes], tmp_path: Path) -> None:
    label = _reached(tmp_path, "ready")
    nodes = [node["pid"] for node in read_state(tmp_path)["nodes"]]
    for pid in (owner.pid, read_state(tmp_path)["keeper"]):
        os.kill(pid, signal.SIGKILL)
    owner.wait()
    wait_until("the nodes die with the keeper", lambda: not any(map(leases.start_time, nodes)), 10)
    leases.reap()
    assert traces_of(label) == []


@pytest.mark.parametrize("step", ["", "nodes", "apiserver"])
def test_create_interrupted_leaves_nothing(owner: subprocess.Popen[bytes], tmp_path: Path, step: str) -> None:
    label = _reached(tmp_path, step)
    owner.send_signal(signal.SIGINT)
    owner.wait(20)
    assert traces_of(label) == []


def test_scheduler_that_cannot_start_is_named_with_its_last_words(parts: Parts, tmp_path: Path) -> None:
    broken = tmp_path / "kube-scheduler"
    broken.write_text("#!/bin/sh\necho the rudder is stuck >&2\nexit 4\n")
    broken.chmod(0o755)
    part = parts.get("kubernetes")
    files = {**part.files, "kube-scheduler": str(broken)}
    changed = Parts({**parts.by_name, "kubernetes": dataclasses.replace(part, files=files)}, "selftest")
    with pytest.raises(ClusterFailed) as refused:
        LocalProvider().create(ClusterSpec("selftest", changed, tmp_path / "run"))
    text = str(refused.value)
    assert "kube-scheduler on node1 does not stay up (exit status 4" in text
    assert "the rudder is stuck" in text
    assert traces_of(read_plan(tmp_path / "run" / "plan.json").label) == []


def test_part_that_is_missing_is_named_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"no part 'containerd'.*pipelines provision"):
        LocalProvider().create(ClusterSpec("selftest", Parts({}, "no parts.json"), tmp_path / "run"))
    assert not (tmp_path / "run").exists()
