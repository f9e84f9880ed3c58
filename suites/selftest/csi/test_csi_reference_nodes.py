"""Two processes of the reference driver over one state folder are two nodes of one system."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fixtures import lease as leases
from fixtures.subjects.csi.client import Answer, Client
from fixtures.subjects.csi.leaks import force_unmount, is_mounted
from fixtures.subjects.csi.requests import block, create_volume, from_snapshot, from_volume, messages, mount
from fixtures.subjects.csi.started import StartedDriver
from fixtures.wait import wait_until
from reports.model import ClauseViolation

SHARED = "MULTI_NODE_MULTI_WRITER"
OPTIONS = ("--attach", "--capacity", str(1 << 30), "--max-volumes", "3")


@dataclass
class Node:
    """One process, its client, and folders for its paths."""

    driver: StartedDriver
    client: Client
    folder: Path

    def path(self, name: str) -> str:
        """A path of this node, which the driver makes."""
        return str(self.folder / name)

    def stage(self, volume: Any, capability: Any) -> Any:
        """Stage at the path of the volume's id."""
        return messages().NodeStageVolumeRequest(
            volume_id=volume.volume_id, staging_target_path=self.path(f"s-{volume.volume_id}"),
            volume_capability=capability,
        )  # fmt: skip

    def publish(self, volume: Any, capability: Any) -> Any:
        """Publish from there."""
        return messages().NodePublishVolumeRequest(
            volume_id=volume.volume_id, staging_target_path=self.path(f"s-{volume.volume_id}"),
            target_path=self.path(f"t-{volume.volume_id}"), volume_capability=capability,
        )  # fmt: skip

    def unpublish(self, volume: Any) -> Any:
        """Take it from its target."""
        target = self.path(f"t-{volume.volume_id}")
        return messages().NodeUnpublishVolumeRequest(volume_id=volume.volume_id, target_path=target)

    def unstage(self, volume: Any) -> Any:
        """Take it from the node."""
        staging = self.path(f"s-{volume.volume_id}")
        return messages().NodeUnstageVolumeRequest(volume_id=volume.volume_id, staging_target_path=staging)

    def bring_up(self, volume: Any, capability: Any) -> Path:
        """Stage and publish; the target."""
        self.client.call(self.stage(volume, capability))
        self.client.call(self.publish(volume, capability))
        return Path(self.path(f"t-{volume.volume_id}"))

    def restart(self) -> None:
        """Kill it, and start it again."""
        self.driver.restart()
        self.client.reconnect()


@dataclass
class System:
    """Both nodes and what they share."""

    first: Node
    second: Node
    state: Path

    def halt(self) -> None:
        """Let the next copy or publish stop halfway."""
        (self.state / "halt").touch()

    def wait_until_halted(self) -> None:
        """Wait until a call stands still."""
        wait_until("a call stands still", (self.state / "halted").exists, 20)

    def go_on(self) -> None:
        """Let what stands still go on."""
        for name in ("halt", "halted"):
            (self.state / name).unlink(missing_ok=True)

    def halves(self) -> list[str]:
        """What is half made on disk."""
        return [path.name for kind in ("volumes", "snapshots") for path in (self.state / kind / ".halves").iterdir()]


@pytest.fixture
def system() -> Iterator[System]:
    """Two fresh nodes."""
    lease = leases.acquire("nodes of the reference")
    folder = lease.folder("csi")
    words = ["--endpoint", "{endpoint}", "--state-dir", "{state}", "--node-id", "{node_id}", *OPTIONS]
    first = StartedDriver(
        f"unix://{folder}/csi.sock", owned=True, state=folder / "state", is_ours=True, folder=folder, lease=lease,
        command=[sys.executable, "-m", "suites.selftest.csi.halting_driver", *words], node_id="one",
    )  # fmt: skip
    try:
        first.start()
        second = first.second_node()
        assert isinstance(second, StartedDriver)
        nodes = [Node(driver, Client(driver.endpoint), folder / driver.node_id) for driver in (first, second)]
        for node in nodes:
            node.folder.mkdir()
        yield System(nodes[0], nodes[1], folder / "state")
        for node in nodes:
            node.client.close()
    finally:
        first.stop()
        force_unmount(folder)
        lease.release()


