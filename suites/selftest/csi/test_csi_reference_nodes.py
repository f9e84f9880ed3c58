"""Two processes of the reference driver over one state folder are two nodes of one system."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fixtures.subjects.csi.client import Answer, Client
from fixtures.subjects.csi.leaks import is_mounted
from fixtures.subjects.csi.requests import block, create_volume, from_snapshot, messages, mount
from suites.selftest.csi.two_nodes import SHARED, System, attaching, deletion, free, listed, two_nodes, zoned


@pytest.fixture
def system() -> Iterator[System]:
    """Two fresh nodes, which see each other's mounts."""
    with two_nodes() as made:
        yield made


@pytest.fixture
def apart() -> Iterator[System]:
    """Two fresh nodes, the second with mounts that only it sees."""
    with two_nodes("unshare", "--mount", "--propagation", "private") as made:
        yield made


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


def test_csi_snapshot_holds_what_a_node_with_mounts_of_its_own_has_written(apart: System) -> None:
    volume = apart.second.client.call(zoned("v")).volume
    target = apart.second.bring_up(volume, mount())
    assert not is_mounted(target)
    seen = Path(f"/proc/{apart.second.driver.pid}/root{target}")
    (seen / "file").write_text("x" * 100_000)
    request = messages().CreateSnapshotRequest(name="s", source_volume_id=volume.volume_id)
    snapshot = apart.first.client.call(request).snapshot
    (seen / "later").write_text("the file system goes on")
    copy = apart.first.client.call(zoned("copy", source=from_snapshot(snapshot.snapshot_id))).volume
    restored = apart.first.bring_up(copy, mount())
    assert (restored / "file").read_text() == "x" * 100_000
    assert not (restored / "later").exists()


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
