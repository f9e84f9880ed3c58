"""What the attempts of one test come to. Pure. A test is run again only where a policy allows it (reports/retries.py).

A test that failed and then passed is a flake: its failure is not reproducible, and it is never simply a pass.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from reports.model import Outcome, Result

MOST_REPETITIONS = 100
_REPETITION = re.compile(r"(?:\[|-)#\d+\]$")


def repetition(test: str, number: int) -> str:
    """What the record calls the number-th run of a repeated test (reports/repeats.py); the first is the test itself."""
    return f"{test[:-1]}-#{number}]" if test.endswith("]") else f"{test}[#{number}]"


def base_of(test: str) -> str:
    """The test that this one repeats, or itself. Only what pytest collected has repetitions."""
    found = _REPETITION.search(test) if "::" in test else None
    if found is None:
        return test
    return test[: found.start()] + ("]" if found[0].startswith("-") else "")


def is_judged(result: Result) -> bool:
    """Whether the result says something of a component: could-not-run does not, nor does a fault of the harness."""
    return result.outcome in (Outcome.PASS, Outcome.FAIL) and not result.harness_error


def unsteady(results: Iterable[Result]) -> dict[str, tuple[int, int]]:
    """The repeated tests that both passed and failed, at first attempts: how often each failed, of how many runs."""
    runs: dict[str, list[bool]] = defaultdict(list)
    repeated = set()
    for result in results:
        if result.attempt == 1 and is_judged(result):
            test = base_of(result.test)
            runs[test].append(result.outcome is Outcome.FAIL)
            repeated.update({test} - {result.test})
    return {
        test: (sum(runs[test]), len(runs[test])) for test in sorted(repeated) if 0 < sum(runs[test]) < len(runs[test])
    }


@dataclass(frozen=True)
class Settled:
    """The results that count, by test in the order of the record, and the tests that failed before they passed."""

    results: tuple[Result, ...]
    flakes: tuple[str, ...] = ()


def settle(results: Iterable[Result], retries: int) -> Settled:
    """Settle the results of one record. Attempts beyond 1 + retries are not looked at.

    Of a flake the pass counts. Of everything else every attempt counts, so the worst one decides.
    """
    by_test: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        if result.attempt <= 1 + retries:
            by_test[result.test].append(result)
    counted: list[Result] = []
    flakes = []
    for test, attempts in by_test.items():
        if len(attempts) == 1:
            counted += attempts
            continue
        ordered = sorted(attempts, key=lambda result: result.attempt)
        if _is_flake(ordered):
            flakes.append(test)
            ordered = ordered[-1:]
        counted += ordered
    return Settled(tuple(counted), tuple(sorted(flakes)))


@dataclass(frozen=True)
class Told:
    """One test as a report shows it: the result that speaks for it, and its other attempts in order."""

    result: Result
    others: tuple[Result, ...] = ()
    flaky: bool = False


def once_each(results: Iterable[Result], flakes: Iterable[str]) -> list[Told]:
    """Every test once, in the order of the record. flakes: those that the gate called so; of the rest the worst counts.

    A test that failed and passed beyond what its policy allows is no flake, so its failure speaks for it.
    """
    by_test: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_test[result.test].append(result)
    calm = set(flakes)
    found = []
    for test, attempts in by_test.items():
        ordered = sorted(attempts, key=lambda result: result.attempt)
        speaks = ordered[-1] if test in calm else min(ordered, key=lambda result: _RANK.index(result.outcome))
        others = tuple(result for result in ordered if result is not speaks)
        found.append(Told(speaks, others, test in calm))
    return found


_RANK = (Outcome.FAIL, Outcome.COULD_NOT_RUN, Outcome.PASS, Outcome.NOT_APPLICABLE)


def _is_flake(ordered: list[Result]) -> bool:
    """Whether the first attempts failed and the last one passed, with no attempt lost or told twice."""
    *earlier, last = ordered
    in_order = [result.attempt for result in ordered] == list(range(1, len(ordered) + 1))
    failed = all(result.outcome is Outcome.FAIL and not result.harness_error for result in earlier)
    return in_order and failed and last.outcome is Outcome.PASS


def faults(results: Iterable[Result]) -> list[str]:
    """What is wrong with the attempts of one record: one told twice, or one that is missing."""
    attempts: dict[str, list[int]] = defaultdict(list)
    for result in results:
        attempts[result.test].append(result.attempt)
    found = []
    for test, numbers in attempts.items():
        if len(set(numbers)) < len(numbers):
            found.append(f"{test} has two results for the same attempt: two runs wrote into one record")
        elif sorted(numbers) != list(range(1, len(numbers) + 1)):
            told = ", ".join(str(number) for number in sorted(numbers))
            found.append(f"{test} has results for the attempts {told} only: lines were lost")
    return found
