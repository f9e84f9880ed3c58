"""The question for the statistics of a volume, and what may be in the answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.requests import messages
from reports.model import NotApplicable

STATS = "node.GET_VOLUME_STATS"


def measuring(use: InUse, path: Path | str, staging: str = "") -> Any:
    """The request for the statistics of a volume at a path."""
    return messages().NodeGetVolumeStatsRequest(
        volume_id=use.volume.volume_id, volume_path=str(path), staging_target_path=staging
    )


def usage_of(csi: Bench, use: InUse, unit: str) -> Any:
    """What is told of a unit ("BYTES", "INODES") at the target path. NotApplicable: nothing is, which is allowed."""
    usage = csi.client.call(measuring(use, use.target)).usage
    for entry in usage:
        if entry.unit == messages().VolumeUsage.Unit.Value(unit):
            return entry
    raise NotApplicable(f"the statistics name no {unit.lower()}, and need not")
