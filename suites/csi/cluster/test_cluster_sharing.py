"""Who may use a volume, and where: one pod, one node at a time, the pod that it was made for, a StatefulSet."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes import client

from fixtures.images.catalogue import AGNHOST
from fixtures.subjects.csi.in_cluster import CAPACITY, LIMIT
from fixtures.subjects.csi.workshop import BUSY, Workshop
from fixtures.wait import WaitTimeout, wait_until
from reports.model import ClauseViolation, EnvironmentUnfit

pytestmark = [pytest.mark.cluster, pytest.mark.full]


@pytest.mark.clause("csi.cluster.single-pod-volume-has-one-pod")
def test_second_pod_of_a_single_pod_volume_waits_for_the_first(shop: Workshop) -> None:
    source = shop.storage.claim("one", shop.storage.storage_class(), access="ReadWriteOncePod")
    first = shop.start("first", "/data", source)
    shop.shell(first, "echo first > /data/file && sync")
    second = shop.start("second", "/data", source, wait=False)
    refused = wait_until("the second pod is refused a node", lambda: _refusal(shop, second.name), LIMIT)
    if "ReadWriteOncePod" not in refused:
        raise ClauseViolation("the second pod waits for another reason", expected="ReadWriteOncePod", actual=refused)
    shop.delete(first)
    found = shop.shell(shop.wait_until_ready(second), "cat /data/file")
    if found != "first":
        raise ClauseViolation("the second pod lacks the first one's data", expected="first", actual=found)


def _refusal(shop: Workshop, name: str) -> str:
    """Why the scheduler has no node for a pod; "" before it said so."""
    now = shop.get(name)
    if now is not None and now.phase == "Running":
        raise ClauseViolation("two pods run on a volume of one", expected="the second Pending", actual=now)
    conditions = (now.raw.status.conditions if now else None) or ()
    return next((str(item.message) for item in conditions if item.reason == "Unschedulable"), "")


@pytest.mark.clause("csi.cluster.generic-ephemeral-volume-is-gone-with-its-pod")
def test_generic_ephemeral_volume_ends_with_its_pod(shop: Workshop) -> None:
    klass = shop.storage.storage_class(late=True)
    spec = {
        "accessModes": ["ReadWriteOnce"], "storageClassName": klass,
        "resources": {"requests": {"storage": str(CAPACITY)}},
    }  # fmt: skip
    pod = shop.start("user", "/scratch", {"ephemeral": {"volumeClaimTemplate": {"spec": spec}}})
    shop.shell(pod, "echo x > /scratch/file")
    volume = shop.storage.bound("user-v0")
    shop.delete(pod)
    try:
        shop.storage.wait_until_deleted(volume)
    except WaitTimeout as error:
        raise ClauseViolation("an ephemeral volume outlives its pod", expected="gone", actual=error.last) from error


@pytest.mark.clause("csi.cluster.attachment-lives-with-its-pods")
def test_volume_is_attached_while_its_pod_runs(shop: Workshop) -> None:
    if not shop.driver.attach:
        raise EnvironmentUnfit("the candidate has no csi-attacher, so nothing is attached")
    pod = shop.start("user", "/data", shop.storage.claim("one", shop.storage.storage_class()))
    volume = shop.storage.bound("one")
    attached = [(item.spec.node_name, item.status.attached) for item in shop.storage.attachments(volume.metadata.name)]
    if attached != [(pod.node, True)]:
        raise ClauseViolation("a running pod's volume is not attached", expected=[(pod.node, True)], actual=attached)
    shop.delete(pod)
    wait_until(
        "the volume is detached", lambda: shop.storage.attachments(volume.metadata.name), LIMIT,
        accept=lambda left: not left,
    )  # fmt: skip


@pytest.mark.clause("csi.cluster.stateful-pod-keeps-its-data-on-another-node")
def test_stateful_pod_finds_its_data_on_the_other_node(api: Any, shop: Workshop) -> None:
    shop.driver.require_nodes(2)
    klass = shop.storage.storage_class(late=True, parameters={"reach": "zone"})
    apps, name = client.AppsV1Api(api), "db-0"
    here, there = (item.node.name for item in shop.driver.nodes)
    apps.create_namespaced_stateful_set(shop.namespace, _stateful_set(klass, here))
    first = shop.wait_until_ready(_wait_until_there(shop, name, here), timeout=LIMIT)
    shop.uids[name] = first.uid
    shop.shell(first, "echo kept > /data/file && sync")
    shop.storage.bound("data-db-0")
    apps.patch_namespaced_stateful_set("db", shop.namespace, {"spec": {"template": {"spec": _placed(there)}}})
    second = shop.wait_until_ready(_wait_until_there(shop, name, there), timeout=LIMIT)
    shop.uids["db-0 before"] = first.uid
    shop.uids[name] = second.uid
    found = shop.shell(second, "cat /data/file")
    apps.delete_namespaced_stateful_set("db", shop.namespace, propagation_policy="Background")
    if found != "kept":
        raise ClauseViolation("the pod lost its data on the way", expected="kept", actual=found)


def _wait_until_there(shop: Workshop, name: str, node: str) -> str:
    """Wait until the pod of that name was given to the node; its name."""
    wait_until(
        f"{name} is on {node}", lambda: shop.get(name), LIMIT, accept=lambda now: now is not None and now.node == node
    )
    return name


def _placed(node: str) -> dict[str, Any]:
    return {"nodeSelector": {"kubernetes.io/hostname": node}}


def _stateful_set(klass: str, node: str) -> dict[str, Any]:
    container = {"name": "main", "image": AGNHOST, "command": list(BUSY), "imagePullPolicy": "IfNotPresent"}
    claim = {
        "accessModes": ["ReadWriteOnce"], "storageClassName": klass,
        "resources": {"requests": {"storage": str(CAPACITY)}},
    }  # fmt: skip
    pod = {
        "containers": [{**container, "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
        "terminationGracePeriodSeconds": 1, **_placed(node),
    }  # fmt: skip
    return {
        "metadata": {"name": "db"},
        "spec": {
            "serviceName": "db", "replicas": 1, "selector": {"matchLabels": {"app": "db"}},
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": pod},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        },
    }  # fmt: skip
