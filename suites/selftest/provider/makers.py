"""The providers that make clusters, as the conformance tests see them: making one, killing it, finding its traces."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fixtures import lease as leases
from fixtures.clusters.capi import settings as capi_settings
from fixtures.clusters.capi.provider import CapiProvider
from fixtures.clusters.choice import Maker, maker
from fixtures.clusters.descriptions import connect
from fixtures.clusters.kind import engine as engines
from fixtures.clusters.kind.removal import CLUSTER
from fixtures.clusters.provider import Cluster, ClusterFailed, ClusterSpec
from fixtures.clusters.state import read_state
from fixtures.clusters.workloads import Pods, new_namespace
from fixtures.lease import ENVIRONMENT_KEY
from fixtures.plugin import Parts
from fixtures.wait import WaitTimeout, wait_until
from suites.selftest.provider.clouds import MODULES
from suites.selftest.provider.traces import traces_of

ROOT = Path(__file__).resolve().parents[3]
_CREATE = """
import sys, time
from pathlib import Path
from fixtures.clusters.provider import ClusterSpec
from fixtures.plugin import read_parts
from suites.selftest.provider.makers import made_by
settings = Path(sys.argv[4]) if sys.argv[4] else None
spec = ClusterSpec("selftest", read_parts(Path(sys.argv[2])), Path(sys.argv[3]), settings=settings)
made_by(sys.argv[1], settings).create(spec)
print("ready", flush=True)
time.sleep(600)
"""


@dataclass(frozen=True)
class MakerUnderTest:
    """One provider. phases: steps of a cluster's way up, as its state.json names them, at which it is killed."""

    name: str
    phases: tuple[str, ...]

    def create(self, parts: Parts, folder: Path, nodes: int = 1, **more: Any) -> Cluster:
        """A cluster, Ready."""
        settings = self.settings(parts, folder)
        spec = ClusterSpec("selftest", parts, folder, nodes, settings=settings, **more)
        return made_by(self.name, settings).create(spec)

    def require_work(self, cluster: Cluster, **more: Any) -> None:
        """A pod becomes Ready in a fresh namespace of the cluster."""
        with connect(cluster.kubeconfig, cluster.context, through_proxy=False) as api:
            Pods(api, new_namespace(api, {"generateName": "conformance-"}, 30)).run("probe", **more)

    def cause_failure(self, cluster: Cluster) -> str:
        """Let something go wrong in the cluster; what its logs have to tell then."""
        with pytest.raises(WaitTimeout):
            self.require_work(cluster, image="seatrial.local/nowhere:1", container=NEVER_PULLED, timeout=5)
        return "seatrial.local/nowhere:1"

    def settings(self, parts: Parts, folder: Path) -> Path | None:
        """The file that tofu is told by: a module that makes a real Kubernetes on this machine."""
        if self.name != "tofu":
            return None
        module = MODULES / "cluster_here"
        given = {"python": sys.executable, "script": module / "cluster.py", "root": ROOT, "parts": parts.origin}
        values = "\n".join(f'{key} = "{value}"' for key, value in {**given, "folder": folder / "made"}.items())
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "order.toml"
        path.write_text(
            f'module = "{module}"\nowner = "selftest"\nttl = "1h"\n[cost]\nceiling = 0\n[values]\n{values}\n'
        )
        return path

    @contextmanager
    def owner(self, parts: Parts, folder: Path) -> Iterator[subprocess.Popen[str]]:
        """A process that makes a cluster from folder and owns it; killed at the end."""
        settings = str(self.settings(parts, folder) or "")
        argv = [sys.executable, "-c", _CREATE, self.name, parts.origin, str(folder), settings]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        made = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            yield made
        finally:
            made.kill()
            made.wait()
            assert made.stdout is not None
            made.stdout.close()

    def reached(self, folder: Path, phase: str) -> str:
        """The label of the cluster in folder, as soon as it has got to a phase."""
        wait_until(
            f"the cluster reached {phase!r}", lambda: read_state(folder), 300, interval=0.01,
            accept=lambda state: phase in state.get("times", {}) or state.get("doing", "").startswith(phase),
        )  # fmt: skip
        return label_of(folder)

    def traces(self, label: str) -> list[str]:
        """A line for everything that carries the label, on this machine and in the engine."""
        found = traces_of(label) + (_in_engine(label) if self.name == "kind" else [])
        if self.name == "tofu":
            # What the module made has labels of its own; its lease is named after ours.
            inner = [held.label for held in leases.leases() if held.purpose == f"cluster {label}"]
            found += [trace for one in inner for trace in traces_of(one)]
        return found


def made_by(name: str, settings: Path | None) -> Maker:
    """The provider of that name. Of Cluster API, one that takes a cluster in memory as well, which suites refuse."""
    if name == "capi" and settings:
        return CapiProvider(capi_settings.load(settings))
    return maker(name)


NEVER_PULLED = {"imagePullPolicy": "Never"}
LOCAL = MakerUnderTest("local", ("nodes", "apiserver", "ready"))
KIND = MakerUnderTest("kind", ("image", "kind: Preparing nodes", "kind: Starting control-plane", "created", "ready"))


TOFU = MakerUnderTest("tofu", ("starting", "planned", "terraform_data.cluster", "ready"))


def label_of(folder: Path) -> str:
    """The label of the cluster that was made from a folder, wherever its provider keeps it."""
    if "label" in read_state(folder):
        return str(read_state(folder)["label"])
    return str(json.loads((folder / "plan.json").read_text())["label"])


def _in_engine(label: str) -> list[str]:
    engine = engines.find()
    found = [
        f"container {name}" for key in (CLUSTER, ENVIRONMENT_KEY) for name in engine.ids("container", f"{key}={label}")
    ]
    return found + [f"network {name}" for name in engine.ids("network", f"{ENVIRONMENT_KEY}={label}")]


def engine_answers() -> bool:
    """Whether a container engine is there already."""
    try:
        engines.find()
    except ClusterFailed:
        return False
    return True


def could_run_an_engine() -> bool:
    """Whether this machine can be given one for the time of the tests."""
    return os.geteuid() == 0 and shutil.which("dockerd") is not None
