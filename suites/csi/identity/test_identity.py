"""Who the driver is and what it says it can do."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import messages, mount, without
from reports.model import ClauseViolation, NotApplicable

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")
EXTENDS = {
    "controller.PUBLISH_READONLY": "controller.PUBLISH_UNPUBLISH_VOLUME",
    "controller.LIST_VOLUMES_PUBLISHED_NODES": "controller.LIST_VOLUMES",
}


@pytest.mark.clause("csi.plugin-info.name-is-well-formed")
def test_plugin_name_is_well_formed(csi: Bench) -> None:
    name = csi.client.call(messages().GetPluginInfoRequest()).name
    if not NAME.fullmatch(name):
        raise ClauseViolation(
            "the driver's name is not a domain name", expected="letters, digits, - and ., at most 63", actual=repr(name)
        )


@pytest.mark.clause("csi.plugin-info.version-is-stated")
def test_plugin_version_is_stated(csi: Bench) -> None:
    assert csi.client.call(messages().GetPluginInfoRequest()).vendor_version, "the driver states no vendor version"


@pytest.mark.clause("csi.plugin-capabilities.are-answered")
def test_plugin_capabilities_have_types(csi: Bench) -> None:
    for capability in csi.client.call(messages().GetPluginCapabilitiesRequest()).capabilities:
        which = capability.WhichOneof("type")
        if which is not None and getattr(capability, which).type == 0:
            raise ClauseViolation("a plugin capability has no type", expected="a type", actual=f"{which}: UNKNOWN")


@pytest.mark.clause("csi.probe.ready-driver-says-ready")
def test_probe_of_a_serving_driver_is_ready(csi: Bench) -> None:
    answer = csi.client.call(messages().ProbeRequest())
    if answer.HasField("ready") and not answer.ready.value:
        raise ClauseViolation("the driver serves requests and says that it is not ready", expected="true", actual=False)


@pytest.mark.clause("csi.controller-capabilities.are-consistent")
def test_controller_capabilities_come_with_what_they_extend(csi: Bench) -> None:
    csi.require("plugin.CONTROLLER_SERVICE")
    for extension, base in EXTENDS.items():
        if extension in csi.capabilities and base not in csi.capabilities:
            raise ClauseViolation(f"{extension} is declared without {base}", expected=base, actual="not declared")


@pytest.mark.clause("csi.node-info.id-is-usable")
def test_node_id_is_not_empty_and_short(csi: Bench) -> None:
    size = len(csi.client.call(messages().NodeGetInfoRequest()).node_id.encode())
    assert 0 < size <= 256, f"the node id has {size} bytes, not 1 to 256"


@pytest.mark.clause("csi.node-info.volume-limit-is-not-negative")
def test_node_volume_limit_is_not_negative(csi: Bench) -> None:
    limit = csi.client.call(messages().NodeGetInfoRequest()).max_volumes_per_node
    assert limit >= 0, f"the node takes {limit} volumes"


@pytest.mark.clause("csi.node-info.topology-is-stated")
def test_node_topology_is_stated(csi: Bench) -> None:
    csi.require("plugin.VOLUME_ACCESSIBILITY_CONSTRAINTS")
    topology = csi.client.call(messages().NodeGetInfoRequest()).accessible_topology
    assert topology.segments, "the driver declares accessibility constraints and states no topology of its node"


def undeclared_calls(csi: Bench) -> dict[str, Any]:
    """A harmless, well-formed request for each call of a capability that the driver does not declare."""
    csi_, absent = messages(), f"absent-{csi.name()}"
    calls = {
        "controller.PUBLISH_UNPUBLISH_VOLUME": csi_.ControllerPublishVolumeRequest(
            volume_id=absent, node_id=csi.capabilities.node_id, volume_capability=mount()
        ),
        "controller.LIST_VOLUMES": csi_.ListVolumesRequest(max_entries=1),
        "controller.GET_CAPACITY": csi_.GetCapacityRequest(),
        "controller.CREATE_DELETE_SNAPSHOT": csi_.DeleteSnapshotRequest(snapshot_id=absent),
        "controller.LIST_SNAPSHOTS": csi_.ListSnapshotsRequest(max_entries=1),
        "controller.EXPAND_VOLUME": csi_.ControllerExpandVolumeRequest(
            volume_id=absent, capacity_range=csi_.CapacityRange(required_bytes=1 << 20)
        ),
        "controller.GET_VOLUME": csi_.ControllerGetVolumeRequest(volume_id=absent),
        "controller.MODIFY_VOLUME": csi_.ControllerModifyVolumeRequest(
            volume_id=absent, mutable_parameters={"seatrial": "1"}
        ),
        "controller.GET_SNAPSHOT": csi_.GetSnapshotRequest(snapshot_id=absent),
        "node.STAGE_UNSTAGE_VOLUME": csi_.NodeUnstageVolumeRequest(volume_id=absent, staging_target_path="/absent"),
        "node.GET_VOLUME_STATS": csi_.NodeGetVolumeStatsRequest(volume_id=absent, volume_path="/absent"),
        "node.EXPAND_VOLUME": csi_.NodeExpandVolumeRequest(volume_id=absent, volume_path="/absent"),
        "group.CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT": csi_.GetVolumeGroupSnapshotRequest(group_snapshot_id=absent),
        "plugin.SNAPSHOT_METADATA_SERVICE": csi_.GetMetadataAllocatedRequest(snapshot_id=absent),
    }
    needs_controller = "plugin.CONTROLLER_SERVICE" not in csi.capabilities
    return {
        name: request
        for name, request in calls.items()
        if name not in csi.capabilities and not (needs_controller and name.startswith("controller."))
    }


@pytest.mark.clause("csi.services.undeclared-call-is-unimplemented")
def test_undeclared_call_is_unimplemented(csi: Bench) -> None:
    calls = undeclared_calls(csi)
    if not calls:
        raise NotApplicable("the driver declares everything")
    for capability, request in calls.items():
        csi.client.require_refusal(request, "UNIMPLEMENTED", because=f"{capability} is not declared")


@pytest.mark.clause("csi.errors.message-is-not-empty")
def test_refusal_has_a_text(csi: Bench) -> None:
    answer = csi.client.answer(messages().NodePublishVolumeRequest())
    assert not answer.is_ok, "NodePublishVolume accepted an empty request"
    assert answer.details.strip(), f"{answer.rpc} was refused with {answer.code} and no text"


@pytest.mark.clause("csi.requests.optional-fields-may-be-absent")
def test_create_volume_without_optional_fields_is_served(csi: Bench) -> None:
    csi.client.call(without(csi.creation(), "capacity_range"))
