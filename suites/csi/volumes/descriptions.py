"""What a listing or a description says of a volume, compared with what its creation said."""

from __future__ import annotations

from typing import Any

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import messages
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.pages import all_entries

LIST, GET = "controller.LIST_VOLUMES", "controller.GET_VOLUME"


def entries_of(csi: Bench, *volumes: Any) -> dict[str, Any]:
    """The entries of ListVolumes for these volumes, by id; one that is not listed is absent."""
    csi.require(LIST)
    wanted = {volume.volume_id for volume in volumes}
    entries = all_entries(csi, messages().ListVolumesRequest())
    return {entry.volume.volume_id: entry for entry in entries if entry.volume.volume_id in wanted}


def entry_of(csi: Bench, volume: Any) -> Any:
    """The entry of ListVolumes for a volume. ClauseViolation: there is none."""
    found = entries_of(csi, volume)
    if volume.volume_id not in found:
        raise ClauseViolation("a volume is not listed", expected=volume.volume_id, actual="no such entry")
    return found[volume.volume_id]


def description_of(csi: Bench, volume: Any) -> Any:
    """What ControllerGetVolume answers for a volume."""
    csi.require(GET)
    return csi.client.call(messages().ControllerGetVolumeRequest(volume_id=volume.volume_id))


def stated_capacity(csi: Bench, volume: Any) -> int:
    """The capacity that the controller states of a volume now. NotApplicable: it has no way to state one."""
    if GET in csi.capabilities:
        capacity = int(description_of(csi, volume).volume.capacity_bytes)
    else:
        capacity = int(entry_of(csi, volume).volume.capacity_bytes)
    if not capacity:
        raise NotApplicable("the driver states no capacity of a volume")
    return capacity


def require_agreement(made: Any, told: Any, by: str) -> None:
    """ClauseViolation where what is told of a volume contradicts its creation. A field may be left out."""
    if told.volume_id != made.volume_id:
        raise ClauseViolation(f"{by} describes another volume", expected=made.volume_id, actual=told.volume_id)
    pairs = {
        "capacity_bytes": (made.capacity_bytes, told.capacity_bytes),
        "volume_context": (dict(made.volume_context), dict(told.volume_context)),
        "content_source": (str(made.content_source), str(told.content_source)),
        "accessible_topology": (_segments(made), _segments(told)),
    }
    for field, (expected, actual) in pairs.items():
        if actual and actual != expected:
            raise ClauseViolation(f"{by} tells another {field} than the creation", expected=expected, actual=actual)


def _segments(volume: Any) -> list[list[tuple[str, str]]]:
    return sorted(sorted(topology.segments.items()) for topology in volume.accessible_topology)
