"""What every provider that makes clusters must do, done by Cluster API's on a simulated infrastructure.

No pod runs there and no node can be entered: a cluster is used by asking its API server, and what its provider declares
that it cannot do is skipped with the reason that the provider gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fixtures.clusters import own_namespaces
from fixtures.clusters.capi.cluster import CapiCluster
from fixtures.clusters.capi.words import CORE
from fixtures.clusters.provider import Cluster
from fixtures.plugin import Parts
from fixtures.wait import wait_until
from suites.selftest.capi.bench import SECONDS, Bench
from suites.selftest.provider.makers import MakerUnderTest
from suites.selftest.provider.test_conformance import (  # noqa: F401 - run here, with the provider below
    test_cluster_made_and_ended_twice_leaves_nothing_each_time,
    test_clusters_of_one_name_side_by_side_do_not_meet,
    test_failure_in_a_cluster_is_in_its_logs,
    test_folder_of_a_running_cluster_is_refused_and_the_cluster_unharmed,
    test_image_loaded_is_run_on_every_node,
    test_owner_killed_in_any_phase_leaves_nothing_after_reap,
    test_program_of_a_node_that_is_killed_runs_again_and_the_node_with_it,
)
from suites.selftest.provider.traces import traces_of

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]
PHASES = ("namespace", "accepted", "described", "cluster Provisioned; machines: 1 ", "ready")


@dataclass(frozen=True)
class CapiUnderTest(MakerUnderTest):
    """Cluster API on the bench's management cluster."""

    bench: Bench

    def settings(self, _parts: Parts, folder: Path) -> Path:
        """The file of a simulated cluster of one control plane machine and one worker."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "cluster.toml"
        path.write_text(
            f'template = "in-memory"\n[management]\nkubeconfig = "{self.bench.local.kubeconfig}"\n'
            "[values]\nworkers = 1\nunhealthy_after = 3600\n"
        )
        return path

    def require_work(self, cluster: Cluster, **_more: Any) -> None:
        """Its API server names two nodes."""
        assert isinstance(cluster, CapiCluster)
        assert len(self.bench.nodes(cluster)) == 2

    def cause_failure(self, cluster: Cluster) -> str:
        """A node is not Ready; the machine that it is of is named with it."""
        assert isinstance(cluster, CapiCluster)
        name, machine = next(iter(self.bench.machines(cluster, workers=True).items()))
        self.bench.report_not_ready(cluster, machine["status"]["nodeRef"]["name"])
        wait_until(f"{name} is known to be unhealthy", cluster.incidents, SECONDS, interval=0.3)
        return f"Machine {name}: "

    def traces(self, label: str) -> list[str]:
        """On this machine, and on the management cluster: namespaces of the lease, and any object that carries it."""
        found = [f"namespace {item.metadata.name}" for item in own_namespaces.find(self.bench.api, label)]
        found += [
            f"Machine {item['metadata']['name']}"
            for item in self.bench.objects.list(CORE, "Machine", selector=f"seatrial.io/lease={label}")
        ]
        return traces_of(label) + found


@pytest.fixture
def provider(bench: Bench) -> MakerUnderTest:
    """Cluster API."""
    return CapiUnderTest("capi", PHASES, bench)
