"""An existing cluster: the least rights suffice and end at our own namespaces; what is left is found and removed."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from fixtures.clusters import own_namespaces, rights
from fixtures.clusters.access import Access
from fixtures.clusters.descriptions import connect
from fixtures.clusters.kubeconfig import Fence, KubeconfigProvider
from fixtures.clusters.local.cluster import LocalCluster
from fixtures.clusters.local.provider import LocalProvider
from fixtures.clusters.preview import preview
from fixtures.clusters.provider import ClusterFailed, ClusterSpec
from fixtures.clusters.workloads import Pods, new_namespace
from fixtures.plugin import Parts
from fixtures.wait import wait_until
from reports.model import EnvironmentUnfit
from suites.selftest.provider.existing import (
    RESTRICTED,
    ROOT,
    access_to,
    apply_rights,
    command,
    kubeconfig_of,
    told,
    wait_until_policy_holds,
)

LABEL = "seatrial-0badcafe"


@pytest.fixture(scope="module")
def local(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """The cluster that is somebody else's."""
    made = LocalProvider().create(ClusterSpec("existing", parts, tmp_path_factory.mktemp("cluster")))
    yield made
    made.destroy()


@pytest.fixture(scope="module")
def admin(local: LocalCluster) -> Iterator[Any]:
    """A connection of its administrator."""
    with connect(local.kubeconfig, None, through_proxy=False) as api:
        yield api


