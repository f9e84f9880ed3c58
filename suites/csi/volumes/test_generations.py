"""Copies of copies, copies of what has grown, and creations asked for again after the volume or its source lived on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.groups import grouping, make_group
from fixtures.subjects.csi.requests import changed, from_volume, mount, span, without
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.compatibility import require_same_volume
from suites.csi.volumes.descriptions import GET, LIST, description_of, entry_of, require_agreement
from suites.csi.volumes.growth import EXPAND, expanding
from suites.csi.volumes.of_any_kind import ATTACH, CLONE, READONLY
from suites.csi.volumes.test_volume_sources import source_of


def grow(csi: Bench, volume: Any) -> int:
    """Expand it to twice its size; the new one. NotApplicable: the driver does not, now."""
    csi.require(EXPAND)
    request = expanding(volume, 2 * max(volume.capacity_bytes, csi.options.capacity))
    answer = csi.client.answer(request)
    if answer.code in ("FAILED_PRECONDITION", "OUT_OF_RANGE"):
        raise NotApplicable(f"the driver does not expand it now: {answer.details}")
    return int(csi.client.call(request).capacity_bytes)


def require_told_source(csi: Bench, volume: Any, source: Any) -> None:
    """ClauseViolation unless the creation named the source, and no other call names another."""
    if volume.content_source != source:
        raise ClauseViolation("a copy names another source", expected=str(source), actual=str(volume.content_source))
    for capability, ask in ((GET, description_of), (LIST, entry_of)):
        if capability in csi.capabilities:
            require_agreement(volume, ask(csi, volume).volume, "what is told of a copy")


@pytest.mark.clause("csi.create-volume.source-is-answered")
@pytest.mark.parametrize("first", ["volume", "snapshot"])
@pytest.mark.parametrize("second", ["volume", "snapshot"])
def test_copy_of_a_copy_is_made_and_names_its_own_source(csi: Bench, first: str, second: str) -> None:
    origin = csi.create()
    volumes: list[Any] = []
    for kind in (first, second, first):
        source = source_of(csi, kind, volumes[-1] if volumes else origin)
        volumes.append(csi.create(source=source))
        require_told_source(csi, volumes[-1], source)
    answer = csi.client.answer(csi.deletion(volumes[1].volume_id))
    if answer.is_ok:
        for volume in (volumes[0], volumes[2]):
            require_told_source(csi, volume, volume.content_source)


@pytest.mark.clause("csi.create-volume.source-is-answered")
@pytest.mark.parametrize("kind", ["volume", "snapshot"])
def test_copy_whose_source_is_gone_is_told_as_before(csi: Bench, kind: str) -> None:
    source = source_of(csi, kind, csi.create())
    request = csi.creation(source=source)
    volume = csi.client.call(request).volume
    gone = (
        csi.unsnapshotting(source.snapshot.snapshot_id) if kind == "snapshot" else csi.deletion(source.volume.volume_id)
    )
    answer = csi.client.answer(gone)
    if answer.code == "FAILED_PRECONDITION":
        raise NotApplicable(f"the driver keeps the source of a copy: {answer.details}")
    require_told_source(csi, volume, source)
    again = csi.client.answer(request)
    if again.code != "NOT_FOUND":  # a driver may look for the source before it looks for the volume
        require_told_source(csi, csi.client.call(request).volume, source)


@pytest.mark.clause("csi.create-volume.capacity-is-honoured")
@pytest.mark.parametrize("range_of", ["none", "its first size"])
def test_clone_of_what_has_grown_is_not_smaller(csi: Bench, range_of: str) -> None:
    csi.require(CLONE)
    origin = csi.create()
    least = grow(csi, origin)
    request = csi.creation(source=from_volume(origin.volume_id))
    if range_of == "none":
        request = without(request, "capacity_range")
    answer = csi.client.answer(request)
    if answer.code in ("OUT_OF_RANGE", "INVALID_ARGUMENT"):
        raise NotApplicable(f"the driver wants the size of the source: {answer.details}")
    capacity = csi.client.call(request).volume.capacity_bytes
    if 0 < capacity < least:
        raise ClauseViolation(
            "a clone of a volume that has grown is smaller", expected=f"at least {least}", actual=capacity
        )


def attach(csi: Bench, volume: Any) -> None:
    csi.require(ATTACH)
    csi.attach(volume, mount())


def attach_readonly(csi: Bench, volume: Any) -> None:
    csi.require(ATTACH, READONLY)
    csi.client.call(csi.attaching(volume, mount(), readonly=True))


def detach(csi: Bench, volume: Any) -> None:
    attach(csi, volume)
    csi.client.call(csi.detaching(volume))


def snapshot(csi: Bench, volume: Any) -> None:
    csi.snapshot(volume)


def clone(csi: Bench, volume: Any) -> None:
    csi.require(CLONE)
    csi.create(source=from_volume(volume.volume_id), capacity=span(int(volume.capacity_bytes) or csi.options.capacity))


def group(csi: Bench, volume: Any) -> None:
    make_group(csi, grouping(csi, volume))


EVENTS: dict[str, Callable[[Bench, Any], object]] = {
    "attached": attach, "attached read-only": attach_readonly, "detached": detach, "expanded": grow,
    "snapshotted": snapshot, "cloned": clone, "in a group": group,
}  # fmt: skip
KINDS = ("empty", "of a volume", "of a snapshot")


@pytest.mark.clause("csi.create-volume.is-idempotent")
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("whose", ["its own", "its source's"])
def test_creation_asked_for_again_after_an_event_answers_the_volume(
    csi: Bench, event: str, kind: str, whose: str
) -> None:
    if kind == "empty" and whose != "its own":
        raise NotApplicable("an empty volume has no source")
    origin = csi.client.call(csi.creation()).volume
    source = source_of(csi, kind.removeprefix("of a "), origin) if kind != "empty" else None
    request = csi.creation(source=source)
    made = csi.client.call(request).volume
    EVENTS[event](csi, made if whose == "its own" else origin)
    again = csi.client.call(request).volume
    require_same_volume(made.volume_id, again.volume_id, f"CreateVolume again, after the volume was {event},")
    if event == "expanded" and whose == "its own":
        made = changed(made, capacity_bytes=again.capacity_bytes)
    require_agreement(made, again, "CreateVolume again")
