"""Answers made comparable: what must be the same each time, without what may differ and without an order."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import messages
from reports.model import NotApplicable
from suites.csi.volumes.pages import all_entries

MAY_CHANGE = {"ready_to_use", "volume_condition", "available_capacity"}


def facts(response: Any) -> Any:
    """The response as plain data: a list of messages in no order, a stream as the list of its messages."""
    if isinstance(response, list):
        return [facts(message) for message in response]
    return _plain(MessageToDict(response, preserving_proto_field_name=True))


def _plain(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _plain(value) for key, value in sorted(part.items()) if key not in MAY_CHANGE}
    if isinstance(part, list):
        return sorted((_plain(item) for item in part), key=str)
    return part


def listed(csi: Bench, *ids: str) -> list[Any]:
    """What the driver lists of these volumes and snapshots, in no order."""
    found = []
    for capability, request, kind in (
        ("controller.LIST_VOLUMES", messages().ListVolumesRequest(), "volume"),
        ("controller.LIST_SNAPSHOTS", messages().ListSnapshotsRequest(), "snapshot"),
    ):
        if capability in csi.capabilities:
            entries = all_entries(csi, request)
            found += [facts(entry) for entry in entries if getattr(getattr(entry, kind), f"{kind}_id") in ids]
    if not found:
        raise NotApplicable("the driver lists neither volumes nor snapshots")
    return sorted(found, key=str)
