"""What is lost while a cluster comes up, or after it: the credentials, a manager, the owner of a kept cluster."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client

from fixtures import lease as leases
from fixtures.clusters import own_namespaces
from fixtures.clusters.access import merged
from fixtures.clusters.capi import removal, template, words
from fixtures.clusters.capi.provider import CapiProvider, Request
from fixtures.clusters.provider import ClusterFailed, ClusterSpec
from fixtures.clusters.state import read_state
from fixtures.clusters.workloads import new_namespace
from fixtures.wait import wait_until
from suites.selftest.capi.bench import Bench
from suites.selftest.provider.existing import ROOT, access_to, kubeconfig_of

pytestmark = [pytest.mark.full, pytest.mark.timeout(400)]
ACCOUNT = "lost-credentials"


@pytest.fixture
def account(bench: Bench, tmp_path: Path) -> Iterator[Path]:
    """A kubeconfig of an administrator of the management cluster whose account can be taken away."""
    core, rbac = client.CoreV1Api(bench.api), client.RbacAuthorizationV1Api(bench.api)
    new_namespace(bench.api, {"name": ACCOUNT})
    core.create_namespaced_service_account(ACCOUNT, {"metadata": {"name": ACCOUNT}})
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": ACCOUNT}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    rbac.create_cluster_role_binding({"metadata": {"name": ACCOUNT}, "roleRef": role, "subjects": [subject]})
    yield kubeconfig_of(bench.local.kubeconfig, bench.api, ACCOUNT, ACCOUNT, tmp_path)
    rbac.delete_cluster_role_binding(ACCOUNT)
    core.delete_namespace(ACCOUNT)


def test_credentials_that_end_half_way_leave_the_command_that_removes_what_is_there(
    bench: Bench, account: Path, tmp_path: Path
) -> None:
    file, state = tmp_path / "cluster.toml", tmp_path / "state"
    file.write_text(
        f'template = "in-memory"\n[management]\nkubeconfig = "{account}"\n[values]\nmachine_startup = "300s"\n'
    )
    argv = [sys.executable, "-m", "fixtures.clusters.capi", "create", str(file), "--state", str(state)]
    running = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_until("it is on its way", lambda: "1 Prov" in read_state(state).get("doing", ""), 90)
        client.CoreV1Api(bench.api).delete_namespaced_service_account(ACCOUNT, ACCOUNT)
        _, told = running.communicate(timeout=120)
    finally:
        running.kill()
    seen = read_state(state)
    assert running.returncode == 2
    assert "does not take the credentials of context 'c' (401): they have expired or were revoked; log in again" in told
    assert f"left: namespace {seen['namespace']} (not known whether it is still there)" in told
    assert "left: remove it with python -m pipelines clean, or from elsewhere python -m pipelines clean --kube" in told
    assert any(line.startswith("DevMachine ") for line in bench.left_in(seen["namespace"]))
    assert any(line.startswith("left: ") for line in leases.reap()), "the credentials are still dead"
    _log_in_again(account, bench.local.kubeconfig)
    assert f"namespace {seen['namespace']}" in leases.reap()
    assert (bench.left_in(seen["namespace"]), leases.find(seen["label"])) == ([], None)


def _log_in_again(file: Path, admin: Path) -> None:
    """The same context, with credentials that are taken."""
    known = merged([admin])
    known["contexts"][0]["name"] = known["current-context"] = "c"
    file.write_text(json.dumps(known))


def test_manager_that_is_down_is_named_when_a_cluster_does_not_come_up(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = template.load("in-memory")
    monkeypatch.setattr(template, "load", lambda _: dataclasses.replace(whole, limit=6.0))
    apps = client.AppsV1Api(bench.api)
    (manager,) = apps.list_deployment_for_all_namespaces(
        label_selector="cluster.x-k8s.io/provider=bootstrap-kubeadm"
    ).items
    name, space = manager.metadata.name, manager.metadata.namespace

    def scale(count: int) -> None:
        apps.patch_namespaced_deployment_scale(name, space, {"spec": {"replicas": count}})

    def tell(text: str) -> None:
        if text.startswith("cluster Pending"):
            scale(0)

    try:
        with pytest.raises(ClusterFailed) as raised:
            CapiProvider(Request(bench.access, "in-memory")).create(
                ClusterSpec("stuck", bench.parts, tmp_path / "stuck", tell=tell)
            )
    finally:
        scale(1)
    assert f"bootstrap-kubeadm: no pod of its manager is available (0 wanted): deployment {name}" in str(raised.value)
    wait_until(
        "the manager is back",
        lambda: apps.read_namespaced_deployment(name, space).status.available_replicas, 60, interval=0.5,
    )  # fmt: skip
    assert [line for line in leases.reap() if line.startswith("left:")] == []
    assert own_namespaces.find(bench.api) == []


def test_kept_cluster_stays_until_its_time_has_passed(bench: Bench, tmp_path: Path) -> None:
    request = Request(bench.access, "in-memory", {"workers": 0}, life=3)
    made = CapiProvider(request).create(ClusterSpec("kept", bench.parts, tmp_path / "state", keep=True))
    held = leases.find(made.lease.label)
    assert held is not None
    assert held.kept
    assert abs(held.expires - time.time() - 3 * 3600) < 600
    dead = dataclasses.replace(held, owner=leases.Owner(1 << 22, "1", held.owner.boot))  # no process has such an id
    dead.keep(held.expires)
    leases.reap()
    assert len(bench.machines(made)) == 1
    dead.keep(time.time() - 1)
    assert f"namespace {made.plan.namespace}" in leases.reap()
    assert (bench.left_in(made.plan.namespace), leases.find(held.label)) == ([], None)


def test_cluster_whose_api_server_this_machine_does_not_reach_is_explained_and_removed(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = template.load("in-memory")
    monkeypatch.setattr(template, "load", lambda _: dataclasses.replace(whole, runs_pods=True))
    monkeypatch.setattr("fixtures.clusters.capi.cluster._REACHED_SECONDS", 1.0)
    with pytest.raises(ClusterFailed, match=r"API server does not answer this machine within 1 s .*api_allowed_from"):
        CapiProvider(Request(bench.access, "in-memory")).create(ClusterSpec("walled", bench.parts, tmp_path / "walled"))
    assert own_namespaces.find(bench.api) == []


def test_managers_that_an_account_may_not_look_at_are_told_as_such(bench: Bench, tmp_path: Path) -> None:
    file = kubeconfig_of(bench.local.kubeconfig, bench.api, "default", "default", tmp_path)
    with access_to(file).connect() as api:
        assert words.of_managers(api, "any") == ["the managers cannot be looked at: 403 Forbidden"]
    assert not any("cannot be looked at" in line for line in words.of_managers(bench.api, "any"))


def test_cluster_of_which_nothing_is_noted_asks_nobody(tmp_path: Path) -> None:
    assert removal.remove_cluster(tmp_path) == []
    (tmp_path / removal.NOTE).write_text("{")
    assert removal.remove_cluster(tmp_path)[0].startswith("left: a cluster by Cluster API: ")
