"""CreateVolume again: unchanged it answers the same volume, with one argument changed it does not pretend to."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import (
    MIB,
    block,
    changed,
    from_snapshot,
    from_volume,
    messages,
    mount,
    span,
    without,
)
from reports.model import NotApplicable
from suites.csi.volumes.compatibility import require_same_volume, require_served_or_refused
from suites.csi.volumes.test_capacity import most_of_the_room

TOPOLOGY = "plugin.VOLUME_ACCESSIBILITY_CONSTRAINTS"


def _requisite(csi: Bench, request: Any, segments: dict[str, str]) -> Any:
    csi.require(TOPOLOGY)
    wanted = messages().TopologyRequirement()
    wanted.requisite.add(segments=segments)
    return changed(request, accessibility_requirements=wanted)


def complete_creation(csi: Bench, kind: str) -> Any:
    """A creation request of some kind: plain, or with one more argument given."""
    if kind == "of-a-snapshot":
        return csi.creation(source=from_snapshot(csi.snapshot(csi.create()).snapshot_id))
    if kind == "of-a-volume":
        csi.require("controller.CLONE_VOLUME")
        return csi.creation(source=from_volume(csi.create().volume_id))
    if kind == "block":
        csi.create(block())  # NotApplicable where the driver serves no block volumes
        return csi.creation(block())
    if kind == "in-a-topology":
        csi.require(TOPOLOGY)
        return _requisite(csi, csi.creation(), dict(csi.capabilities.topology.segments))
    if kind == "with-mutable-parameters":
        csi.require("controller.MODIFY_VOLUME")
        return changed(csi.creation(), mutable_parameters=csi.mutable_parameters()[0])
    if kind == "without-range":
        return without(csi.creation(), "capacity_range")
    if kind == "of-an-odd-size":
        return csi.creation(capacity=span(csi.options.capacity + 1))
    return csi.creation()


KINDS = [
    "plain", "block", "without-range", "of-an-odd-size", "of-a-snapshot", "of-a-volume", "in-a-topology",
    "with-mutable-parameters",
]  # fmt: skip


@pytest.mark.clause("csi.create-volume.is-idempotent")
@pytest.mark.parametrize("kind", KINDS)
def test_same_request_again_answers_the_same_volume(csi: Bench, kind: str) -> None:
    request = complete_creation(csi, kind)
    first, second = csi.client.call(request).volume, csi.client.call(request).volume
    require_same_volume(first.volume_id, second.volume_id, "the same CreateVolume again")
    assert first.capacity_bytes == second.capacity_bytes, "the same CreateVolume again answered another capacity"
    assert first.content_source == second.content_source, "the same CreateVolume again answered another source"
    places = [sorted(str(entry) for entry in volume.accessible_topology) for volume in (first, second)]
    assert places[0] == places[1], f"the same CreateVolume again answered another topology: {places}"


@pytest.mark.clause("csi.create-volume.is-idempotent")
def test_same_request_after_an_expansion_answers_the_volume(csi: Bench) -> None:
    csi.require("controller.EXPAND_VOLUME")
    request = csi.creation()
    volume = csi.client.call(request).volume
    larger = span(max(volume.capacity_bytes, csi.options.capacity) + MIB)
    csi.client.call(
        messages().ControllerExpandVolumeRequest(
            volume_id=volume.volume_id, capacity_range=larger, volume_capability=mount()
        )
    )
    again = csi.client.call(request).volume
    require_same_volume(volume.volume_id, again.volume_id, "CreateVolume of a volume that has grown since")


@pytest.mark.clause("csi.create-volume.is-idempotent")
def test_same_request_while_the_volume_is_in_use_answers_it(csi: Bench) -> None:
    request = csi.creation()
    volume = csi.client.call(request).volume
    csi.prepare(volume)
    require_same_volume(volume.volume_id, csi.client.call(request).volume.volume_id, "CreateVolume of a used volume")


@pytest.mark.clause("csi.create-volume.is-idempotent")
def test_same_request_after_the_source_is_gone_answers_the_volume(csi: Bench) -> None:
    snapshot = csi.snapshot(csi.create())
    request = csi.creation(source=from_snapshot(snapshot.snapshot_id))
    volume = csi.client.call(request).volume
    deletion = csi.client.answer(messages().DeleteSnapshotRequest(snapshot_id=snapshot.snapshot_id))
    if not deletion.is_ok:
        raise NotApplicable(f"the driver keeps a snapshot that a volume came from: {deletion}")
    again = csi.client.answer(request)
    if again.code == "NOT_FOUND":
        raise NotApplicable("the driver looks for the source first, which the specification leaves open")
    found = csi.client.call(request).volume
    require_same_volume(volume.volume_id, found.volume_id, "CreateVolume after its source was deleted")


@pytest.mark.clause("csi.create-volume.is-idempotent")
def test_same_request_without_room_for_a_second_answers_the_volume(csi: Bench) -> None:
    request = csi.creation(capacity=span(most_of_the_room(csi)))
    answer = csi.client.answer(request)
    if not answer.is_ok:
        raise NotApplicable(f"no volume of most of the capacity is made: {answer}")
    again = csi.client.call(request).volume
    require_same_volume(answer.response.volume.volume_id, again.volume_id, "CreateVolume of most of the room, again")


@pytest.mark.clause("csi.create-volume.order-does-not-matter")
def test_same_capabilities_in_another_order_answer_the_same_volume(csi: Bench) -> None:
    listed = [mount("SINGLE_NODE_WRITER"), mount("SINGLE_NODE_READER_ONLY")]
    request = csi.creation(*listed)
    answer = csi.client.answer(request)
    if answer.code == "INVALID_ARGUMENT":
        raise NotApplicable(f"the driver does not serve both modes: {answer.details}")
    volume = csi.client.call(request).volume
    again = csi.client.call(changed(request, volume_capabilities=reversed(listed))).volume
    require_same_volume(volume.volume_id, again.volume_id, "CreateVolume with its capabilities in another order")


@pytest.mark.clause("csi.create-volume.compatible-capacity-is-the-same")
@pytest.mark.parametrize("bounds", ["wider", "exact", "no-range"])
def test_same_name_with_a_range_around_the_volume_answers_it(csi: Bench, bounds: str) -> None:
    request = csi.creation(capacity=span(csi.options.capacity))
    volume = csi.client.call(request).volume
    capacity = volume.capacity_bytes
    if not capacity:
        raise NotApplicable("the driver does not say how large its volumes are")
    other = {
        "wider": changed(request, capacity_range=span(capacity // 2, 4 * capacity)),
        "exact": changed(request, capacity_range=span(capacity, capacity)),
        "no-range": without(request, "capacity_range"),
    }[bounds]
    again = csi.client.call(other).volume
    require_same_volume(volume.volume_id, again.volume_id, "the same name with a range that the volume lies in")


@pytest.mark.clause("csi.create-volume.other-capacity-conflicts")
@pytest.mark.parametrize("direction", ["larger", "smaller", "limited-below"])
def test_same_name_with_other_capacity_conflicts(csi: Bench, direction: str) -> None:
    request = csi.creation(capacity=span(2 * csi.options.capacity))
    capacity = csi.client.call(request).volume.capacity_bytes
    if not capacity:
        raise NotApplicable("the driver does not say how large its volumes are")
    other = {
        "larger": span(2 * capacity),
        "smaller": span(csi.options.capacity // 2, csi.options.capacity),
        "limited-below": span(0, csi.options.capacity),
    }[direction]
    csi.client.require_refusal(
        changed(request, capacity_range=other), "ALREADY_EXISTS", because=f"the volume should be {direction}"
    )


@pytest.mark.clause("csi.create-volume.other-access-type-conflicts")
@pytest.mark.parametrize("first", ["mount", "block"])
def test_same_name_for_the_other_access_type_conflicts(csi: Bench, first: str) -> None:
    csi.create(block())  # NotApplicable where the driver serves no block volumes
    request = csi.creation(mount() if first == "mount" else block())
    volume = csi.client.call(request).volume
    other = changed(request, volume_capabilities=[block() if first == "mount" else mount()])
    require_served_or_refused(csi, volume, other, "ALREADY_EXISTS", what=f"another access type than {first}")


@pytest.mark.clause("csi.create-volume.other-access-type-conflicts")
def test_same_name_for_both_access_types_conflicts(csi: Bench) -> None:
    csi.create(block())  # NotApplicable where the driver serves no block volumes
    request = csi.creation()
    volume = csi.client.call(request).volume
    both = changed(request, volume_capabilities=[mount(), block()])
    require_served_or_refused(
        csi, volume, both, "ALREADY_EXISTS", "INVALID_ARGUMENT", what="mount and block access together"
    )


@pytest.mark.clause("csi.create-volume.other-access-mode-conflicts")
@pytest.mark.parametrize("mode", ["MULTI_NODE_MULTI_WRITER", "MULTI_NODE_READER_ONLY", "MULTI_NODE_SINGLE_WRITER"])
def test_same_name_for_another_access_mode_is_served_or_refused(csi: Bench, mode: str) -> None:
    request = csi.creation()
    volume = csi.client.call(request).volume
    other = changed(request, volume_capabilities=[mount(mode)])
    require_served_or_refused(csi, volume, other, "ALREADY_EXISTS", "INVALID_ARGUMENT", what=f"access mode {mode}")


@pytest.mark.clause("csi.create-volume.other-file-system-conflicts")
@pytest.mark.parametrize("other", ["xfs", "seatrialfs"])
def test_same_name_with_another_file_system_is_served_or_refused(csi: Bench, other: str) -> None:
    request = csi.creation(mount(fs_type="ext4"))
    answer = csi.client.answer(request)
    if answer.code == "INVALID_ARGUMENT":
        raise NotApplicable(f"the driver makes no ext4: {answer.details}")
    volume = csi.client.call(request).volume
    again = changed(request, volume_capabilities=[mount(fs_type=other)])
    require_served_or_refused(csi, volume, again, "ALREADY_EXISTS", "INVALID_ARGUMENT", what=f"file system {other}")


@pytest.mark.clause("csi.create-volume.other-mount-flags-answer-no-second-volume")
def test_same_name_with_other_mount_flags_answers_no_second_volume(csi: Bench) -> None:
    request = csi.creation()
    volume = csi.client.call(request).volume
    answer = csi.client.answer(changed(request, volume_capabilities=[mount(flags=["noatime"])]))
    if answer.is_ok:
        require_same_volume(volume.volume_id, answer.response.volume.volume_id, "the same name with mount flags")
    else:
        assert answer.code in ("ALREADY_EXISTS", "INVALID_ARGUMENT"), f"other mount flags were answered {answer}"


@pytest.mark.clause("csi.create-volume.other-parameters-conflict")
@pytest.mark.parametrize("first", ["usual", "other"])
def test_same_name_with_other_parameters_conflicts(csi: Bench, first: str) -> None:
    usual, other = csi.creation(), csi.options.other_parameters
    if not other:
        raise NotApplicable("no parameters of another kind of volume are known ([other_parameters])")
    requests = [usual, changed(usual, parameters={**usual.parameters, **other})]
    made, again = requests if first == "usual" else reversed(requests)
    csi.client.call(made)
    csi.client.require_refusal(again, "ALREADY_EXISTS", because="the parameters make another kind of volume")


@pytest.mark.clause("csi.create-volume.other-mutable-parameters-conflict")
def test_same_name_with_other_mutable_parameters_conflicts(csi: Bench) -> None:
    csi.require("controller.MODIFY_VOLUME")
    parameters, other = csi.mutable_parameters()
    request = changed(csi.creation(), mutable_parameters=parameters)
    csi.client.call(request)
    again = changed(request, mutable_parameters=other)
    csi.client.require_refusal(again, "ALREADY_EXISTS", because="the mutable parameters differ")


def _source(csi: Bench, kind: str) -> Any:
    csi.require("controller.CREATE_DELETE_SNAPSHOT" if kind == "snapshot" else "controller.CLONE_VOLUME")
    volume = csi.create()
    return from_snapshot(csi.snapshot(volume).snapshot_id) if kind == "snapshot" else from_volume(volume.volume_id)


@pytest.mark.clause("csi.create-volume.other-source-conflicts")
@pytest.mark.parametrize(
    ("first", "second"),
    [("snapshot", "snapshot"), ("volume", "volume"), ("snapshot", "volume"), ("volume", "snapshot"),
     ("snapshot", ""), ("volume", ""), ("", "snapshot"), ("", "volume")],
)  # fmt: skip
def test_same_name_with_other_source_conflicts(csi: Bench, first: str, second: str) -> None:
    request = csi.creation(source=_source(csi, first) if first else None)
    csi.client.call(request)
    other = _source(csi, second) if second else None
    again = changed(request, volume_content_source=other) if other else without(request, "volume_content_source")
    csi.client.require_refusal(
        again,
        "ALREADY_EXISTS",
        because=f"the volume was made of {first or 'nothing'}, not of this {second or 'nothing'}",
    )


@pytest.mark.clause("csi.create-volume.other-topology-conflicts")
def test_same_name_for_a_topology_out_of_reach_is_refused(csi: Bench) -> None:
    csi.require(TOPOLOGY)
    own = dict(csi.capabilities.topology.segments)
    request = _requisite(csi, csi.creation(), own)
    csi.client.call(request)
    other = _requisite(csi, request, dict.fromkeys(own, "seatrial-nowhere"))
    csi.client.require_refusal(
        other, "ALREADY_EXISTS", "RESOURCE_EXHAUSTED", "INVALID_ARGUMENT", because="the volume cannot be reached there"
    )
