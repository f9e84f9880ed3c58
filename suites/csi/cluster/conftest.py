"""The driver with its sidecars, one set for each worker, and what a test makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fixtures.clusters.provider import Cluster
from fixtures.evidence import EvidenceFolder
from fixtures.lease import Lease
from fixtures.plugin import Parts
from fixtures.subjects.csi import FAILED
from fixtures.subjects.csi.choice import reference_module
from fixtures.subjects.csi.in_cluster import ClusterDriver, start_in
from fixtures.subjects.csi.workshop import Workshop, at_work


@pytest.fixture(scope="session")
def csi_in_cluster(
    cluster: Cluster, api: Any, lease: Lease, parts: Parts, pytestconfig: pytest.Config
) -> Iterator[ClusterDriver]:
    """Our reference (or --mutant) on every node, registered with the kubelets."""
    driver = start_in(cluster, api, lease, parts, reference_module(pytestconfig.option, parts))
    yield driver
    driver.stop()


@pytest.fixture
def shop(
    csi_in_cluster: ClusterDriver, namespace: str, evidence: EvidenceFolder, request: pytest.FixtureRequest
) -> Iterator[Workshop]:
    """The test's pods and volumes; afterwards they are gone, and so is everything of theirs on the nodes."""
    with at_work(csi_in_cluster, namespace, evidence, lambda: request.node.stash.get(FAILED, False)) as workshop:
        yield workshop
