"""One complete request of each RPC, whose objects exist, so that what a test takes from it is its only fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import MIB, messages, mount, span

GROUPS = "group.CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT"


def delete(csi: Bench) -> Any:
    return csi.deletion(csi.create().volume_id)


def attach(csi: Bench) -> Any:
    csi.require("controller.PUBLISH_UNPUBLISH_VOLUME")
    return csi.attaching(csi.create(), mount())


def detach(csi: Bench) -> Any:
    csi.require("controller.PUBLISH_UNPUBLISH_VOLUME")
    return csi.detaching(csi.create())


def validate(csi: Bench) -> Any:
    volume = csi.create()
    return messages().ValidateVolumeCapabilitiesRequest(
        volume_id=volume.volume_id, volume_context=volume.volume_context, volume_capabilities=[mount()],
    )  # fmt: skip


def get_volume(csi: Bench) -> Any:
    csi.require("controller.GET_VOLUME")
    return messages().ControllerGetVolumeRequest(volume_id=csi.create().volume_id)


def get_volume_health(csi: Bench) -> Any:
    csi.require_spec(since="1.13")
    csi.require("controller.GET_VOLUME_HEALTH")
    return messages().ControllerGetVolumeHealthRequest(volume_id=csi.create().volume_id)


def modify(csi: Bench) -> Any:
    """Without parameters it is refused for them; that it is refused without an id does not depend on them."""
    csi.require("controller.MODIFY_VOLUME")
    return messages().ControllerModifyVolumeRequest(
        volume_id=csi.create().volume_id, mutable_parameters={"iops": "100"}
    )


def expand(csi: Bench) -> Any:
    csi.require("controller.EXPAND_VOLUME")
    volume = csi.create()
    larger = span(max(volume.capacity_bytes, csi.options.capacity) + MIB)
    return messages().ControllerExpandVolumeRequest(
        volume_id=volume.volume_id, capacity_range=larger, volume_capability=mount()
    )


def snapshot(csi: Bench) -> Any:
    csi.require("controller.CREATE_DELETE_SNAPSHOT")
    return csi.snapshotting(csi.create().volume_id)


def delete_snapshot(csi: Bench) -> Any:
    csi.require("controller.CREATE_DELETE_SNAPSHOT")
    return messages().DeleteSnapshotRequest(snapshot_id="seatrial-absent")


def get_snapshot(csi: Bench) -> Any:
    csi.require("controller.GET_SNAPSHOT")
    return messages().GetSnapshotRequest(snapshot_id="seatrial-absent")


def group(csi: Bench) -> Any:
    csi.require(GROUPS)
    return messages().CreateVolumeGroupSnapshotRequest(
        name=csi.name("group"), source_volume_ids=[csi.create().volume_id]
    )


def _existing_group(csi: Bench) -> dict[str, Any]:
    made = csi.client.call(group(csi)).group_snapshot
    members = [member.snapshot_id for member in made.snapshots]
    return {"group_snapshot_id": made.group_snapshot_id, "snapshot_ids": members}


def delete_group(csi: Bench) -> Any:
    return messages().DeleteVolumeGroupSnapshotRequest(**_existing_group(csi))


def get_group(csi: Bench) -> Any:
    return messages().GetVolumeGroupSnapshotRequest(**_existing_group(csi))


def allocated(csi: Bench) -> Any:
    csi.require("plugin.SNAPSHOT_METADATA_SERVICE")
    taken = csi.snapshot(csi.create())
    return messages().GetMetadataAllocatedRequest(snapshot_id=taken.snapshot_id)


def delta(csi: Bench) -> Any:
    csi.require("plugin.SNAPSHOT_METADATA_SERVICE")
    volume = csi.create()
    base, target = csi.snapshot(volume), csi.snapshot(volume)
    return messages().GetMetadataDeltaRequest(base_snapshot_id=base.snapshot_id, target_snapshot_id=target.snapshot_id)


def stage(csi: Bench) -> Any:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    volume = csi.create()
    return csi.staging(volume, mount(), csi.attach(volume, mount()))


def unstage(csi: Bench) -> Any:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    return csi.unstaging(csi.prepare(csi.create()))


def publish(csi: Bench) -> Any:
    return csi.publishing(csi.prepare(csi.create()))


def unpublish(csi: Bench) -> Any:
    return csi.unpublishing(csi.bring_up(csi.create()))


def stats(csi: Bench) -> Any:
    csi.require("node.GET_VOLUME_STATS")
    use = csi.bring_up(csi.create())
    return messages().NodeGetVolumeStatsRequest(
        volume_id=use.volume.volume_id, volume_path=str(use.target), staging_target_path=use.staging
    )


def node_expand(csi: Bench) -> Any:
    csi.require("node.EXPAND_VOLUME")
    use = csi.bring_up(csi.create())
    return messages().NodeExpandVolumeRequest(
        volume_id=use.volume.volume_id, volume_path=str(use.target), staging_target_path=use.staging
    )


def node_health(csi: Bench) -> Any:
    csi.require_spec(since="1.13")
    csi.require("node.GET_VOLUME_HEALTH")
    use = csi.bring_up(csi.create())
    return messages().NodeGetVolumeHealthRequest(
        volume_id=use.volume.volume_id, volume_publish_path=str(use.target), staging_target_path=use.staging
    )


BUILDERS: dict[str, Callable[[Bench], Any]] = {
    "create-volume": Bench.creation, "delete-volume": delete, "controller-publish": attach,
    "controller-unpublish": detach, "validate": validate, "get-volume": get_volume, "modify-volume": modify,
    "get-volume-health": get_volume_health, "controller-expand": expand, "create-snapshot": snapshot,
    "delete-snapshot": delete_snapshot, "get-snapshot": get_snapshot, "create-group-snapshot": group,
    "delete-group-snapshot": delete_group, "get-group-snapshot": get_group, "metadata-allocated": allocated,
    "metadata-delta": delta, "node-stage": stage, "node-unstage": unstage, "node-publish": publish,
    "node-unpublish": unpublish, "node-stats": stats, "node-expand": node_expand, "node-health": node_health,
}  # fmt: skip
