"""Key tests: without them no result means anything. One that fails voids the run and blames no component. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipelines.case import Case
from pipelines.findings import Finding
from reports.attempts import base_of, settle
from reports.model import Outcome, Verdict


def findings(case: Case) -> list[Finding]:
    """What the policy's key tests ask for. Any finding but that a pattern matches nothing voids the run."""
    return [*_undecided(case), *_unmatched(case)]


def voids(case: Case) -> bool:
    return bool(list(_undecided(case)))


def _undecided(case: Case) -> Iterable[Finding]:
    if not case.policy.key_tests:
        return
    planned = [test for test in case.planned() if any(_matches(pattern, test) for pattern in case.policy.key_tests)]
    results = [
        result for record in case.records for result in settle(record.results, case.policy.budgets.retries).results
    ]
    repair = "Repair what the tests run on, then run the stage again. No component is judged by this run."
    for test in planned:
        mine = [result for result in results if result.test == test]
        if any(result.outcome is Outcome.FAIL for result in mine):
            why = min(result.summary for result in mine if result.outcome is Outcome.FAIL)
            text = f"The key test {test} failed, so nothing in this run says anything of a component: {why}"
            yield Finding.of(Verdict.INVALID, text, repair)
        elif not mine or any(result.outcome is not Outcome.PASS for result in mine):
            why = min((result.summary for result in mine if result.outcome is not Outcome.PASS), default="no result")
            text = f"The key test {test} did not pass, so failures in this run blame no component: {why}"
            yield Finding.of(Verdict.INCONCLUSIVE, text, repair)


def _unmatched(case: Case) -> Iterable[Finding]:
    """A pattern that no test is called by would be a key test that everybody passes.

    One of a suite that the stage does not run, or of tests for another layer, is for another stage.
    """
    planned = case.planned() if case.policy.key_tests else {}
    if not planned:
        return
    elsewhere = [test for test, clauses in _left_out(case) if _is_of_another_layer(case, clauses)]
    for pattern in sorted(case.policy.key_tests):
        suite = re.match(r"suites/(\w+)/", pattern)
        if suite and suite[1] not in case.stage.suites:
            continue
        if not any(_matches(pattern, test) for test in [*planned, *elsewhere]):
            text = f"The policy {case.policy.name} names the key test {pattern}, and no planned test is called that."
            yield Finding.of(Verdict.INCONCLUSIVE, text, "Correct key-tests in the policy, or run the whole stage.")


def _left_out(case: Case) -> Iterable[tuple[str, tuple[str, ...]]]:
    for record in case.records:
        yield from (record.planned.left_out if record.planned else {}).items()


def _is_of_another_layer(case: Case, clauses: Iterable[str]) -> bool:
    known = [case.catalogue.clauses[clause] for clause in clauses if clause in case.catalogue.clauses]
    return bool(known) and all(clause.layer is not case.stage.layer for clause in known)


def _matches(pattern: str, test: str) -> bool:
    """Only * stands for something else: names of tests hold brackets."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), base_of(test), re.DOTALL) is not None
