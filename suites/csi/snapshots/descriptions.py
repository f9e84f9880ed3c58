"""One snapshot described by several calls, at once and after its source volume went on."""

from __future__ import annotations

from typing import Any

from fixtures.subjects.csi.bench import Bench
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.growth import EXPAND, expanding

SECOND = 1_000_000_000  # nanoseconds
MEANWHILE = ["nothing", "its volume was expanded", "its volume was deleted"]


def let_the_source_go_on(csi: Bench, volume: Any, meanwhile: str, capability: Any = None) -> None:
    """Do one of MEANWHILE to the volume of a snapshot. NotApplicable: the driver does not, with a snapshot there."""
    if meanwhile == "its volume was expanded":
        csi.require(EXPAND)
        request: Any = expanding(volume, 2 * max(csi.options.capacity, volume.capacity_bytes), capability=capability)
    elif meanwhile == "its volume was deleted":
        request = csi.deletion(volume.volume_id)
    else:
        return
    answer = csi.client.answer(request)
    if answer.code == "FAILED_PRECONDITION":
        raise NotApplicable(f"the driver does not, for a volume with snapshots: {answer.details}")
    if not answer.is_ok:
        csi.client.call(request)


def _places(snapshot: Any) -> list[list[tuple[str, str]]]:
    """Where a snapshot can be used, which CSI 1.12 has no field for."""
    return sorted(sorted(entry.segments.items()) for entry in getattr(snapshot, "accessible_topology", ()))


def require_same_snapshot(found: Any, made: Any, rpc: str) -> None:
    """ClauseViolation unless found says what made says, the size as well where both know it.

    A part of a second in the time is not compared: a listing may come from a backend that counts whole ones.
    """
    fields = ["snapshot_id", "source_volume_id", "ready_to_use", "group_snapshot_id"]
    fields += ["size_bytes"] if made.size_bytes and found.size_bytes else []
    wrong = {name for name in fields if getattr(found, name) != getattr(made, name)}
    if _places(made) and _places(found) not in ([], _places(made)):
        wrong.add("accessible_topology")
    if abs(found.creation_time.ToNanoseconds() - made.creation_time.ToNanoseconds()) >= SECOND:
        wrong.add("creation_time")
    if wrong:
        raise ClauseViolation(
            f"{rpc} describes the snapshot otherwise: {', '.join(sorted(wrong))}", expected=str(made), actual=str(found)
        )
