"""One of two processes of the reference driver is killed and started again while the other works."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fixtures.subjects.csi.leaks import is_mounted
from fixtures.subjects.csi.requests import block, create_volume, from_volume, mount
from suites.selftest.csi.two_nodes import SHARED, System, deletion, free, insist, listed, sent, two_nodes, zoned


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


def test_csi_node_that_lost_its_mounts_with_a_restart_has_its_volumes_no_more(apart: System) -> None:
    raw = apart.second.client.call(zoned("raw", block())).volume
    volume = apart.second.client.call(zoned("v")).volume
    target = apart.second.bring_up(volume, mount())
    apart.second.bring_up(raw, block())
    apart.first.restart()
    seen = Path(f"/proc/{apart.second.driver.pid}/root{target}")
    (seen / "file").write_text("x")  # the first node's start left it alone
    apart.second.restart()
    for gone in (apart.second.unpublish(volume), apart.second.unstage(volume)):
        apart.second.client.call(gone)
    apart.first.client.call(apart.first.stage(volume, mount()))
