"""The number of volumes that a node states: it can be had, and each node has its own."""

from __future__ import annotations

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import mount
from reports.model import ClauseViolation, NotApplicable
from suites.csi.node.test_two_nodes import ATTACH, SHARED, shared_volume
from suites.csi.volumes.test_attachment import LARGEST_LIMIT


def stated_limit(csi: Bench) -> int:
    """How many volumes the bench's node takes. NotApplicable: it states none, too many, or others attach some too."""
    csi.require(ATTACH)
    limit = csi.capabilities.max_volumes
    if not csi.driver.owned:
        raise NotApplicable("others may attach volumes to this node meanwhile")
    if not 0 < limit <= LARGEST_LIMIT:
        raise NotApplicable(f"the node states {limit or 'no'} volumes as its limit, {LARGEST_LIMIT} are filled up")
    return limit


@pytest.mark.clause("csi.controller-publish.free-place-is-given")
def test_node_takes_as_many_volumes_as_it_states(csi: Bench) -> None:
    limit = stated_limit(csi)
    for taken in range(limit):
        answer = csi.client.answer(csi.attaching(csi.create(), mount()))
        if answer.code == "RESOURCE_EXHAUSTED":
            raise ClauseViolation("a node takes fewer volumes than it states", expected=limit, actual=taken)


@pytest.mark.clause("csi.controller-publish.free-place-is-given")
def test_node_takes_a_volume_while_another_node_is_full(csi: Bench) -> None:
    own, second = stated_limit(csi), csi.second_node()
    capability = mount(SHARED[0])  # which both nodes can reach
    for _ in range(max(own, stated_limit(second))):
        if not second.client.answer(second.attaching(shared_volume(csi, SHARED[0]), capability)).is_ok:
            break  # it is full
    answer = csi.client.answer(csi.attaching(shared_volume(csi, SHARED[0]), capability))
    if answer.code == "RESOURCE_EXHAUSTED":
        raise ClauseViolation("a node is full of what another node has", expected="OK", actual=str(answer))
