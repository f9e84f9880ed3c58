"""One volume and two nodes: who may have it, who sees what, and what is told of it."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.requests import messages, mount, without
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.descriptions import description_of, entry_of

ATTACH, NODES = "controller.PUBLISH_UNPUBLISH_VOLUME", "controller.LIST_VOLUMES_PUBLISHED_NODES"
SHARED = ["MULTI_NODE_MULTI_WRITER", "MULTI_NODE_SINGLE_WRITER"]
READER = "MULTI_NODE_READER_ONLY"


def shared_volume(csi: Bench, *modes: str) -> Any:
    """A volume that is made for these modes. NotApplicable: the driver does not serve them."""
    request = csi.creation(*(mount(mode) for mode in modes))
    answer = csi.client.answer(request)
    if answer.code in ("INVALID_ARGUMENT", "OUT_OF_RANGE"):
        raise NotApplicable(f"the driver does not serve {' and '.join(modes)}: {answer.details}")
    return csi.client.call(request).volume


def on_both(csi: Bench, mode: str) -> tuple[Bench, InUse, InUse]:
    """The second node's bench, and a volume of that mode at a path of each node."""
    second = csi.second_node()
    volume = shared_volume(csi, mode)
    return second, csi.bring_up(volume, mount(mode)), second.bring_up(volume, mount(mode))


@pytest.mark.clause("csi.node-info.nodes-differ")
def test_two_nodes_have_ids_of_their_own(csi: Bench) -> None:
    ids = [bench.capabilities.node_id for bench in (csi, csi.second_node())]
    assert ids[0] != ids[1], f"both nodes say that they are {ids[0]!r}"


@pytest.mark.clause("csi.controller-publish.other-node-is-refused")
def test_single_node_volume_is_not_attached_to_another_node(csi: Bench) -> None:
    csi.require(ATTACH)
    second = csi.second_node()
    volume = csi.create()
    csi.attach(volume, mount())
    csi.client.require_refusal(
        second.attaching(volume, mount()), "FAILED_PRECONDITION", because="the volume is attached to the first node"
    )


@pytest.mark.clause("csi.controller-unpublish.other-node-stays")
def test_detach_from_a_node_that_has_not_the_volume_leaves_the_other(csi: Bench) -> None:
    csi.require(ATTACH, NODES)
    second = csi.second_node()
    volume = csi.create()
    csi.attach(volume, mount())
    csi.client.call(second.detaching(volume))
    require_told(told_nodes(csi, volume), [csi.capabilities.node_id])


@pytest.mark.clause("csi.controller-publish.other-node-is-named")
def test_refusal_for_another_node_names_the_one_that_has_the_volume(csi: Bench) -> None:
    csi.require(ATTACH)
    second = csi.second_node()
    volume = csi.create()
    csi.attach(volume, mount())
    answer = csi.client.answer(second.attaching(volume, mount()))
    if answer.code != "FAILED_PRECONDITION":
        raise NotApplicable(f"the refusal itself is judged elsewhere: {answer}")
    assert csi.capabilities.node_id in answer.details, f"the refusal does not name the node: {answer}"


@pytest.mark.clause("csi.multi-node.is-attached-to-both")
@pytest.mark.parametrize("mode", [*SHARED, READER])
def test_multi_node_volume_is_attached_to_two_nodes(csi: Bench, mode: str) -> None:
    csi.require(ATTACH)
    second = csi.second_node()
    volume = shared_volume(csi, mode)
    csi.attach(volume, mount(mode))
    csi.client.call(second.attaching(volume, mount(mode)))


def told_nodes(csi: Bench, volume: Any) -> list[list[str]]:
    """The nodes that the listing and the description tell, as far as the driver has them."""
    csi.require(ATTACH, NODES)
    tellers = [("controller.LIST_VOLUMES", entry_of), ("controller.GET_VOLUME", description_of)]
    return [list(ask(csi, volume).status.published_node_ids) for name, ask in tellers if name in csi.capabilities]


@pytest.mark.clause("csi.multi-node.both-nodes-are-told")
def test_nodes_of_a_volume_on_two_nodes_are_both_told(csi: Bench) -> None:
    csi.require(ATTACH, NODES)
    second = csi.second_node()
    volume = shared_volume(csi, SHARED[0])
    csi.attach(volume, mount(SHARED[0]))
    second.attach(volume, mount(SHARED[0]))
    require_told(told_nodes(csi, volume), [csi.capabilities.node_id, second.capabilities.node_id])


def require_told(told: Sequence[Sequence[str]], nodes: Sequence[str]) -> None:
    """ClauseViolation unless every teller has each of the nodes once."""
    for found in told:
        if any(found.count(node) != 1 for node in nodes):
            raise ClauseViolation("a volume's nodes are told wrong", expected=nodes, actual=found)


