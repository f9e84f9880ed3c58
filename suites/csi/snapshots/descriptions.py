"""One snapshot described by several calls."""

from __future__ import annotations

from typing import Any

from reports.model import ClauseViolation

SECOND = 1_000_000_000  # nanoseconds


def require_same_snapshot(found: Any, made: Any, rpc: str) -> None:
    """ClauseViolation unless found says what made says, the size as well where both know it.

    A part of a second in the time is not compared: a listing may come from a backend that counts whole ones.
    """
    fields = ["snapshot_id", "source_volume_id", "ready_to_use", "group_snapshot_id"]
    fields += ["size_bytes"] if made.size_bytes and found.size_bytes else []
    wrong = {name for name in fields if getattr(found, name) != getattr(made, name)}
    if abs(found.creation_time.ToNanoseconds() - made.creation_time.ToNanoseconds()) >= SECOND:
        wrong.add("creation_time")
    if wrong:
        raise ClauseViolation(
            f"{rpc} describes the snapshot otherwise: {', '.join(sorted(wrong))}", expected=str(made), actual=str(found)
        )
