"""A candidate with a component of its own: our reference is never judged in its place."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.plugin import Parts
from fixtures.subjects import csi, gpu
from reports.model import EnvironmentUnfit, Part
from suites.csi.cluster import conftest as in_cluster

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
