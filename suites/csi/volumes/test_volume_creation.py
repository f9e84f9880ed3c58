"""CreateVolume: what comes out, what is the same, what is in conflict."""

from __future__ import annotations

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import MIB, block, changed, from_snapshot, from_volume, messages, mount, span
from reports.model import ClauseViolation, NotApplicable


def require_same_volume(first: str, second: str, after: str) -> None:
    """ClauseViolation unless both ids are one."""
    if first != second:
        raise ClauseViolation(f"{after} answered another volume", expected=first, actual=second)


@pytest.mark.clause("csi.create-volume.id-is-given")
def test_volume_with_a_long_name_has_a_usable_id(csi: Bench) -> None:
    size = len(csi.create(name=csi.name("i" * 60)).volume_id.encode())
    assert 0 < size <= 128, f"the volume id has {size} bytes, not 1 to 128"


@pytest.mark.clause("csi.create-volume.capacity-is-honoured")
def test_volume_capacity_lies_in_the_range(csi: Bench) -> None:
    required, limit = csi.options.capacity + MIB, 2 * csi.options.capacity
    capacity = csi.create(capacity=span(required, limit)).capacity_bytes
    if capacity and not required <= capacity <= limit:
        raise ClauseViolation("the volume's capacity is out of range", expected=f"{required}..{limit}", actual=capacity)


@pytest.mark.clause("csi.create-volume.impossible-capacity-is-refused")
def test_volume_of_an_impossible_size_is_out_of_range(csi: Bench) -> None:
    request = csi.creation(capacity=span(1 << 62))
    csi.client.require_refusal(request, "OUT_OF_RANGE", because="four exbibytes are asked for")


@pytest.mark.clause("csi.create-volume.limit-below-requirement-is-refused")
def test_volume_with_limit_below_requirement_is_refused(csi: Bench) -> None:
    request = csi.creation(capacity=span(2 * csi.options.capacity, csi.options.capacity))
    csi.client.require_refusal(request, "OUT_OF_RANGE", "INVALID_ARGUMENT", because="the limit is too low")


@pytest.mark.clause("csi.create-volume.is-idempotent")
def test_same_request_again_answers_the_same_volume(csi: Bench) -> None:
    request = csi.creation()
    first, second = csi.client.call(request).volume, csi.client.call(request).volume
    require_same_volume(first.volume_id, second.volume_id, "the same CreateVolume again")
    assert first.capacity_bytes == second.capacity_bytes, "the same CreateVolume again answered another capacity"


@pytest.mark.clause("csi.create-volume.other-capacity-conflicts")
@pytest.mark.parametrize("direction", ["larger", "smaller"])
def test_same_name_with_other_capacity_conflicts(csi: Bench, direction: str) -> None:
    request = csi.creation(capacity=span(2 * csi.options.capacity))
    capacity = csi.client.call(request).volume.capacity_bytes
    if not capacity:
        raise NotApplicable("the driver does not say how large its volumes are")
    other = span(2 * capacity) if direction == "larger" else span(csi.options.capacity // 2, csi.options.capacity)
    csi.client.require_refusal(
        changed(request, capacity_range=other), "ALREADY_EXISTS", because=f"the volume should be {direction}"
    )


@pytest.mark.clause("csi.create-volume.other-access-type-conflicts")
def test_same_name_for_block_access_conflicts(csi: Bench) -> None:
    csi.create(block())  # NotApplicable where the driver serves no block volumes
    request = csi.creation()
    volume = csi.client.call(request).volume
    question = messages().ValidateVolumeCapabilitiesRequest(volume_id=volume.volume_id, volume_capabilities=[block()])
    serves_both = csi.client.call(question).HasField("confirmed")
    answer = csi.client.answer(changed(request, volume_capabilities=[block()]))
    if answer.code != "ALREADY_EXISTS" and not (serves_both and answer.is_ok):
        raise ClauseViolation(
            "a mount volume was taken for the block volume of its name", expected="ALREADY_EXISTS", actual=str(answer)
        )


@pytest.mark.clause("csi.create-volume.other-source-conflicts")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
def test_same_name_with_other_source_conflicts(csi: Bench, kind: str) -> None:
    csi.require("controller.CREATE_DELETE_SNAPSHOT" if kind == "snapshot" else "controller.CLONE_VOLUME")
    one, two = csi.create(), csi.create()
    if kind == "snapshot":
        sources = [from_snapshot(csi.snapshot(volume).snapshot_id) for volume in (one, two)]
    else:
        sources = [from_volume(volume.volume_id) for volume in (one, two)]
    request = csi.creation(source=sources[0])
    csi.client.call(request)
    other = changed(request, volume_content_source=sources[1])
    csi.client.require_refusal(other, "ALREADY_EXISTS", because=f"the volume came from another {kind}")


@pytest.mark.clause("csi.create-volume.long-name-is-accepted")
def test_name_of_128_bytes_is_accepted(csi: Bench) -> None:
    csi.create(name=csi.name().ljust(128, "n"))


@pytest.mark.clause("csi.create-volume.absent-source-is-not-found")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
def test_absent_source_is_not_found(csi: Bench, kind: str) -> None:
    csi.require("controller.CREATE_DELETE_SNAPSHOT" if kind == "snapshot" else "controller.CLONE_VOLUME")
    if kind == "snapshot":
        snapshot = csi.snapshot(csi.create())
        csi.client.call(messages().DeleteSnapshotRequest(snapshot_id=snapshot.snapshot_id))
        source = from_snapshot(snapshot.snapshot_id)
    else:
        source = from_volume(csi.absent_id())
    csi.client.require_refusal(csi.creation(source=source), "NOT_FOUND", because=f"the source {kind} is gone")


@pytest.mark.clause("csi.create-volume.foreign-topology-is-refused")
def test_volume_for_a_foreign_topology_is_refused(csi: Bench) -> None:
    csi.require("plugin.VOLUME_ACCESSIBILITY_CONSTRAINTS")
    request, foreign = csi.creation(), dict.fromkeys(csi.capabilities.topology.segments, "seatrial-nowhere")
    request.accessibility_requirements.requisite.add(segments=foreign)
    csi.client.require_refusal(request, "RESOURCE_EXHAUSTED", because="the driver has nothing in that topology")


@pytest.mark.clause("csi.create-volume.topology-lies-in-requisite")
def test_volume_topology_is_one_that_was_required(csi: Bench) -> None:
    csi.require("plugin.VOLUME_ACCESSIBILITY_CONSTRAINTS")
    request, wanted = csi.creation(), dict(csi.capabilities.topology.segments)
    request.accessibility_requirements.requisite.add(segments=wanted)
    found = [dict(entry.segments) for entry in csi.client.call(request).volume.accessible_topology]
    if any(entry.items() - wanted.items() for entry in found):
        raise ClauseViolation("the volume lies outside the required topology", expected=wanted, actual=found)


@pytest.mark.clause("csi.create-volume.context-within-size-limit")
def test_volume_context_is_within_the_size_limit(csi: Bench) -> None:
    context = csi.create(mount()).volume_context
    size = sum(len(key.encode()) + len(value.encode()) for key, value in context.items())
    assert size <= 4096, f"the volume context has {size} bytes, more than 4096"
