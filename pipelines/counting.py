"""How often clauses and tests passed, out of the runs that say something of them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from pipelines.statistics import Counts
from reports.attempts import base_of, is_judged
from reports.model import Outcome, Result
from reports.record import Record


def counts(records: Iterable[Record], aside: frozenset[str] = frozenset()) -> dict[str, Counts]:
    """How often the tests of each clause passed at their first attempt, out of all that passed or failed.

    A retry never makes a number better, and a fault of the harness says nothing of a clause. aside: tests in
    quarantine, which do not count.
    """
    tally: dict[str, list[bool]] = defaultdict(list)
    for result in _judged(records, aside):
        for clause in result.clauses:
            tally[clause].append(result.outcome is Outcome.PASS)
    return _counted(tally)


def counts_of_tests(records: Iterable[Record], aside: frozenset[str] = frozenset()) -> dict[str, Counts]:
    """The same for each test: all its repetitions together, and each run once however many clauses it judges."""
    tally: dict[str, list[bool]] = defaultdict(list)
    for result in _judged(records, aside):
        tally[base_of(result.test)].append(result.outcome is Outcome.PASS)
    return _counted(tally)


def clauses_of_tests(records: Iterable[Record]) -> dict[str, set[str]]:
    """All clauses of each test, its repetitions taken for the test itself; a failure alone names but one of them."""
    found: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for test, clauses in (record.planned.tests if record.planned else {}).items():
            found[base_of(test)].update(clauses)
    return found


def _judged(records: Iterable[Record], aside: frozenset[str]) -> Iterator[Result]:
    for record in records:
        for result in record.results:
            if result.attempt == 1 and is_judged(result) and base_of(result.test) not in aside:
                yield result


def _counted(tally: Mapping[str, list[bool]]) -> dict[str, Counts]:
    return {name: Counts(sum(passed), len(passed)) for name, passed in sorted(tally.items())}
