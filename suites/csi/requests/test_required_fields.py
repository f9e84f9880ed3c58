"""One fault in a request: a required field is missing, and nothing else is wrong with it.

The objects that the requests name exist, so that only the missing field can be the reason of a refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import block, changed, messages, mount, span, without


def _delete(csi: Bench) -> Any:
    return csi.deletion(csi.create().volume_id)


def _attach(csi: Bench) -> Any:
    csi.require("controller.PUBLISH_UNPUBLISH_VOLUME")
    return csi.attaching(csi.create(), mount())


def _detach(csi: Bench) -> Any:
    csi.require("controller.PUBLISH_UNPUBLISH_VOLUME")
    return csi.detaching(csi.create())


def _validate(csi: Bench) -> Any:
    return messages().ValidateVolumeCapabilitiesRequest(volume_id=csi.create().volume_id, volume_capabilities=[mount()])


def _snapshot(csi: Bench) -> Any:
    csi.require("controller.CREATE_DELETE_SNAPSHOT")
    return csi.snapshotting(csi.create().volume_id)


def _delete_snapshot(csi: Bench) -> Any:
    csi.require("controller.CREATE_DELETE_SNAPSHOT")
    return messages().DeleteSnapshotRequest(snapshot_id="seatrial-absent")


def _get_snapshot(csi: Bench) -> Any:
    csi.require("controller.GET_SNAPSHOT")
    return messages().GetSnapshotRequest(snapshot_id="seatrial-absent")


def _expand(csi: Bench) -> Any:
    csi.require("controller.EXPAND_VOLUME")
    volume = csi.create()
    return messages().ControllerExpandVolumeRequest(
        volume_id=volume.volume_id, capacity_range=span(volume.capacity_bytes + (1 << 20)), volume_capability=mount()
    )


def _get_volume(csi: Bench) -> Any:
    csi.require("controller.GET_VOLUME")
    return messages().ControllerGetVolumeRequest(volume_id=csi.create().volume_id)


def _stage(csi: Bench) -> Any:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    volume = csi.create()
    return csi.staging(volume, mount(), csi.attach(volume, mount()))


def _unstage(csi: Bench) -> Any:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    return csi.unstaging(csi.prepare(csi.create()))


def _publish(csi: Bench) -> Any:
    return csi.publishing(csi.prepare(csi.create()))


def _unpublish(csi: Bench) -> Any:
    return csi.unpublishing(csi.bring_up(csi.create()))


def _stats(csi: Bench) -> Any:
    csi.require("node.GET_VOLUME_STATS")
    use = csi.bring_up(csi.create())
    return messages().NodeGetVolumeStatsRequest(volume_id=use.volume.volume_id, volume_path=str(use.target))


def _node_expand(csi: Bench) -> Any:
    csi.require("node.EXPAND_VOLUME")
    use = csi.bring_up(csi.create())
    return messages().NodeExpandVolumeRequest(
        volume_id=use.volume.volume_id, volume_path=str(use.target), staging_target_path=use.staging
    )


CASES = [
    pytest.param(
        "name", Bench.creation, id="create-volume-name", marks=pytest.mark.clause("csi.create-volume.name-is-required")
    ),
    pytest.param(
        "volume_capabilities",
        Bench.creation,
        id="create-volume-volume_capabilities",
        marks=pytest.mark.clause("csi.create-volume.volume-capabilities-is-required"),
    ),
    pytest.param(
        "volume_id",
        _delete,
        id="delete-volume-volume_id",
        marks=pytest.mark.clause("csi.delete-volume.volume-id-is-required"),
    ),
    pytest.param(
        "volume_id",
        _attach,
        id="controller-publish-volume_id",
        marks=pytest.mark.clause("csi.controller-publish.volume-id-is-required"),
    ),
    pytest.param(
        "node_id",
        _attach,
        id="controller-publish-node_id",
        marks=pytest.mark.clause("csi.controller-publish.node-id-is-required"),
    ),
    pytest.param(
        "volume_capability",
        _attach,
        id="controller-publish-volume_capability",
        marks=pytest.mark.clause("csi.controller-publish.volume-capability-is-required"),
    ),
    pytest.param(
        "volume_id",
        _detach,
        id="controller-unpublish-volume_id",
        marks=pytest.mark.clause("csi.controller-unpublish.volume-id-is-required"),
    ),
    pytest.param(
        "volume_id", _validate, id="validate-volume_id", marks=pytest.mark.clause("csi.validate.volume-id-is-required")
    ),
    pytest.param(
        "volume_capabilities",
        _validate,
        id="validate-volume_capabilities",
        marks=pytest.mark.clause("csi.validate.volume-capabilities-is-required"),
    ),
    pytest.param(
        "name", _snapshot, id="create-snapshot-name", marks=pytest.mark.clause("csi.create-snapshot.name-is-required")
    ),
    pytest.param(
        "source_volume_id",
        _snapshot,
        id="create-snapshot-source_volume_id",
        marks=pytest.mark.clause("csi.create-snapshot.source-volume-id-is-required"),
    ),
    pytest.param(
        "snapshot_id",
        _delete_snapshot,
        id="delete-snapshot-snapshot_id",
        marks=pytest.mark.clause("csi.delete-snapshot.snapshot-id-is-required"),
    ),
    pytest.param(
        "snapshot_id",
        _get_snapshot,
        id="get-snapshot-snapshot_id",
        marks=pytest.mark.clause("csi.get-snapshot.snapshot-id-is-required"),
    ),
    pytest.param(
        "volume_id",
        _expand,
        id="controller-expand-volume_id",
        marks=pytest.mark.clause("csi.controller-expand.volume-id-is-required"),
    ),
    pytest.param(
        "capacity_range",
        _expand,
        id="controller-expand-capacity_range",
        marks=pytest.mark.clause("csi.controller-expand.capacity-range-is-required"),
    ),
    pytest.param(
        "volume_id",
        _get_volume,
        id="get-volume-volume_id",
        marks=pytest.mark.clause("csi.get-volume.volume-id-is-required"),
    ),
    pytest.param(
        "volume_id", _stage, id="node-stage-volume_id", marks=pytest.mark.clause("csi.node-stage.volume-id-is-required")
    ),
    pytest.param(
        "staging_target_path",
        _stage,
        id="node-stage-staging_target_path",
        marks=pytest.mark.clause("csi.node-stage.staging-target-path-is-required"),
    ),
    pytest.param(
        "volume_capability",
        _stage,
        id="node-stage-volume_capability",
        marks=pytest.mark.clause("csi.node-stage.volume-capability-is-required"),
    ),
    pytest.param(
        "volume_id",
        _unstage,
        id="node-unstage-volume_id",
        marks=pytest.mark.clause("csi.node-unstage.volume-id-is-required"),
    ),
    pytest.param(
        "staging_target_path",
        _unstage,
        id="node-unstage-staging_target_path",
        marks=pytest.mark.clause("csi.node-unstage.staging-target-path-is-required"),
    ),
    pytest.param(
        "volume_id",
        _publish,
        id="node-publish-volume_id",
        marks=pytest.mark.clause("csi.node-publish.volume-id-is-required"),
    ),
    pytest.param(
        "target_path",
        _publish,
        id="node-publish-target_path",
        marks=pytest.mark.clause("csi.node-publish.target-path-is-required"),
    ),
    pytest.param(
        "volume_capability",
        _publish,
        id="node-publish-volume_capability",
        marks=pytest.mark.clause("csi.node-publish.volume-capability-is-required"),
    ),
    pytest.param(
        "volume_id",
        _unpublish,
        id="node-unpublish-volume_id",
        marks=pytest.mark.clause("csi.node-unpublish.volume-id-is-required"),
    ),
    pytest.param(
        "target_path",
        _unpublish,
        id="node-unpublish-target_path",
        marks=pytest.mark.clause("csi.node-unpublish.target-path-is-required"),
    ),
    pytest.param(
        "volume_id", _stats, id="node-stats-volume_id", marks=pytest.mark.clause("csi.node-stats.volume-id-is-required")
    ),
    pytest.param(
        "volume_path",
        _stats,
        id="node-stats-volume_path",
        marks=pytest.mark.clause("csi.node-stats.volume-path-is-required"),
    ),
    pytest.param(
        "volume_id",
        _node_expand,
        id="node-expand-volume_id",
        marks=pytest.mark.clause("csi.node-expand.volume-id-is-required"),
    ),
    pytest.param(
        "volume_path",
        _node_expand,
        id="node-expand-volume_path",
        marks=pytest.mark.clause("csi.node-expand.volume-path-is-required"),
    ),
]


@pytest.mark.parametrize(("field", "build"), CASES)
def test_request_without_a_required_field_is_invalid(csi: Bench, field: str, build: Callable[[Bench], Any]) -> None:
    request = without(build(csi), field)
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because=f"the required {field} is missing")


@pytest.mark.clause("csi.create-volume.access-type-is-required")
def test_create_volume_without_access_type_is_invalid(csi: Bench) -> None:
    request = changed(csi.creation(), volume_capabilities=[without(mount(), "mount")])
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="the capability has neither block nor mount")


@pytest.mark.clause("csi.create-volume.access-mode-is-required")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_create_volume_with_unknown_access_mode_is_invalid(csi: Bench, kind: str) -> None:
    capability = {"mount": mount, "block": block}[kind]("UNKNOWN")
    request = csi.creation(capability)
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="the access mode is unknown")


@pytest.mark.clause("csi.node-publish.staging-path-is-required")
def test_publish_without_staging_path_is_a_failed_precondition(csi: Bench) -> None:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    request = without(csi.publishing(csi.prepare(csi.create())), "staging_target_path")
    csi.client.require_refusal(request, "FAILED_PRECONDITION", because="the staging path is missing")
