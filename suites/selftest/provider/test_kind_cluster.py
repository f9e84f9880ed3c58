"""A kind cluster of two nodes: what it can do while it runs, on whatever engine there is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from fixtures.clusters.descriptions import connect
from fixtures.clusters.kind import readiness
from fixtures.clusters.kind.cluster import KindCluster
from fixtures.clusters.kind.network import NodeNetwork
from fixtures.clusters.kind.node_image import NodeImage
from fixtures.clusters.kind.provider import KindProvider
from fixtures.clusters.provider import ClusterSpec
from fixtures.clusters.state import read_state
from fixtures.clusters.workloads import Pods, Services, new_namespace
from fixtures.plugin import Parts
from fixtures.toolchain.errors import IdentityMismatch
from fixtures.wait import wait_until
from reports.model import EnvironmentUnfit
from suites.selftest.provider.makers import KIND

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("reapers"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def kind(container_engine: None, parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KindCluster]:
    """A cluster of two nodes, its complete end checked after the last test."""
    folder = tmp_path_factory.mktemp("cluster")
    made = KindProvider().create(ClusterSpec("selftest", parts, folder, nodes=2))
    yield made
    left = made.destroy()
    assert (left, KIND.traces(made.lease.label)) == ([], [])


@pytest.fixture
def pods(kind: KindCluster) -> Iterator[Pods]:
    """Pods of a namespace of the test's own."""
    with connect(kind.kubeconfig, None, through_proxy=False) as api:
        name = new_namespace(api, {"generateName": "kind-"}, 30)
        yield Pods(api, name)
        client.CoreV1Api(api).delete_namespace(name)


def _require_service_reached(pods: Pods, api: Any, server_on: str, caller_on: str) -> None:
    """A pod of one node is reached from the other, by its address and by a Service's name."""
    server = pods.run("server", command=["/agnhost", "netexec", "--http-port=8080"], node=server_on)
    caller = pods.run("caller", node=caller_on)
    Services(api, pods.namespace).expose("web", {"app": "server"}, 80, 8080)
    for target in (f"{server.address}:8080", f"web.{pods.namespace}.svc.cluster.local:80"):
        ask = ["/agnhost", "connect", "--timeout=5s", target]
        wait_until(f"{target} answers", lambda ask=ask: pods.exec(caller, ask).returncode == 0, 30)  # type: ignore[misc]


def test_pods_on_two_nodes_reach_each_other_by_service_name(kind: KindCluster, pods: Pods) -> None:
    first, second = (node.name for node in kind.nodes())
    with connect(kind.kubeconfig, None, through_proxy=False) as api:
        _require_service_reached(pods, api, first, second)


@pytest.mark.parametrize("which", [1, 0], ids=["worker", "control-plane"])
def test_node_rebooted_comes_back_with_its_network(kind: KindCluster, pods: Pods, which: int) -> None:
    node, other = kind.kind_nodes()[which], kind.kind_nodes()[1 - which]
    before = node.exec(["cat", "/proc/1/stat"]).stdout.split()[21]
    node.reboot()
    assert node.exec(["cat", "/proc/1/stat"]).stdout.split()[21] != before, "its first process is still the old one"
    readiness.wait_until_ready(kind.kubeconfig)
    with connect(kind.kubeconfig, None, through_proxy=False) as api:
        _require_service_reached(pods, api, node.name, other.name)


def test_kubelet_killed_is_an_incident_unless_it_was_asked_for(kind: KindCluster) -> None:
    node = kind.kind_nodes()[1]
    node.restart("kubelet")
    node.restart("containerd")
    assert kind.incidents() == []
    before = node.restarts("kubelet")
    node.exec(["systemctl", "kill", "--signal=KILL", "kubelet"]).require_success("killing the kubelet")
    wait_until("systemd starts it again", lambda: node.restarts("kubelet"), 30, accept=lambda now: now > before)
    assert [line.partition(";")[0] for line in kind.incidents()] == [f"kubelet on {node.name} died 1 time(s)"]


def test_program_that_no_unit_runs_is_not_killed(kind: KindCluster) -> None:
    with pytest.raises(EnvironmentUnfit, match="only kubelet, containerd, kube-router can be killed"):
        kind.kind_nodes()[0].restart("etcd")


def test_process_started_on_a_node_runs_there_until_it_is_killed(kind: KindCluster) -> None:
    node = kind.kind_nodes()[0]
    started = kind.start_on_node(node.name, ["sh", "-c", "hostname; exec sleep 600"], "sleeper")
    wait_until("it has spoken", started.tail, 10)
    assert started.tail().strip() == node.name
    assert "sleep 600" in node.exec(["ps", "-eo", "args"]).stdout
    started.kill()
    wait_until("it is gone", lambda: "sleep 600" not in node.exec(["ps", "-eo", "args"]).stdout, 10)


def test_binary_that_is_not_the_candidates_is_found_by_its_digest(kind: KindCluster, parts: Parts) -> None:
    part = parts.get("runc")
    other = dataclasses.replace(part, files={"runc": __file__})
    nodes = [NodeNetwork(node.name, node.address, "") for node in kind.kind_nodes()]
    made = NodeImage(str(read_state(kind.plan.run_dir)["image"]), made=True)
    supplied = KindProvider.supplied(parts)
    readiness.require_identity(kind.engine, supplied, nodes, made)
    changed = KindProvider.supplied(Parts({**parts.by_name, "runc": other}, "selftest"))
    with pytest.raises(IdentityMismatch, match=r"/usr/local/sbin/runc on .*control-plane"):
        readiness.require_identity(kind.engine, changed, nodes, made)


def test_logs_are_kept_of_every_node_without_what_may_hold_secrets(kind: KindCluster, tmp_path: Path) -> None:
    kind.collect_logs(tmp_path)
    for node in kind.nodes():
        assert (tmp_path / node.name / "kubelet.log").stat().st_size > 0
        assert (tmp_path / node.name / "containerd.log").stat().st_size > 0
    assert (tmp_path / "pods.json").stat().st_size > 0
    assert list(tmp_path.rglob("inspect.json")) == []
