"""The upgrade itself: it comes through, in the right order, and what runs afterwards is the candidate."""

from __future__ import annotations

import itertools

import pytest
from packaging.version import Version

from fixtures.clusters.nodes import reported
from fixtures.evidence import EvidenceFolder, Figures
from fixtures.subjects.csi.sidecars import SIDECARS
from fixtures.subjects.upgrade import versions
from fixtures.subjects.upgrade.trial import TIME_LIMIT, Trial
from fixtures.subjects.upgrade.watching import longest_gap
from reports.model import ClauseViolation, NotApplicable

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(TIME_LIMIT)]


@pytest.mark.clause("upgrade.procedure.comes-through")
def test_cluster_of_the_release_before_is_taken_to_the_candidate(
    upgraded: Trial, figures: Figures, evidence: EvidenceFolder
) -> None:
    evidence.attach(upgraded.order.folder / "upgrade.json")
    figures.measure("upgrade-seconds", round(upgraded.ended - upgraded.begun, 2))
    of_nodes = [step.seconds for step in upgraded.steps if ": " in step.name]
    figures.measure("nodes-upgrade-seconds", round(sum(of_nodes), 2))
    first = itertools.takewhile(lambda step: ": " not in step.name, upgraded.steps)
    figures.measure("control-plane-upgrade-seconds", round(sum(step.seconds for step in first), 2))
    if upgraded.stopped:
        summary = f"the upgrade stopped: {upgraded.stopped.splitlines()[0]}"
        raise ClauseViolation(summary, expected="every step done", actual=upgraded.stopped)


@pytest.mark.clause("upgrade.versions.control-plane-runs-the-candidate")
def test_control_plane_says_that_it_is_the_candidates(completed: Trial) -> None:
    wanted = versions.release_of(completed.order.candidate, "kubernetes")
    found = dict(versions.control_plane(completed.cluster.nodes()[0], *completed.credentials))
    found["kube-apiserver"] = completed.looks[-1].apiserver.removeprefix("v")
    expected = dict.fromkeys(found, wanted) | {"etcd": versions.release_of(completed.order.candidate, "etcd")}
    if found != expected:
        raise ClauseViolation("the control plane is not the candidate's", expected=expected, actual=found)


@pytest.mark.clause("upgrade.versions.nodes-run-the-candidate")
def test_every_node_says_that_it_is_the_candidates(completed: Trial) -> None:
    parts = completed.order.candidate
    names = ("kubernetes", "containerd", "runc", "cni-plugins")
    expected = {name: versions.release_of(parts, name) for name in names}
    expected["kube-proxy"] = expected["kubernetes"]
    told = reported(completed.api)
    for node in completed.cluster.nodes():
        found = {**told[node.name], **versions.node_programs(node, *completed.credentials)}
        if found != expected:
            raise ClauseViolation(f"{node.name} is not the candidate's", expected=expected, actual=found)


@pytest.mark.clause("upgrade.versions.addons-run-the-candidate")
def test_addons_are_the_candidates(completed: Trial) -> None:
    parts = completed.order.candidate
    expected = {name: versions.release_of(parts, "coredns") for name in versions.dns(completed.api)}
    assert expected, "no pod of the cluster's DNS was seen: nothing is proven"
    found = versions.dns(completed.api)
    if found != expected:
        raise ClauseViolation("cluster DNS is not the candidate's", expected=expected, actual=found)
    sidecars = completed.workloads.driver.sidecars
    wanted = {str(parts.file(SIDECARS[name].component, name).resolve()) for name in sidecars.running}
    told = versions.programs_named(sidecars.node, sidecars.running)
    if told != wanted:
        raise ClauseViolation("the storage sidecars are not the candidate's", expected=wanted, actual=told)


@pytest.mark.clause("upgrade.skew.kubelet-is-never-newer")
def test_kubelet_is_never_newer_than_the_apiserver(upgraded: Trial) -> None:
    of = [versions.release_of(parts, "kubernetes") for parts in (upgraded.order.earlier, upgraded.order.candidate)]
    if of[0] == of[1]:
        raise NotApplicable(f"both releases have Kubernetes {of[0]}")
    seen = [look for look in upgraded.looks if not look.error]
    assert len({look.apiserver for look in seen}) > 1 or upgraded.stopped, "no upgrade was seen: nothing is proven"
    for look in seen:
        newer = {node: told for node, told in look.kubelets.items() if Version(told) > Version(look.apiserver)}
        if newer:
            raise ClauseViolation(
                "a kubelet was newer than the API server", expected=f"none after {look.apiserver}", actual=newer
            )


@pytest.mark.clause("upgrade.api.answers-afterwards")
def test_api_answers_after_the_upgrade(upgraded: Trial, figures: Figures) -> None:
    looks = upgraded.looks
    figures.measure("api-longest-gap-seconds", longest_gap([(look.at, not look.error) for look in looks]))
    outages = [before for before, now in itertools.pairwise(looks) if now.error and not before.error]
    figures.measure("api-outages", len(outages))
    last = looks[-10:]
    if not last or any(look.error for look in last):
        raise ClauseViolation(
            "the API does not answer after the upgrade", expected="ten answers in a row", actual=[x.error for x in last]
        )
