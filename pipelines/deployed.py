"""What runs where, as the ledger has it. Pure: from entries to state.

A promotion or rollback is decided by one entry and done by a second ("released") once its target has it. Between
the two, after a crash, it is pending: asked for again, it is carried out without another decision.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.ledger import Entry

PROMOTION, ROLLBACK, RELEASED, FAILED, REFUSAL = "promotion", "rollback", "released", "failed", "refusal"
OVERWRITE = "overwrite"
"""What a target was changed to by hand, and who has it written over, and why."""


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
    def released(self) -> Mapping[str, Any]:
        """The content as its target shows it."""
        ledger = {"sequence": self.entry.sequence, "hash": self.entry.hash}
        return {**self.content, "promoted": self.entry.time, "ledger": ledger}

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
    mine = [entry for entry in entries if entry.content["environment"] == environment]
    ends: dict[int, list[Entry]] = defaultdict(list)
    for entry in mine:
        if entry.kind in (RELEASED, FAILED):
            ends[entry.content["of"]].append(entry)
    found = []
    for entry in mine:
        if entry.kind in (PROMOTION, ROLLBACK):
            after = ends[entry.sequence]
            places = {str(end.content["target"]): str(end.content["where"]) for end in after if end.kind == RELEASED}
            found.append(Step(entry, places, failed=bool(after) and not places))
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


@dataclass(frozen=True)
class Held:
    """What one target may have of an environment. known: what it was last known to have; decided: what was decided
    after that, of which it may have any part; overwritten: what was found there since and is to be written over, the
    sha256 of each part."""

    known: Step | None
    decided: tuple[Step, ...]
    overwritten: tuple[Mapping[str, str], ...]

    @property
    def settled(self) -> bool:
        """Whether the target was known to have what was decided last."""
        return not self.decided and not self.overwritten


def held(entries: Sequence[Entry], environment: str, place: str) -> Held:
    """What the ledger says of one target."""
    mine = [entry for entry in entries if entry.content["environment"] == environment]
    ends = [entry for entry in mine if entry.kind == RELEASED and entry.content["target"] == place]
    last, number = (ends[-1].sequence, ends[-1].content["of"]) if ends else (-1, -1)
    changes = steps(entries, environment)
    return Held(
        next((step for step in changes if step.entry.sequence == number), None),
        tuple(step for step in changes if step.entry.sequence > last),
        tuple(
            dict(entry.content["found"])
            for entry in mine
            if entry.kind == OVERWRITE and entry.content["target"] == place and entry.sequence > last
        ),
    )
