"""Changes of one volume at the same time: all of them hold, or those that were refused and no others do not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.groups import grouping, make_group, ungrouping
from fixtures.subjects.csi.requests import changed, messages, mount, span
from reports.model import ClauseViolation, NotApplicable
from suites.csi.node.test_two_nodes import ATTACH, NODES, require_told, shared_volume, told_nodes
from suites.csi.resilience.interrupted import insist, wait_until_settled
from suites.csi.resilience.repeated import facts
from suites.csi.resilience.test_concurrency import ROUNDS, WORKERS, side_by_side
from suites.csi.volumes.descriptions import GET, LIST, stated_capacity
from suites.csi.volumes.growth import EXPAND, expanding
from suites.csi.volumes.of_any_kind import SHARED
from suites.csi.volumes.test_attachment import LARGEST_LIMIT
from suites.csi.volumes.test_modification import MODIFY, has, modifying, readable

DELAYS = (0.0, 0.004, 0.02)  # seconds from the first call to the second


@dataclass(frozen=True)
class Change:
    """request: what changes the volume. require_held: raises where that is not to be seen afterwards."""

    request: Any
    require_held: Callable[[], None]


def modification(csi: Bench, volume: Any) -> Change:
    csi.require(MODIFY)
    first, second = csi.mutable_parameters()
    csi.client.call(modifying(volume, first))
    if not has(csi, volume, first):
        raise NotApplicable("the driver does not let its mutable parameters be read by a validation")

    def held() -> None:
        assert has(csi, volume, second), f"the modification to {second} is lost"

    return Change(modifying(volume, second), held)


def expansion(csi: Bench, volume: Any) -> Change:
    csi.require(EXPAND)
    if not {GET, LIST} & csi.capabilities.declared:
        raise NotApplicable("the driver has no way to state a capacity")
    size = 2 * max(volume.capacity_bytes, csi.options.capacity)

    def held() -> None:
        found = stated_capacity(csi, volume)
        assert found >= size, f"the expansion to {size} bytes is lost, the volume has {found}"

    return Change(expanding(volume, size), held)


def attachment(node: Bench, volume: Any) -> Change:
    def held() -> None:
        require_told(told_nodes(node, volume), [node.capabilities.node_id])

    return Change(node.attaching(volume, mount()), held)


PAIRS: dict[str, tuple[Callable[[Bench, Any], Change], Callable[[Bench, Any], Change]]] = {
    "modified and expanded": (modification, expansion), "modified and attached": (modification, attachment),
    "expanded and attached": (expansion, attachment),
}  # fmt: skip


@pytest.mark.clause("csi.concurrency.changes-at-once-all-hold")
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("order", [1, -1], ids=["forth", "back"])
def test_two_changes_of_one_volume_at_once_both_hold(csi: Bench, pair: str, order: int) -> None:
    csi.require(*([ATTACH, NODES] if "attached" in pair else []))
    for delay in DELAYS:
        volume = csi.client.call(csi.creation()).volume
        changes = [make(csi, volume) for make in PAIRS[pair]][::order]
        for change, answer in zip(changes, overlapping(csi, [one.request for one in changes], delay), strict=True):
            if answer.is_ok:
                change.require_held()
            elif answer.code != "FAILED_PRECONDITION":
                raise ClauseViolation(f"a volume {pair} at once", expected="OK", actual=str(answer))


def overlapping(csi: Bench, calls: list[Any], delay: float) -> list[Any]:
    """Send the calls, each delay seconds after the one before it; their answers once nothing is pending."""

    def later(number: int) -> Any:
        time.sleep(number * delay)
        return wait_until_settled(csi, calls[number])

    return side_by_side([partial(later, number) for number in range(len(calls))])


@pytest.mark.clause("csi.concurrency.changes-at-once-all-hold")
@pytest.mark.parametrize("way", ["attached", "detached"])
def test_volume_of_two_nodes_at_once_is_on_both_and_then_on_none(csi: Bench, way: str) -> None:
    csi.require(ATTACH, NODES)
    nodes, capability = [csi, csi.second_node()], mount(SHARED)
    ids = [node.capabilities.node_id for node in nodes]
    for delay in DELAYS:
        volume = shared_volume(csi, SHARED)
        to_attach = [node.attaching(volume, capability) for node in nodes]
        if way == "attached":
            overlapping(csi, to_attach, delay)
            require_told(told_nodes(csi, volume), ids)
            continue
        for request in to_attach:
            csi.client.call(request)
        overlapping(csi, [node.detaching(volume) for node in nodes], delay)
        for found in told_nodes(csi, volume):
            assert not set(ids) & set(found), f"a volume that both nodes gave back at once is told to be on {found}"


@pytest.mark.clause("csi.concurrency.changes-at-once-all-hold")
def test_modifications_of_two_keys_at_once_both_hold(csi: Bench) -> None:
    _, first, second = readable(csi)
    if len(first) < 2:
        raise NotApplicable("one key only is known that can be modified")
    for delay in DELAYS:
        volume = csi.client.call(changed(csi.creation(), mutable_parameters=second)).volume
        for answer in overlapping(csi, [modifying(volume, {key: text}) for key, text in first.items()], delay):
            assert answer.is_ok, f"one of the modifications at once was answered {answer}"
        assert has(csi, volume, first), f"of modifications of {', '.join(first)} at once one is lost"


def same_change(csi: Bench, kind: str) -> Any:
    """A request that is sent several times at once."""
    volume = csi.client.call(csi.creation()).volume
    if kind == "group deletion":
        return ungrouping(make_group(csi, grouping(csi, volume)))
    if kind == "modification":
        csi.require(MODIFY)
        return modifying(volume, csi.mutable_parameters()[1])
    if kind == "expansion":
        csi.require(EXPAND)
        return expanding(volume, 2 * max(volume.capacity_bytes, csi.options.capacity))
    csi.require(ATTACH)
    if kind == "detach":
        csi.attach(volume, mount())
        return csi.detaching(volume)
    return csi.attaching(volume, mount())


@pytest.mark.clause("csi.concurrency.same-change-at-once-is-fine")
@pytest.mark.parametrize("kind", ["attach", "detach", "expansion", "modification", "group deletion"])
def test_same_change_at_once_is_fine(csi: Bench, kind: str) -> None:
    for _ in range(ROUNDS):
        side_by_side([partial(insist, csi, same_change(csi, kind))] * WORKERS)


@pytest.mark.clause("csi.concurrency.one-node-gets-the-volume")
def test_volume_for_one_node_goes_to_one_of_two_that_ask_at_once(csi: Bench) -> None:
    csi.require(ATTACH)
    second, options = csi.second_node(), csi.options
    for delay in DELAYS:
        request = changed(csi.creation(), parameters={**options.parameters, **options.two_node_parameters})
        volume = csi.client.call(request).volume
        answers = overlapping(csi, [node.attaching(volume, mount()) for node in (csi, second)], delay)
        if sum(answer.is_ok for answer in answers) != 1:
            raise ClauseViolation(
                "two nodes asked at once for a volume that is for one", expected="OK once, FAILED_PRECONDITION once",
                actual=[str(answer) for answer in answers],
            )  # fmt: skip


@pytest.mark.clause("csi.concurrency.volumes-at-once-do-not-mix")
@pytest.mark.parametrize("kind", ["attach", "expansion", "description"])
def test_calls_for_several_volumes_at_once_are_answered_each_for_its_own(csi: Bench, kind: str) -> None:
    needed = {"attach": ATTACH, "expansion": EXPAND, "description": GET}[kind]
    csi.require(needed)
    volumes = [csi.create(capacity=span((number + 1) * csi.options.capacity)) for number in range(6)]
    requests = {
        "attach": [csi.attaching(volume, mount()) for volume in volumes],
        "expansion": [expanding(volume, 2 * max(volume.capacity_bytes, csi.options.capacity)) for volume in volumes],
        "description": [messages().ControllerGetVolumeRequest(volume_id=volume.volume_id) for volume in volumes],
    }[kind]
    at_once = [facts(answer) for answer in side_by_side([partial(insist, csi, request) for request in requests])]
    alone = [facts(csi.client.call(request)) for request in requests]
    if at_once != alone:
        raise ClauseViolation(f"several volumes at once: {kind} of another one", expected=alone, actual=at_once)


@pytest.mark.clause("csi.controller-publish.attach-limit-is-kept")
def test_attaches_at_once_keep_the_limit_of_the_node(csi: Bench) -> None:
    csi.require(ATTACH)
    limit = csi.capabilities.max_volumes
    if not 0 < limit <= LARGEST_LIMIT:
        raise NotApplicable(f"the node states a limit of {limit or 'none'}")
    requests = [csi.attaching(csi.create(), mount()) for _ in range(limit + 4)]
    answers = side_by_side([partial(wait_until_settled, csi, request) for request in requests])
    there = sum(answer.is_ok for answer in answers)
    if there > limit:
        raise ClauseViolation("attaches at once go over the limit of the node", expected=limit, actual=there)


@pytest.mark.clause("csi.concurrency.attach-beside-deletion-has-one-outcome")
@pytest.mark.parametrize("order", [1, -1], ids=["attach first", "deletion first"])
def test_attach_beside_the_deletion_of_its_volume_has_one_outcome(csi: Bench, order: int) -> None:
    csi.require(ATTACH)
    for delay in DELAYS:
        volume = csi.client.call(csi.creation()).volume
        calls = [csi.attaching(volume, mount()), csi.deletion(volume.volume_id)][::order]
        attached, deleted = overlapping(csi, calls, delay)[::order]
        outcome = attached.code, deleted.code
        if outcome not in (("OK", "FAILED_PRECONDITION"), ("NOT_FOUND", "OK"), ("FAILED_PRECONDITION", "OK")):
            raise ClauseViolation(
                "an attach beside the deletion of its volume", expected="one of them served", actual=outcome,
                question="Is the use of the volume looked at before it is locked?",
            )  # fmt: skip
        if attached.is_ok:
            csi.client.call(csi.attaching(volume, mount()))


@pytest.mark.clause("csi.concurrency.listing-beside-changes-is-served")
@pytest.mark.parametrize("kind", ["volumes", "snapshots"])
def test_listing_beside_creations_and_deletions_is_served(csi: Bench, kind: str) -> None:
    csi.require(LIST if kind == "volumes" else "controller.LIST_SNAPSHOTS")
    volume = csi.client.call(csi.creation()).volume
    request: Any = messages().ListVolumesRequest()
    kept = volume.volume_id
    if kind == "snapshots":
        kept, request = csi.snapshot(volume).snapshot_id, messages().ListSnapshotsRequest()

    def come_and_go() -> None:
        for _ in range(ROUNDS):
            if kind == "volumes":
                insist(csi, csi.deletion(insist(csi, csi.creation()).volume.volume_id))
            else:
                taken = insist(csi, csi.snapshotting(volume.volume_id)).snapshot
                insist(csi, csi.unsnapshotting(taken.snapshot_id))

    def look() -> list[Any]:
        return [insist(csi, request) for _ in range(4 * ROUNDS)]

    for answer in chain(*side_by_side([look, look, come_and_go, come_and_go])[:2]):
        ids = [getattr(getattr(one, kind[:-1]), f"{kind[:-1]}_id") for one in answer.entries]
        if kept not in ids and not answer.next_token:
            raise ClauseViolation(f"a listing of {kind} beside changes of others", expected=kept, actual=ids)
