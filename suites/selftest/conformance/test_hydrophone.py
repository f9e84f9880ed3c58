"""Kubernetes' conformance tests run by hydrophone on a real cluster: what they left is imported for what it is.

Not in the usual run, since e2e.test takes a quarter of an hour to build once: `tox -e conformance`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from kubernetes.utils import create_from_dict

from fixtures.clusters.descriptions import connect
from fixtures.clusters.local.cluster import LocalCluster
from fixtures.clusters.local.provider import LocalProvider
from fixtures.clusters.provider import ClusterSpec
from fixtures.plugin import Parts
from fixtures.wait import wait_until
from pipelines import junit
from pipelines.cli import main
from pipelines.junit import State
from reports import record
from reports.model import Outcome
from suites.selftest.conformance import hydrophone
from suites.selftest.pipelines.test_imports import REQUIRED, imported, reasons_of, run_with

pytestmark = [
    pytest.mark.full,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(os.geteuid() != 0, reason="a local cluster needs root"),
]
# Without those that give a shell variables like data-1: older busyboxes drop them, which is no cluster's fault.
FOCUS = (
    r"\[sig-node\] (Downward API|(ConfigMap|Secrets) should "
    r"(be consumable (via environment variable|from pods)|run|fail|patch|update)).*\[Conformance\]"
)
CASES = 13
"""Conformance tests of Kubernetes 1.37 that FOCUS names."""
REFUSED = "downward-api-"
"""How the pods of the tests of the downward API are called."""
NAME = "no-downward-api"
_RULE = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
POLICY = {
    "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": NAME},
    "spec": {
        "matchConstraints": {"resourceRules": [_RULE]},
        "validations": [{"expression": f"!object.metadata.name.startsWith('{REFUSED}')"}],
    },
}  # fmt: skip
BINDING = {**POLICY, "kind": "ValidatingAdmissionPolicyBinding"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> hydrophone.Programs:
    return hydrophone.programs(tmp_path_factory.mktemp("programs"))


@pytest.fixture(scope="module")
def cluster(
    built: hydrophone.Programs, parts: Parts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalCluster]:
    """Two nodes with the images of the tests."""
    folder = tmp_path_factory.mktemp("images")
    kubectl, agnhost = parts.file("kubernetes", "kubectl"), parts.file("kubernetes", "agnhost")
    archives = hydrophone.images(built, kubectl, agnhost, folder)
    made = LocalProvider().create(ClusterSpec("conformance", parts, tmp_path_factory.mktemp("cluster"), nodes=2))
    try:
        for archive in archives:
            made.load_image(archive)
        yield made
    finally:
        made.destroy()


@pytest.fixture(scope="module")
def sound(built: hydrophone.Programs, cluster: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tests left of a cluster that nothing is wrong with."""
    folder = tmp_path_factory.mktemp("sound") / "results"
    status = hydrophone.run(built.hydrophone, cluster.kubeconfig, folder, FOCUS)
    assert status == 0, (folder / "hydrophone.log").read_text()[-4000:]
    return folder / "junit_01.xml"


@pytest.fixture(scope="module")
def faulty(
    built: hydrophone.Programs, cluster: LocalCluster, sound: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What they left of the same cluster whose admission refuses some of their pods, as a platform's policy may."""
    folder = tmp_path_factory.mktemp("faulty") / "results"
    with connect(cluster.kubeconfig, None, through_proxy=False) as api:
        create_from_dict(api, POLICY)
        create_from_dict(api, {**BINDING, "spec": {"policyName": NAME, "validationActions": ["Deny"]}})
        # A policy takes a moment to be in force; until then it lets everything in.
        wait_until("the policy is in force", lambda: refusal(api), 60.0, accept=lambda told: NAME in told)
        status = hydrophone.run(built.hydrophone, cluster.kubeconfig, folder, FOCUS)
    assert status != 0
    return folder / "junit_01.xml"


def refusal(api: Any) -> str:
    """Why such a pod is not let in; "" where it is."""
    containers = [{"name": "c", "image": hydrophone.REFERENCE}]
    pod = {"metadata": {"name": f"{REFUSED}asks"}, "spec": {"containers": containers}}
    try:
        client.CoreV1Api(api).create_namespaced_pod("default", pod, dry_run="All")
    except client.ApiException as error:
        return str(error.body)
    return ""


def test_results_of_a_sound_cluster_pass(sound: Path, tmp_path: Path) -> None:
    run = run_with(tmp_path, REQUIRED)
    assert imported(run, sound.read_text(), expected=CASES) == 0
    found = record.read(run / "dev" / "record-conformance.jsonl")
    assert [item.outcome for item in found.results] == [Outcome.PASS] * CASES
    assert all("[Conformance]" in item.test for item in found.results)
    assert found.planned is not None
    assert found.planned.deselected > 3000  # all of e2e.test's other cases, which the focus leaves out
    assert main(["sign", str(run)]) == 0
    assert main(["verify", str(run), "--no-signature"]) == 0


def test_one_case_more_than_the_run_had_is_lost(sound: Path, tmp_path: Path) -> None:
    run = run_with(tmp_path, REQUIRED)
    assert imported(run, sound.read_text(), expected=CASES + 1) == 2
    assert [item for item in reasons_of(run) if item["blocking"] and "1 lost" in item["text"]]


def test_results_of_a_cluster_that_refuses_pods_fail_and_say_so(faulty: Path, tmp_path: Path) -> None:
    run = run_with(tmp_path, REQUIRED)
    assert imported(run, faulty.read_text(), expected=CASES) == 1
    failed = [case.name.removeprefix("[It] ") for case in junit.read(faulty).cases if case.state is State.FAILED]
    assert failed
    assert len(failed) < CASES
    assert all("Downward API" in name for name in failed)
    told = [item["text"] for item in reasons_of(run) if item["blocking"]]
    assert all(any(name in text and NAME in text for text in told) for name in failed), told


def test_dry_run_of_hydrophone_is_no_run(
    built: hydrophone.Programs,
    cluster: LocalCluster,
    sound: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "results"
    assert hydrophone.run(built.hydrophone, cluster.kubeconfig, folder, FOCUS, ["--dry-run"]) == 0
    assert imported(run_with(tmp_path, REQUIRED), (folder / "junit_01.xml").read_text(), expected=CASES) == 3
    assert "is of a dry run" in capsys.readouterr().err
