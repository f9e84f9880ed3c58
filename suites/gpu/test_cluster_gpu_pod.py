"""Devices in pods: the plugin, kubelet and runtime together. Simulated GPUs, real device cgroups.

A simulated GPU is a device node without a driver: opening it says ENXIO where the device cgroup permits it, EPERM
where it does not. So each answer here proves something: neither of them is what a missing file says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from fixtures.clusters.workloads import Pod, Pods
from fixtures.images.catalogue import AGNHOST
from fixtures.subjects.gpu.on_node import DEVICES, NodeGpus
from fixtures.wait import wait_until
from reports.model import ClauseViolation, EnvironmentUnfit

pytestmark = pytest.mark.cluster

PERMITTED, REFUSED = "No such device or address", "Operation not permitted"
LOOK = 'echo "env=$SEATRIAL_VISIBLE_DEVICES"; for f in /dev/seatrial-gpu*; do [ -e "$f" ] && echo "node=$f"; done; true'


@dataclass(frozen=True)
class Sight:
    """What a container sees: the ids in its environment, and its device nodes."""

    ids: tuple[str, ...]
    nodes: tuple[str, ...]


@pytest.fixture
def pods(api: Any, namespace: str, node_gpus: NodeGpus) -> Pods:
    """Pods of the test's namespace, on a node whose devices are all there."""
    node_gpus.wait_until_allocatable(api, DEVICES, "all devices on offer")
    return Pods(api, namespace)


def run(pods: Pods, gpus: NodeGpus, name: str, count: int = 1, **more: Any) -> Pod:
    """A pod on the node that asks for count devices."""
    limits = {"limits": {gpus.resource: str(count)}} if count else {}
    return pods.run(name, node=gpus.node.name, resources=limits, **more)


def look(pods: Pods, pod: Pod, container: str = "main") -> Sight:
    """What a container sees."""
    said = pods.exec(pod, ["/bin/sh", "-c", LOOK], container=container)
    lines = said.require_success("looking around in the container").splitlines()
    ids = next((line.removeprefix("env=") for line in lines if line.startswith("env=")), "")
    nodes = sorted(line.removeprefix("node=") for line in lines if line.startswith("node="))
    return Sight(tuple(word for word in ids.split(",") if word), tuple(nodes))


def opened(pods: Pods, pod: Pod, path: str) -> str:
    """What the system says when a container opens a path."""
    done = pods.exec(pod, ["/bin/cat", path])
    return done.stderr.strip() or f"opened it (exit status {done.returncode})"


def require_sight(seen: Sight, gpus: NodeGpus, count: int) -> list[int]:
    """The device numbers of a sight that is coherent: count ids, and just their nodes. ClauseViolation otherwise."""
    known = gpus.ids()
    numbers = [known.index(device) for device in seen.ids if device in known]
    expected = tuple(sorted(f"/dev/seatrial-gpu{number}" for number in numbers))
    if len(numbers) != count or len(seen.ids) != count or seen.nodes != expected:
        raise ClauseViolation(
            f"a container that asked for {count} device(s) does not see just that many",
            expected=f"{count} id(s) of {known}, and the nodes that belong to them",
            actual=seen,
        )
    return numbers


@pytest.mark.clause("gpu.cluster.resource-advertised")
def test_node_with_registered_plugin_offers_its_devices(api: Any, node_gpus: NodeGpus) -> None:
    node_gpus.wait_until_allocatable(api, DEVICES, "the node offers the plugin's devices")
    capacity, _ = node_gpus.amounts(api)
    if capacity != DEVICES:
        raise ClauseViolation(
            "the node's capacity is not the plugin's number of devices", expected=DEVICES, actual=capacity
        )


@pytest.mark.clause("gpu.cluster.pod-sees-its-device")
def test_pod_that_asks_for_one_device_sees_just_that(pods: Pods, node_gpus: NodeGpus) -> None:
    pod = run(pods, node_gpus, "asks-one")
    number = require_sight(look(pods, pod), node_gpus, 1)[0]
    said = opened(pods, pod, f"/dev/seatrial-gpu{number}")
    if PERMITTED not in said:
        raise ClauseViolation("a container may not open its own device", expected=PERMITTED, actual=said)


@pytest.mark.clause("gpu.cluster.pod-without-sees-none")
def test_pod_that_asks_for_no_device_but_names_all_sees_none(pods: Pods, node_gpus: NodeGpus) -> None:
    pod = run(pods, node_gpus, "asks-none", 0, environment={"SEATRIAL_VISIBLE_DEVICES": "all"})
    seen = look(pods, pod)
    if seen.nodes or set(seen.ids) & set(node_gpus.ids()):
        raise ClauseViolation("a container that asked for no device sees devices", expected="none", actual=seen)


