"""The admission policy on a local cluster: a Deployment runs what was promoted, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client
from kubernetes.utils import create_from_dict

from fixtures.clusters.descriptions import connect
from fixtures.clusters.local.cluster import LocalCluster
from fixtures.clusters.local.programs import import_image
from fixtures.clusters.local.provider import LocalProvider
from fixtures.clusters.provider import ClusterSpec
from fixtures.images.catalogue import AGNHOST, PAUSE
from fixtures.plugin import Parts
from fixtures.wait import wait_until
from pipelines.targets.cluster import Namespace
from suites.selftest.pipelines.releases import World

ADMISSION = Path(__file__).resolve().parents[3] / "pipelines" / "targets" / "admission.yaml"
NAMESPACE, NAME = "dev", "driver"
POLICY = "seatrial-promoted"
PATIENCE = 180.0  # a ReplicaSet that was refused tries again after ever longer times


@pytest.fixture(scope="module")
def cluster(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """One node."""
    made = LocalProvider().create(ClusterSpec("admission", parts, tmp_path_factory.mktemp("cluster"), nodes=1))
    try:
        yield made
    finally:
        made.destroy()


@pytest.fixture
def images(cluster: LocalCluster) -> tuple[str, str]:
    """Two images of the node, named by their digests."""
    (node,) = cluster.local_nodes()
    ctr = import_image(cluster.plan.nodes[0], Path())[:5]
    found = []
    for image in (AGNHOST, PAUSE):
        listed = node.exec((*ctr, "images", "ls", f"name=={image}"), timeout=60).stdout
        digest = re.findall(r"sha256:[0-9a-f]{64}", listed)[0]
        named = f"{image.rpartition(':')[0]}@{digest}"
        assert node.exec((*ctr, "images", "tag", image, named), timeout=60).returncode == 0
        found.append(named)
    return found[0], found[1]


@pytest.fixture
def api(cluster: LocalCluster) -> Iterator[Any]:
    """The cluster's API, its admission policy in force for one namespace."""
    with connect(cluster.kubeconfig, None, through_proxy=False) as connected:
        for item in yaml.safe_load_all(ADMISSION.read_text()):
            create_from_dict(connected, item)
        labels = {"seatrial/environment": "dev"}
        client.CoreV1Api(connected).create_namespace({"metadata": {"name": NAMESPACE, "labels": labels}})
        # A policy takes a moment to be in force; until then it lets everything in.
        wait_until(
            "the policy is in force", lambda: told_of_a_pod(connected), PATIENCE, accept=lambda told: POLICY in told
        )
        yield connected


@pytest.fixture
def world(api: Any, images: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Runs r1 and r2, which have tested the first and the second image."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    world = World(tmp_path)
    for name, image in zip(("r1", "r2"), images, strict=True):
        world.run(name, candidate=name, image=image.partition("@")[2])
    world.target = Namespace(api, NAMESPACE, NAME)
    return world


def told_of_a_pod(api: Any) -> str:
    """Why a pod of an image that nobody promoted is not let in; "" where it is."""
    spec = deployment("seatrial.local/stranger@sha256:" + "0" * 64)["spec"]["template"]["spec"]
    try:
        client.CoreV1Api(api).create_namespaced_pod(
            NAMESPACE, {"metadata": {"name": "asks"}, "spec": spec}, dry_run="All"
        )
    except client.ApiException as error:
        return str(error.body)
    return ""


def deployment(image: str) -> dict[str, Any]:
    labels = {"app": NAME}
    container = {"name": "main", "image": image, "imagePullPolicy": "Never"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": NAME}, "spec": spec}


def running(api: Any) -> set[str]:
    """The images of the pods that are Ready."""
    pods = client.CoreV1Api(api).list_namespaced_pod(NAMESPACE).items
    ready = [
        pod
        for pod in pods
        if pod.metadata.deletion_timestamp is None
        and any(item.type == "Ready" and item.status == "True" for item in pod.status.conditions or ())
    ]
    return {pod.spec.containers[0].image for pod in ready}


def refusal(api: Any) -> str:
    """Why the Deployment cannot make a pod; "" where it can."""
    found = client.AppsV1Api(api).read_namespaced_deployment(NAME, NAMESPACE).status.conditions or ()
    return " ".join(item.message for item in found if item.type == "ReplicaFailure" and item.status == "True")


def wait_until_running(api: Any, images: set[str]) -> None:
    wait_until(f"{images} run", lambda: running(api), PATIENCE, interval=0.2, accept=lambda found: found == images)


@pytest.mark.timeout(900)
def test_deployment_runs_what_was_promoted_and_nothing_else_and_a_rollback_takes_it_back(
    api: Any, images: tuple[str, str], world: World
) -> None:
    apps, (first, second) = client.AppsV1Api(api), images
    apps.create_namespaced_deployment(NAMESPACE, deployment(first))
    wait_until("nothing was promoted yet", lambda: refusal(api), PATIENCE, interval=0.2, accept=bool)
    assert running(api) == set()
    world.promote(world.root / "runs" / "r1", "dev")
    wait_until_running(api, {first})
    apps.patch_namespaced_deployment(NAME, NAMESPACE, {"spec": deployment(second)["spec"]})
    told = wait_until("the second is refused", lambda: refusal(api), PATIENCE, interval=0.2, accept=bool)
    assert f"not promoted: {second}" in told
    assert running(api) == {first}
    world.promote(world.root / "runs" / "r2", "dev")
    wait_until_running(api, {second})
    world.rollback("dev", "r1")
    client.CoreV1Api(api).delete_collection_namespaced_pod(NAMESPACE)
    wait_until("the second may not come back", lambda: refusal(api), PATIENCE, interval=0.2, accept=bool)
    assert running(api) == set()
    apps.patch_namespaced_deployment(NAME, NAMESPACE, {"spec": deployment(first)["spec"]})
    wait_until_running(api, {first})