def sent(client: Client, request: Any) -> Future[Answer | None]:
    """The request on its way; None where the driver was killed meanwhile."""

    def send() -> Answer | None:
        with suppress(ClauseViolation):
            return client.answer(request, 60)
        return None

    pool = ThreadPoolExecutor(1)
    future = pool.submit(send)
    pool.shutdown(wait=False)
    return future


def zoned(name: str, *capabilities: Any, source: Any = None) -> Any:
    """A volume in a loop file that every node of the zone can reach."""
    return create_volume(name, *capabilities, source=source, parameters={"backing": "loop", "reach": "zone"})


def deletion(volume: Any) -> Any:
    return messages().DeleteVolumeRequest(volume_id=volume.volume_id)


def insist(client: Client, request: Any) -> None:
    """Ask until it is done. ABORTED: a node that starts looks at each volume for a moment."""
    wait_until("the call is done", lambda: client.answer(request), 20, accept=lambda answer: answer.code != "ABORTED")
    client.call(request)


def listed(client: Client) -> list[str]:
    return [entry.volume.volume_id for entry in client.call(messages().ListVolumesRequest()).entries]


def free(client: Client) -> int:
    return int(client.call(messages().GetCapacityRequest()).available_capacity)


def test_csi_nodes_have_the_same_volumes(system: System) -> None:
    one, other = system.first.client, system.second.client
    before = free(other)
    volume = one.call(create_volume("v")).volume
    assert listed(other) == [volume.volume_id]
    assert free(other) == free(one) == before - volume.capacity_bytes
    assert other.call(create_volume("v")).volume == volume
    other.call(deletion(volume))
    assert listed(one) == []
    assert one.call(create_volume("v")).volume.volume_id != volume.volume_id


def test_csi_nodes_asked_for_one_name_at_once_make_one_volume(system: System) -> None:
    names = [f"v{number}" for number in range(12)]

    def make(client: Client) -> list[Answer]:
        return [client.answer(create_volume(name)) for name in names]

    with ThreadPoolExecutor(2) as pool:
        answers = [found for part in pool.map(make, (system.first.client, system.second.client)) for found in part]
    assert {answer.code for answer in answers} <= {"OK", "ABORTED"}
    final = {name: system.first.client.call(create_volume(name)).volume.volume_id for name in names}
    assert sorted(listed(system.second.client)) == sorted(final.values())


def test_csi_nodes_asked_for_the_last_room_at_once_give_it_once(system: System) -> None:
    sizes = messages().CapacityRange(required_bytes=600 << 20)
    clients = (system.first.client, system.second.client)
    with ThreadPoolExecutor(2) as pool:
        asked = [create_volume(f"v{number}", capacity=sizes) for number in range(2)]
        answers = list(pool.map(lambda pair: pair[0].answer(pair[1]), zip(clients, asked, strict=True)))
    assert sorted(answer.code for answer in answers) == ["OK", "OUT_OF_RANGE"]


def test_csi_volume_staged_on_one_node_is_kept_from_the_other(system: System) -> None:
    volume = system.first.client.call(zoned("v")).volume
    system.first.client.call(system.first.stage(volume, mount()))
    assert system.second.client.answer(deletion(volume)).code == "FAILED_PRECONDITION"
    assert system.second.client.answer(system.second.stage(volume, mount())).code == "FAILED_PRECONDITION"
    system.first.client.call(system.first.unstage(volume))
    system.second.client.call(system.second.stage(volume, mount()))
    system.second.client.call(system.second.unstage(volume))
    system.first.client.call(deletion(volume))


