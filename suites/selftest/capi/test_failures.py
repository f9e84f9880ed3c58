"""What a user is told when a cluster does not come up, and that nothing is left of one that was killed half made."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixtures.clusters import own_namespaces
from fixtures.clusters.capi import template
from fixtures.clusters.capi.cluster import CapiCluster
from fixtures.clusters.capi.provider import CapiProvider, Request
from fixtures.clusters.capi.words import CORE
from fixtures.clusters.cost import Budget
from fixtures.clusters.provider import ClusterFailed, ClusterSpec
from fixtures.clusters.state import read_state
from fixtures.lease import leases, reap
from fixtures.wait import wait_until
from suites.selftest.capi.bench import Bench
from suites.selftest.capi.samples import types_of, values_for

pytestmark = pytest.mark.full
ROOT = Path(__file__).resolve().parents[3]
_CREATE = """
import sys
from pathlib import Path
from fixtures.clusters import access
from fixtures.clusters.capi.provider import CapiProvider, Request
from fixtures.clusters.provider import ClusterSpec
from fixtures.plugin import read_parts
request = Request(access.find([Path(sys.argv[1])]), "in-memory", {"machine_startup": "300s"})
CapiProvider(request).create(ClusterSpec("killed", read_parts(None), Path(sys.argv[2])))
"""


def _ours(bench: Bench) -> list[Any]:
    return own_namespaces.find(bench.api)


def _without(name: str, kind: str, limit: float) -> template.Template:
    """A template that lacks all objects of a kind, and gives up soon."""
    whole = template.load(name)
    kept = tuple(item for item in whole.objects if item["kind"] != kind)
    return dataclasses.replace(whole, objects=kept, limit=limit)


def test_cluster_that_does_not_come_up_is_explained_and_removed(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = _without("in-memory", "DevCluster", 8.0)
    monkeypatch.setattr(template, "load", lambda _: broken)
    told: list[str] = []
    spec = ClusterSpec("broken", bench.parts, tmp_path / "broken", tell=told.append)
    with pytest.raises(ClusterFailed) as raised:
        CapiProvider(Request(bench.access, "in-memory")).create(spec)
    text = str(raised.value)
    name = read_state(tmp_path / "broken")["name"]
    assert name.startswith("broken-seatrial-")
    assert text.startswith(f"cluster {name} is not Available after 8 s (cluster ")
    assert f"Cluster {name}: InfrastructureReady is False" in text
    assert f"DevCluster {name}: is not there" in text
    assert any("machines: none yet" in line for line in told)
    state = read_state(tmp_path / "broken")
    assert (state["phase"], state["left"]) == ("failed", [])
    assert _ours(bench) == []


def test_template_that_the_apiserver_refuses_makes_nothing(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = template.load("in-memory")
    cluster = {**whole.objects[0], "spec": {**whole.objects[0]["spec"], "regoin": "nowhere"}}
    broken = dataclasses.replace(whole, objects=(cluster, *whole.objects[1:]))
    monkeypatch.setattr(template, "load", lambda _: broken)
    with pytest.raises(ClusterFailed, match=r"template in-memory is refused:\nCluster refused-seatrial-.*: .*regoin"):
        CapiProvider(Request(bench.access, "in-memory")).create(ClusterSpec("refused", bench.parts, tmp_path))
    assert bench.objects.list(CORE, "Cluster") == []
    assert _ours(bench) == []


def test_infrastructure_that_is_not_installed_is_named_with_what_installs_it(bench: Bench, tmp_path: Path) -> None:
    request = Request(bench.access, "aws", values_for("aws", tmp_path), budget=Budget(0, free=types_of("aws")))
    with pytest.raises(ClusterFailed, match=r"AWSCluster .*clusterctl init --infrastructure aws"):
        CapiProvider(request).create(ClusterSpec("nowhere", bench.parts, tmp_path / "state"))
    assert _ours(bench) == []


def test_management_cluster_that_is_away_for_a_moment_ends_no_creation(bench: Bench, tmp_path: Path) -> None:
    node = bench.local.nodes()[0]
    restarted: list[str] = []

    def tell(text: str) -> None:
        if "machines: 1 " in text and not restarted:
            restarted.append(text)
            node.restart("kube-apiserver")

    made = CapiProvider(Request(bench.access, "in-memory")).create(
        ClusterSpec("patient", bench.parts, tmp_path / "state", tell=tell)
    )
    assert made.destroy() == []
    assert restarted


def test_cluster_of_a_living_run_is_not_cleaned_and_that_of_a_killed_one_is(bench: Bench, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", _CREATE, str(bench.local.kubeconfig), str(tmp_path / "killed")]
    owner = subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        state = wait_until(
            "machines are being made", lambda: read_state(tmp_path / "killed"), 90, interval=0.01,
            accept=lambda seen: "1 Prov" in seen.get("doing", ""),
        )  # fmt: skip
        assert not any(line.startswith("namespace") for line in own_namespaces.clean(bench.access)), "its owner lives"
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    assert any(line.startswith("DevMachine ") for line in bench.left_in(state["namespace"]))
    assert own_namespaces.clean(bench.access) == [f"namespace {state['namespace']}"], "as from another machine"
    assert [line for line in reap() if line.startswith("left:")] == []
    assert (bench.left_in(state["namespace"]), _ours(bench)) == ([], [])
    assert state["label"] not in [held.label for held in leases()]


def test_command_that_is_ended_half_way_removes_what_it_made(bench: Bench, tmp_path: Path) -> None:
    settings, state = tmp_path / "cluster.toml", tmp_path / "state"
    settings.write_text(
        f'template = "in-memory"\n[management]\nkubeconfig = "{bench.local.kubeconfig}"\n'
        '[values]\nmachine_startup = "300s"\n'
    )
    argv = [sys.executable, "-m", "fixtures.clusters.capi", "create", str(settings), "--state", str(state)]
    running = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_until("it is on its way", lambda: "1 Prov" in read_state(state).get("doing", ""), 90)
        running.terminate()
        said, complained = running.communicate(timeout=120)
    finally:
        running.kill()
    begun = f"removing the cluster of {read_state(state)['namespace']}; a cloud may take its time\n"
    assert (running.returncode, complained) == (130, begun + "interrupted; what was made is removed\n")
    assert "cluster Provisioned; machines: 1 Provisioning (given up in " in said
    assert (read_state(state)["left"], _ours(bench)) == ([], [])


def test_cluster_is_joined_from_its_folder_and_its_conditions_are_kept(bench: Bench, tmp_path: Path) -> None:
    made = bench.create(tmp_path / "state", workers=0)
    try:
        joined = CapiProvider().attach(tmp_path / "state")
        assert isinstance(joined, CapiCluster)
        assert joined.plan == made.plan
        joined.collect_logs(tmp_path / "logs")
        assert (tmp_path / "logs" / "machines.json").read_text().count('"kind": "Machine"') == 1
    finally:
        assert made.destroy() == []