@pytest.fixture(scope="module")
def restricted(local: LocalCluster, admin: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kubeconfig of an account with the least rights."""
    apply_rights(admin)
    path = kubeconfig_of(local.kubeconfig, admin, RESTRICTED, rights.ACCOUNT, tmp_path_factory.mktemp("account"))
    wait_until_policy_holds(access_to(path))
    return path


def existing(access: Access) -> Any:
    """The provider's cluster, its namespaces labelled LABEL."""
    spec = ClusterSpec("existing", Parts({}, ""), Path())
    return KubeconfigProvider(access, Fence(LABEL, "r1")).create(spec)


def names(admin: Any) -> set[str]:
    return {item.metadata.name for item in client.CoreV1Api(admin).list_namespace().items}


def test_suites_run_under_the_least_rights_and_leave_nothing(restricted: Path, admin: Any, tmp_path: Path) -> None:
    before = names(admin)
    code, said = told(
        "pytest", "suites/cni/test_cluster_service.py", "suites/cri/test_cluster_container_lifecycle.py",
        "suites/cri/test_cluster_selfcheck.py", "-k", "service_address or exec_through or logs_through or memory "
        "or termination_message or every_ready_node", "--kubeconfig", str(restricted), "-p", "no:cacheprovider",
        "--run-dir", str(tmp_path / "run"), "-rA",
    )  # fmt: skip
    assert (code, "5 passed, 1 skipped" in said) == (0, True), said
    assert "--pod-security privileged lets it" in said, said
    wait_until("nothing is left", lambda: names(admin) <= before, 30)


@pytest.mark.parametrize("component", ["kubernetes", "containerd"])
def test_cluster_that_runs_another_release_says_nothing_of_the_candidate(
    restricted: Path, parts: Parts, component: str
) -> None:
    cluster = existing(access_to(restricted))
    cluster.require_release(parts)
    other = dataclasses.replace(parts.get(component), version="0.1.0")
    with pytest.raises(EnvironmentUnfit, match=rf"candidate's {component} is 0\.1\.0, and this cluster's is another"):
        cluster.require_release(Parts({**parts.by_name, component: other}, ""))


def test_account_with_the_least_rights_writes_nowhere_else(restricted: Path, admin: Any) -> None:
    new_namespace(admin, {"name": "others"}, 20)
    pods = Pods(admin, "others")
    victim = pods.run("victim")
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    forged = {
        "metadata": {"name": "seatrial-0badcafe-9", "labels": {"pod-security.kubernetes.io/enforce": "privileged"}}
    }
    with access_to(restricted).connect() as api:
        core, rbac = client.CoreV1Api(api), client.RbacAuthorizationV1Api(api)
        acts: dict[str, Callable[[], Any]] = {
            "a pod elsewhere": lambda: core.create_namespaced_pod("others", pod),
            "a ConfigMap elsewhere": lambda: core.create_namespaced_config_map("default", {"metadata": {"name": "x"}}),
            "an exec elsewhere": lambda: Pods(api, "others").exec(victim, ["/agnhost", "--help"]),
            "a look at secrets": lambda: core.list_namespaced_secret("kube-system"),
            "another's namespace": lambda: core.delete_namespace("others"),
            "a namespace of another name": lambda: core.create_namespace({"metadata": {"name": "mine"}}),
            "a privileged namespace": lambda: core.create_namespace(forged),
            "its rights elsewhere": lambda: rbac.create_namespaced_role_binding("others", rights.binding("x")),
            "a role": lambda: rbac.create_cluster_role({"metadata": {"name": "x"}, "rules": []}),
            "a node": lambda: core.patch_node("node1", {"metadata": {"labels": {"x": "y"}}}),
        }
        assert [what for what, act in acts.items() if not _is_forbidden(act)] == []
        cluster = existing(access_to(restricted))
        name = cluster.new_namespace(api, 1)
        assert _is_forbidden(lambda: rbac.create_namespaced_role_binding(name, _more_rights("cluster-admin")))
    assert cluster.destroy() == []
    assert Pods(admin, "others").get(victim) is not None


def test_namespace_for_a_test_is_fenced_in(local: LocalCluster, admin: Any) -> None:
    cluster = existing(access_to(local.kubeconfig))
    assert ([node.name for node in cluster.nodes()], cluster.capabilities) == (["node1"], {"network-policy"})
    with cluster.connect() as api:
        name = cluster.new_namespace(api, 2)
        core = client.CoreV1Api(api)
        labels = core.read_namespace(name).metadata.labels
        assert labels[own_namespaces.RUN] == "r1"
        assert {own_namespaces.OWNER, own_namespaces.EXPIRES} <= set(labels)
        assert labels["pod-security.kubernetes.io/enforce"] == "baseline"
        for spec, why in (({"hostNetwork": True}, "violates PodSecurity"), ({"hostPID": True}, "violates PodSecurity")):
            with pytest.raises(client.ApiException, match=why):
                Pods(api, name).run("intruder", spec=spec, wait=False)
        with pytest.raises(client.ApiException, match="exceeded quota"):
            Pods(api, name).run("glutton", resources={"limits": {"memory": "100Gi"}}, wait=False)
        limited = Pods(api, name).run("plain", wait=False).raw.spec.containers[0].resources
        assert limited.limits == {"cpu": "500m", "memory": "256Mi"}
    assert cluster.destroy() == []


def test_plan_lists_what_would_be_made_and_what_is_missing(local: LocalCluster, admin: Any, restricted: Path) -> None:
    before, place = names(admin), ("--kubeconfig", str(local.kubeconfig))
    code, said = told("pipelines", "cluster", "plan", *place)
    assert (code, "no right is missing" in said, "kind: ResourceQuota" in said) == (0, True, True), said
    code, said = told("pipelines", "cluster", "plan", *place, "--as", "nobody", "--as-group", "system:authenticated")
    wanted = ("as nobody", "missing: create namespaces in the whole cluster")
    assert (code, [text for text in wanted if text not in said]) == (2, []), said
    found = preview(access_to(restricted), "baseline")
    assert (found.missing, found.binds) == ((), True)
    refused = preview(access_to(restricted), "privileged")
    assert "carry pod-security" in refused.missing[0]
    assert names(admin) == before


def test_impersonation_holds_for_requests_and_for_exec(local: LocalCluster, admin: Any) -> None:
    new_namespace(admin, {"name": "as"}, 20)
    pod = Pods(admin, "as").run("target")
    viewer = access_to(local.kubeconfig, "eve", ("system:authenticated", "seers"))
    role: dict[str, Any] = {
        "metadata": {"name": "seers"},
        "roleRef": {**rights.binding("x")["roleRef"], "name": "view"},
    }
    role["subjects"] = [{"apiGroup": rights.RBAC, "kind": "Group", "name": "seers"}]
    client.RbacAuthorizationV1Api(admin).create_namespaced_role_binding("as", role)
    with viewer.connect() as api:
        assert rights.who(api) == "eve"
        seen = wait_until("the group's rights hold", lambda: Pods(api, "as").get(pod), 20, retry_on=client.ApiException)
        assert seen is not None
        with pytest.raises(client.ApiException, match="403"):
            Pods(api, "as").exec(pod, ["/agnhost", "--help"])
    assert Pods(admin, "as").exec(pod, ["/agnhost", "--help"]).returncode == 0


def test_run_killed_is_cleaned_and_nothing_else(local: LocalCluster, admin: Any, tmp_path: Path) -> None:
    before = names(admin)
    running = subprocess.Popen(
        command("pytest", "suites/cri/test_cluster_container_lifecycle.py", "-k", "grace", "-q", "--kubeconfig",
                str(local.kubeconfig), "--run-dir", str(tmp_path / "run"), "-p", "no:cacheprovider"),
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        made = wait_until("it made a namespace", lambda: names(admin) - before, 60)
        running.send_signal(signal.SIGSTOP)  # or it ends, and removes its own, before the other commands have begun
        code, said = told("pipelines", "clean", "--kubeconfig", str(local.kubeconfig))
        assert (code, names(admin) & made) == (0, made), said  # it lives
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    (name,) = made
    code, said = told("pipelines", "clean", "--kubeconfig", str(local.kubeconfig))
    assert (code, f"removed namespace {name}" in said) == (0, True), said
    assert names(admin) == before


def test_clean_tells_expired_from_strange_and_from_stuck(local: LocalCluster, admin: Any) -> None:
    core, access = client.CoreV1Api(admin), access_to(local.kubeconfig)
    past = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y%m%dT%H%M%SZ")

    def make(name: str, finalizer: str = "", **labels: str) -> None:
        marks = own_namespaces.marks(LABEL)
        notes = {own_namespaces.MACHINE: "elsewhere/boot/pid"}
        more = {"finalizers": [finalizer]} if finalizer else {}
        core.create_namespace(
            {"metadata": {"name": name, "labels": {**marks["labels"], **labels}, "annotations": notes}}
        )
        if more:
            core.create_namespaced_config_map(name, {"metadata": {"name": "held", **more}})

    make(f"{LABEL}-11", **{own_namespaces.EXPIRES: past})
    make(f"{LABEL}-12")
    make("copied-labels", **{own_namespaces.EXPIRES: past})
    make(f"{LABEL}-13", "example.test/held", **{own_namespaces.EXPIRES: past})
    lines = own_namespaces.clean(access, limit=10)
    assert f"namespace {LABEL}-11" in lines
    assert any(f"left: namespace {LABEL}-12 was made on elsewhere/boot/pid" in line for line in lines), lines
    stuck = [line for line in lines if f"{LABEL}-13 hangs" in line]
    assert ["example.test/held in 1 resource instances" in line for line in stuck] == [True], lines
    core.patch_namespaced_config_map("held", f"{LABEL}-13", {"metadata": {"finalizers": None}})
    assert f"namespace {LABEL}-12" in own_namespaces.clean(access, everything=True)
    assert "copied-labels" in names(admin)


def test_credentials_that_end_in_a_run_leave_a_list_and_a_command(
    local: LocalCluster, admin: Any, tmp_path: Path
) -> None:
    core = client.CoreV1Api(admin)
    core.create_namespaced_service_account("default", {"metadata": {"name": "brief"}})
    all_rights = _more_rights("cluster-admin")
    all_rights["subjects"] = [{"kind": "ServiceAccount", "name": "brief", "namespace": "default"}]
    client.RbacAuthorizationV1Api(admin).create_cluster_role_binding(all_rights)
    path = kubeconfig_of(local.kubeconfig, admin, "default", "brief", tmp_path)
    cluster = existing(access_to(path))
    with cluster.connect() as api:
        name = cluster.new_namespace(api, 21)
        core.delete_namespaced_service_account("brief", "default")
        wait_until("the token has ended", lambda: _is_refused(api), 30)
    left = "\n".join(cluster.destroy())
    for said in (
        "expired or were revoked",
        f"namespace {name}",
        f"pipelines clean --kubeconfig {path} --kube-context c",
    ):
        assert said in left
    own_namespaces.clean(access_to(local.kubeconfig), everything=True)


def _more_rights(role: str) -> dict[str, Any]:
    bound = rights.binding("x")
    return {**bound, "metadata": {"name": "more"}, "roleRef": {**bound["roleRef"], "name": role}}


def _is_forbidden(act: Callable[[], Any]) -> bool:
    """By the roles (403) or by the policy (422); a web socket's refusal has no status of its own."""
    try:
        act()
    except client.ApiException as error:
        return error.status in (403, 422) or (error.status == 0 and "403" in str(error.reason))
    return False


def _is_refused(api: Any) -> bool:
    try:
        client.CoreV1Api(api).list_namespace()
    except ClusterFailed as error:
        return "(401)" in str(error)
    return False
