"""Fetches and builds the parts of the chosen stages, told as text to people or as JSON lines to a running trial."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from pipelines import ground
from pipelines.candidate import declared_at
from pipelines.inputs import Inputs
from pipelines.logbook import write
from pipelines.provisioning import wanted
from reports.model import Component, EnvironmentUnfit, HarnessError, Part, Verdict, part_from_json, to_json

STEP = 0.5
"""Seconds between two pieces of news in JSON form."""


def provision(
    inputs: Inputs, *, as_json: bool, install: bool, for_pytest: bool = True, earlier: Sequence[Component] = ()
) -> int:
    """Provide everything in the order of need. Returns the exit code.

    for_pytest: note the parts as those that a lone pytest run takes. earlier: only these, of a release before.
    """
    # A build is a child of its own session: only an orderly end of this process takes it along.
    signal.signal(signal.SIGTERM, _stop)
    order = list(earlier) or wanted(inputs.stages, inputs.candidate)[0]
    tell = _Lines() if as_json else None
    parts: dict[str, Part] = {}
    try:
        for part in ground.provide(order, tell.progress if tell else None, install):
            parts[part.component] = part
            if tell:
                tell.say({"part": to_json(part)})
    except EnvironmentUnfit as error:
        return _failed(tell, Verdict.INCONCLUSIVE, str(error))
    except HarnessError as error:
        return _failed(tell, Verdict.INVALID, str(error), _remedy(inputs.candidate.path, str(error)))
    except OSError as error:
        text = f"{error.filename or 'this machine'}: {error.strerror or error}"
        return _failed(tell, Verdict.INCONCLUSIVE, text)
    path = ground.cache_root() / "parts" / ("earlier.json" if earlier else "default.json")
    if for_pytest:
        noted = parts if earlier else _joined(path, parts)
        write(path, json.dumps(to_json(list(noted.values())), indent=1) + "\n")
    if not tell:
        how = "with --upgrade-from" if earlier else "through"
        print(f"{len(parts)} components are there; pytest finds them {how} {path}")
    return 0


def _joined(path: Path, parts: dict[str, Part]) -> dict[str, Part]:
    """These parts, with what earlier calls noted for other stages and packages of the same component versions."""
    try:
        noted = {item["component"]: part_from_json(item) for item in json.loads(path.read_text())}
    except (OSError, ValueError, KeyError, TypeError):
        return parts  # nothing was noted, or nothing that can be read: it is written anew
    joined = {**noted, **parts}
    for name, part in parts.items():
        before = noted.get(name)
        if before and (before.version, before.identity) == (part.version, part.identity):
            files, digests = {**before.files, **part.files}, {**before.sha256, **part.sha256}
            joined[name] = replace(part, files=files, sha256=digests)
    return joined


def _remedy(candidate: Path, text: str) -> str:
    """What to do where something that came is not what the candidate declares."""
    place = declared_at(candidate, text.partition("expected:")[2].partition("actual:")[0])
    if not place:
        return ""
    return (
        f"{place} declares what was expected. Correct it if it is a mistake; if it is not, somebody changed what came."
    )


def _failed(tell: _Lines | None, verdict: Verdict, text: str, remedy: str = "") -> int:
    if tell:
        tell.say({"error": text, "verdict": verdict.value, "remedy": remedy})
    else:
        print(f"{verdict}: {text}" + (f"\n  what to do: {remedy}" if remedy else ""), file=sys.stderr)
    return verdict.exit_code


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class _Lines:
    """One JSON object a line on stdout."""

    def __init__(self) -> None:
        self._said = 0.0

    def say(self, message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    @property
    def progress(self) -> Callable[[str, bool], None]:
        """Takes a line of news and whether it matters enough to be told at once."""
        return self._progress

    def _progress(self, text: str, at_once: bool) -> None:
        if at_once or time.monotonic() - self._said > STEP:
            self._said = time.monotonic()
            self.say({"progress": text.strip(), "stays": at_once})
