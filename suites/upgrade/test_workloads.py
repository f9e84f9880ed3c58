"""What runs in the cluster while it is upgraded: requests, pods, and the nodes that they come back to."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fixtures.clusters.workloads import Pods
from fixtures.evidence import EvidenceFolder, Figures
from fixtures.subjects.upgrade import manifests
from fixtures.subjects.upgrade.trial import TIME_LIMIT, Request, Trial
from fixtures.subjects.upgrade.watching import longest_gap
from fixtures.subjects.upgrade.workloads import NAMESPACE
from fixtures.wait import WaitTimeout
from reports.model import ClauseViolation

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(TIME_LIMIT)]


@pytest.mark.clause("upgrade.service.answers-afterwards")
def test_service_is_answered_from_every_node_after_the_upgrade(
    upgraded: Trial, figures: Figures, evidence: EvidenceFolder
) -> None:
    requests, failures = upgraded.of(manifests.WEB), upgraded.failures(manifests.WEB)
    evidence.write("failed-requests.txt", "\n".join(failures))
    figures.measure("web-requests", len(requests))
    figures.measure("web-failed-requests", len(failures))
    silent, gaps = last_of(upgraded, requests)
    figures.measure("web-longest-gap-seconds", max(gaps))
    if silent:
        raise ClauseViolation(
            "a Service is not answered after the upgrade", expected="ten answers in a row from each node", actual=silent
        )


@pytest.mark.clause("upgrade.dns.answers-afterwards")
def test_dns_is_answered_on_every_node_after_the_upgrade(upgraded: Trial, figures: Figures) -> None:
    asked = upgraded.of(manifests.DNS)
    figures.measure("dns-questions", len(asked))
    figures.measure("dns-failed-questions", len(upgraded.failures(manifests.DNS)))
    silent, gaps = last_of(upgraded, asked)
    figures.measure("dns-longest-gap-seconds", max(gaps))
    if silent:
        raise ClauseViolation(
            "cluster DNS does not answer after the upgrade", expected="ten answers in a row on each node", actual=silent
        )


@pytest.mark.clause("upgrade.pods.budget-is-kept")
def test_disruption_budget_is_kept_while_nodes_are_drained(upgraded: Trial, figures: Figures) -> None:
    seen = [look for look in upgraded.looks if not look.error]
    assert seen, "the API was never seen: nothing is proven"
    figures.measure("web-fewest-ready-pods", min(len(look.ready) for look in seen))
    least = int(manifests.budget()["spec"]["minAvailable"])
    for look in seen:
        if len(look.ready) < least:
            raise ClauseViolation(
                f"fewer pods were ready than the budget demands, {look.at - upgraded.begun:.1f} s into the upgrade",
                expected=f"at least {least}", actual=look.ready,
            )  # fmt: skip


@pytest.mark.clause("upgrade.pods.undrained-pods-run-on")
def test_pods_that_are_not_drained_keep_their_containers(completed: Trial) -> None:
    before, after = completed.agents_before, completed.workloads.agents()
    assert len(before) == len(completed.cluster.nodes()), "not every node had an undrained pod: nothing is proven"
    if before != after:
        raise ClauseViolation("a pod that was not drained was started again", expected=before, actual=after)


@pytest.mark.clause("upgrade.pods.connections-last")
def test_connection_to_an_undrained_pod_lasts_through_the_upgrade(completed: Trial, figures: Figures) -> None:
    requests = [item for item in completed.of(manifests.AGENT) if item.at > completed.begun]
    assert requests, "no connection was used during the upgrade: nothing is proven"
    cut = completed.failures(manifests.AGENT)
    figures.measure("agent-cut-connections", len(cut))
    figures.measure("agent-slowest-answer-seconds", max(item.took for item in requests))
    if cut:
        raise ClauseViolation(
            "a connection to a pod that was not drained was cut", expected="one connection from each node", actual=cut
        )


@pytest.mark.clause("upgrade.nodes.take-pods-again")
def test_every_node_takes_a_new_pod_after_the_upgrade(completed: Trial, evidence: EvidenceFolder) -> None:
    pods = Pods(completed.api, NAMESPACE)
    for node in completed.cluster.nodes():
        try:
            pods.run(f"new-on-{node.name}", node=node.name)
        except WaitTimeout as error:
            evidence.write(f"{node.name}.txt", str(error.actual))
            raise ClauseViolation(
                f"{node.name} takes no pod after its upgrade", expected="a new pod is Ready", actual=error.last
            ) from error


@pytest.mark.clause("upgrade.objects.are-unchanged")
def test_objects_made_before_say_what_they_said(completed: Trial) -> None:
    after = completed.workloads.objects()
    for kind, before in completed.objects_before.items():
        lost = missing(before, after.get(kind))
        if lost:
            raise ClauseViolation(
                f"a {kind} is not what it was: {', '.join(lost)}", expected=before, actual=after.get(kind)
            )


def last_of(upgraded: Trial, requests: Sequence[Request]) -> tuple[dict[str, list[str]], list[float]]:
    """By node what the last ten of these requests came to, where it was no answer; and each node's longest outage."""
    silent, gaps = {}, []
    for node in upgraded.cluster.nodes():
        own = [item for item in requests if item.node == node.name]
        gaps.append(longest_gap([(item.at, not item.error) for item in own]))
        last = [item.error for item in own[-10:]]
        if not last or any(last):
            silent[node.name] = last
    return silent, gaps


def missing(before: object, after: object, where: str = "") -> list[str]:
    """Paths at which something was before that is not so afterwards. What a new release adds is its right."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [one for key in before for one in missing(before[key], after.get(key), f"{where}/{key}")]
    return [] if before == after else [where or "/"]
