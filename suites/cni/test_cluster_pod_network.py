"""The pod network of a cluster: every pod has an address, and every pod reaches every other under its own."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from kubernetes import client

from fixtures.clusters.provider import Cluster
from fixtures.subjects.cni.pods import PORT, Talkers
from reports.model import ClauseViolation, EnvironmentUnfit

pytestmark = pytest.mark.cluster


@pytest.mark.clause("cni.cluster.pod-address")
def test_pods_have_addresses_of_their_own_from_their_nodes_range(talkers: Talkers, api: Any) -> None:
    """Two pods, two addresses, each inside the range of the node it runs on, where nodes have ranges."""
    first, second = talkers.start("first", "second")
    if first.address == second.address:
        raise ClauseViolation("two pods have one address", expected="two addresses", actual=first.address)
    for pod in (first, second):
        ranges = client.CoreV1Api(api).read_node(pod.node).spec.pod_cidrs or ()
        inside = [item for item in ranges if ipaddress.ip_address(pod.address) in ipaddress.ip_network(item)]
        if ranges and not inside:
            raise ClauseViolation("a pod's address is not of its node's range", expected=ranges, actual=pod.address)


@pytest.mark.clause("cni.cluster.pod-to-pod")
def test_pods_on_one_node_reach_each_other(talkers: Talkers, cluster: Cluster) -> None:
    """A call in each direction."""
    node = cluster.nodes()[0].name
    first, second = talkers.start("first", "second", nodes={"first": node, "second": node})
    talkers.require_reach(first, second.address)
    talkers.require_reach(second, first.address)


@pytest.mark.clause("cni.cluster.pod-to-pod-across-nodes")
def test_pods_on_two_nodes_reach_each_other(talkers: Talkers, cluster: Cluster) -> None:
    """A call in each direction between pods of different nodes."""
    nodes = [node.name for node in cluster.nodes()]
    if len(nodes) < 2:
        raise EnvironmentUnfit("the cluster has one node, which proves nothing between nodes (--nodes 2 gives two)")
    first, second = talkers.start("first", "second", nodes={"first": nodes[0], "second": nodes[1]})
    talkers.require_reach(first, second.address)
    talkers.require_reach(second, first.address)


@pytest.mark.clause("cni.cluster.no-nat")
def test_pod_called_by_a_pod_sees_the_callers_own_address(talkers: Talkers, cluster: Cluster) -> None:
    """The server tells whom it saw; on different nodes where there are some."""
    nodes = [node.name for node in cluster.nodes()]
    caller, server = talkers.start("caller", "server", nodes={"caller": nodes[0], "server": nodes[-1]})
    talkers.require_reach(caller, server.address)
    seen = talkers.ask(caller, server.address, "clientip")[0].rpartition(":")[0].strip("[]")
    if seen != caller.address:
        raise ClauseViolation(
            "the caller's address is rewritten between two pods", expected=caller.address, actual=seen
        )


@pytest.mark.clause("cni.cluster.node-to-pod")
def test_pod_with_a_probe_is_reached_by_its_node(talkers: Talkers) -> None:
    """The kubelet's HTTP probe comes from the node; only if it arrives does the pod become Ready."""
    probe = {"readinessProbe": {"httpGet": {"path": "/hostname", "port": PORT}, "periodSeconds": 1}}
    command = ("/agnhost", "netexec", f"--http-port={PORT}", "--udp-port=-1")
    pod = talkers.pods.run("probed", command=command, container=probe)
    if not pod.is_ready:
        raise ClauseViolation("the node's probe does not reach the pod", expected="Ready", actual=pod.phase)