def test_csi_node_that_starts_again_leaves_the_mounts_of_the_other(system: System) -> None:
    volume = system.first.client.call(create_volume("v", mount(SHARED))).volume
    raw = system.first.client.call(zoned("raw", block())).volume
    here, there = (node.bring_up(volume, mount(SHARED)) for node in (system.first, system.second))
    device = system.first.bring_up(raw, block())
    system.second.restart()
    assert all(is_mounted(path) for path in (here, there, device))
    (here / "file").write_text("x")
    assert (there / "file").read_text() == "x"
    device.write_bytes(b"x" * 4096)
    for node in (system.first, system.second):
        node.client.call(node.unpublish(volume))
        node.client.call(node.unstage(volume))
    assert not here.exists()
    assert not there.exists()


def test_csi_node_that_starts_leaves_work_of_the_other_alone(system: System) -> None:
    source = system.first.client.call(create_volume("source")).volume
    system.halt()
    request = create_volume("clone", source=from_volume(source.volume_id))
    answer = sent(system.first.client, request)
    system.wait_until_halted()
    before = free(system.second.client)
    system.second.restart()
    assert system.halves(), "the work in flight was taken for a leftover"
    assert free(system.second.client) == before, "what is being made is not counted"
    assert system.second.client.answer(request).code == "ABORTED"
    system.go_on()
    done = answer.result(30)
    assert done is not None
    assert done.is_ok, done
    assert system.second.client.call(request).volume == done.response.volume


def test_csi_node_killed_in_a_call_holds_up_nobody(system: System) -> None:
    source = system.first.client.call(create_volume("source")).volume
    request = create_volume("clone", source=from_volume(source.volume_id))
    system.halt()
    answer = sent(system.first.client, request)
    system.wait_until_halted()
    system.first.driver.kill()
    assert answer.result(30) is None
    system.go_on()
    clone = system.second.client.call(request).volume
    assert sorted(listed(system.second.client)) == sorted([source.volume_id, clone.volume_id])
    system.first.restart()
    assert system.halves() == []
    assert system.first.client.call(request).volume == clone


def test_csi_nodes_go_on_while_one_is_killed_again_and_again(system: System) -> None:
    done: list[str] = []
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            node = system.second
            volume = node.client.call(create_volume(f"w{len(done)}")).volume
            for request in (node.stage, node.publish):
                insist(node.client, request(volume, mount()))
            for request_back in (node.unpublish, node.unstage, deletion):
                insist(node.client, request_back(volume))
            done.append(volume.volume_id)

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            for number in range(4):
                answer = sent(system.first.client, create_volume(f"k{number}"))
                system.first.restart()
                answer.result(30)
        finally:
            ended.set()
        working.result(60)
    assert done
    made = [system.second.client.call(create_volume(f"k{number}")).volume.volume_id for number in range(4)]
    assert sorted(listed(system.first.client)) == sorted(made)
    assert system.halves() == []


@pytest.mark.parametrize("access", [mount, block])
def test_csi_publish_killed_before_it_is_written_down_leaves_nothing(system: System, access: Callable[[], Any]) -> None:
    volume = system.first.client.call(create_volume("v", access())).volume
    system.first.client.call(system.first.stage(volume, access()))
    system.halt()
    answer = sent(system.first.client, system.first.publish(volume, access()))
    system.wait_until_halted()
    target = Path(system.first.path(f"t-{volume.volume_id}"))
    assert is_mounted(target)
    system.first.driver.kill()
    answer.result(30)
    system.go_on()
    system.first.restart()
    system.first.client.call(system.first.unpublish(volume))
    assert not target.exists()
    system.first.client.call(system.first.publish(volume, access()))
    assert is_mounted(target)


def test_csi_snapshot_holds_what_another_node_has_written(system: System) -> None:
    volume = system.second.client.call(zoned("v")).volume
    target = system.second.bring_up(volume, mount())
    (target / "file").write_text("x" * 100_000)
    request = messages().CreateSnapshotRequest(name="s", source_volume_id=volume.volume_id)
    snapshot = system.first.client.call(request).snapshot
    (target / "later").write_text("the file system goes on")
    copy = system.first.client.call(zoned("copy", source=from_snapshot(snapshot.snapshot_id))).volume
    restored = system.first.bring_up(copy, mount())
    assert (restored / "file").read_text() == "x" * 100_000
    assert not (restored / "later").exists()


