"""Where each clause stands: the results of all its tests merged into one word. Pure."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pipelines.pipeline import Stage
from pipelines.policy import Policy
from pipelines.waivers import Waiver
from reports.attempts import Settled, base_of, settle
from reports.catalogue import Catalogue
from reports.model import Clause, Outcome, Result
from reports.record import Record


@dataclass
class Tests:
    """The tests of one clause: the results that count, and the tests that have none.

    missing: no result at all. silent: it failed at another clause. set_aside: it failed in quarantine. left_out: by
    the profile. flakes: tests among the results that failed before they passed.
    """

    results: list[Result] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    flakes: set[str] = field(default_factory=set)

    def of(self, outcome: Outcome) -> list[Result]:
        return [result for result in self.results if result.outcome is outcome]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted({result.test for result in self.results} | {*self.missing, *self.silent, *self.set_aside}))


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


def by_clause(records: Iterable[Record], *, retries: int = 0, aside: frozenset[str] = frozenset()) -> dict[str, Tests]:
    """Sort every result that counts, missing test and left-out test under the clauses they belong to.

    retries: how many further attempts of a test are looked at. aside: tests whose failures do not count.
    """
    found: dict[str, Tests] = defaultdict(Tests)
    for record in records:
        _sort(record, settle(record.results, retries), aside, found)
    for tests in found.values():
        tests.missing.sort()
        tests.silent.sort()
        tests.set_aside = sorted(set(tests.set_aside))
        tests.results.sort(key=lambda result: (result.test, result.outcome, result.started, result.summary))
    return found


def _sort(record: Record, settled: Settled, aside: frozenset[str], found: dict[str, Tests]) -> None:
    plan = record.planned.tests if record.planned else {}
    answered: dict[str, set[str]] = defaultdict(set)
    for result in settled.results:
        quiet = result.test in aside and result.outcome is Outcome.FAIL and not result.harness_error
        clauses = {*result.clauses, *plan.get(result.test, ())} if quiet else result.clauses
        for clause in clauses:
            if quiet:
                found[clause].set_aside.append(result.test)
            else:
                found[clause].results.append(result)
                found[clause].flakes.update({result.test} & set(settled.flakes))
        answered[result.test].update(clauses)
    for test, planned in plan.items():
        for clause in planned:
            if test not in answered:
                found[clause].missing.append(test)
            elif clause not in answered[test]:
                # A test of several clauses that failed at one says nothing of the others.
                found[clause].silent.append(test)
    for test, unplanned in (record.planned.left_out if record.planned else {}).items():
        for clause in unplanned:
            found[clause].left_out.append(test)


def in_scope(stage: Stage, catalogue: Catalogue, policy: Policy) -> list[tuple[Clause, bool]]:
    """The clauses that the stage judges, in catalogue order, and whether the policy requires them."""
    return [(clause, is_required(clause, policy)) for clause in catalogue.of(stage.suites, (stage.layer,))]


def is_required(clause: Clause, policy: Policy) -> bool:
    """By its id, or by its level unless the policy says that it, or its suite, only informs."""
    informs = clause.id in policy.informing or clause.suite in policy.informing_suites
    return clause.id in policy.clauses or (clause.level in policy.levels and not informs)


def stand(
    clause: Clause,
    required: bool,
    tests: Tests,
    *,
    waivers: Sequence[Waiver],
    now: datetime.datetime,
) -> Standing:
    """Merge one clause: fail > could-not-run > missing > pass > not-applicable > uncovered.

    waivers: those that count for the candidate; only ones for exactly this clause are looked at. A clause passes
    only if at least one of its tests passed and every planned one has a result.
    """
    mine = [waiver for waiver in waivers if waiver.clause == clause.id]
    failures = tests.of(Outcome.FAIL)
    used: dict[str, Waiver] = {}
    expired: dict[str, Waiver] = {}
    left: list[Result] = []
    for failure in failures:
        matching = [waiver for waiver in mine if waiver.test in ("", base_of(failure.test))]
        valid = [waiver for waiver in matching if not waiver.expired(now)]
        if valid:
            used[valid[0].id] = valid[0]
            continue
        left.append(failure)
        expired.update({waiver.id: waiver for waiver in matching})
    if left:
        standing = "fail"
    elif tests.of(Outcome.COULD_NOT_RUN) or tests.silent or (tests.set_aside and not tests.of(Outcome.PASS)):
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
