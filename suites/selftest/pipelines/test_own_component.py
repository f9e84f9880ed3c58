"""A candidate with a component of its own: our reference is never judged in its place."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.plugin import Parts
from fixtures.subjects import csi, gpu
from pipelines.candidate import declared_at
from reports.model import EnvironmentUnfit, Part
from reports.run_folder import sha256_of
from suites.csi.cluster import conftest as in_cluster
from suites.selftest.pipelines import tiny_run

SUBJECTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "csi-driver": (csi.csi_driver, {"lease": None}),
    "csi-driver in a cluster": (in_cluster.csi_in_cluster, {"lease": None, "cluster": None, "api": None}),
    "gpu-device-plugin": (gpu.gpu_subject, {"lease": SimpleNamespace(folder=lambda name: None)}),
    "gpu-device-plugin with CDI": (gpu.gpu_cdi_subject, {"lease": None, "request": None}),
    "gpu-device-plugin in a cluster": (gpu.node_gpus, {"lease": None, "cluster": None}),
}


@pytest.mark.parametrize("source", ["path /opt/my-driver", "go-module example.org/driver v1.0.0"])
@pytest.mark.parametrize("subject", SUBJECTS)
def test_component_that_cannot_be_started_is_could_not_run_and_not_our_reference(subject: str, source: str) -> None:
    fixture, given = SUBJECTS[subject]
    name = subject.partition(" ")[0]
    parts = Parts({name: Part(name, "9", source, "sha256:1")}, "parts.json")
    none = ("mutant", "variant", "csi_endpoint", "csi_driver", "csi_image", "device_plugin_dir")
    config = SimpleNamespace(option=SimpleNamespace(**dict.fromkeys(none)), stash=pytest.Stash())
    arguments: dict[str, Any] = {**given, "parts": parts, "pytestconfig": config}
    wrapped = inspect.unwrap(fixture)
    wanted = {key: arguments[key] for key in inspect.signature(wrapped).parameters}
    with pytest.raises(EnvironmentUnfit, match=r"our reference says nothing of it|has 0 programs"):
        next(wrapped(**wanted))


def test_reference_that_the_candidate_names_is_judged() -> None:
    Parts({"csi-driver": Part("csi-driver", "0.1.0", "builtin fixtures/references/csi", "")}, "x").require_reference(
        "csi-driver"
    )
    Parts({}, "no parts.json").require_reference("csi-driver")


WRONG = """[release]
name = "mine"
[[component]]
name = "{other}"
version = "1"
[[component.source]]
kind = "path"
path = "other"
sha256 = "{came}"
[[component]]
name = "gpu-device-plugin"
version = "1"
[[component.source]]
kind = "path"
path = "plugin"
sha256 = "{declared}"
"""


def test_part_that_is_not_the_declared_one_is_told_with_the_candidate_s_line(tmp_path: Path) -> None:
    for name in ("plugin", "other"):
        (tmp_path / name).write_text("what came")
    came, declared = sha256_of(tmp_path / "plugin"), "1" * 64
    (tmp_path / "mine.toml").write_text(WRONG.format(other="csi-driver", came=came, declared=declared))
    (tmp_path / "policy.toml").write_text(tiny_run.POLICY)
    stages = tiny_run.STAGES.replace('"protocols", ', "")
    (tmp_path / "stages.toml").write_text(stages)
    command = [sys.executable, "-m", "pipelines", "provision", "--candidate", str(tmp_path / "mine.toml")]
    command += ["--pipeline", str(tmp_path / "stages.toml"), "--no-install"]
    environment = {**os.environ, "SEATRIAL_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, cwd=tiny_run.ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    line = WRONG.splitlines().index('sha256 = "{declared}"') + 1
    assert f"{tmp_path / 'mine.toml'}:{line} declares what was expected" in done.stderr


def test_pin_is_found_by_its_line(tmp_path: Path) -> None:
    pin = f"h1:{'A' * 43}="
    (tmp_path / "c.toml").write_text(f'a = 1\nsum = "{pin}"\n')
    assert declared_at(tmp_path / "c.toml", f"expected: {pin}") == f"{tmp_path / 'c.toml'}:2"
    assert declared_at(tmp_path / "c.toml", f"expected: h1:{'B' * 43}=") == ""
    assert declared_at(tmp_path / "none.toml", pin) == ""
