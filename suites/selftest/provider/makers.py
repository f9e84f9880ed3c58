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

from fixtures.clusters.choice import Maker, maker
from fixtures.clusters.kind import engine as engines
from fixtures.clusters.kind.removal import CLUSTER
from fixtures.clusters.provider import Cluster, ClusterFailed, ClusterSpec
from fixtures.clusters.state import read_state
from fixtures.lease import ENVIRONMENT_KEY, leases
from fixtures.plugin import Parts
from fixtures.wait import wait_until
from suites.selftest.provider.clouds import MODULES
from suites.selftest.provider.traces import traces_of

ROOT = Path(__file__).resolve().parents[3]
_CREATE = """
import sys, time
from pathlib import Path
from fixtures.clusters.choice import maker
from fixtures.clusters.provider import ClusterSpec
from fixtures.plugin import read_parts
settings = Path(sys.argv[4]) if sys.argv[4] else None
maker(sys.argv[1]).create(ClusterSpec("selftest", read_parts(Path(sys.argv[2])), Path(sys.argv[3]), settings=settings))
print("ready", flush=True)
time.sleep(600)
"""


@dataclass(frozen=True)
class MakerUnderTest:
    """One provider. phases: steps of a cluster's way up, as its state.json names them, at which it is killed."""

    name: str
    phases: tuple[str, ...]

    @property
    def maker(self) -> Maker:
        return maker(self.name)

    def create(self, parts: Parts, folder: Path, nodes: int = 1, **more: Any) -> Cluster:
        """A cluster, Ready."""
        settings = self.settings(parts, folder)
        return self.maker.create(ClusterSpec("selftest", parts, folder, nodes, settings=settings, **more))

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
            inner = [held.label for held in leases() if held.purpose == f"cluster {label}"]
            found += [trace for one in inner for trace in traces_of(one)]
        return found


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
