"""What policies, waivers and quarantine entries may name, so that a misspelled name is told before any work begins.

Clauses and capabilities are those of the catalogue. Tests and figures are read from the suites' sources as text: that
takes a moment, where a collection by pytest takes seconds.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipelines.configuration import Table
from reports.catalogue import ROOT, SUITES, Catalogue
from reports.spelling import CLOSE_BY, nearest

MINUTES, RATE = "minutes", "results-per-second"  # of the records themselves
CLUSTER_READY = "cluster-ready-seconds"
_TEST = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)
_FIGURE = re.compile(r"""\bfigures\.measure\(\s*["']([^"']+)["']""")


@dataclass(frozen=True)
class Names:
    """Every name that there is. tests: file::function, without what parametrizes it; None: not looked at, like figures
    that are None."""

    clauses: frozenset[str]
    capabilities: frozenset[str]
    tests: frozenset[str] | None = None
    figures: frozenset[str] | None = None

    def check(self, table: Table, key: str, given: Iterable[str], known: Iterable[str], what: str) -> None:
        """Note every name of a key that is none of those known."""
        known = sorted(known)
        for name in sorted(set(given) - set(known)):
            table.problem(key, f'there is no {what} "{name}". {nearest(name, known)}')

    def check_clauses(self, table: Table, key: str, given: Iterable[str]) -> None:
        self.check(table, key, given, self.clauses, "clause")

    def check_test(self, table: Table, key: str, test: str) -> None:
        """Note a test, given as records name it, that no suite has."""
        if self.tests is not None and test:
            self.check(table, key, [test.partition("[")[0]], self.tests, "test")

    def check_pattern(self, table: Table, key: str, pattern: str) -> None:
        """Note a pattern that no test of any suite can be called by."""
        if self.tests is not None and not any(_can_match(pattern, test) for test in self.tests):
            table.problem(key, f'no test is called "{pattern}". {_nearest_test(pattern, self.tests)}')

    def check_figure(self, table: Table, key: str, figure: str) -> None:
        if self.figures is not None and figure:
            self.check(table, key, [figure], self.figures, "figure")


def of_catalogues(catalogues: Iterable[Catalogue]) -> Names:
    """The clauses and capabilities of several catalogues; nothing is known of tests and figures."""
    clauses = [clause for catalogue in catalogues for clause in catalogue.clauses.values()]
    return Names(
        frozenset(clause.id for clause in clauses),
        frozenset(clause.capability for clause in clauses) - {""},
    )


def of_checkout(catalogue: Catalogue, suites: Path = ROOT) -> Names:
    """All that can be named in a run of this checkout."""
    tests: set[str] = set()
    figures = {MINUTES, RATE, CLUSTER_READY}
    for suite in SUITES:
        for path in sorted((suites / suite).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            figures.update(_FIGURE.findall(text))
            if path.name.startswith("test_"):
                place = path.relative_to(suites.parent).as_posix()
                tests.update(f"{place}::{name}" for name in _TEST.findall(text))
    known = of_catalogues([catalogue])
    return Names(known.clauses, known.capabilities, frozenset(tests), frozenset(figures))


def _nearest_test(pattern: str, tests: Collection[str]) -> str:
    """A hint: the nearest file, then the nearest of its tests; without a file, the nearest by its function's name."""
    file, _, function = pattern.partition("[")[0].partition("::")
    if "/" not in file:
        functions = {test.rpartition("::")[2]: test for test in sorted(tests, reverse=True)}
        near = difflib.get_close_matches((function or file).strip("*"), functions, n=1, cutoff=CLOSE_BY)
        return f'Did you mean "{functions[near[0]]}"?' if near else nearest(pattern, tests)
    files = {test.partition("::")[0] for test in tests}
    near = difflib.get_close_matches(file, files, n=1, cutoff=CLOSE_BY)
    if near and not function.strip("*"):
        return f'Did you mean "{near[0]}::*"?'
    return nearest(pattern, [test for test in tests if test.startswith(f"{near[0]}::")] if near else tests)


def _can_match(pattern: str, test: str) -> bool:
    """Whether the test, or the test with any parameters in brackets behind it, can be called by the pattern.

    Only * stands for something else (pipelines/key_tests.py); a * that ends what matches the test itself may stand for
    the start of its parameters, too.
    """
    ends = [len(pattern)]
    if pattern.endswith(("]", "*")):
        ends += [place + (letter == "*") for place, letter in enumerate(pattern) if letter in "[*"]
    ends = [end for end in ends if "::" not in pattern[end:]]
    return any(_regex(pattern[:end]).fullmatch(test) for end in ends)


def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)
