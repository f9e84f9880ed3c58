"""Where each clause stands: the results of all its tests merged into one word. Pure."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pipelines.candidate import Candidate
from pipelines.pipeline import Stage
from pipelines.policy import Policy
from pipelines.waivers import Waiver
from reports.catalogue import Catalogue
from reports.model import Clause, Outcome, Result
from reports.record import Record


@dataclass
class Tests:
    """The tests of one clause: their results, those without one, and those that the profile left out."""

    results: list[Result] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def of(self, outcome: Outcome) -> list[Result]:
        return [result for result in self.results if result.outcome is outcome]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted({result.test for result in self.results} | {*self.missing, *self.silent}))


@dataclass(frozen=True)
class Standing:
    """One clause, merged. `failures` are those that no waiver covers; `used` and `expired` are its waivers."""

    clause: Clause
    standing: str
    required: bool
    tests: Tests
    failures: tuple[Result, ...] = ()
    used: tuple[Waiver, ...] = ()
    expired: tuple[Waiver, ...] = ()


def by_clause(records: Iterable[Record]) -> dict[str, Tests]:
    """Sort every result, missing test and left-out test under the clauses they belong to."""
    found: dict[str, Tests] = defaultdict(Tests)
    for record in records:
        answered: dict[str, set[str]] = defaultdict(set)
        for result in record.results:
            for clause in result.clauses:
                found[clause].results.append(result)
            answered[result.test].update(result.clauses)
        if record.planned is None:
            continue
        for test, planned in record.planned.tests.items():
            for clause in planned:
                if test not in answered:
                    found[clause].missing.append(test)
                elif clause not in answered[test]:
                    # A test of several clauses that failed at one says nothing of the others.
                    found[clause].silent.append(test)
        for test, unplanned in record.planned.left_out.items():
            for clause in unplanned:
                found[clause].left_out.append(test)
    for tests in found.values():
        tests.missing.sort()
        tests.silent.sort()
        tests.results.sort(key=lambda result: (result.test, result.outcome, result.started, result.summary))
    return found


def in_scope(stage: Stage, catalogue: Catalogue, policy: Policy) -> list[tuple[Clause, bool]]:
    """The clauses that the stage judges, in catalogue order, and whether the policy requires them."""
    return [
        (clause, clause.level in policy.levels or clause.id in policy.clauses)
        for clause in catalogue.of(stage.suites, (stage.layer,))
    ]


def applies(waiver: Waiver, candidate: Candidate) -> bool:
    """Whether the waiver is for a component and version of this candidate."""
    component = candidate.component(waiver.component)
    return component is not None and component.version in waiver.versions


def stand(
    clause: Clause,
    required: bool,
    tests: Tests,
    *,
    waivers: Sequence[Waiver],
    now: datetime.datetime,
) -> Standing:
    """Merge one clause: fail > could-not-run > missing > pass > not-applicable > uncovered.

    waivers: those that apply to the candidate; only ones for exactly this clause are looked at. A clause passes
    only if at least one of its tests passed and every planned one has a result.
    """
    mine = [waiver for waiver in waivers if waiver.clause == clause.id]
    failures = tests.of(Outcome.FAIL)
    used: dict[str, Waiver] = {}
    expired: dict[str, Waiver] = {}
    left: list[Result] = []
    for failure in failures:
        matching = [waiver for waiver in mine if waiver.test in ("", failure.test)]
        valid = [waiver for waiver in matching if not waiver.expired(now)]
        if valid:
            used[valid[0].id] = valid[0]
            continue
        left.append(failure)
        expired.update({waiver.id: waiver for waiver in matching})
    if left:
        standing = "fail"
    elif tests.of(Outcome.COULD_NOT_RUN) or tests.silent:
        standing = "could-not-run"
    elif tests.missing:
        standing = "missing"
    elif failures:
        standing = "waived"
    elif tests.of(Outcome.PASS):
        standing = "pass"
    elif tests.results:
        standing = "not-applicable"
    else:
        standing = "uncovered"
    return Standing(clause, standing, required, tests, tuple(left), tuple(used.values()), tuple(expired.values()))
