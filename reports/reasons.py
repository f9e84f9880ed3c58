"""A gate's reasons for readers: what one repair would mend is told once, and what is said of many clauses in a line.

The decision itself keeps every reason. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.model import ClauseStanding, Decision, Reason

LOST_SHARD = "Run that shard again with the same --run-id and --shard, and merge again."
"""The remedy of a shard that is lost or was cut off. Clauses that have no outcome beside one are told under it."""
NAMED = 3
"""Clauses that a line names; the rest is counted."""
_MANY = {"is": "are", "does": "do", "was": "were"}


@dataclass(frozen=True)
class Group:
    """Reasons that one remedy would mend. lines: in as few sentences as can be; reasons: each as the gate gave it."""

    remedy: str
    lines: tuple[str, ...]
    reasons: tuple[Reason, ...]

    @property
    def folds(self) -> bool:
        """Whether the lines leave something out."""
        return len(self.lines) < len(self.reasons)


def blocking(decision: Decision) -> tuple[Group, ...]:
    """What keeps the candidate back, in the order of the decision."""
    return grouped((reason for reason in decision.reasons if reason.blocking), decision.standings)


def informing(decision: Decision) -> tuple[Group, ...]:
    """What is only to be noted."""
    return grouped((reason for reason in decision.reasons if not reason.blocking), decision.standings)


def grouped(reasons: Iterable[Reason], standings: Iterable[ClauseStanding]) -> tuple[Group, ...]:
    """Reasons under their remedies, in the order of the first of each."""
    given = list(reasons)
    known = {item.clause: item.standing for item in standings}
    lost = any(reason.remedy == LOST_SHARD for reason in given)
    groups: dict[str, list[Reason]] = {}
    for reason in given:
        remedy = LOST_SHARD if lost and known.get(reason.clause) == "missing" else reason.remedy
        groups.setdefault(remedy, []).append(reason)
    return tuple(Group(remedy, tuple(_lines(found, known)), tuple(found)) for remedy, found in groups.items())


def _lines(reasons: Sequence[Reason], known: dict[str, str]) -> Iterable[str]:
    """One line for each thing that is said, of however many clauses."""
    causes: dict[str, list[Reason]] = {}
    for reason in reasons:
        about = reason.text.removeprefix(f"{reason.clause} ") if reason.clause else reason.text
        if about == reason.text:
            causes.setdefault(about, []).append(reason)
        else:
            causes.setdefault(_of_many(about, known.get(reason.clause, "")), []).append(reason)
    for words, members in causes.items():
        if len(members) == 1:
            yield members[0].text
        elif members[0].text == words:  # said of no clause, or of one clause more than once
            yield words
        else:
            names = list(dict.fromkeys(reason.clause for reason in members))
            rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            yield f"{len(names)} clauses {words} ({', '.join(names[:NAMED])}{rest})."


def _of_many(about: str, standing: str) -> str:
    """What is said of one clause, said of several. Which tests lack a result differs from clause to clause."""
    if standing == "missing":
        return "have no outcome: their tests were planned and have no result"
    verb, _, rest = about.rstrip(".").partition(" ")
    return f"{_MANY.get(verb, verb)} {rest}"
