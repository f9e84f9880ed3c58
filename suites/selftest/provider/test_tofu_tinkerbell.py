"""The shipped module of Tinkerbell machines, applied for real to a local cluster with Tinkerbell's own definitions.

No controller of Tinkerbell's runs and no machine boots: what is proven is that its objects are made as its definitions
want them, watched, and removed. The local cluster stands for the one that the machines would become.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures import lease as leases
from fixtures.clusters.capi import management
from fixtures.clusters.capi.definitions import defined_by
from fixtures.clusters.capi.objects import Object, Objects, Refused
from fixtures.clusters.descriptions import connect
from fixtures.clusters.local.provider import LocalProvider
from fixtures.clusters.provider import ClusterFailed, ClusterSpec
from fixtures.clusters.state import read_state
from fixtures.clusters.tofu import policy
from fixtures.clusters.tofu.provider import TofuProvider
from fixtures.plugin import Parts
from fixtures.wait import wait_until
from reports.model import Source
from suites.selftest.provider.clouds import tofu
from suites.selftest.provider.plugins import mirror

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("reapers"), pytest.mark.timeout(600)]

_TINK = Source(
    "go-module", module="github.com/tinkerbell/tink", version="v0.12.1",
    sum="h1:5ZCiGY1te59Qz/udFlzjh1UwKtmFBPOgo/LSK0J9JyY=",
)  # fmt: skip
_RUFIO = Source(
    "go-module", module="github.com/tinkerbell/rufio", version="v0.6.5",
    sum="h1:9s8QHKLggH0su8PrdWz7MSP6OMhzsKHIShIH4z3hFqU=",
)  # fmt: skip
_TINKERBELL, _BMC = "tinkerbell.org/v1alpha1", "bmc.tinkerbell.org/v1alpha1"
_KINDS = ((_TINKERBELL, "Hardware"), (_TINKERBELL, "Template"), (_TINKERBELL, "Workflow"), (_BMC, "Machine"))
_SPACE = "tinkerbell"
_CHANGED = "is not as it was made: tofu would {} it, since somebody else changed it"
_ORDER = """
module = "tinkerbell"
owner = "Team A"
ttl = "1h"
[values]
management_kubeconfig = "{kubeconfig}"
network = "192.0.2.0/24"
gateway = "192.0.2.1"
image_url = "https://images.example/node.raw.gz"
[values.machines.one]
mac = "52:54:00:12:34:01"
ip = "192.0.2.11"
disk = "/dev/nvme0n1"
pool = "control-plane"
uefi = false
[values.machines.two]
mac = "52:54:00:12:34:02"
ip = "192.0.2.12"
disk = "/dev/sda"
bmc = {{ host = "198.51.100.12", secret = "bmc-two" }}
[cost]
ceiling = 0
free = ["kubectl_manifest"]
"""


@dataclass(frozen=True)
class Stack:
    """A cluster in which Tinkerbell's kinds are known. parts: what it was made of."""

    objects: Objects
    kubeconfig: Path
    definitions: list[Object]
    parts: Parts

    def spec(self, folder: Path) -> ClusterSpec:
        order = folder / "order.toml"
        order.write_text(_ORDER.format(kubeconfig=self.kubeconfig))
        return ClusterSpec("selftest", self.parts, folder / "run", settings=order, run="nightly-7")

    def held(self) -> list[Object]:
        """All of Tinkerbell's objects."""

        def listed() -> list[Object]:
            return [item for version, kind in _KINDS for item in self.objects.list(version, kind, _SPACE)]

        # A kind that was just defined anew is refused for a moment.
        return wait_until(
            "the apiserver lists Tinkerbell's kinds", listed, 60, accept=lambda _: True, retry_on=(Refused,)
        )


@pytest.fixture(scope="module")
def stack(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A local cluster of one node with Tinkerbell's definitions."""
    if os.geteuid() != 0:
        pytest.skip("a local cluster needs root")
    tofu()
    configuration = mirror("tinkerbell", tmp_path_factory.mktemp("plugin"))
    defined = defined_by(_TINK, ["Hardware", "Template", "Workflow"], print) + defined_by(_RUFIO, ["Machine"], print)
    local = LocalProvider().create(ClusterSpec("tinkerbell", parts, tmp_path_factory.mktemp("local")))
    try:
        with connect(local.kubeconfig, None, through_proxy=False) as api, pytest.MonkeyPatch.context() as patch:
            patch.setenv("TF_CLI_CONFIG_FILE", str(configuration))
            patch.setenv("TF_VAR_kubeconfig", local.kubeconfig.read_text())
            patch.setenv("TF_VAR_user_data", "#cloud-config hidden-word")
            objects = Objects(api)
            space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _SPACE}}
            management.define(objects, [space, *defined])
            yield Stack(objects, local.kubeconfig, defined, parts)
    finally:
        assert local.destroy() == []


