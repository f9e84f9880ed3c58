"""Volumes of every kind: described, confirmed, sized, attached and deleted like the ordinary one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import MIB, changed, messages, mount, span
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.confirmation import validating
from suites.csi.volumes.descriptions import description_of, entry_of, require_agreement
from suites.csi.volumes.growth import EXPAND, expanding
from suites.csi.volumes.of_any_kind import (
    ATTACH,
    KINDS,
    LIFE,
    NOT_SERVED,
    READONLY,
    Made,
    attach,
    attach_readonly,
    creation_of,
    detach,
    expand,
    live,
    made,
    modify,
)
from suites.csi.volumes.test_capacity import question
from suites.csi.volumes.test_published_nodes import NODES, require_told

kinds = pytest.mark.parametrize("kind", KINDS)
PLAIN = ("mount", "block", "shared")
Ask = Callable[[Bench, Any], Any]


def both(listed: str, described: str) -> pytest.MarkDecorator:
    """One case for ListVolumes and one for ControllerGetVolume, each with its clause."""
    cases = (("list-volumes", listed, entry_of), ("get-volume", described, description_of))
    return pytest.mark.parametrize(
        "ask", [pytest.param(ask, id=rpc, marks=pytest.mark.clause(clause)) for rpc, clause, ask in cases]
    )


@both("csi.list-volumes.made-volume-is-listed", "csi.get-volume.made-volume-is-described")
@kinds
def test_volume_of_any_kind_is_told_as_it_is_after_each_step_of_its_life(csi: Bench, ask: Ask, kind: str) -> None:
    one = made(csi, kind)
    live(
        csi, one, lambda what: require_agreement(one.volume, ask(csi, one.volume).volume, f"what is told after {what}")
    )


@both("csi.list-volumes.published-nodes-are-true", "csi.get-volume.published-nodes-are-true")
@pytest.mark.parametrize("step", [attach, attach_readonly], ids=["for writing", "read-only"])
@pytest.mark.parametrize("kind", [*PLAIN, "cloned", "on the second node"])
def test_node_of_an_attached_volume_of_any_kind_is_told(
    csi: Bench, ask: Ask, step: Callable[[Bench, Made], None], kind: str
) -> None:
    csi.require(NODES, ATTACH)
    one = made(csi, kind)
    step(csi, one)
    require_told(list(ask(csi, one.volume).status.published_node_ids), one.bench.capabilities.node_id)


@both("csi.list-volumes.detached-node-is-not-told", "csi.get-volume.detached-node-is-not-told")
def test_node_of_a_volume_detached_everywhere_is_not_told(csi: Bench, ask: Ask) -> None:
    csi.require(NODES, ATTACH)
    volume = csi.create()
    csi.attach(volume, mount())
    csi.client.call(messages().ControllerUnpublishVolumeRequest(volume_id=volume.volume_id))
    told = list(ask(csi, volume).status.published_node_ids)
    assert csi.capabilities.node_id not in told, f"a volume detached from all nodes is told to be on {told}"


@pytest.mark.clause("csi.validate.supported-is-confirmed")
@kinds
def test_volume_of_any_kind_is_confirmed_with_what_it_was_made_of(csi: Bench, kind: str) -> None:
    csi.require("plugin.CONTROLLER_SERVICE")
    one = made(csi, kind)
    whole = changed(validating(one.volume, [one.capability]), parameters=one.request.parameters)

    def look(what: str) -> None:
        for request in (validating(one.volume, [one.capability]), whole):
            answer = csi.client.call(request)
            if one.capability not in answer.confirmed.volume_capabilities:
                raise ClauseViolation(
                    f"what the volume was made with is not confirmed after {what}", expected="confirmed",
                    actual=str(answer), question="Is it compared with something that changed since?",
                )  # fmt: skip

    live(csi, one, look)


@pytest.mark.clause("csi.create-volume.capacity-is-honoured")
@pytest.mark.parametrize("bounds", ["limit", "odd", "odd with a limit", "narrow", "equal"])
@pytest.mark.parametrize("kind", ["block", "shared", "cloned", "restored"])
def test_capacity_of_any_kind_of_volume_lies_in_its_range(csi: Bench, kind: str, bounds: str) -> None:
    request, _ = creation_of(csi, kind)
    least = max(request.capacity_range.required_bytes, csi.options.capacity)
    required, limit = {
        "limit": (0, 2 * least), "odd": (least + 1, 0), "odd with a limit": (least + 1, 2 * least - 1),
        "narrow": (least + MIB // 2, least + MIB), "equal": (least + MIB, least + MIB),
    }[bounds]  # fmt: skip
    request = changed(request, capacity_range=span(required, limit))
    answer = csi.client.answer(request)
    if answer.code in NOT_SERVED:
        raise NotApplicable(f"no such volume lies between {required} and {limit} bytes: {answer.details}")
    capacity = csi.client.call(request).volume.capacity_bytes
    if capacity and (capacity < required or (limit and capacity > limit)):
        raise ClauseViolation(
            f"the capacity of a volume ({kind}) is out of range", expected=f"{required} to {limit or 'any'}",
            actual=capacity,
        )  # fmt: skip


@pytest.mark.clause("csi.controller-expand.limit-is-kept")
@pytest.mark.parametrize("kind", [*PLAIN, "cloned", "restored"])
def test_expanded_volume_of_any_kind_keeps_within_its_limit(csi: Bench, kind: str) -> None:
    csi.require(EXPAND)
    one = made(csi, kind)
    size = 2 * max(one.volume.capacity_bytes, csi.options.capacity) + 3 * 4096
    for required, most in ((size, size), (size, size + MIB), (size, 2 * size)):
        answer = csi.client.answer(expanding(one.volume, required, most, one.capability))
        if answer.code in ("OUT_OF_RANGE", "FAILED_PRECONDITION"):
            continue
        capacity = csi.client.call(expanding(one.volume, required, most, one.capability)).capacity_bytes
        if not required <= capacity <= most:
            raise ClauseViolation("the new capacity is out of range", expected=f"{required} to {most}", actual=capacity)


@pytest.mark.clause("csi.get-capacity.more-than-there-is-is-not-made")
@pytest.mark.parametrize("kind", [*PLAIN, "cloned", "restored"])
def test_volume_of_any_kind_is_not_expanded_beyond_what_is_available(csi: Bench, kind: str) -> None:
    csi.require(EXPAND)
    if not csi.driver.owned:
        raise NotApplicable("others may make and delete volumes of this driver meanwhile")
    one = made(csi, kind)
    available = csi.client.call(question(csi, volume_capabilities=[one.capability])).available_capacity
    request = expanding(one.volume, one.volume.capacity_bytes + available + (64 << 20), capability=one.capability)
    csi.client.require_refusal(
        request,
        "OUT_OF_RANGE",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",  # or it expands what is in use only
        because=f"{available} bytes are said to be available",
    )


@pytest.mark.clause("csi.get-capacity.own-topology-is-answered")
@pytest.mark.parametrize("kind", [*PLAIN, "on the second node"])
def test_capacity_for_what_was_made_is_not_none(csi: Bench, kind: str) -> None:
    csi.require("controller.GET_CAPACITY")
    request = made(csi, kind).request
    asked = question(csi, volume_capabilities=request.volume_capabilities, parameters=request.parameters)
    if request.accessibility_requirements.requisite:
        asked.accessible_topology.CopyFrom(request.accessibility_requirements.requisite[0])
    answer = csi.client.call(asked)
    assert answer.available_capacity, f"a volume ({kind}) was made where no capacity for it is said to be"


@pytest.mark.clause("csi.get-capacity.sizes-are-consistent")
@pytest.mark.parametrize("kind", PLAIN)
def test_stated_maximum_is_not_below_a_volume_that_was_made(csi: Bench, kind: str) -> None:
    csi.require("controller.GET_CAPACITY")
    one = made(csi, kind)
    most = csi.client.call(question(csi, volume_capabilities=[one.capability])).maximum_volume_size.value
    if 0 < most < one.request.capacity_range.required_bytes:
        raise ClauseViolation(
            "a volume was made that is larger than the stated maximum", expected=f"at most {most} bytes",
            actual=one.volume.capacity_bytes,
        )  # fmt: skip


@pytest.mark.clause("csi.delete-volume.in-use-is-refused")
@pytest.mark.parametrize("step", [attach, attach_readonly], ids=["for writing", "read-only"])
@kinds
def test_attached_volume_of_any_kind_is_not_deleted(csi: Bench, step: Callable[[Bench, Made], None], kind: str) -> None:
    csi.require(ATTACH)
    one = made(csi, kind)
    step(csi, one)
    csi.client.require_refusal(
        csi.deletion(one.volume.volume_id), "FAILED_PRECONDITION", because="the volume is attached to a node"
    )


@pytest.mark.clause("csi.delete-volume.is-idempotent")
@kinds
def test_volume_of_any_kind_that_was_used_is_deleted_twice(csi: Bench, kind: str) -> None:
    one = made(csi, kind)
    for step in (modify, attach, expand, detach):
        try:
            step(csi, one)
        except NotApplicable:
            continue
    for _ in range(2):
        csi.delete(one.volume)


@pytest.mark.clause("csi.controller-publish.is-idempotent")
@pytest.mark.parametrize("readonly", [False, True], ids=["for writing", "read-only"])
@kinds
def test_volume_of_any_kind_attached_again_answers_the_same_context(csi: Bench, kind: str, readonly: bool) -> None:
    csi.require(ATTACH, *([READONLY] if readonly else []))
    one = made(csi, kind)
    request = one.bench.attaching(one.volume, one.capability, readonly)
    first, second = csi.client.call(request).publish_context, csi.client.call(request).publish_context
    if dict(first) != dict(second):
        raise ClauseViolation("a second attach answers another context", expected=dict(first), actual=dict(second))


@pytest.mark.clause("csi.controller-publish.other-arguments-conflict")
@pytest.mark.parametrize("first", [False, True], ids=["for writing", "read-only"])
@kinds
def test_attached_volume_of_any_kind_with_other_readonly_conflicts(csi: Bench, kind: str, first: bool) -> None:
    csi.require(ATTACH, READONLY)
    one = made(csi, kind)
    request = one.bench.attaching(one.volume, one.capability, first)
    csi.client.call(request)
    csi.client.require_refusal(
        changed(request, readonly=not first), "ALREADY_EXISTS",
        because="the volume is attached with the other readonly flag",
    )  # fmt: skip


@pytest.mark.clause("csi.controller-publish.is-idempotent")
@pytest.mark.parametrize("meanwhile", [name for name, _ in LIFE if name in ("a modification", "an expansion")])
def test_volume_attached_again_after_a_change_is_fine(csi: Bench, meanwhile: str) -> None:
    csi.require(ATTACH)
    one = made(csi, "mount")
    request = csi.attaching(one.volume, one.capability)
    csi.client.call(request)
    dict(LIFE)[meanwhile](csi, one)
    csi.client.call(request)