@pytest.mark.clause("csi.controller-unpublish.second-node-keeps-the-volume")
def test_detach_from_one_node_leaves_the_other(csi: Bench) -> None:
    csi.require(ATTACH, NODES)
    second = csi.second_node()
    volume = shared_volume(csi, SHARED[0])
    csi.attach(volume, mount(SHARED[0]))
    second.attach(volume, mount(SHARED[0]))
    csi.client.call(csi.detaching(volume))
    for found in told_nodes(csi, volume):
        if second.capabilities.node_id not in found:
            raise ClauseViolation(
                "a detach from one node took the volume from the other", expected=second.capabilities.node_id,
                actual=found,
            )  # fmt: skip


@pytest.mark.clause("csi.controller-unpublish.without-node-detaches-everywhere")
def test_detach_without_a_node_frees_both(csi: Bench) -> None:
    csi.require(ATTACH)
    second = csi.second_node()
    volume = shared_volume(csi, SHARED[0])
    csi.attach(volume, mount(SHARED[0]))
    second.attach(volume, mount(SHARED[0]))
    csi.client.call(without(csi.detaching(volume), "node_id"))
    csi.delete(volume)


@pytest.mark.clause("csi.multi-node.shows-one-content")
@pytest.mark.parametrize("mode", SHARED)
def test_data_written_on_one_node_is_read_on_the_other(csi: Bench, rng: Random, mode: str) -> None:
    _, here, there = on_both(csi, mode)
    require_files(there.target, write_files(here.target, rng), "a write on the other node")


@pytest.mark.clause("csi.multi-node.shows-one-content")
def test_data_written_by_both_nodes_is_read_by_both(csi: Bench, rng: Random) -> None:
    _, here, there = on_both(csi, SHARED[0])
    first, second = write_files(here.target, rng, "here"), write_files(there.target, rng, "there")
    require_files(there.target, first, "a write on the first node")
    require_files(here.target, second, "a write on the second node")


@pytest.mark.clause("csi.multi-node.one-leaves-the-other")
def test_volume_taken_from_one_node_stays_on_the_other(csi: Bench, rng: Random) -> None:
    _, here, there = on_both(csi, SHARED[0])
    content = write_files(here.target, rng)
    csi.take_down(here)
    require_files(there.target, content, "the other node let go of it")


@pytest.mark.clause("csi.multi-node.moves-with-its-data")
def test_volume_moved_to_another_node_keeps_its_data(csi: Bench, rng: Random) -> None:
    second = csi.second_node()
    volume = shared_volume(csi, SHARED[0])
    use = csi.bring_up(volume, mount(SHARED[0]))
    content = write_files(use.target, rng)
    csi.take_down(use)
    require_files(second.bring_up(volume, mount(SHARED[0])).target, content, "a move to another node")


@pytest.mark.clause("csi.multi-node.reader-only-cannot-be-written")
@pytest.mark.parametrize("readonly", [True, False], ids=["readonly", "not readonly"])
def test_reader_only_volume_refuses_writes_on_both_nodes(csi: Bench, rng: Random, readonly: bool) -> None:
    second = csi.second_node()
    volume = shared_volume(csi, SHARED[0], READER)
    use = csi.bring_up(volume, mount(SHARED[0]))
    content = write_files(use.target, rng)
    csi.take_down(use)
    for bench in (csi, second):
        reader = bench.prepare(volume, mount(READER))
        if bench.client.answer(bench.publishing(reader, readonly)).is_ok:
            require_files(reader.target, content, "a publish for reading")
            require_refused_write(reader)
        elif readonly:
            raise ClauseViolation("a reader-only volume is not published read-only", expected="OK", actual="refused")


def require_refused_write(use: InUse) -> None:
    """ClauseViolation if the volume can be written to where it is published."""
    try:
        (use.target / "written").write_text("x")
    except OSError as error:
        if error.errno in (errno.EROFS, errno.EPERM, errno.EACCES):
            return
        raise
    raise ClauseViolation("a reader-only volume was written to", expected="EROFS", actual="the write succeeded")


@pytest.mark.clause("csi.multi-node.capabilities-are-the-same")
def test_two_nodes_of_one_driver_declare_the_same(csi: Bench) -> None:
    ours, theirs = (
        sorted(item.rpc.type for item in bench.client.call(messages().NodeGetCapabilitiesRequest()).capabilities)
        for bench in (csi, csi.second_node())
    )
    assert ours == theirs, f"one node declares {ours}, the other {theirs}"
