"""Where a volume is published, as listings and descriptions tell it. Nodes that others published to may be told too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import mount
from reports.model import ClauseViolation
from suites.csi.volumes.descriptions import description_of, entry_of

NODES = "controller.LIST_VOLUMES_PUBLISHED_NODES"
ATTACH = "controller.PUBLISH_UNPUBLISH_VOLUME"
SOURCES: dict[str, Callable[[Bench, Any], Any]] = {"list-volumes": entry_of, "get-volume": description_of}


def both(obligation: str) -> list[Any]:
    """One case for ListVolumes and one for ControllerGetVolume, each with its clause."""
    return [
        pytest.param(ask, id=name, marks=pytest.mark.clause(f"csi.{name}.{obligation}"))
        for name, ask in SOURCES.items()
    ]


def told(csi: Bench, ask: Callable[[Bench, Any], Any], volume: Any) -> list[str]:
    """The nodes that the driver tells for a volume."""
    csi.require(NODES, ATTACH)
    return list(ask(csi, volume).status.published_node_ids)


def require_told(nodes: list[str], node_id: str) -> None:
    """ClauseViolation unless the node is told exactly once, and no node without a name."""
    if nodes.count(node_id) != 1 or "" in nodes:
        raise ClauseViolation("a volume's nodes are told wrong", expected=f"{node_id} once, no empty id", actual=nodes)


@pytest.mark.parametrize("ask", both("published-nodes-are-true"))
def test_node_of_an_attached_volume_is_told(csi: Bench, ask: Callable[[Bench, Any], Any]) -> None:
    csi.require(NODES, ATTACH)
    csi.create()
    volume = csi.create()
    csi.attach(volume, mount())
    require_told(told(csi, ask, volume), csi.capabilities.node_id)


@pytest.mark.parametrize("ask", both("published-nodes-are-true"))
def test_node_of_a_volume_attached_twice_is_told_once(csi: Bench, ask: Callable[[Bench, Any], Any]) -> None:
    csi.require(NODES, ATTACH)
    volume = csi.create()
    for _ in range(2):
        csi.attach(volume, mount())
    require_told(told(csi, ask, volume), csi.capabilities.node_id)


@pytest.mark.parametrize("ask", both("published-nodes-are-true"))
def test_node_of_an_unattached_volume_is_never_without_a_name(csi: Bench, ask: Callable[[Bench, Any], Any]) -> None:
    csi.require(NODES, ATTACH)
    nodes = told(csi, ask, csi.create())
    assert "" not in nodes, f"a volume that is attached nowhere is told to be on the nodes {nodes}"


@pytest.mark.parametrize("ask", both("detached-node-is-not-told"))
@pytest.mark.parametrize("before", ["never attached", "detached"])
def test_node_that_has_not_the_volume_is_not_told(csi: Bench, ask: Callable[[Bench, Any], Any], before: str) -> None:
    csi.require(NODES, ATTACH)
    volume, other = csi.create(), csi.create()
    csi.attach(other, mount())
    if before == "detached":
        csi.attach(volume, mount())
        csi.client.call(csi.detaching(volume))
    nodes = told(csi, ask, volume)
    assert csi.capabilities.node_id not in nodes, f"a volume that was {before} is told to be on {nodes}"


@pytest.mark.clause("csi.list-volumes.status-is-given")
def test_listed_volume_has_a_status_even_if_unattached(csi: Bench) -> None:
    csi.require(NODES)
    if not entry_of(csi, csi.create()).HasField("status"):
        raise ClauseViolation("a listed volume has no status", expected="a status, maybe empty", actual="none")
