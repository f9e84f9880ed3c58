"""NodeGetInfo and NodeGetCapabilities: who a node is, where it is, how much it takes, what it can do."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import usable
from fixtures.subjects.csi.requests import messages, mount
from reports.model import ClauseViolation, NotApplicable

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
PREFIX = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
TOPOLOGY = "plugin.VOLUME_ACCESSIBILITY_CONSTRAINTS"


def info(csi: Bench) -> Any:
    """What NodeGetInfo answers now."""
    return csi.client.call(messages().NodeGetInfoRequest())


@pytest.mark.clause("csi.node-info.id-is-usable")
def test_node_id_is_not_empty_and_short(csi: Bench) -> None:
    size = len(info(csi).node_id.encode())
    assert 0 < size <= 256, f"the node id has {size} bytes, not 1 to 256"


@pytest.mark.clause("csi.node-info.id-is-usable")
def test_node_id_is_one_that_the_controller_attaches_to(csi: Bench) -> None:
    csi.require("controller.PUBLISH_UNPUBLISH_VOLUME")
    csi.attach(csi.create(), mount())


@pytest.mark.clause("csi.node-info.is-stable")
def test_node_info_asked_for_twice_is_the_same(csi: Bench) -> None:
    first, second = info(csi), info(csi)
    if first != second:
        raise ClauseViolation("the node is another one each time", expected=str(first), actual=str(second))


@pytest.mark.clause("csi.node-info.is-stable")
def test_node_info_with_a_volume_in_use_is_the_same(csi: Bench) -> None:
    first = info(csi)
    csi.bring_up(csi.create())
    second = info(csi)
    if (first.node_id, first.max_volumes_per_node) != (second.node_id, second.max_volumes_per_node):
        raise ClauseViolation("a node in use is another one", expected=str(first), actual=str(second))


@pytest.mark.clause("csi.node-info.is-stable")
def test_node_info_of_a_restarted_driver_is_the_same(csi: Bench) -> None:
    if not csi.driver.owned:
        raise NotApplicable("the driver is not ours to restart")
    first = info(csi)
    csi.restart()
    assert info(csi).node_id == first.node_id, (
        f"the node was {first.node_id} and is {info(csi).node_id} after a restart"
    )


@pytest.mark.clause("csi.node-info.volume-limit-is-not-negative")
def test_node_volume_limit_is_not_negative(csi: Bench) -> None:
    limit = info(csi).max_volumes_per_node
    assert limit >= 0, f"the node takes {limit} volumes"


@pytest.mark.clause("csi.node-info.topology-is-stated")
def test_node_topology_is_stated(csi: Bench) -> None:
    csi.require(TOPOLOGY)
    assert info(csi).accessible_topology.segments, (
        "the driver declares accessibility constraints and states no topology of its node"
    )


@pytest.mark.clause("csi.node-info.topology-is-declared")
def test_topology_of_a_node_comes_with_its_capability(csi: Bench) -> None:
    segments = dict(info(csi).accessible_topology.segments)
    if segments and TOPOLOGY not in csi.capabilities:
        raise ClauseViolation(
            "a topology is stated and its capability not declared", expected=TOPOLOGY, actual=segments
        )


@pytest.mark.clause("csi.node-info.topology-is-well-formed")
def test_topology_of_a_node_is_well_formed(csi: Bench) -> None:
    csi.require(TOPOLOGY)
    segments = dict(info(csi).accessible_topology.segments)
    wrong = [key for key in segments if not NAME.fullmatch(key.rpartition("/")[2])]
    wrong += [key for key in segments if "/" in key and not PREFIX.fullmatch(key.rpartition("/")[0])]
    wrong += [f"{key}={text!r}" for key, text in segments.items() if not NAME.fullmatch(text)]
    if wrong:
        raise ClauseViolation("the node's topology is not well-formed", expected="prefix/name: value", actual=wrong)


@pytest.mark.clause("csi.node-info.topology-keys-are-distinct")
def test_topology_keys_of_a_node_differ_and_share_a_prefix(csi: Bench) -> None:
    csi.require(TOPOLOGY)
    keys = list(info(csi).accessible_topology.segments)
    prefixes = {key.rpartition("/")[0] for key in keys if "/" in key}
    if len({key.lower() for key in keys}) < len(keys) or len(prefixes) > 1:
        raise ClauseViolation("topology keys clash", expected="one prefix, names that differ", actual=keys)


def node_capabilities(csi: Bench) -> list[int]:
    """The numbers of the node capabilities, as answered now."""
    answer = csi.client.call(messages().NodeGetCapabilitiesRequest())
    return [capability.rpc.type for capability in answer.capabilities if capability.HasField("rpc")]


@pytest.mark.clause("csi.node-capabilities.have-types")
def test_node_capabilities_have_types_and_come_once(csi: Bench) -> None:
    numbers = node_capabilities(csi)
    if 0 in numbers or len(set(numbers)) < len(numbers):
        raise ClauseViolation("node capabilities are unknown or repeated", expected="each once", actual=numbers)


@pytest.mark.clause("csi.node-capabilities.are-stable")
def test_node_capabilities_asked_for_twice_are_the_same(csi: Bench) -> None:
    csi.create()
    first, second = node_capabilities(csi), node_capabilities(csi)
    assert sorted(first) == sorted(second), f"the node declared {first} and then {second}"


@pytest.mark.clause("csi.node-capabilities.single-node-writer-is-kept")
def test_old_single_writer_mode_is_still_served(csi: Bench) -> None:
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    use = csi.bring_up(csi.create(mount("SINGLE_NODE_WRITER")), mount("SINGLE_NODE_WRITER"))
    with usable("written to"):
        (use.target / "written").write_text("x")
