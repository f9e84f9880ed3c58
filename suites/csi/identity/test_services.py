"""Capability honesty: what is declared is served, what is not declared is UNIMPLEMENTED."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fixtures.protocols.definitions import csi_spec
from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.client import Client
from fixtures.subjects.csi.requests import block, messages, mount, span
from reports.model import ClauseViolation, NotApplicable


def calls_of_capabilities(csi: Bench) -> dict[str, list[Any]]:
    """Well-formed requests for the calls of each capability; they name nothing that exists, so they change nothing."""
    csi_, absent, node = messages(), f"absent-{csi.name()}", csi.capabilities.node_id
    path, members = csi.path("absent"), [f"absent-{csi.name('snapshot')}"]
    expansion = {"volume_id": absent, "capacity_range": span(1 << 20)}
    calls: dict[str, list[Any]] = {
        "controller.CREATE_DELETE_VOLUME": [csi_.DeleteVolumeRequest(volume_id=absent)],
        "controller.PUBLISH_UNPUBLISH_VOLUME": [
            csi_.ControllerPublishVolumeRequest(volume_id=absent, node_id=node, volume_capability=mount()),
            csi_.ControllerUnpublishVolumeRequest(volume_id=absent, node_id=node),
        ],
        "controller.LIST_VOLUMES": [csi_.ListVolumesRequest(max_entries=1)],
        "controller.GET_CAPACITY": [csi_.GetCapacityRequest()],
        "controller.CREATE_DELETE_SNAPSHOT": [
            csi_.CreateSnapshotRequest(source_volume_id=absent, name=csi.name("snapshot")),
            csi_.DeleteSnapshotRequest(snapshot_id=absent),
        ],
        "controller.LIST_SNAPSHOTS": [csi_.ListSnapshotsRequest(max_entries=1)],
        "controller.EXPAND_VOLUME": [csi_.ControllerExpandVolumeRequest(**expansion)],
        "controller.GET_VOLUME": [csi_.ControllerGetVolumeRequest(volume_id=absent)],
        "controller.MODIFY_VOLUME": [
            csi_.ControllerModifyVolumeRequest(volume_id=absent, mutable_parameters={"seatrial": "1"})
        ],
        "controller.GET_SNAPSHOT": [csi_.GetSnapshotRequest(snapshot_id=absent)],
        "node.STAGE_UNSTAGE_VOLUME": [
            csi_.NodeStageVolumeRequest(volume_id=absent, staging_target_path=path, volume_capability=block()),
            csi_.NodeUnstageVolumeRequest(volume_id=absent, staging_target_path=path),
        ],
        "node.GET_VOLUME_STATS": [csi_.NodeGetVolumeStatsRequest(volume_id=absent, volume_path=path)],
        "node.EXPAND_VOLUME": [csi_.NodeExpandVolumeRequest(volume_id=absent, volume_path=path)],
        "group.CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT": [
            csi_.CreateVolumeGroupSnapshotRequest(name=csi.name("group"), source_volume_ids=[absent]),
            csi_.GetVolumeGroupSnapshotRequest(group_snapshot_id=absent, snapshot_ids=members),
            csi_.DeleteVolumeGroupSnapshotRequest(group_snapshot_id=absent, snapshot_ids=members),
        ],
        "plugin.SNAPSHOT_METADATA_SERVICE": [
            csi_.GetMetadataAllocatedRequest(snapshot_id=absent),
            csi_.GetMetadataDeltaRequest(base_snapshot_id=absent, target_snapshot_id=members[0]),
        ],
    }
    if csi_spec() != "1.12":
        calls |= {
            "controller.GET_VOLUME_HEALTH": [csi_.ControllerGetVolumeHealthRequest(volume_id=absent)],
            "controller.LIST_VOLUME_HEALTH": [csi_.ControllerListVolumeHealthRequest(max_entries=1)],
            "node.GET_VOLUME_HEALTH": [csi_.NodeGetVolumeHealthRequest(volume_id=absent)],
            "node.GET_STORAGE_HEALTH": [csi_.NodeGetStorageHealthRequest()],
        }
    return calls


CAPABILITIES = (
    "controller.CREATE_DELETE_VOLUME", "controller.PUBLISH_UNPUBLISH_VOLUME", "controller.LIST_VOLUMES",
    "controller.GET_CAPACITY", "controller.CREATE_DELETE_SNAPSHOT", "controller.LIST_SNAPSHOTS",
    "controller.EXPAND_VOLUME", "controller.GET_VOLUME", "controller.MODIFY_VOLUME", "controller.GET_SNAPSHOT",
    "node.STAGE_UNSTAGE_VOLUME", "node.GET_VOLUME_STATS", "node.EXPAND_VOLUME",
    "group.CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT", "plugin.SNAPSHOT_METADATA_SERVICE",
    "controller.GET_VOLUME_HEALTH", "controller.LIST_VOLUME_HEALTH", "node.GET_VOLUME_HEALTH",
    "node.GET_STORAGE_HEALTH",
)  # fmt: skip


def requests_of(csi: Bench, capability: str) -> list[Any]:
    """NotApplicable where this version of the protocol has no such capability."""
    calls = calls_of_capabilities(csi)
    if capability not in calls:
        raise NotApplicable(f"CSI {csi_spec()} has no {capability}")
    return calls[capability]


@pytest.mark.clause("csi.services.undeclared-call-is-unimplemented")
@pytest.mark.parametrize("capability", CAPABILITIES)
def test_undeclared_call_is_unimplemented(csi: Bench, capability: str) -> None:
    requests = requests_of(csi, capability)
    if capability in csi.capabilities:
        raise NotApplicable(f"the driver declares {capability}")
    if capability.startswith("controller.") and "plugin.CONTROLLER_SERVICE" not in csi.capabilities:
        raise NotApplicable("the driver declares no controller at all")
    for request in requests:
        csi.client.require_refusal(request, "UNIMPLEMENTED", because=f"{capability} is not declared")


@pytest.mark.clause("csi.services.declared-call-is-served")
@pytest.mark.parametrize("capability", CAPABILITIES)
def test_declared_call_is_served(csi: Bench, capability: str) -> None:
    requests = requests_of(csi, capability)
    csi.require(capability)
    for request in requests:
        answer = csi.client.answer(request)
        if answer.code == "UNIMPLEMENTED":
            raise ClauseViolation(
                f"{capability} is declared and {answer.rpc} is not implemented", expected="any other answer",
                actual=str(answer),
            )  # fmt: skip


REQUIRED = (
    "GetPluginInfo", "GetPluginCapabilities", "Probe", "NodePublishVolume", "NodeUnpublishVolume", "NodeGetInfo",
    "NodeGetCapabilities",
)  # fmt: skip


@pytest.mark.clause("csi.services.required-calls-are-served")
@pytest.mark.parametrize("rpc", REQUIRED)
def test_required_call_is_served(csi: Bench, rpc: str) -> None:
    answer = csi.client.answer(getattr(messages(), f"{rpc}Request")())
    assert answer.code != "UNIMPLEMENTED", f"every driver has to serve {rpc}: {answer}"


@pytest.mark.clause("csi.plugin-capabilities.declared-service-is-served")
@pytest.mark.parametrize("service", ["CONTROLLER_SERVICE", "GROUP_CONTROLLER_SERVICE"])
def test_declared_service_answers_what_it_can(csi: Bench, service: str) -> None:
    csi.require(f"plugin.{service}")
    name = "Controller" if service == "CONTROLLER_SERVICE" else "GroupController"
    csi.client.call(getattr(messages(), f"{name}GetCapabilitiesRequest")())


@pytest.mark.clause("csi.environment.listens-where-told")
@pytest.mark.parametrize("side", ["node", "controller"])
def test_socket_serves_the_identity_of_the_driver(csi: Bench, side: str) -> None:
    endpoint = csi.driver.endpoint if side == "node" else csi.driver.controller_endpoint
    if not endpoint:
        raise NotApplicable("the controller has no socket of its own")
    client = Client(endpoint)
    try:
        here = client.call(messages().GetPluginInfoRequest())
    finally:
        client.close()
    assert here.name == csi.client.call(messages().GetPluginInfoRequest()).name, "two sockets name two drivers"
    client = Client(endpoint)
    client.call(messages().ProbeRequest())
    client.close()


@pytest.mark.clause("csi.controller-capabilities.single-writer-is-kept")
def test_driver_of_the_newer_modes_serves_the_old_one(csi: Bench) -> None:
    csi.require("controller.SINGLE_NODE_MULTI_WRITER")
    csi.create(mount("SINGLE_NODE_WRITER"))


@pytest.mark.clause("csi.environment.leaves-the-socket-folder-alone")
def test_driver_makes_nothing_beside_its_socket(csi: Bench) -> None:
    if not csi.driver.owned or not csi.driver.endpoint.startswith("unix:"):
        raise NotApplicable("others may use the folder of this driver's socket")
    folder = Path(csi.driver.endpoint.removeprefix("unix:").replace("///", "/", 1)).parent
    before = set(folder.iterdir())
    csi.take_down(csi.bring_up(csi.create()))
    made = sorted(set(folder.iterdir()) - before)
    if made:
        raise ClauseViolation(
            "the driver makes files beside its socket", expected="none", actual=[path.name for path in made]
        )
