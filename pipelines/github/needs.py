"""Whether the jobs that a gate needs let it go on. Pure.

GitHub's own rules mislead here: a job that was skipped counts as a success for a required check and for jobs after it
that say always(), and a job that nobody lists under needs is not seen at all. So: every job that the gate names must be
there, every job that is there must be a `success`, and nothing else passes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.configuration import Misconfigured

SUCCESS = "success"
_MEANS = {
    "failure": ("failed", "Its log says why; what it found is in the reasons below, where it got that far."),
    "cancelled": ("was cancelled or ran out of time", "Run it again: Re-run all jobs."),
    "skipped": ("was skipped, so nothing was proven", "Remove the condition that skipped it, or repair what it needs."),
}


@dataclass(frozen=True)
class Need:
    """One entry of the needs context. result: success, failure, cancelled or skipped; anything else never passes."""

    result: str
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Obstacle:
    """Why the gate may not go on, in plain words, and what to do."""

    text: str
    remedy: str


def read(text: str) -> dict[str, Need]:
    """The needs context as `toJSON(needs)` writes it. Misconfigured: it is not that."""
    wrong = Misconfigured(["needs: this is not what ${{ toJSON(needs) }} gives. Hand it to the gate unchanged."])
    try:
        data = json.loads(text)
    except ValueError as error:
        raise wrong from error
    if not isinstance(data, dict):
        raise wrong
    found = {}
    for name, entry in data.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("outputs", {}), dict):
            raise wrong
        outputs = {str(key): str(value) for key, value in entry.get("outputs", {}).items()}
        found[name] = Need(str(entry.get("result") or ""), outputs)
    return found


def obstacles(needs: Mapping[str, Need], required: Sequence[str]) -> list[Obstacle]:
    """What keeps the gate from going on; empty: nothing. required: the jobs that must be among the needs."""
    found = []
    if not required:
        found.append(Obstacle("The gate names no job that it requires.", "Give it the jobs to wait for: required."))
    for name in required:
        if name not in needs:
            text = f"The job {name} is not among the needs of the gate, so its result is not known."
            found.append(Obstacle(text, f"Add {name} to the needs of the gate's job."))
    for name, need in needs.items():
        if need.result != SUCCESS:
            means, remedy = _MEANS.get(
                need.result, (f"has the result {need.result!r}", "Run it again: Re-run all jobs.")
            )
            found.append(Obstacle(f"The job {name} {means}.", remedy))
    return found
