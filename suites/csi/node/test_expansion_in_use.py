"""What a user has of an expansion: the new size at the path, the old data, without and with the node's half."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import (
    BLOCK_BYTES,
    device_bytes,
    read_block,
    require_files,
    write_block,
    write_files,
)
from fixtures.subjects.csi.requests import block, mount
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.growth import EXPAND, NODE_EXPAND, expanded_offline, expanding, node_expanding, require_room

KINDS = {"mount": mount, "block": block}
ONLINE, OFFLINE = "expansion.ONLINE", "expansion.OFFLINE"


def require_way(csi: Bench, way: str) -> None:
    """NotApplicable unless the driver expands volumes that way."""
    csi.require(EXPAND)
    if way not in csi.capabilities:
        raise NotApplicable(f"the driver does not declare {way}")


@pytest.mark.clause("csi.node-expand.user-sees-new-size")
@pytest.mark.parametrize("kind", KINDS)
def test_expanded_volume_offers_the_room(csi: Bench, kind: str) -> None:
    csi.require(EXPAND)
    capability, size = KINDS[kind](), 4 * csi.options.capacity
    use, needs_node = expanded_offline(csi, csi.bring_up(csi.create(capability), capability), size)
    if needs_node:
        csi.client.call(node_expanding(use, size))
    require_room(use.target, size, "an expansion")


@pytest.mark.clause("csi.controller-expand.node-expansion-is-honest")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("times", [1, 2])
def test_expansion_that_needs_no_node_is_complete_without_it(csi: Bench, kind: str, times: int) -> None:
    csi.require(EXPAND)
    capability, size = KINDS[kind](), 4 * csi.options.capacity
    use, needs_node = expanded_offline(csi, csi.bring_up(csi.create(capability), capability), size, times)
    if needs_node and NODE_EXPAND not in csi.capabilities:
        raise ClauseViolation(
            "the driver asks for a node expansion that its node does not serve",
            expected=NODE_EXPAND,
            actual="undeclared",
        )
    if not needs_node:
        require_room(use.target, size, "an expansion that was said to need no node")


@pytest.mark.clause("csi.controller-expand.data-is-kept")
def test_expanded_volume_keeps_its_data(csi: Bench, rng: Random) -> None:
    csi.require(EXPAND)
    before, size = csi.bring_up(csi.create()), 4 * csi.options.capacity
    content = write_files(before.target, rng)
    use, needs_node = expanded_offline(csi, before, size)
    if needs_node:
        csi.client.call(node_expanding(use, size))
    require_files(use.target, content, "an expansion")


@pytest.mark.clause("csi.controller-expand.data-is-kept")
def test_expanded_block_volume_keeps_its_data(csi: Bench, rng: Random) -> None:
    csi.require(EXPAND)
    before, size = csi.bring_up(csi.create(block()), block()), 4 * csi.options.capacity
    written = write_block(before.target, rng)
    use, needs_node = expanded_offline(csi, before, size)
    if needs_node:
        csi.client.call(node_expanding(use, size))
    if read_block(use.target) != written:
        raise ClauseViolation("a block volume lost its data in an expansion", expected=written, actual="other bytes")


def grown_in_place(csi: Bench, capability: Any, size: int, times: int = 1, told: bool = True) -> InUse:
    """A published volume that was expanded there, by controller and, where the last of its answers says so, node.

    told: whether the node is told the size, which is optional. NotApplicable: the driver does not declare that it does
    so, and does not. What it does is judged, declared or not.
    """
    csi.require(EXPAND)
    use = csi.bring_up(csi.create(capability), capability)
    request = expanding(use.volume, size, capability=capability)
    if ONLINE not in csi.capabilities and not csi.client.answer(request).is_ok:
        raise NotApplicable(f"the driver does not declare {ONLINE}, and refuses")
    for _ in range(times):
        answer = csi.client.call(request)
    if answer.node_expansion_required:
        csi.client.call(node_expanding(use, size if told else 0))
    return use


@pytest.mark.clause("csi.controller-expand.node-expansion-is-honest")
@pytest.mark.parametrize("kind", KINDS)
def test_expansion_in_place_asked_for_twice_still_names_the_node(csi: Bench, kind: str) -> None:
    size = 4 * csi.options.capacity
    require_room(grown_in_place(csi, KINDS[kind](), size, times=2).target, size, "an expansion asked for twice")


@pytest.mark.clause("csi.node-expand.user-sees-new-size")
@pytest.mark.parametrize("told", [True, False], ids=["size told", "size not told"])
def test_block_volume_expanded_in_place_has_the_room(csi: Bench, told: bool) -> None:
    size = 4 * csi.options.capacity
    require_room(grown_in_place(csi, block(), size, told=told).target, size, "an expansion in place")


@pytest.mark.clause("csi.data.block-survives-remount")
def test_block_volume_expanded_in_place_keeps_what_is_in_the_new_room(csi: Bench, rng: Random) -> None:
    use = grown_in_place(csi, block(), 4 * csi.options.capacity)
    last = device_bytes(use.target) - BLOCK_BYTES
    written = write_block(use.target, rng, last)
    csi.take_down(use)
    if read_block(csi.bring_up(use.volume, block()).target, last) != written:
        raise ClauseViolation("the new room of a block volume lost its data", expected=written, actual="other bytes")


@pytest.mark.clause("csi.expand.online-needs-no-unpublish")
@pytest.mark.parametrize("kind", KINDS)
def test_published_volume_is_expanded_in_place(csi: Bench, kind: str) -> None:
    size = 4 * csi.options.capacity
    require_room(grown_in_place(csi, KINDS[kind](), size).target, size, "an expansion in place")


@pytest.mark.clause("csi.expand.online-keeps-data")
def test_volume_expanded_in_place_keeps_its_data(csi: Bench, rng: Random) -> None:
    require_way(csi, ONLINE)
    use, size = csi.bring_up(csi.create()), 4 * csi.options.capacity
    content = write_files(use.target, rng)
    if csi.client.call(expanding(use.volume, size)).node_expansion_required:
        csi.client.call(node_expanding(use, size))
    require_files(use.target, content, "an expansion in place")


@pytest.mark.clause("csi.controller-expand.in-use-is-refused")
def test_published_volume_of_an_offline_driver_is_not_expanded(csi: Bench, rng: Random) -> None:
    require_way(csi, OFFLINE)
    if ONLINE in csi.capabilities:
        raise NotApplicable("the driver expands volumes in use")
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    csi.client.require_refusal(
        expanding(use.volume, 4 * csi.options.capacity), "FAILED_PRECONDITION",
        because="the volume is in use and the driver expands volumes offline only",
    )  # fmt: skip
    require_files(use.target, content, "a refused expansion")
