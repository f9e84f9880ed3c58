"""What the tests hold in hand: a management cluster, clusters made on it, and looks at what is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures.clusters import access
from fixtures.clusters.access import Access
from fixtures.clusters.capi import management, supplies
from fixtures.clusters.capi.cluster import CapiCluster, is_complete
from fixtures.clusters.capi.management import Management
from fixtures.clusters.capi.objects import Object, Objects, condition
from fixtures.clusters.capi.provider import CapiProvider, Request
from fixtures.clusters.capi.words import CONTROL_PLANE, CORE
from fixtures.clusters.descriptions import connect
from fixtures.clusters.local.cluster import LocalCluster
from fixtures.clusters.local.provider import LocalProvider
from fixtures.clusters.provider import ClusterSpec
from fixtures.plugin import Parts
from fixtures.wait import wait_until
from suites.selftest.provider.traces import traces_of

INFRASTRUCTURE = "infrastructure.cluster.x-k8s.io/v1beta2"
#: Kinds of which nothing may be left after a cluster's end.
KINDS = (
    (CORE, "Cluster"), (CORE, "MachineDeployment"), (CORE, "MachineSet"), (CORE, "Machine"),
    (CONTROL_PLANE, "KubeadmControlPlane"), ("bootstrap.cluster.x-k8s.io/v1beta2", "KubeadmConfig"),
    (INFRASTRUCTURE, "DevCluster"), (INFRASTRUCTURE, "DevMachine"), ("v1", "Secret"),
)  # fmt: skip
SECONDS = 120.0


@dataclass(frozen=True)
class Bench:
    """A management cluster. api: its administrator's client; program: kubectl."""

    local: LocalCluster
    api: Any
    objects: Objects
    access: Access
    installed: Management
    parts: Parts
    program: Path

    def create(self, folder: Path, name: str = "one", **values: Any) -> CapiCluster:
        """A simulated cluster, Available."""
        provider = CapiProvider(Request(self.access, "in-memory", values))
        return provider.create(ClusterSpec(name, self.parts, folder))

    def left_in(self, namespace: str) -> list[str]:
        """A line for each object of Cluster API, and each secret, that is in a namespace."""
        return [
            f"{kind} {item['metadata']['name']}"
            for version, kind in KINDS
            for item in self.objects.list(version, kind, namespace)
        ]

    def machines(self, cluster: CapiCluster, workers: bool | None = None) -> dict[str, Object]:
        """Machines by name that are not about to go; only workers, or only those of the control plane."""
        found = self.objects.list(CORE, "Machine", cluster.plan.namespace)
        mark = "cluster.x-k8s.io/control-plane"
        return {
            item["metadata"]["name"]: item
            for item in found
            if "deletionTimestamp" not in item["metadata"]
            and (workers is None or workers != (mark in item["metadata"]["labels"]))
        }

    def nodes(self, cluster: CapiCluster) -> dict[str, str]:
        """The cluster's own word, over its own API: node -> version of its kubelet. Asked from the management node."""
        return {
            item["metadata"]["name"]: item["status"]["nodeInfo"]["kubeletVersion"]
            for item in self.kubectl(cluster, "get", "nodes")["items"]
        }

    def report_not_ready(self, cluster: CapiCluster, node: str) -> None:
        """Let a node of the cluster say that it is not Ready."""
        condition = '{"status":{"conditions":[{"type":"Ready","status":"False","reason":"Selftest"}]}}'
        self.kubectl(cluster, "patch", "node", node, "--type=merge", "-p", condition)

    def kubectl(self, cluster: CapiCluster, *arguments: str) -> Any:
        """What kubectl says of the cluster, asked where its API server can be reached: on the management node."""
        asked = [str(self.program), "--kubeconfig", str(cluster.kubeconfig), *arguments, "-o", "json"]
        done = self.local.nodes()[0].exec(asked, timeout=30)
        return json.loads(done.require_success(" ".join(arguments)))

    def wait_until_complete(self, cluster: CapiCluster, machines: int, version: str = "") -> dict[str, Object]:
        """Its machines, as soon as there are so many, all Ready and of that version, and the cluster is Available."""

        def settled(seen: dict[str, Object]) -> bool:
            whole = self.objects.find(CORE, "Cluster", cluster.plan.namespace, cluster.name)
            fits = all(version in ("", item["spec"]["version"]) for item in seen.values())
            ready = all(condition(item, "Ready") == "True" for item in seen.values())
            known = len(self.objects.list(CORE, "Machine", cluster.plan.namespace))
            complete = is_complete(self.objects, cluster.plan) and condition(whole, "Available") == "True"
            return len(seen) == known == machines and fits and ready and complete

        return wait_until(
            f"{machines} machines of {version or 'any version'} are Ready", lambda: self.machines(cluster), SECONDS,
            interval=0.3, accept=settled,
        )  # fmt: skip


@contextmanager
def management_cluster(parts: Parts, folder: Path) -> Iterator[Bench]:
    """A local cluster of one node with the managers installed; nothing of it is left afterwards."""
    supplied = supplies.supply(parts, print)
    local = LocalProvider().create(ClusterSpec("management", parts, folder, nodes=1))
    try:
        with connect(local.kubeconfig, None, through_proxy=False) as api:
            installed = management.install(local, api, supplied, print)
            yield Bench(local, api, Objects(api), access.find([local.kubeconfig]), installed, parts, supplied.kubectl)
    finally:
        left = local.destroy()
    assert (left, traces_of(local.lease.label)) == ([], [])
