"""The Kubernetes target and its admission policy against a real API server: only promoted digests get in."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.utils import create_from_dict

from pipelines.objections import Refused
from pipelines.targets.cluster import PROMOTED, Namespace
from reports.model import EnvironmentUnfit
from suites.selftest.pipelines import apiserver, changed_by_hand, killing
from suites.selftest.pipelines.killing import WithLedger
from suites.selftest.pipelines.releases import World

pytestmark = [
    pytest.mark.timeout(1200),  # the first run on a machine builds the API server
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),  # its certificate is its own
]
ADMISSION = Path(__file__).resolve().parents[3] / "pipelines" / "targets" / "admission.yaml"
ONE, TWO = (f"sha256:{letter * 64}" for letter in "ab")
_numbers = itertools.count()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """An API server with the admission policy in force."""
    try:
        with apiserver.running(tmp_path_factory.mktemp("apiserver")) as api:
            for item in yaml.safe_load_all(ADMISSION.read_text()):
                create_from_dict(api, item)
            yield api
    except EnvironmentUnfit as error:
        pytest.skip(f"could-not-run: the API server cannot be built here: {error}")


@pytest.fixture
def namespace(api: Any) -> str:
    """A fresh namespace that is already closed."""
    name = f"dev-{next(_numbers)}"
    body = {"metadata": {"name": name, "labels": {"seatrial/environment": "dev"}}}
    client.CoreV1Api(api).create_namespace(body)
    return name


@pytest.fixture
def world(api: Any, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    world = World(tmp_path)
    world.target = Namespace(api, namespace)
    return world


def lets_in(api: Any, namespace: str, body: dict[str, Any]) -> str:
    """ "" where the pod is let in, else what the API server says. A policy that was just made takes a moment."""
    try:
        client.CoreV1Api(api).create_namespaced_pod(namespace, body, dry_run="All")
    except ApiException as error:
        return str(error.body)
    return ""


def wait_until_let_in(api: Any, namespace: str, digest: str) -> None:
    """The policy reads ConfigMaps from a cache, which follows a promotion by a moment."""
    deadline = time.monotonic() + 30
    while said := lets_in(api, namespace, apiserver.pod(f"mirror.invalid/x@{digest}")):
        assert time.monotonic() < deadline, said
        time.sleep(0.05)


def wait_until_kept_out(api: Any, namespace: str, digest: str) -> None:
    deadline = time.monotonic() + 30
    while not lets_in(api, namespace, apiserver.pod(f"x@{digest}")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_namespace_lets_in_promoted_digests_and_nothing_else(api: Any, namespace: str, world: World) -> None:
    wait_until_kept_out(api, namespace, ONE)
    world.promote(world.run("r1", image=ONE, candidate="one"), "dev")
    wait_until_let_in(api, namespace, ONE)
    strangers = [
        apiserver.pod(f"x@{TWO}"),
        apiserver.pod("x:latest"),
        apiserver.pod(f"x@{ONE}", initContainers=[{"name": "init", "image": f"x@{TWO}"}]),
        apiserver.pod(f"x@{ONE}", volumes=[{"name": "v", "image": {"reference": f"x@{TWO}"}}]),
        apiserver.pod(f"x@{ONE}0"),
    ]
    for body in strangers:
        assert "only images that were promoted here may run" in lets_in(api, namespace, body)
    assert lets_in(api, "default", apiserver.pod("x:latest")) == ""


def test_namespace_and_deployment_say_what_was_promoted(api: Any, namespace: str, world: World) -> None:
    labels = {"app": "x"}
    template = {"metadata": {"labels": labels}, "spec": apiserver.pod("x")["spec"]}
    body = {"metadata": {"name": "x"}, "spec": {"selector": {"matchLabels": labels}, "template": template}}
    client.AppsV1Api(api).create_namespaced_deployment(namespace, body)
    world.target = Namespace(api, namespace, "x")
    world.promote(world.run("r1", image=ONE, candidate="one"), "dev")
    entry = world.entries[0]
    for item in (
        client.CoreV1Api(api).read_namespace(namespace),
        client.AppsV1Api(api).read_namespaced_deployment("x", namespace),
    ):
        digest = entry.content["candidate"]["sha256"]
        assert item.metadata.labels["seatrial/candidate"] == digest[:40]
        assert item.metadata.annotations["seatrial/candidate"] == f"sha256:{digest}"
        assert item.metadata.annotations["seatrial/ledger"] == f"0:{entry.hash}"


def test_release_before_may_still_run_after_a_promotion_and_not_after_a_rollback(
    api: Any, namespace: str, world: World
) -> None:
    world.promote(world.run("r1", image=ONE, candidate="one"), "dev")
    world.promote(world.run("r2", image=TWO, candidate="two"), "dev")
    wait_until_let_in(api, namespace, TWO)
    assert lets_in(api, namespace, apiserver.pod(f"x@{ONE}")) == ""
    world.rollback("dev", "r1")
    wait_until_kept_out(api, namespace, TWO)
    assert lets_in(api, namespace, apiserver.pod(f"x@{ONE}")) == ""


def test_same_release_again_changes_nothing_in_the_cluster(api: Any, namespace: str, world: World) -> None:
    run = world.run("r1", image=ONE, candidate="one")
    world.promote(run, "dev")
    before = client.CoreV1Api(api).read_namespaced_config_map(PROMOTED, namespace).metadata.resource_version
    assert world.promote(run, "dev").again
    after = client.CoreV1Api(api).read_namespaced_config_map(PROMOTED, namespace).metadata.resource_version
    assert after == before


def test_config_map_of_somebody_else_is_not_overwritten(api: Any, namespace: str, world: World) -> None:
    body = {"metadata": {"name": PROMOTED}, "data": {TWO.replace(":", "."): "by hand"}}
    client.CoreV1Api(api).create_namespaced_config_map(namespace, body)
    with pytest.raises(Refused, match=rf"is {TWO.replace(':', '.')}, where nothing should be"):
        world.promote(world.run("r1", image=ONE, candidate="one"), "dev")
    assert client.CoreV1Api(api).read_namespaced_config_map(PROMOTED, namespace).data == body["data"]


def test_promotion_that_is_killed_at_any_step_is_finished_by_the_same_command(api: Any, world: World) -> None:
    runs = [world.run("r1", image=ONE, candidate="one"), world.run("r2", image=TWO, candidate="two")]

    def fresh() -> World:
        number = next(_numbers)
        client.CoreV1Api(api).create_namespace({"metadata": {"name": f"dev-{number}"}})
        copy = WithLedger(world.root, world.now, number)
        copy.target = Namespace(api, f"dev-{number}")
        copy.promote(runs[0], "dev")
        return copy

    def act(copy: World) -> None:
        # The connections of the test's own process are not those of the one that is killed.
        api.rest_client.pool_manager.clear()
        copy.promote(runs[1], "dev")

    found = killing.require_whole_after_every_kill(fresh, act, act, "r2")
    assert found == {("", "r1"), ("promotion", "r1"), ("promotion", "r2")}


@pytest.mark.parametrize("change", ["digest let in", "release put back", "removed", "namespace marked"])
def test_namespace_that_was_changed_by_hand_is_refused_and_written_over_with_a_reason(
    api: Any, namespace: str, world: World, change: str
) -> None:
    core = client.CoreV1Api(api)
    world.promote(world.run("r1", image=ONE, candidate="one"), "dev")
    first = core.read_namespaced_config_map(PROMOTED, namespace)
    run = world.run("r2", image=TWO, candidate="two")
    world.promote(run, "dev")
    match change:
        case "digest let in":
            core.patch_namespaced_config_map(PROMOTED, namespace, {"data": {f"sha256.{'c' * 64}": "by hand"}})
        case "release put back":
            core.patch_namespaced_config_map(PROMOTED, namespace, {"data": first.data})
        case "removed":
            core.delete_namespaced_config_map(PROMOTED, namespace)
        case "namespace marked":
            core.patch_namespace(namespace, {"metadata": {"labels": {"seatrial/candidate": "other"}}})
    changed_by_hand.require_refused_and_then_written_over(world, "dev", "r1", run)
    allowed = set(core.read_namespaced_config_map(PROMOTED, namespace).data)
    assert ONE.replace(":", ".") in allowed
    assert {TWO.replace(":", "."), f"sha256.{'c' * 64}"} & allowed == set()


def test_deployment_that_was_made_anew_is_no_change_by_hand_and_is_labelled_again(
    api: Any, namespace: str, world: World
) -> None:
    apps = client.AppsV1Api(api)
    template = {"metadata": {"labels": {"app": "x"}}, "spec": apiserver.pod("x")["spec"]}
    body = {"metadata": {"name": "x"}, "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": template}}
    apps.create_namespaced_deployment(namespace, body)
    world.target = Namespace(api, namespace, "x")
    run = world.run("r1", image=ONE, candidate="one")
    world.promote(run, "dev")
    apps.delete_namespaced_deployment("x", namespace)
    apps.create_namespaced_deployment(namespace, body)
    assert world.promote(run, "dev").again
    assert "seatrial/candidate" in apps.read_namespaced_deployment("x", namespace).metadata.labels


@pytest.mark.parametrize("broken", ["no namespace", "another environment", "no deployment"])
def test_cluster_that_cannot_take_a_release_is_refused_before_anything_is_decided(
    api: Any, namespace: str, world: World, broken: str
) -> None:
    match broken:
        case "no namespace":
            world.target = Namespace(api, "nowhere")
        case "another environment":
            patch = {"metadata": {"labels": {"seatrial/environment": "staging"}}}
            client.CoreV1Api(api).patch_namespace(namespace, patch)
        case "no deployment":
            world.target = Namespace(api, namespace, "none")
    with pytest.raises(Refused):
        world.promote(world.run("r1", image=ONE, candidate="one"), "dev")
    assert "promotion" not in world.kinds
