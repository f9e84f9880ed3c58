"""Whether the cluster is up: a key test of the shipped staging policy, about no component."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.clusters.workloads import Pods
from fixtures.subjects.cri.nodes import require_nodes_run_pods

pytestmark = pytest.mark.cluster


@pytest.mark.clause("cri.selfcheck.nodes-run-pods")
def test_every_ready_node_runs_a_pod_to_its_end(api: Any, namespace: str) -> None:
    require_nodes_run_pods(api, Pods(api, namespace))
