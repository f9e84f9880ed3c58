"""A finding: one reason and the verdict that it asks for. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

from reports.model import Reason, Verdict


@dataclass(frozen=True)
class Finding:
    """One reason of a decision and the verdict it asks for; PASS means that it only informs."""

    verdict: Verdict
    reason: Reason

    @classmethod
    def of(cls, verdict: Verdict, text: str, remedy: str = "", *, clause: str = "") -> Finding:
        return cls(verdict, Reason(text, clause, remedy, blocking=verdict is not Verdict.PASS))

    def order(self) -> tuple[int, str, str]:
        """Worst first, then by clause and text, so that the order of records never shows."""
        return (-rank(self.verdict), self.reason.clause, self.reason.text)


@dataclass(frozen=True)
class Past:
    """An earlier decision: which stage, which candidate (its digest), what and when (aware)."""

    stage: str
    candidate: str
    verdict: Verdict
    decided: datetime.datetime


def rank(verdict: Verdict) -> int:
    """INVALID > FAIL > INCONCLUSIVE > PASS."""
    return (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.INVALID).index(verdict)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict that wins; PASS where nothing was found."""
    return max(verdicts, key=rank, default=Verdict.PASS)
