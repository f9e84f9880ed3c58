"""Volumes for one node at a time that another node can have next."""

from __future__ import annotations

from typing import Any

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import changed
from reports.model import NotApplicable

REFUSED = ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION")


def is_told_to_reach(node: Bench, volume: Any) -> bool:
    """Whether the volume's topology says that the node can have it. A volume that names no place is anywhere."""
    if not volume.accessible_topology:
        return True
    own = dict(node.capabilities.topology.segments) if node.capabilities.topology is not None else {}
    return any(entry.segments.items() <= own.items() for entry in volume.accessible_topology)


def movable(csi: Bench, *capabilities: Any) -> tuple[Bench, Any]:
    """The second node, and a volume that both nodes can reach. NotApplicable: the driver has none of that kind."""
    second = csi.second_node()
    request = csi.creation(*capabilities)
    request = changed(request, parameters={**request.parameters, **csi.options.two_node_parameters})
    answer = csi.client.answer(request)
    if answer.code in REFUSED:
        raise NotApplicable(f"the driver makes no such volume for two nodes: {answer.details}")
    volume = answer.response.volume if answer.is_ok else csi.client.call(request).volume
    if not is_told_to_reach(second, volume):
        raise NotApplicable("the second node cannot reach the volume ([two_node_parameters] of --csi-parameters)")
    return second, volume
