"""Everything that a gate judges one stage by, in one object. Pure: data that somebody else has read."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.candidate import Candidate
from pipelines.deviations import Deviation
from pipelines.pipeline import Stage
from pipelines.policy import Policy
from pipelines.quarantine import Entry
from pipelines.statistics import Basis
from pipelines.waivers import Waiver
from reports.attempts import base_of, settle
from reports.catalogue import Catalogue
from reports.record import Record


@dataclass(frozen=True)
class Case:
    """records: those of the stage that can be read. basis: of the last signed sign-off, None if there is none.

    figures: what was measured outside the tests, by name. void: a key test failed, so no component is blamed.
    """

    stage: Stage
    candidate: Candidate
    catalogue: Catalogue
    records: tuple[Record, ...]
    policy: Policy
    now: datetime.datetime
    waivers: tuple[Waiver, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    quarantine: tuple[Entry, ...] = ()
    basis: Basis | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    void: bool = False

    def planned(self) -> dict[str, set[str]]:
        """Every test that was to run, with its clauses."""
        found: dict[str, set[str]] = {}
        for record in self.records:
            for test, clauses in (record.planned.tests if record.planned else {}).items():
                found.setdefault(test, set()).update(clauses)
        return found

    def objection(self, entry: Entry) -> str:
        """Why a quarantine entry does not count; "" while it does."""
        clean = self.basis.clean.get(entry.test, 0) if self.basis else 0
        return entry.objection(self.policy.quarantining, clean, self.now)

    @property
    def aside(self) -> frozenset[str]:
        """The tests whose failures do not block, with their repetitions."""
        named = {entry.test for entry in self.quarantine if not self.objection(entry)}
        return frozenset(named | {test for test in (self.planned() if named else ()) if base_of(test) in named})

    def flakes(self) -> tuple[str, ...]:
        """The tests that failed and then passed."""
        found = {test for record in self.records for test in settle(record.results, self.policy.budgets.retries).flakes}
        return tuple(sorted(found))
