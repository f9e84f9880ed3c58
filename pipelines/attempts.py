"""Attempts at one shard: a pod that was killed is started again, and its folder of before is never written to again.

Two pods of one index may run at the same time (Kubernetes says so of a node that it has lost sight of), so each makes
a folder of its own. Whoever comes when an attempt has run to its end runs nothing: nobody tries until it is green.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pipelines.configuration import Misconfigured

FOLDER = re.compile(r"-shard-\d+-of-\d+(-attempt-\d+)?$")
MOST = 100
"""Attempts at one shard; whoever needs more has another trouble."""


class Done(Exception):
    """An attempt at the shard has run to its end. folder: where."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"this shard has run to its end in {folder}; nothing is run again")
        self.folder = folder


def next_attempt(runs: Path, run: str, index: int, of: int, candidate: str) -> tuple[str, int]:
    """The name of a folder that is not there yet, and its number. Another pod may take it first: ask again then.

    candidate: the digest of what is to be tested. Done: nothing is left to do. Misconfigured: an attempt of before was
    at another candidate, or there were too many.
    """
    for attempt in range(1, MOST + 1):
        name = f"{run}-shard-{index}-of-{of}" + (f"-attempt-{attempt}" if attempt > 1 else "")
        folder = runs.resolve() / name
        if not folder.exists():
            return name, attempt
        told = _facts(folder)
        if told and told.get("candidate") not in ("", candidate):
            raise Misconfigured([f"{folder}: is of another candidate. Give this run another --run-id."])
        if told.get("whole"):
            raise Done(folder)
    raise Misconfigured([f"{runs / run}: {MOST} attempts at shard {index} of {of} were cut off; see why first."])


def _facts(folder: Path) -> dict[str, Any]:
    """What an attempt says of itself; nothing where it was killed before it did."""
    try:
        facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))["shard"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return dict(facts) if isinstance(facts, dict) else {}
