"""One fault in a request: a required field is missing, and nothing else is wrong with it.

The objects that the requests name exist, so that only the missing field can be the reason of a refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import block, changed, messages, mount, span, without


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


CASES: list[tuple[str, str, Callable[[Bench], Any]]] = [
    ("create-volume", "name", lambda csi: csi.creation()),
    ("create-volume", "volume_capabilities", lambda csi: csi.creation()),
    ("delete-volume", "volume_id", lambda csi: csi.deletion(csi.create().volume_id)),
    *[("controller-publish", field, _attach) for field in ("volume_id", "node_id", "volume_capability")],
    ("controller-unpublish", "volume_id", _detach),
    *[("validate", field, _validate) for field in ("volume_id", "volume_capabilities")],
    *[("create-snapshot", field, _snapshot) for field in ("name", "source_volume_id")],
    ("delete-snapshot", "snapshot_id", _delete_snapshot),
    ("get-snapshot", "snapshot_id", _get_snapshot),
    *[("controller-expand", field, _expand) for field in ("volume_id", "capacity_range")],
    ("get-volume", "volume_id", _get_volume),
    *[("node-stage", field, _stage) for field in ("volume_id", "staging_target_path", "volume_capability")],
    *[("node-unstage", field, _unstage) for field in ("volume_id", "staging_target_path")],
    *[("node-publish", field, _publish) for field in ("volume_id", "target_path", "volume_capability")],
    *[("node-unpublish", field, _unpublish) for field in ("volume_id", "target_path")],
    *[("node-stats", field, _stats) for field in ("volume_id", "volume_path")],
    *[("node-expand", field, _node_expand) for field in ("volume_id", "volume_path")],
]


def _case(topic: str, field: str, build: Callable[[Bench], Any]) -> Any:
    clause = f"csi.{topic}.{field.replace('_', '-')}-is-required"
    return pytest.param(field, build, id=f"{topic}-{field}", marks=pytest.mark.clause(clause))


@pytest.mark.parametrize(("field", "build"), [_case(*case) for case in CASES])
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
