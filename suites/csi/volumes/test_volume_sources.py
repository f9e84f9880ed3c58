"""CreateVolume from a snapshot or a volume: which sources are taken, and what is answered of them."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import block, from_snapshot, from_volume, messages, mount, span, without
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.growth import EXPAND, expanding

NEEDS = {"snapshot": "controller.CREATE_DELETE_SNAPSHOT", "volume": "controller.CLONE_VOLUME"}
SERVED = [
    pytest.param("snapshot", marks=pytest.mark.clause("csi.create-volume.snapshot-source-is-served")),
    pytest.param("volume", marks=pytest.mark.clause("csi.create-volume.volume-source-is-served")),
]


def source_of(csi: Bench, kind: str, volume: Any) -> Any:
    """A content source of the volume itself, or of a snapshot taken of it."""
    csi.require(NEEDS[kind])
    return from_snapshot(csi.snapshot(volume).snapshot_id) if kind == "snapshot" else from_volume(volume.volume_id)


@pytest.mark.parametrize("kind", SERVED)
def test_volume_of_a_source_is_made(csi: Bench, kind: str) -> None:
    origin = csi.create()
    made = csi.create(source=source_of(csi, kind, origin))
    assert made.volume_id != origin.volume_id, "the volume made from a source is the source"


@pytest.mark.clause("csi.create-volume.source-is-answered")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
@pytest.mark.parametrize("turn", ["first", "second"])
def test_volume_of_a_source_names_it(csi: Bench, kind: str, turn: str) -> None:
    source = source_of(csi, kind, csi.create())
    request = csi.creation(source=source)
    volume = csi.client.call(request).volume
    if turn == "second":
        volume = csi.client.call(request).volume
    if volume.content_source != source:
        raise ClauseViolation(
            f"the volume does not name the {kind} it came from", expected=str(source), actual=str(volume.content_source)
        )


@pytest.mark.clause("csi.create-volume.source-is-answered")
def test_volume_of_no_source_names_none(csi: Bench) -> None:
    volume = csi.create()
    assert not volume.HasField("content_source"), f"a volume made of nothing came from {volume.content_source}"


@pytest.mark.clause("csi.create-volume.absent-source-is-not-found")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
def test_absent_source_is_not_found(csi: Bench, kind: str) -> None:
    csi.require(NEEDS[kind])
    if kind == "snapshot":
        snapshot = csi.snapshot(csi.create())
        csi.client.call(messages().DeleteSnapshotRequest(snapshot_id=snapshot.snapshot_id))
        source = from_snapshot(snapshot.snapshot_id)
    else:
        source = from_volume(csi.absent_id())
    request = csi.creation(source=source)
    for turn in ("first", "second"):  # nothing may be left of the first that answers the second
        csi.client.require_refusal(request, "NOT_FOUND", because=f"the source {kind} is gone ({turn} request)")
    made = csi.client.call(without(request, "volume_content_source")).volume
    assert not made.HasField("content_source"), f"a volume of no source came from the absent {kind}"


@pytest.mark.clause("csi.create-volume.absent-source-is-not-found")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
def test_source_named_as_the_other_kind_is_not_found(csi: Bench, kind: str) -> None:
    csi.require(*NEEDS.values())
    volume = csi.create()
    snapshot = csi.snapshot(volume)
    if snapshot.snapshot_id == volume.volume_id:
        raise NotApplicable("a volume and its snapshot have one id")
    source = from_snapshot(volume.volume_id) if kind == "snapshot" else from_volume(snapshot.snapshot_id)
    csi.client.require_refusal(
        csi.creation(source=source), "NOT_FOUND", "INVALID_ARGUMENT", because=f"the id is of no {kind}"
    )


@pytest.mark.clause("csi.create-volume.undeclared-source-is-refused")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
def test_source_of_an_undeclared_kind_is_refused(csi: Bench, kind: str) -> None:
    if NEEDS[kind] in csi.capabilities:
        raise NotApplicable(f"only of drivers without {NEEDS[kind]}")
    source = from_volume(csi.create().volume_id) if kind == "volume" else from_snapshot(csi.name("snapshot"))
    codes = ["INVALID_ARGUMENT"] if kind == "volume" else ["INVALID_ARGUMENT", "NOT_FOUND"]
    csi.client.require_refusal(csi.creation(source=source), *codes, because=f"the driver makes nothing of a {kind}")


@pytest.mark.clause("csi.create-volume.incompatible-source-is-refused")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
def test_source_of_the_other_access_type_is_served_or_refused(csi: Bench, kind: str) -> None:
    origin = csi.create(block())  # NotApplicable where the driver serves no block volumes
    source = source_of(csi, kind, origin)
    answer = csi.client.answer(csi.creation(mount(), source=source))
    if answer.code not in ("OK", "INVALID_ARGUMENT"):
        raise ClauseViolation(
            f"a file system volume of a block {kind} is neither made nor an invalid argument",
            expected="INVALID_ARGUMENT, or OK", actual=str(answer),
        )  # fmt: skip
    if answer.is_ok and answer.response.volume.content_source != source:
        raise ClauseViolation("the source was dropped", expected=str(source), actual=str(answer.response.volume))


@pytest.mark.clause("csi.create-volume.larger-than-source-has-its-size")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
def test_volume_larger_than_its_source_has_its_size(csi: Bench, kind: str) -> None:
    origin = csi.create()
    required = 2 * max(origin.capacity_bytes, csi.options.capacity)
    request = csi.creation(source=source_of(csi, kind, origin), capacity=span(required))
    answer = csi.client.answer(request)
    if answer.code == "OUT_OF_RANGE":
        raise NotApplicable(f"the driver makes no volume larger than its source: {answer.details}")
    capacity = csi.client.call(request).volume.capacity_bytes
    if capacity and capacity < required:
        raise ClauseViolation("the volume has the size of its source", expected=f">= {required}", actual=capacity)


@pytest.mark.clause("csi.create-volume.capacity-is-honoured")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
def test_volume_of_a_source_keeps_a_limit_below_it(csi: Bench, kind: str) -> None:
    origin = csi.create(capacity=span(8 * csi.options.capacity))
    limit = 4 * csi.options.capacity
    answer = csi.client.answer(csi.creation(source=source_of(csi, kind, origin), capacity=span(limit=limit)))
    if answer.is_ok and answer.response.volume.capacity_bytes > limit:
        raise ClauseViolation(
            f"the volume is as large as its {kind}, past the limit", expected=f"<= {limit}, or OUT_OF_RANGE",
            actual=answer.response.volume.capacity_bytes,
        )  # fmt: skip
    if answer.code not in ("OK", "OUT_OF_RANGE", "INVALID_ARGUMENT"):
        raise ClauseViolation(f"a limit below the {kind}", expected="OUT_OF_RANGE", actual=str(answer))


@pytest.mark.clause("csi.create-volume.snapshot-source-is-served")
def test_snapshot_of_a_volume_that_has_grown_since_is_restored_in_its_own_size(csi: Bench) -> None:
    csi.require(EXPAND)
    origin = csi.create(capacity=span(2 * csi.options.capacity))
    source = source_of(csi, "snapshot", origin)
    size = origin.capacity_bytes or 2 * csi.options.capacity
    csi.create(source=source, capacity=span(size))
    csi.client.call(expanding(origin, 2 * size))
    csi.create(source=source, capacity=span(size))  # the same question, so the same answer


@pytest.mark.clause("csi.create-volume.source-fits")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
def test_volume_of_a_source_without_a_range_has_room_for_it(csi: Bench, kind: str) -> None:
    origin = csi.create(capacity=span(8 * csi.options.capacity))
    request = csi.creation(source=source_of(csi, kind, origin))
    request.ClearField("capacity_range")
    capacity = csi.client.call(request).volume.capacity_bytes
    if capacity and capacity < origin.capacity_bytes:
        raise ClauseViolation(
            "the volume is smaller than what it was made of", expected=f">= {origin.capacity_bytes}", actual=capacity
        )


@pytest.mark.clause("csi.delete-volume.source-of-a-clone-may-go")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
def test_volume_outlives_its_source(csi: Bench, kind: str) -> None:
    origin = csi.create()
    source = source_of(csi, kind, origin)
    made = csi.create(source=source)
    if kind == "snapshot":
        deletion: Any = messages().DeleteSnapshotRequest(snapshot_id=source.snapshot.snapshot_id)
    else:
        deletion = csi.deletion(origin.volume_id)
    answer = csi.client.answer(deletion)
    assert answer.code in ("OK", "FAILED_PRECONDITION"), f"the deletion of a {kind} with a copy was answered {answer}"
    question = messages().ValidateVolumeCapabilitiesRequest(
        volume_id=made.volume_id, volume_context=made.volume_context, volume_capabilities=[mount()]
    )
    assert csi.client.call(question).HasField("confirmed"), f"the volume does not serve since its {kind} was deleted"


@pytest.mark.clause("csi.delete-volume.source-goes-after-its-copies")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
def test_source_is_deleted_once_its_copies_are(csi: Bench, kind: str) -> None:
    origin = csi.create()
    source = source_of(csi, kind, origin)
    csi.delete(csi.create(source=source))
    if kind == "snapshot":
        csi.client.call(csi.unsnapshotting(source.snapshot.snapshot_id))
    csi.delete(origin)
