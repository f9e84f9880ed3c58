"""Network policies of a cluster: closed means closed, an exception lets in just whom it names, removal opens."""

from __future__ import annotations

import time
from typing import Any

import pytest

from fixtures.clusters.provider import NETWORK_POLICY, Cluster
from fixtures.evidence import Figures
from fixtures.subjects.cni.pods import Policies, Talkers
from reports.model import NotApplicable

pytestmark = pytest.mark.cluster


@pytest.fixture
def policies(cluster: Cluster, api: Any, namespace: str) -> Policies:
    """The policies of the test's namespace, where the cluster has something that enforces them."""
    if NETWORK_POLICY not in cluster.capabilities:
        raise NotApplicable("the cluster has no engine for network policies")
    return Policies(api, namespace)


@pytest.mark.clause("cni.cluster.policy-denies")
def test_policy_that_allows_nothing_closes_the_pods_it_selects(
    talkers: Talkers, policies: Policies, figures: Figures
) -> None:
    """The server, open before, is closed; a pod that the policy does not select stays open."""
    caller, server, control = talkers.start("caller", "server", "control")
    talkers.require_reach(caller, server.address)
    begun = time.monotonic()
    policies.close("server")
    closed = talkers.require_denial(caller, server, control, "by a policy that allows nothing")
    figures.measure("policy-window-ms", round(1000 * (closed - begun)))


@pytest.mark.clause("cni.cluster.policy-allows-selected")
def test_policy_with_an_exception_lets_in_just_whom_it_names(talkers: Talkers, policies: Policies) -> None:
    """The friend gets in, the stranger does not."""
    friend, stranger, server = talkers.start("friend", "stranger", "server")
    talkers.require_reach(stranger, server.address)
    policies.close("server", let_in="friend")
    talkers.require_denial(stranger, server, friend, "by a policy that lets in others")
    talkers.require_reach(friend, server.address, why="(as the policy allows)")


@pytest.mark.clause("cni.cluster.policy-removal-reopens")
def test_policy_removed_opens_the_pods_again(talkers: Talkers, policies: Policies) -> None:
    """Closed while the policy is there, open afterwards."""
    caller, server, control = talkers.start("caller", "server", "control")
    policy = policies.close("server")
    talkers.require_denial(caller, server, control, "by a policy that allows nothing")
    policies.remove(policy)
    talkers.require_reach(caller, server.address, why="(the policy is removed)")
