"""Tests of informing clauses compared together: one run of each says little, one run of all says more. Pure.

A pool is compared by the exact conditional test over strata (one stratum for each test): given how many runs of a
test failed before and now together, every split of them is as likely as it is drawn without replacement, and the
failures now are added up over the tests. With one test that is Fisher's exact test; with one run before and one now
it is McNemar's. Tests are never mixed: one that always failed, and is run more often now, is no sign of anything; and
a run is one, however many clauses its test judges.
Source: Agresti, Categorical Data Analysis, 3rd edition, section 7.3.5 (exact inference in 2x2xK tables).
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines import statistics
from pipelines.statistics import Counts, Rules
from reports.model import Comparison

KINDS = ("suite", "topic")
"""What a pool may be made of: all clauses of a suite (csi.*), or of one topic of it (csi.create-volume.*)."""


@dataclass(frozen=True)
class Pool:
    """strata: test -> what the last sign-off recorded, and what was seen now; each has runs of both."""

    name: str
    strata: Mapping[str, tuple[Counts, Counts]]

    @property
    def now(self) -> Counts:
        return _sum([now for _, now in self.strata.values()])

    @property
    def before(self) -> Counts:
        return _sum([before for before, _ in self.strata.values()])

    @property
    def expected(self) -> float:
        """The failures that as many runs of each test would have had at the rates of before."""
        return sum(now.runs * before.failing / 100 for before, now in self.strata.values())

    @property
    def drop(self) -> float:
        """How many points more a test fails, on average: many runs of a sound test do not hide the others."""
        return sum(statistics.drop(*pair) for pair in self.strata.values()) / max(1, len(self.strata))


def name_of(clause: str, kind: str) -> str:
    """The pool of that kind which a clause belongs to."""
    parts = clause.split(".")
    return ".".join(parts[: 1 + KINDS.index(kind)]) + ".*"


def names(clauses: Iterable[str], kinds: Collection[str]) -> set[str]:
    """The pools of these kinds that these clauses belong to."""
    return {name_of(clause, kind) for clause in clauses for kind in kinds}


def pool_of(clauses: Collection[str], kind: str) -> str:
    """The pool of a test that judges these clauses; "" where they are of several, so that no run counts twice."""
    names = {name_of(clause, kind) for clause in clauses}
    return names.pop() if len(names) == 1 else ""


def pools(
    now: Mapping[str, Counts],
    clauses: Mapping[str, Collection[str]],
    known: Mapping[str, Counts],
    kinds: Sequence[str],
    ill: Collection[str] = (),
) -> list[Pool]:
    """The pools of these kinds, by name: those with at least two tests that can be compared.

    now, clauses, known: by test; known is what the last sign-off recorded. ill: pools that it called worse; they are
    there even if nothing of them can be compared now.
    """
    found: dict[str, dict[str, tuple[Counts, Counts]]] = {}
    for test in sorted(clauses):
        for name in filter(None, (pool_of(clauses[test], kind) for kind in kinds)):
            strata = found.setdefault(name, {})
            if test in now and now[test].runs and test in known and known[test].runs:
                strata[test] = (known[test], now[test])
    return [Pool(name, strata) for name, strata in sorted(found.items()) if len(strata) > 1 or name in ill]


def p_value(strata: Sequence[tuple[Counts, Counts]]) -> float:
    """How likely at least this many failures would be now if nothing had become worse, one-sided."""
    import numpy

    spread, least = numpy.ones(1), 0
    for before, now in strata:
        failing, total = before.failures + now.failures, before.runs + now.runs
        low, high = max(0, failing - before.runs), min(now.runs, failing)
        least += low
        if high > low:
            spread = numpy.convolve(spread, _chances(low, high, total, failing, now.runs))
    seen = sum(now.failures for _, now in strata)
    return min(1.0, float(spread[seen - least :].sum()))


@functools.cache
def _chances(low: int, high: int, total: int, failing: int, runs: int) -> Any:
    """How likely each number of failures from low to high is among so many runs, drawn from all."""
    # Imported where they are used: they take a second, which no other command should pay.
    import numpy
    from scipy import stats

    return stats.hypergeom.pmf(numpy.arange(low, high + 1), total, failing, runs)


def compare(found: Sequence[Pool], rules: Rules, pity: float, ill: Collection[str] = ()) -> tuple[Comparison, ...]:
    """Compare every pool with the last sign-off; false discoveries are controlled over the pools.

    pity: points that a pool may lose before it counts. One that was worse and has no run now stays worse.
    """
    judged = [pool for pool in found if pool.strata]
    plain = {pool.name: p_value(_of(pool)) for pool in judged}
    controlled = dict(zip(plain, statistics.adjusted(list(plain.values())), strict=True))
    told = [Comparison(pool.name, statistics.STILL) for pool in found if not pool.strata]
    for pool in judged:
        p, after = plain[pool.name], controlled[pool.name]
        if pool.name in ill and (_stays_worse(pool, p, rules, pity) or _is_worse(pool, after, rules, pity)):
            call = statistics.STILL
        else:
            call = statistics.REGRESSED if _is_worse(pool, after, rules, pity) else statistics.NOT_SEEN
        told.append(_shown(pool, call, p, after, detectable(pool, rules, pity, len(judged))))
    return tuple(sorted(told, key=lambda item: item.clause))


def _shown(pool: Pool, call: str, p: float, controlled: float, seen: float | None) -> Comparison:
    return Comparison(
        clause=pool.name,
        call=call,
        failures=pool.now.failures,
        runs=pool.now.runs,
        basis_failures=pool.before.failures,
        basis_runs=pool.before.runs,
        p=statistics.rounded(p),
        adjusted=statistics.rounded(controlled),
        least_p=statistics.rounded(p_value([(before, Counts(0, now.runs)) for before, now in _of(pool)])),
        detectable=None if seen is None else round(seen, 1),
    )


def worst(pool: Pool) -> list[str]:
    """The tests that fail more often than before, the worst first."""
    drops = {test: statistics.drop(*pair) for test, pair in pool.strata.items()}
    return sorted((test for test, drop in drops.items() if drop > 0), key=lambda test: (-drops[test], test))


def detectable(pool: Pool, rules: Rules, pity: float, among: int = 1) -> float | None:
    """The smallest drop in points, spread over the tests that never failed before, that shows with the power asked for.

    Tests that failed before are taken to fail as often now. A drop in few tests gives a smaller p than the same number
    of failures spread over many, so it shows sooner. None: not even a failure of every run would show.
    """
    from scipy import stats

    clean = [now.runs for before, now in _of(pool) if not before.failures]
    runs = sum(clean)
    needed = bisect.bisect_left(range(runs + 1), True, key=lambda more: _would_be_worse(pool, more, rules, pity, among))
    if needed > runs:
        return None
    rate = float(stats.beta.ppf(rules.power, needed, runs - needed + 1))
    return 100 * rate * len(clean) / len(pool.strata)


def _would_be_worse(pool: Pool, more: int, rules: Rules, pity: float, among: int) -> bool:
    """Whether so many failures, dealt out to the tests that never failed before, would count."""
    clean = {name: now.runs for name, (before, now) in pool.strata.items() if not before.failures}
    dealt = dict.fromkeys(clean, 0)
    while more:
        for name in [name for name, runs in clean.items() if dealt[name] < runs][:more]:
            dealt[name] += 1
            more -= 1
    strata = {
        name: (before, Counts(now.runs - dealt.get(name, round(now.runs * before.failing / 100)), now.runs))
        for name, (before, now) in pool.strata.items()
    }
    imagined = Pool(pool.name, strata)
    return _is_worse(imagined, min(1.0, p_value(_of(imagined)) * among), rules, pity)


def _is_worse(pool: Pool, p: float, rules: Rules, pity: float) -> bool:
    """As for a clause; but only the failures beyond the expected ones are counted."""
    enough = pool.now.failures - pool.expected >= rules.minimum_failures
    return enough and pool.drop > pity and p <= rules.level


def _stays_worse(pool: Pool, p: float, rules: Rules, pity: float) -> bool:
    """A pool once called worse stays so while it is worse by more than half of what it may lose."""
    return pool.drop > pity / 2 and p <= rules.keep_level


def _of(pool: Pool) -> list[tuple[Counts, Counts]]:
    return list(pool.strata.values())


def _sum(counts: Sequence[Counts]) -> Counts:
    return Counts(sum(item.passes for item in counts), sum(item.runs for item in counts))