@pytest.mark.clause("gpu.cluster.sidecar-sees-none")
def test_sidecar_of_pod_with_device_sees_none(pods: Pods, node_gpus: NodeGpus) -> None:
    def container(name: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "image": AGNHOST, "command": ["/agnhost", "pause"], **more}

    owner = container("main", resources={"limits": {node_gpus.resource: "1"}})
    pod = run(pods, node_gpus, "two-containers", 0, spec={"containers": [owner, container("sidecar")]})
    require_sight(look(pods, pod), node_gpus, 1)
    seen = look(pods, pod, "sidecar")
    if seen.nodes or seen.ids:
        raise ClauseViolation("the pod's other container sees a device too", expected="none", actual=seen)


@pytest.mark.clause("gpu.cluster.pods-get-different-devices")
def test_pods_at_the_same_time_get_different_devices(pods: Pods, node_gpus: NodeGpus) -> None:
    made = [run(pods, node_gpus, name, wait=False) for name in ("one", "two")]
    first, second = (set(require_sight(look(pods, pods.wait_until_ready(pod)), node_gpus, 1)) for pod in made)
    if first & second:
        raise ClauseViolation("two pods were given the same device", expected="different ones", actual=first & second)


@pytest.mark.clause("gpu.cluster.foreign-device-unopenable")
def test_device_of_other_pod_through_own_node_cannot_be_opened(pods: Pods, node_gpus: NodeGpus) -> None:
    made = [run(pods, node_gpus, name, wait=False) for name in ("own", "other")]
    own, other = (require_sight(look(pods, pods.wait_until_ready(pod)), node_gpus, 1)[0] for pod in made)
    said = {}
    for name, number in (("own", own), ("foreign", other)):
        major, minor = node_gpus.numbers(number)
        making = pods.exec(made[0], ["/bin/mknod", f"/dev/made-{name}", "c", str(major), str(minor)])
        said[name] = opened(pods, made[0], f"/dev/made-{name}") if making.returncode == 0 else making.stderr.strip()
    if PERMITTED not in said["own"]:
        # The control: without it, a refusal of the other node would prove nothing.
        raise EnvironmentUnfit(f"a node that the container makes for its own device cannot be opened: {said['own']}")
    if REFUSED not in said["foreign"]:
        raise ClauseViolation(
            "a container reaches the device of another pod", expected=f"the open says {REFUSED}", actual=said["foreign"]
        )


@pytest.mark.clause("gpu.cluster.unhealthy-lowers-allocatable")
def test_failed_device_is_not_allocatable_until_it_recovers(api: Any, node_gpus: NodeGpus) -> None:
    node_gpus.wait_until_allocatable(api, DEVICES, "all devices on offer")
    node_gpus.report({node_gpus.ids()[-1]: "Unhealthy"})
    try:
        node_gpus.wait_until_allocatable(api, DEVICES - 1, "a failed device is off the offer")
        capacity, _ = node_gpus.amounts(api)
    finally:
        node_gpus.report({})
    node_gpus.wait_until_allocatable(api, DEVICES, "a recovered device is on offer again")
    if capacity != DEVICES:
        raise ClauseViolation("a failed device is gone from the node's capacity", expected=DEVICES, actual=capacity)


@pytest.mark.clause("gpu.cluster.device-released")
def test_devices_of_deleted_pod_can_be_given_again(pods: Pods, node_gpus: NodeGpus) -> None:
    for name in ("first", "next"):
        pod = run(pods, node_gpus, name, DEVICES)
        require_sight(look(pods, pod), node_gpus, DEVICES)
        pods.delete(pod)


@pytest.mark.clause("gpu.cluster.overcommit-pending")
def test_pod_that_asks_for_more_devices_than_there_are_stays_pending(pods: Pods, node_gpus: NodeGpus) -> None:
    pod = run(pods, node_gpus, "asks-too-many", DEVICES + 1, wait=False)

    def verdict() -> str:
        now = pods.get(pod)
        conditions = now.raw.status.conditions or () if now else ()
        return next((f"{c.reason}: {c.message}" for c in conditions if c.type == "PodScheduled"), "")

    said = wait_until("the scheduler's verdict on the pod", verdict, 30.0)
    now = pods.get(pod)
    if now is None or now.node or node_gpus.resource not in said:
        raise ClauseViolation(
            "a pod that asks for more devices than there are is not kept pending for want of them",
            expected=f"Pending, for want of {node_gpus.resource}",
            actual=f"{now.phase if now else 'gone'} on {now.node if now else '-'!r}: {said}",
        )
