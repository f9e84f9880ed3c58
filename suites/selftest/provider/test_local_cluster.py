"""A local cluster: what it can do while it runs, and that nothing of it is left afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.clusters.descriptions import connect
from fixtures.clusters.local.cluster import LocalCluster
from fixtures.clusters.local.provider import LocalProvider
from fixtures.clusters.provider import ClusterSpec
from fixtures.clusters.workloads import Pods, Services, new_namespace
from fixtures.plugin import Parts
from fixtures.subjects.cri.nodes import require_nodes_run_pods
from fixtures.wait import WaitTimeout, wait_until
from suites.selftest.provider.traces import network_namespaces, traces_of


@pytest.fixture(scope="module")
def local(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster of two nodes, its complete end checked after the last test."""
    before = network_namespaces()
    made = LocalProvider().create(ClusterSpec("selftest", parts, tmp_path_factory.mktemp("cluster"), nodes=2))
    assert traces_of(made.lease.label), "a running cluster has to show, or the check below proves nothing"
    ours = {str(Path(f"/proc/{node.pid}/ns/net").readlink()) for node in made.local_nodes()} - before
    yield made
    left = made.destroy()
    assert (left, traces_of(made.lease.label), ours & network_namespaces()) == ([], [], set())


@pytest.fixture
def namespace(local: LocalCluster, request: pytest.FixtureRequest) -> Iterator[tuple[Any, str]]:
    """A connection and a namespace of the test's own."""
    from kubernetes import client

    name = request.node.name.replace("_", "-")[-40:].strip("-")
    with connect(local.kubeconfig, None, through_proxy=False) as api:
        yield api, new_namespace(api, {"name": name})
        client.CoreV1Api(api).delete_namespace(name)


def test_pods_on_two_nodes_reach_each_other_by_service_name(local: LocalCluster, namespace: tuple[Any, str]) -> None:
    pods = Pods(*namespace)
    server = pods.run("server", command=["/agnhost", "netexec", "--http-port=8080"], node="node1")
    caller = pods.run("caller", node="node2")
    Services(*namespace).expose("web", {"app": "server"}, 80, 8080)
    direct = pods.exec(caller, ["/agnhost", "connect", "--timeout=5s", f"{server.address}:8080"])
    direct.require_success("a pod of another node")
    named = ["/agnhost", "connect", "--timeout=5s", f"web.{namespace[1]}.svc.cluster.local:80"]
    wait_until("the service's name leads to the pod", lambda: pods.exec(caller, named).returncode == 0, 10)
    assert pods.exec(caller, ["sh", "-c", "echo out; echo err >&2; exit 7"]).returncode == 7


def test_scheduler_killed_is_restarted_and_reported(local: LocalCluster) -> None:
    node = local.local_nodes()[0]
    before = node.programs()["kube-scheduler"]["pid"]
    node.exec(["kill", "-9", str(before)]).require_success("kill in the node's own numbering")

    def restarted() -> bool:
        now = node.programs()["kube-scheduler"]
        return bool(now["state"] == "running" and now["pid"] != before)

    wait_until("the scheduler runs again", restarted, 10)
    assert any("kube-scheduler on node1: killed by SIGKILL" in incident for incident in local.incidents())


def test_cluster_is_called_up_only_while_its_nodes_run_pods(local: LocalCluster, namespace: tuple[Any, str]) -> None:
    require_nodes_run_pods(namespace[0], Pods(*namespace))
    node = local.local_nodes()[0]
    scheduler = str(node.programs()["kube-scheduler"]["pid"])
    node.exec(["kill", "-STOP", scheduler]).require_success("a scheduler that stands still")
    try:
        for pod in ("up-node1", "up-node2"):
            Pods(*namespace).delete(pod)
        with pytest.raises(WaitTimeout, match="up-node1 is finished"):
            require_nodes_run_pods(namespace[0], Pods(*namespace), timeout=3)
    finally:
        node.exec(["kill", "-CONT", scheduler]).require_success("the scheduler goes on")
