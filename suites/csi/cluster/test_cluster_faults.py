"""A kubelet that starts again and a driver that is killed, with volumes in use."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.clusters.provider import DISRUPTIVE
from fixtures.subjects.csi.in_cluster import LIMIT
from fixtures.subjects.csi.on_node import KUBELET, NodeDriver
from fixtures.subjects.csi.workshop import Workshop
from fixtures.wait import wait_until
from reports.model import ClauseViolation, EnvironmentUnfit

pytestmark = [pytest.mark.cluster, pytest.mark.full, pytest.mark.disruptive]


@pytest.fixture
def target(shop: Workshop) -> NodeDriver:
    """The node that is disturbed: the last, so that the provisioner's own driver is spared where there are two."""
    if DISRUPTIVE not in shop.first.cluster.capabilities:
        raise EnvironmentUnfit("disruptive acts are not allowed in this cluster")
    return shop.driver.nodes[-1]


def _source(shop: Workshop) -> dict[str, Any]:
    return shop.storage.claim("one", shop.storage.storage_class(late=True))


@pytest.mark.clause("csi.cluster.kubelet-restart-keeps-volumes")
def test_kubelet_restart_leaves_a_pods_volume_alone(api: Any, shop: Workshop, target: NodeDriver) -> None:
    pod = shop.start("user", "/data", _source(shop), node=target.node.name)
    shop.shell(pod, "echo kept > /data/file && sync")
    target.node.restart("kubelet")
    target.wait_until_registered(api)
    found = wait_until(
        "the kubelet serves the pod again",
        lambda: shop.exec(pod, ["/bin/sh", "-c", "echo more >> /data/file && cat /data/file"]).stdout.split(), LIMIT,
        retry_on=Exception,
    )  # fmt: skip
    if found[0] != "kept" or _restarts(shop, pod.name):
        raise ClauseViolation("the pod was disturbed", expected="its file, no restart", actual=(found, shop.get(pod)))
    shop.delete(pod)
    shop.wait_until_unmounted()


@pytest.mark.clause("csi.cluster.driver-restart-keeps-volumes")
def test_killed_driver_takes_its_volumes_down_after_its_restart(shop: Workshop, target: NodeDriver) -> None:
    source = _source(shop)
    pod = shop.start("user", "/data", source, node=target.node.name)
    shop.shell(pod, "echo kept > /data/file && sync")
    target.kill()
    shop.shell(pod, "echo more >> /data/file && sync")
    shop.delete(pod, wait=False)
    shop.driver.restart(target)
    shop.delete(pod)
    shop.wait_until_unmounted()
    found = shop.shell(shop.start("again", "/data", source, node=target.node.name), "cat /data/file").split()
    if found != ["kept", "more"]:
        raise ClauseViolation("data was lost with the driver", expected=["kept", "more"], actual=found)


@pytest.mark.clause("csi.cluster.driver-killed-mid-publish-recovers")
def test_driver_killed_while_it_publishes_publishes_once(shop: Workshop, target: NodeDriver) -> None:
    pod = shop.start("user", "/data", _source(shop), node=target.node.name, wait=False)
    handle = shop.storage.bound("one").spec.csi.volume_handle
    # The volume's first mount is its stage (or the publish of a driver without one): the publish is not over yet.
    wait_until("the driver has begun", lambda: target.mounts(handle) + target.mounts(pod.uid), LIMIT, interval=0.001)
    target.kill()
    shop.driver.restart(target)
    shop.wait_until_ready(pod)
    shop.shell(pod, "echo x > /data/file && sync")
    # The node's folders are bound from elsewhere, where each mount shows once more.
    mounts = [path for path in target.mounts(pod.uid) if path.startswith(KUBELET) and path.endswith("/mount")]
    if len(mounts) != 1:
        raise ClauseViolation("the volume is not mounted once for its pod", expected="one mount", actual=mounts)


def _restarts(shop: Workshop, name: str) -> int:
    """How often the pod's container was started again."""
    now = shop.get(name)
    return sum(item.restart_count for item in (now.raw.status.container_statuses or ())) if now else 0
