"""The life of a cluster by the real controllers: made, scaled, upgraded, healed, deleted. Machines are simulated."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.clusters.capi import template
from fixtures.clusters.capi.cluster import CapiCluster, is_complete
from fixtures.clusters.capi.objects import Refused
from fixtures.clusters.capi.words import CONTROL_PLANE, CORE
from fixtures.lease import leases
from fixtures.wait import wait_until
from suites.selftest.capi.bench import INFRASTRUCTURE, SECONDS, Bench
from suites.selftest.capi.samples import OURS, values_for

pytestmark = pytest.mark.full
FIRST, NEXT = "v1.36.2", "v1.37.2"


@pytest.fixture
def cluster(bench: Bench, tmp_path: Path) -> Iterator[CapiCluster]:
    """A cluster of a control plane machine and two workers."""
    made = bench.create(tmp_path / "cluster", kubernetes_version=FIRST)
    yield made
    assert made.destroy() == []


def test_cluster_is_available_with_the_machines_and_nodes_of_its_template(bench: Bench, cluster: CapiCluster) -> None:
    machines = bench.machines(cluster)
    assert (len(machines), len(bench.machines(cluster, workers=True))) == (3, 2)
    assert {item["spec"]["version"] for item in machines.values()} == {FIRST}
    named = {item["status"]["nodeRef"]["name"] for item in machines.values()}
    assert bench.nodes(cluster) == dict.fromkeys(named, FIRST)
    assert cluster.incidents() == []
    assert "simulated" in cluster.departures()[0]
    assert cluster.kubeconfig.stat().st_mode & 0o077 == 0


def test_workers_are_scaled_up_and_down(bench: Bench, cluster: CapiCluster) -> None:
    before = set(bench.machines(cluster))
    name = f"{cluster.name}-workers"

    def scale(count: int) -> None:
        bench.objects.merge(
            CORE, "MachineDeployment", cluster.plan.namespace, name, {"spec": {"replicas": count}}, "scale"
        )

    scale(4)
    assert not is_complete(bench.objects, cluster.plan), "machines that are not there yet count as missing"
    assert before < set(bench.wait_until_complete(cluster, 5))
    scale(1)
    assert set(bench.wait_until_complete(cluster, 2)) & before
    wait_until("nodes of removed machines are gone", lambda: len(bench.nodes(cluster)) == 2, SECONDS, interval=0.5)


def test_control_plane_is_scaled_to_three_beside_its_first_machine(bench: Bench, cluster: CapiCluster) -> None:
    before = set(bench.machines(cluster, workers=False))
    space = cluster.plan.namespace
    with pytest.raises(Refused, match="even"):
        bench.objects.merge(CONTROL_PLANE, "KubeadmControlPlane", space, cluster.name, {"spec": {"replicas": 2}})
    bench.objects.merge(CONTROL_PLANE, "KubeadmControlPlane", space, cluster.name, {"spec": {"replicas": 3}})
    after = set(bench.wait_until_complete(cluster, 5)) - set(bench.machines(cluster, workers=True))
    assert len(after) == 3
    assert before < after


def test_addons_of_a_cloud_template_reach_the_cluster(bench: Bench, cluster: CapiCluster, tmp_path: Path) -> None:
    ours = dataclasses.replace(OURS, name=cluster.name, namespace=cluster.plan.namespace)
    addons = [
        item for item in template.load("aws").render(ours, values_for("aws", tmp_path))
        if item["kind"] in ("ConfigMap", "ClusterResourceSet")
    ]  # fmt: skip
    assert len(addons) == 2
    for item in addons:
        bench.objects.apply(item)
    known = [item["metadata"]["name"] for item in bench.kubectl(cluster, "get", "namespaces")["items"]]
    assert "network" not in known, "the cluster does not carry the label yet"
    label = {"metadata": {"labels": {"seatrial.io/addons": cluster.name}}}
    bench.objects.merge(CORE, "Cluster", cluster.plan.namespace, cluster.name, label)
    wait_until(
        "the namespace of the addons is in the cluster", lambda: bench.kubectl(cluster, "get", "namespaces")["items"],
        SECONDS, interval=0.5, accept=lambda items: "network" in [one["metadata"]["name"] for one in items],
    )  # fmt: skip


def test_upgrade_replaces_every_machine_by_one_of_the_new_version(bench: Bench, cluster: CapiCluster) -> None:
    before = set(bench.machines(cluster))
    space = cluster.plan.namespace
    bench.objects.merge(CONTROL_PLANE, "KubeadmControlPlane", space, cluster.name, {"spec": {"version": NEXT}})
    template = {"spec": {"template": {"spec": {"version": NEXT}}}}
    bench.objects.merge(CORE, "MachineDeployment", space, f"{cluster.name}-workers", template)
    after = bench.wait_until_complete(cluster, 3, NEXT)
    assert not before & set(after)
    wait_until(
        "every node is of the new version", lambda: bench.nodes(cluster), SECONDS, interval=0.5,
        accept=lambda nodes: len(nodes) == 3 and set(nodes.values()) == {NEXT},
    )  # fmt: skip
    skipping = {"spec": {"version": "v1.39.0"}}
    with pytest.raises(Refused, match=f"from {NEXT} to v1.39.0"):
        bench.objects.merge(CONTROL_PLANE, "KubeadmControlPlane", space, cluster.name, skipping)


def test_health_check_replaces_the_unhealthy_machine_and_no_other(bench: Bench, cluster: CapiCluster) -> None:
    before = bench.machines(cluster)
    name, ill = next(iter(bench.machines(cluster, workers=True).items()))
    bench.report_not_ready(cluster, ill["status"]["nodeRef"]["name"])
    wait_until(f"{name} is being replaced", lambda: name not in bench.machines(cluster), SECONDS, interval=0.3)
    after = set(bench.wait_until_complete(cluster, 3))
    assert before.keys() - after == {name}


def test_deleted_cluster_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    made = bench.create(tmp_path / "cluster")
    space, label = made.plan.namespace, made.lease.label
    there = bench.left_in(space)
    assert any(line.startswith("DevMachine ") for line in there), "what runs has to show, or this proves nothing"
    assert any(line.startswith("Secret ") for line in there)
    assert made.destroy() == []
    assert bench.objects.find("v1", "Namespace", "", space) is None
    assert bench.left_in(space) == []
    assert [held for held in leases() if held.label == label] == []
    assert bench.objects.list(INFRASTRUCTURE, "DevMachine", selector=f"cluster.x-k8s.io/cluster-name={made.name}") == []