def attaching(volume: Any, node: str, capability: Any) -> Any:
    return messages().ControllerPublishVolumeRequest(
        volume_id=volume.volume_id, node_id=node, volume_capability=capability
    )


def test_csi_node_takes_as_many_volumes_as_it_says(system: System) -> None:
    client = system.first.client
    volumes = [client.call(create_volume(f"v{number}", mount(SHARED))).volume for number in range(4)]
    for volume in volumes[:3]:
        client.call(attaching(volume, "one-2", mount(SHARED)))
    assert client.answer(attaching(volumes[3], "one-2", mount(SHARED))).code == "RESOURCE_EXHAUSTED"
    client.call(attaching(volumes[2], "one-2", mount(SHARED)))
    client.call(attaching(volumes[3], "one", mount(SHARED)))
    client.call(messages().ControllerUnpublishVolumeRequest(volume_id=volumes[0].volume_id, node_id="one-2"))
    client.call(attaching(volumes[3], "one-2", mount(SHARED)))
    told = client.call(messages().ControllerGetVolumeRequest(volume_id=volumes[3].volume_id))
    assert list(told.status.published_node_ids) == ["one", "one-2"]
    assert client.answer(attaching(volumes[0], "nobody", mount(SHARED))).code == "NOT_FOUND"


def test_csi_volume_for_one_node_goes_to_no_other(system: System) -> None:
    client = system.first.client
    local = client.call(create_volume("local")).volume
    moving = client.call(zoned("moving")).volume
    assert client.answer(attaching(local, "one-2", mount())).code == "FAILED_PRECONDITION"
    assert system.second.client.answer(system.second.stage(local, mount())).code == "FAILED_PRECONDITION"
    client.call(attaching(moving, "one", mount()))
    assert client.answer(attaching(moving, "one-2", mount())).code == "FAILED_PRECONDITION"
    client.call(messages().ControllerUnpublishVolumeRequest(volume_id=moving.volume_id, node_id="one"))
    client.call(attaching(moving, "one-2", mount()))


def write_in_turn(targets: Sequence[Path], ended: threading.Event) -> int:
    """Write a growing number to every device in order, each on the device before the next; the last number."""
    number = 0
    files = [target.open("r+b", buffering=0) for target in targets]
    while not ended.is_set():
        number += 1
        for file in files:
            file.seek(0)
            file.write(number.to_bytes(8, "big").ljust(512, b"\0"))
    for file in files:
        file.close()
    return number


def test_csi_group_snapshot_of_raw_devices_is_one_moment_or_refused(system: System) -> None:
    client = system.first.client
    volumes = [client.call(create_volume(f"raw{number}", block())).volume for number in range(2)]
    targets = [system.first.bring_up(volume, block()) for volume in volumes]
    identities = [volume.volume_id for volume in volumes]
    request = messages().CreateVolumeGroupSnapshotRequest
    ended = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write_in_turn, targets, ended)
        answers = [client.answer(request(name=f"g{number}", source_volume_ids=identities)) for number in range(3)]
        ended.set()
        assert writing.result(30) > 1
    assert {answer.code for answer in answers} <= {"OK", "FAILED_PRECONDITION"}
    quiet = client.answer(request(name="quiet", source_volume_ids=identities))
    assert quiet.is_ok, quiet
    for answer in [*answers, quiet]:
        if answer.is_ok:
            members = {one.source_volume_id: one.snapshot_id for one in answer.response.group_snapshot.snapshots}
            images = [system.state / "snapshots" / members[identity] / "data.img" for identity in identities]
            ahead, behind = (int.from_bytes(image.read_bytes()[:8], "big") for image in images)
            assert behind <= ahead <= behind + 1
