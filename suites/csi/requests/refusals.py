"""Calls that are refused for one fault, each with a proper call on the same object that has to be served afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.groups import GROUPS, describing, make_group
from fixtures.subjects.csi.requests import changed, from_volume, messages, mount, span
from suites.csi.requests.complete import attach, expand, group, modify, node_expand, publish, stage, stats, validate

IMPOSSIBLE = 1 << 62  # bytes: four exbibytes
Pair = tuple[Any, Any]


def _with_unheard_mode(request: Any) -> Any:
    capability = mount()
    capability.access_mode.mode = 999  # no version of the protocol has it
    return changed(request, volume_capability=capability)


def creation_of_an_impossible_size(csi: Bench) -> Pair:
    request = csi.creation()
    return changed(request, capacity_range=span(IMPOSSIBLE)), request


def creation_of_an_absent_source(csi: Bench) -> Pair:
    csi.require("controller.CLONE_VOLUME")
    request = csi.creation()
    return changed(request, volume_content_source=from_volume(csi.absent_id())), request


def creation_in_conflict(csi: Bench) -> Pair:
    request = csi.creation()
    csi.client.call(request)
    return changed(request, capacity_range=span(8 * csi.options.capacity)), request


def deletion_in_use(csi: Bench) -> Pair:
    use = csi.bring_up(csi.create())
    return csi.deletion(use.volume.volume_id), csi.publishing(use)


def attach_to_an_absent_node(csi: Bench) -> Pair:
    request = attach(csi)
    return changed(request, node_id="seatrial-absent"), request


def attach_in_conflict(csi: Bench) -> Pair:
    csi.require("controller.PUBLISH_READONLY")
    request = attach(csi)
    csi.client.call(request)
    return changed(request, readonly=True), request


def validation_of_nothing(csi: Bench) -> Pair:
    request = validate(csi)
    return changed(request, volume_capabilities=[]), request


def modification_of_an_unknown_parameter(csi: Bench) -> Pair:
    parameters, _ = csi.mutable_parameters()
    request = changed(modify(csi), mutable_parameters=parameters)
    return changed(request, mutable_parameters={"seatrial-unknown": "1"}), request


def expansion_to_an_impossible_size(csi: Bench) -> Pair:
    request = expand(csi)
    return changed(request, capacity_range=span(IMPOSSIBLE)), request


def expansion_before_a_deletion(csi: Bench) -> Pair:
    wrong, _ = expansion_to_an_impossible_size(csi)
    return wrong, csi.deletion(wrong.volume_id)


def snapshot_in_conflict(csi: Bench) -> Pair:
    csi.require("controller.CREATE_DELETE_SNAPSHOT")
    request = csi.snapshotting(csi.create().volume_id)
    csi.wait_until_ready(request)
    return changed(request, source_volume_id=csi.create().volume_id), request


def stage_in_conflict(csi: Bench) -> Pair:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    volume = csi.create()
    request = csi.staging(volume, mount(), csi.attach(volume, mount()))
    csi.client.call(request)
    return changed(request, volume_capability=mount("SINGLE_NODE_READER_ONLY")), request


def publish_in_conflict(csi: Bench) -> Pair:
    request = csi.publishing(csi.bring_up(csi.create()))
    return changed(request, readonly=True), request


def publish_of_what_is_not_staged(csi: Bench) -> Pair:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    use = csi.prepare(csi.create())
    other = csi.path("not-staged")
    csi.place.make(other)
    return csi.publishing(replace(use, staging=other)), csi.publishing(use)


def second_target_of_a_single_writer(csi: Bench) -> Pair:
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    capability = mount("SINGLE_NODE_SINGLE_WRITER")
    use = csi.bring_up(csi.create(capability), capability)
    return csi.publishing(replace(use, target=csi.folder / "second")), csi.publishing(use)


def attach_to_another_node(csi: Bench) -> Pair:
    second = csi.second_node()
    request = attach(csi)
    csi.client.call(request)
    return changed(request, node_id=second.capabilities.node_id), request


def deletion_of_a_group_member(csi: Bench) -> Pair:
    csi.require(GROUPS)
    made = make_group(csi, group(csi))
    member = messages().DeleteSnapshotRequest(snapshot_id=made.snapshots[0].snapshot_id)
    return member, describing(made)


def group_snapshot_in_conflict(csi: Bench) -> Pair:
    csi.require(GROUPS)
    request = group(csi)
    csi.wait_until_ready(request)
    return changed(request, source_volume_ids=[csi.create().volume_id]), request


def stage_for_an_unheard_mode(csi: Bench) -> Pair:
    request = stage(csi)
    return _with_unheard_mode(request), request


def publish_for_an_unheard_mode(csi: Bench) -> Pair:
    request = publish(csi)
    return _with_unheard_mode(request), request


def node_expansion_to_an_impossible_size(csi: Bench) -> Pair:
    request = node_expand(csi)
    return changed(request, capacity_range=span(IMPOSSIBLE)), request


def statistics_of_an_absent_path(csi: Bench) -> Pair:
    request = stats(csi)
    return changed(request, volume_path=csi.path("absent")), request


def statistics_of_an_absent_volume(csi: Bench) -> Pair:
    request = stats(csi)
    return changed(request, volume_id=csi.absent_id()), request


def listing_from_an_unknown_token(csi: Bench) -> Pair:
    csi.require("controller.LIST_VOLUMES")
    return messages().ListVolumesRequest(starting_token="seatrial-absent"), messages().ListVolumesRequest()


REFUSALS: list[Callable[[Bench], Pair]] = [
    creation_of_an_impossible_size, creation_of_an_absent_source, creation_in_conflict, deletion_in_use,
    attach_to_an_absent_node, attach_in_conflict, attach_to_another_node, validation_of_nothing,
    modification_of_an_unknown_parameter, expansion_to_an_impossible_size, expansion_before_a_deletion,
    snapshot_in_conflict, deletion_of_a_group_member, group_snapshot_in_conflict, stage_for_an_unheard_mode,
    stage_in_conflict, publish_for_an_unheard_mode, publish_in_conflict, publish_of_what_is_not_staged,
    second_target_of_a_single_writer, node_expansion_to_an_impossible_size, statistics_of_an_absent_path,
    statistics_of_an_absent_volume, listing_from_an_unknown_token,
]  # fmt: skip
