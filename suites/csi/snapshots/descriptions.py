"""One snapshot described by several calls."""

from __future__ import annotations

from typing import Any

from reports.model import ClauseViolation


def require_same_snapshot(found: Any, made: Any, rpc: str) -> None:
    """ClauseViolation unless found says what made says, the size as well where both know it."""
    fields = ["snapshot_id", "source_volume_id", "creation_time", "ready_to_use", "group_snapshot_id"]
    fields += ["size_bytes"] if made.size_bytes and found.size_bytes else []
    wrong = {name for name in fields if getattr(found, name) != getattr(made, name)}
    if wrong:
        raise ClauseViolation(
            f"{rpc} describes the snapshot otherwise: {', '.join(sorted(wrong))}", expected=str(made), actual=str(found)
        )
