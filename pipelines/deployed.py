"""What runs where, as the ledger has it. Pure: from entries to state.

A promotion or rollback is decided by one entry and done by a second ("released") once its target has it. Between
the two, after a crash, it is pending: asked for again, it is carried out without another decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.ledger import Entry

PROMOTION, ROLLBACK, RELEASED, FAILED, REFUSAL = "promotion", "rollback", "released", "failed", "refusal"


@dataclass(frozen=True)
class Step:
    """One decided change of an environment. places: which targets have it, and what each answered."""

    entry: Entry
    places: Mapping[str, str]
    failed: bool = False

    @property
    def content(self) -> Mapping[str, Any]:
        return self.entry.content

    @property
    def environment(self) -> str:
        return str(self.content["environment"])

    @property
    def candidate(self) -> str:
        return str(self.content["candidate"]["sha256"])

    @property
    def signoff(self) -> str:
        return str(self.content["signoff"]["sha256"])

    @property
    def digests(self) -> Mapping[str, str]:
        return dict(self.content["digests"])

    @property
    def is_rollback(self) -> bool:
        return self.entry.kind == ROLLBACK


def steps(entries: Sequence[Entry], environment: str) -> tuple[Step, ...]:
    """The decided changes of an environment in order, those included that their target refused."""
    found = []
    for entry in entries:
        if entry.kind in (PROMOTION, ROLLBACK) and entry.content["environment"] == environment:
            ends = [end for end in entries if end.kind in (RELEASED, FAILED) and end.content["of"] == entry.sequence]
            places = {str(end.content["target"]): str(end.content["where"]) for end in ends if end.kind == RELEASED}
            found.append(Step(entry, places, failed=bool(ends) and not places))
    return tuple(found)


def current(entries: Sequence[Entry], environment: str) -> Step | None:
    """What the environment runs: the last change that its target has taken."""
    return next((step for step in reversed(steps(entries, environment)) if step.places), None)


def pending(entries: Sequence[Entry], environment: str) -> Step | None:
    """The last change, where nobody knows yet whether its target has it."""
    last = next(reversed(steps(entries, environment)), None)
    return last if last is not None and not last.places and not last.failed else None


def last_of(entries: Sequence[Entry], environment: str, candidate: str) -> Step | None:
    """The last change that put this candidate into the environment."""
    done = [step for step in steps(entries, environment) if step.places]
    return next((step for step in reversed(done) if step.candidate == candidate), None)


def rolled_back(entries: Sequence[Entry], environment: str, candidate: str) -> Step | None:
    """The rollback that took this candidate out of the environment, unless it was promoted again since."""
    found = None
    for step in steps(entries, environment):
        if step.places and step.is_rollback and step.content["from"] == candidate:
            found = step
        elif step.places and step.candidate == candidate:
            found = None
    return found
