"""The life of a cluster by the real controllers: made, scaled, upgraded, healed, deleted. Machines are simulated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.clusters.capi.cluster import CapiCluster, is_complete
from fixtures.clusters.capi.objects import Refused
from fixtures.clusters.capi.words import CONTROL_PLANE, CORE
from fixtures.lease import leases
from fixtures.wait import wait_until
from suites.selftest.capi.bench import INFRASTRUCTURE, SECONDS, Bench

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
    node = ill["status"]["nodeRef"]["name"]
    condition = '{"status":{"conditions":[{"type":"Ready","status":"False","reason":"Selftest"}]}}'
    bench.kubectl(cluster, "patch", "node", node, "--type=merge", "-p", condition)
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
