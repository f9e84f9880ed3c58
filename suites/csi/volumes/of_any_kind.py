"""A volume of each kind that a driver may serve, and what it may go through, for checks that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import block, changed, from_snapshot, from_volume, messages, mount, span
from reports.model import NotApplicable
from suites.csi.volumes.growth import EXPAND, expanding
from suites.csi.volumes.topologies import own_segments, requiring

SHARED = "MULTI_NODE_MULTI_WRITER"
ATTACH, READONLY = "controller.PUBLISH_UNPUBLISH_VOLUME", "controller.PUBLISH_READONLY"
SNAPSHOT, CLONE, MODIFY = "controller.CREATE_DELETE_SNAPSHOT", "controller.CLONE_VOLUME", "controller.MODIFY_VOLUME"
UNUSUAL = ("block", "shared", "on the second node")  # a driver need not serve these
NOT_SERVED = ("INVALID_ARGUMENT", "OUT_OF_RANGE", "RESOURCE_EXHAUSTED")


@dataclass
class Made:
    """A volume as its creation answered it, the request, and what it is used with. bench: of the node that has it."""

    volume: Any
    request: Any
    capability: Any
    bench: Bench
    kind: str


def creation_of(csi: Bench, kind: str) -> tuple[Any, Any]:
    """A CreateVolumeRequest of a kind, and its capability. NotApplicable: the driver has nothing of the sort."""
    capability = {"block": block(), "shared": mount(SHARED)}.get(kind, mount())
    source, size = None, None
    if kind in ("cloned", "restored"):
        csi.require(CLONE if kind == "cloned" else SNAPSHOT)
        origin = csi.create(capacity=span(2 * csi.options.capacity))
        size = span(max(origin.capacity_bytes, 2 * csi.options.capacity))
        cloned = kind == "cloned"
        source = from_volume(origin.volume_id) if cloned else from_snapshot(csi.snapshot(origin).snapshot_id)
    elif kind == "of an odd size":
        size = span(csi.options.capacity + 1)
    request = csi.creation(capability, source=source, capacity=size)
    if kind == "on the second node":
        request = requiring(request, [own_segments(csi.second_node())])
    return request, capability


def made(csi: Bench, kind: str, **fields: Any) -> Made:
    """A new volume of a kind, made by a request with these fields replaced. NotApplicable: it is not served."""
    request, capability = creation_of(csi, kind)
    request = changed(request, **fields)
    answer = csi.client.answer(request)
    if answer.code in NOT_SERVED and kind in UNUSUAL:
        raise NotApplicable(f"the driver makes no volume of this kind ({kind}): {answer.details}")
    volume = answer.response.volume if answer.is_ok else csi.client.call(request).volume
    return Made(volume, request, capability, csi.second_node() if kind == "on the second node" else csi, kind)


KINDS = ("mount", "block", "shared", "cloned", "restored", "of an odd size", "on the second node")


def _unless_not_served(csi: Bench, request: Any, kind: str) -> None:
    """Do it. NotApplicable: the driver does not do it for a kind of its own that is not the usual one."""
    answer = csi.client.answer(request)
    if answer.code in (*NOT_SERVED, "FAILED_PRECONDITION", "UNIMPLEMENTED") and kind in UNUSUAL:
        raise NotApplicable(f"the driver does not serve it for this kind ({kind}): {answer.details}")
    if not answer.is_ok:
        csi.client.call(request)


def modify(csi: Bench, one: Made) -> None:
    csi.require(MODIFY)
    parameters = csi.mutable_parameters()[1]
    request = messages().ControllerModifyVolumeRequest(volume_id=one.volume.volume_id, mutable_parameters=parameters)
    _unless_not_served(csi, request, one.kind)


def take_a_snapshot(csi: Bench, one: Made) -> None:
    csi.require(SNAPSHOT)
    request = csi.snapshotting(one.volume.volume_id)
    _unless_not_served(csi, request, one.kind)
    csi.wait_until_ready(request)


def attach(csi: Bench, one: Made) -> None:
    csi.require(ATTACH)
    one.bench.attach(one.volume, one.capability)


def attach_readonly(csi: Bench, one: Made) -> None:
    csi.require(ATTACH, READONLY)
    csi.client.call(one.bench.attaching(one.volume, one.capability, readonly=True))


def detach(csi: Bench, one: Made) -> None:
    csi.require(ATTACH)
    csi.client.call(one.bench.detaching(one.volume))


def expand(csi: Bench, one: Made) -> None:
    """Half as large again. NotApplicable: the driver does not, with a snapshot there or an attachment."""
    csi.require(EXPAND)
    size = max(one.volume.capacity_bytes, csi.options.capacity) * 3 // 2
    request = expanding(one.volume, size, capability=one.capability)
    answer = csi.client.answer(request)
    if answer.code in ("FAILED_PRECONDITION", "OUT_OF_RANGE"):
        raise NotApplicable(f"the driver does not expand it now: {answer.details}")
    grown = csi.client.call(request).capacity_bytes
    assert grown >= size, f"an expansion to {size} bytes answered {grown}"
    one.volume.capacity_bytes = grown if one.volume.capacity_bytes else 0


def leave(csi: Bench, one: Made) -> None:
    """Nothing happens."""


# What the volume goes through, one after the other; a step that the driver does not serve is left out.
LIFE: tuple[tuple[str, Callable[[Bench, Made], None]], ...] = (
    ("its creation", leave), ("a modification", modify), ("an attachment", attach), ("a detachment", detach),
    ("a read-only attachment", attach_readonly), ("a detachment", detach), ("a snapshot of it", take_a_snapshot),
    ("an expansion", expand), ("a second modification", modify), ("another attachment", attach),
    ("an expansion of the attached volume", expand),
)  # fmt: skip


def live(csi: Bench, one: Made, look: Callable[[str], None]) -> None:
    """Let the volume go through all of LIFE; look(what) after each step, what: the step in words."""
    for what, step in LIFE:
        try:
            step(csi, one)
        except NotApplicable:
            continue
        look(what)