def test_machines_are_made_watched_and_removed(stack: Stack, tmp_path: Path) -> None:
    made = TofuProvider().create(stack.spec(tmp_path))
    try:
        label = made.lease.label
        assert {f"{item['kind']} {item['metadata']['name']}" for item in stack.held()} == {
            f"Hardware {label}-one", f"Hardware {label}-two", f"Machine {label}-two", f"Template {label}",
            f"Workflow {label}-one", f"Workflow {label}-two",
        }  # fmt: skip
        marks = {policy.LEASE: label, policy.RUN: "nightly-7", policy.OWNER: "team-a"}
        for item in stack.held():
            assert marks.items() <= item["metadata"]["labels"].items(), item
        assert made.incidents() == []
        _play_tinkerbell(stack.objects, label)
        assert made.incidents() == [], "what Tinkerbell itself changes is nobody else's doing"
        wrong = {"spec": {"disks": [{"device": "/dev/sdz"}]}}
        stack.objects.merge(_TINKERBELL, "Hardware", _SPACE, f"{label}-one", wrong)
        stack.objects.delete(_TINKERBELL, "Workflow", _SPACE, f"{label}-two")
        assert sorted(made.incidents()) == [
            f'kubectl_manifest.hardware["one"] {_CHANGED.format("update")}',
            f'kubectl_manifest.workflow["two"] {_CHANGED.format("create")}',
        ]
    finally:
        left = made.destroy()
    assert (left, stack.held()) == ([], [])
    assert label not in {held.label for held in leases.leases()}


def _play_tinkerbell(objects: Objects, label: str) -> None:
    """What its controllers do to the objects while they install a machine."""
    hardware = objects.find(_TINKERBELL, "Hardware", _SPACE, f"{label}-one")
    assert hardware is not None
    hardware["spec"]["interfaces"][0]["netboot"]["allowPXE"] = False
    change = {"spec": {"interfaces": hardware["spec"]["interfaces"], "metadata": {"state": "in_use"}}}
    objects.merge(_TINKERBELL, "Hardware", _SPACE, f"{label}-one", change)
    objects.merge(_TINKERBELL, "Workflow", _SPACE, f"{label}-one", {"status": {"state": "STATE_SUCCESS"}}, "status")


def test_user_data_is_in_no_evidence(stack: Stack, tmp_path: Path) -> None:
    made = TofuProvider().create(stack.spec(tmp_path))
    try:
        hardware = stack.objects.find(_TINKERBELL, "Hardware", _SPACE, f"{made.lease.label}-one")
        assert hardware is not None
        assert hardware["spec"]["userData"] == "#cloud-config hidden-word"
        kept = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
        assert {path.name for path in kept} >= {"plan.json", "tofu.log"}
        assert [path for path in kept if "hidden-word" in path.read_text()] == []
    finally:
        assert made.destroy() == []


def test_apply_that_fails_half_way_is_told_and_removed(stack: Stack, tmp_path: Path) -> None:
    workflows = next(item for item in stack.definitions if item["spec"]["names"]["kind"] == "Workflow")
    narrowed = json.loads(json.dumps(workflows))
    spec = narrowed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["templateRef"]["maxLength"] = 3
    management.define(stack.objects, [narrowed])
    try:
        with pytest.raises(ClusterFailed, match=r"(?s)tofu apply failed: .*spec.templateRef.*3"):
            TofuProvider().create(stack.spec(tmp_path))
    finally:
        management.define(stack.objects, [workflows])
    done = (tmp_path / "run" / "tofu.log").read_text()
    assert 'kubectl_manifest.hardware["one"]: Creation complete' in done
    label = read_state(tmp_path / "run")["label"]
    assert (stack.held(), [held for held in leases.leases() if held.label == label]) == ([], [])
