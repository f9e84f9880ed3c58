"""Volumes in pods: the driver, the kubelet and the runtime together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fixtures.clusters.workloads import Pod, Pods
from fixtures.subjects.csi.on_node import NodeDriver
from fixtures.wait import wait_until
from reports.model import ClauseViolation

pytestmark = pytest.mark.cluster

UNMOUNT_LIMIT = 60.0  # seconds until the kubelet has taken a gone pod's volumes down
BUSY = ("/bin/sh", "-c", "sleep 600")


@pytest.fixture
def pods(api: Any, namespace: str, node_driver: NodeDriver) -> Iterator[Pods]:
    """Pods of the test's namespace; afterwards they and the volumes that they used are gone."""
    running = Running(api, namespace, node_driver.node.name)
    yield running
    for name in running.started:
        running.delete(name)
    wait_until(
        "the node has taken the volumes down", lambda: node_driver.give_back(api), UNMOUNT_LIMIT,
        accept=lambda left: not left,
    )  # fmt: skip


class Running(Pods):
    """Pods on one node that remember their names."""

    def __init__(self, api: Any, namespace: str, node: str) -> None:
        super().__init__(api, namespace)
        self.node, self.started = node, list[str]()

    def start(self, name: str, path: str, source: dict[str, Any], **more: Any) -> Pod:
        """A pod with one volume at path, Ready."""
        self.started.append(name)
        return self.run(name, command=BUSY, volumes={path: source}, node=self.node, **more)

    def shell(self, pod: Pod, script: str) -> str:
        """Run a script in the pod; its output. AssertionError: it failed."""
        return self.exec(pod, ["/bin/sh", "-c", script]).require_success(script)


@pytest.mark.clause("csi.cluster.driver-is-registered")
def test_driver_is_on_its_nodes_csinode(api: Any, node_driver: NodeDriver) -> None:
    entry = node_driver.wait_until_registered(api)
    expected = (node_driver.node.name, [f"topology.{node_driver.name}/node"])
    actual = (entry.node_id, list(entry.topology_keys or []))
    if actual != expected:
        raise ClauseViolation("the CSINode entry is wrong", expected=expected, actual=actual)


@pytest.mark.clause("csi.cluster.data-outlives-the-pod")
def test_second_pod_reads_what_the_first_wrote(api: Any, pods: Running, node_driver: NodeDriver) -> None:
    source = node_driver.claim(api, pods.namespace, "kept")
    writer = pods.start("writer", "/data", source)
    pods.shell(writer, "echo kept > /data/file && sync")
    pods.delete(writer)
    found = pods.shell(pods.start("reader", "/data", source), "cat /data/file").strip()
    if found != "kept":
        raise ClauseViolation("the next pod does not read what was written", expected="kept", actual=found)


@pytest.mark.clause("csi.cluster.readonly-volume-refuses-writes")
def test_pod_cannot_write_to_a_readonly_volume(api: Any, pods: Running, node_driver: NodeDriver) -> None:
    source = node_driver.claim(api, pods.namespace, "sealed")
    source["persistentVolumeClaim"]["readOnly"] = True
    pod = pods.start("reader", "/data", source)
    done = pods.exec(pod, ["/bin/sh", "-c", "echo x > /data/file"])
    if done.returncode == 0 or "Read-only" not in done.stderr:
        raise ClauseViolation("a pod wrote to a read-only volume", expected="Read-only file system", actual=done)


@pytest.mark.clause("csi.cluster.fs-group-may-write")
def test_pod_that_is_not_root_writes_through_its_group(api: Any, pods: Running, node_driver: NodeDriver) -> None:
    source = node_driver.claim(api, pods.namespace, "shared")
    user = {"securityContext": {"runAsUser": 1234, "runAsGroup": 1234, "fsGroup": 54321}}
    pod = pods.start("writer", "/data", source, spec=user)
    done = pods.exec(pod, ["/bin/sh", "-c", "echo x > /data/file && stat -c %g /data/file"])
    if done.returncode or done.stdout.strip() != "54321":
        raise ClauseViolation("the fsGroup has no effect", expected="a file of group 54321", actual=done)


@pytest.mark.clause("csi.cluster.pod-end-leaves-no-mount")
def test_gone_pod_leaves_no_mount_on_the_node(api: Any, pods: Running, node_driver: NodeDriver) -> None:
    source = node_driver.claim(api, pods.namespace, "brief")
    pod = pods.start("brief", "/data", source)
    assert node_driver.mounts(pod.uid), "the running pod has no mount on its node: this test would prove nothing"
    pods.delete(pod)
    wait_until(
        "nothing of the gone pod is mounted", lambda: node_driver.mounts(pod.uid), UNMOUNT_LIMIT,
        accept=lambda mounts: not mounts,
    )  # fmt: skip


@pytest.mark.clause("csi.cluster.inline-volume-is-gone-with-its-pod")
def test_inline_volume_lives_as_long_as_its_pod(api: Any, pods: Running, node_driver: NodeDriver) -> None:
    pod = pods.start("inline", "/scratch", {"csi": {"driver": node_driver.name}})
    pods.shell(pod, "echo x > /scratch/file")
    volumes = f"{node_driver.folder}/state/volumes"

    def there() -> list[str]:
        listed = node_driver.node.exec(["ls", volumes]).require_success("listing the driver's volumes").split()
        return [name for name in listed if name.startswith("csi-")]  # as the kubelet calls an inline volume

    assert there(), "the driver has no volume for the pod"
    pods.delete(pod)
    wait_until("the inline volume is gone", there, UNMOUNT_LIMIT, accept=lambda names: not names)


@pytest.mark.clause("csi.cluster.block-volume-is-a-device")
def test_pod_with_a_block_volume_has_a_device(api: Any, pods: Running, node_driver: NodeDriver) -> None:
    source = node_driver.claim(api, pods.namespace, "raw", mode="Block")
    pods.started.append("raw")
    pod = pods.run(
        "raw", command=BUSY, node=pods.node, container={"volumeDevices": [{"name": "v", "devicePath": "/dev/raw"}]},
        spec={"volumes": [{"name": "v", **source}]},
    )  # fmt: skip
    written = "echo seatrial | dd of=/dev/raw bs=512 conv=sync,notrunc 2>/dev/null && sync"
    found = pods.shell(pod, f"test -b /dev/raw && {written} && head -c 8 /dev/raw")
    if found != "seatrial":
        raise ClauseViolation("the device does not give back what was written", expected="seatrial", actual=found)
