"""An expansion asked for at the controller and on the node, and what it has to reach."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import device_bytes
from fixtures.subjects.csi.requests import messages, mount, span
from reports.model import ClauseViolation

EXPAND, NODE_EXPAND = "controller.EXPAND_VOLUME", "node.EXPAND_VOLUME"
METADATA = 0.75  # of a grown file system's bytes at least; the rest may be its own tables


def expanding(volume: Any, size: int = 0, limit: int = 0, capability: Any = None) -> Any:
    """A ControllerExpandVolumeRequest; for a mount volume unless a capability is given."""
    return messages().ControllerExpandVolumeRequest(
        volume_id=volume.volume_id, capacity_range=span(size, limit), volume_capability=capability or mount()
    )


def node_expanding(use: InUse, size: int, path: str = "") -> Any:
    """The complete NodeExpandVolumeRequest at a path (default: where the volume is published)."""
    return messages().NodeExpandVolumeRequest(
        volume_id=use.volume.volume_id, volume_path=path or str(use.target), staging_target_path=use.staging,
        capacity_range=span(size), volume_capability=use.capability,
    )  # fmt: skip


def room(path: Path) -> int:
    """The size of what a user has at the path, in bytes: of the device, or of the file system."""
    if path.is_block_device():
        return device_bytes(path)
    status = os.statvfs(path)
    return status.f_blocks * status.f_frsize


def require_room(path: Path, size: int, after: str) -> None:
    """ClauseViolation unless the user has about size bytes at the path (all of them on a raw device)."""
    least = size if path.is_block_device() else int(size * METADATA)
    if room(path) < least:
        raise ClauseViolation(
            f"the user still sees the old size after {after}", expected=f"at least {least} bytes",
            actual=f"{room(path)} bytes", question="Was the device grown and not what lies on it?",
        )  # fmt: skip


def expanded_offline(csi: Bench, use: InUse, size: int, times: int = 1) -> tuple[InUse, bool]:
    """Take a volume down, expand it, bring it up again; and whether the node still has to expand it.

    times: how often the same expansion is asked for; the last answer counts.
    """
    csi.take_down(use)
    for _ in range(times):
        answer = csi.client.call(expanding(use.volume, size, capability=use.capability))
    return csi.bring_up(use.volume, use.capability), bool(answer.node_expansion_required)
