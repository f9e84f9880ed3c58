"""Volumes in pods: the driver, the kubelet and the runtime together, without any sidecar but the attacher."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.csi.in_cluster import ClusterDriver
from fixtures.subjects.csi.on_node import KUBELET
from fixtures.subjects.csi.requests import messages
from fixtures.subjects.csi.workshop import UNMOUNT_LIMIT, Workshop
from fixtures.wait import wait_until
from reports.model import ClauseViolation

pytestmark = pytest.mark.cluster


@pytest.mark.clause("csi.cluster.driver-is-registered")
def test_driver_is_on_every_nodes_csinode(api: Any, csi_in_cluster: ClusterDriver) -> None:
    for driver in csi_in_cluster.nodes:
        entry = driver.wait_until_registered(api)
        info = driver.client.call(messages().NodeGetInfoRequest())
        expected = (info.node_id, sorted(info.accessible_topology.segments))
        actual = (entry.node_id, sorted(entry.topology_keys or []))
        if actual != expected:
            raise ClauseViolation("the CSINode entry is wrong", expected=expected, actual=actual)


@pytest.mark.clause("csi.cluster.data-outlives-the-pod")
def test_second_pod_reads_what_the_first_wrote(shop: Workshop) -> None:
    source = shop.static_claim("kept")
    writer = shop.start("writer", "/data", source)
    shop.shell(writer, "echo kept > /data/file && sync")
    shop.delete(writer)
    found = shop.shell(shop.start("reader", "/data", source), "cat /data/file")
    if found != "kept":
        raise ClauseViolation("the next pod does not read what was written", expected="kept", actual=found)


@pytest.mark.clause("csi.cluster.readonly-volume-refuses-writes")
def test_pod_cannot_write_to_a_readonly_volume(shop: Workshop) -> None:
    source = shop.static_claim("sealed")
    source["persistentVolumeClaim"]["readOnly"] = True
    pod = shop.start("reader", "/data", source)
    done = shop.exec(pod, ["/bin/sh", "-c", "echo x > /data/file"])
    if done.returncode == 0 or "Read-only" not in done.stderr:
        raise ClauseViolation("a pod wrote to a read-only volume", expected="Read-only file system", actual=done)
    # The runtime mounts it read-only for the container in any case: what the driver published is on the node.
    driver = shop.driver.node(pod.node)
    published = [path for path in driver.mounts(pod.uid) if path.startswith(KUBELET) and path.endswith("/mount")]
    writable = [path for path in published if driver.node.exec(["touch", f"{path}/probe"]).returncode == 0]
    if writable or not published:
        raise ClauseViolation("what was published read-only can be written", expected=published, actual=writable)


@pytest.mark.clause("csi.cluster.fs-group-may-write")
def test_pod_that_is_not_root_writes_through_its_group(shop: Workshop) -> None:
    source = shop.static_claim("shared")
    user = {"securityContext": {"runAsUser": 1234, "runAsGroup": 1234, "fsGroup": 54321}}
    pod = shop.start("writer", "/data", source, spec=user)
    done = shop.exec(pod, ["/bin/sh", "-c", "echo x > /data/file && stat -c %g /data/file"])
    if done.returncode or done.stdout.strip() != "54321":
        raise ClauseViolation("the fsGroup has no effect", expected="a file of group 54321", actual=done)


@pytest.mark.clause("csi.cluster.pod-end-leaves-no-mount")
def test_gone_pod_leaves_no_mount_on_the_node(shop: Workshop) -> None:
    pod = shop.start("brief", "/data", shop.static_claim("brief"))
    assert shop.mounted(), "the running pod has no mount on its node: this test would prove nothing"
    shop.delete(pod)
    wait_until("nothing of the gone pod is mounted", shop.mounted, UNMOUNT_LIMIT, accept=lambda left: not left)


@pytest.mark.clause("csi.cluster.nothing-is-left")
def test_gone_pod_with_a_device_leaves_nothing_on_its_node(shop: Workshop) -> None:
    pod = shop.start_block("brief", "/dev/data", shop.static_claim("brief", "Block"))
    shop.delete(pod)
    shop.wait_until_unmounted()


@pytest.mark.clause("csi.cluster.inline-volume-is-gone-with-its-pod")
def test_inline_volume_lives_as_long_as_its_pod(shop: Workshop) -> None:
    before = set(shop.driver.volumes_on_disk())
    pod = shop.start("inline", "/scratch", {"csi": {"driver": shop.driver.name}}, node=shop.first.node.name)
    shop.shell(pod, "echo x > /scratch/file")

    def there() -> list[str]:
        # As the kubelet calls an inline volume.
        return [name for name in shop.driver.volumes_on_disk() if name.startswith("csi-") and name not in before]

    assert there(), "the driver has no volume for the pod"
    shop.delete(pod)
    wait_until("the inline volume is gone", there, UNMOUNT_LIMIT, accept=lambda names: not names)


@pytest.mark.clause("csi.cluster.block-volume-is-a-device")
def test_pod_with_a_block_volume_has_a_device(shop: Workshop) -> None:
    pod = shop.start_block("raw", "/dev/raw", shop.static_claim("raw", mode="Block"))
    written = "echo seatrial | dd of=/dev/raw bs=512 conv=sync,notrunc 2>/dev/null && sync"
    found = shop.shell(pod, f"test -b /dev/raw && {written} && head -c 8 /dev/raw")
    if found != "seatrial":
        raise ClauseViolation("the device does not give back what was written", expected="seatrial", actual=found)
