"""Whether a clause does worse than at the last signed sign-off. Pure functions over counts; no files, no clock.

A clause that only informs is compared by Fisher's exact test, one-sided, with Benjamini and Hochberg's control of
false discoveries over all clauses that were compared. What a sample of this size could not have shown is always
told beside what it did show: silence of five runs is no proof.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reports.model import Comparison

REGRESSED, STILL, NOT_SEEN, NO_BASIS, NO_SAMPLE = "regressed", "still-regressed", "not-seen", "no-basis", "no-sample"
WORSE = (REGRESSED, STILL)


@dataclass(frozen=True)
class Counts:
    """How many runs of a clause's tests there were, and how many of them passed. ValueError: that cannot be."""

    passes: int
    runs: int

    def __post_init__(self) -> None:
        if not 0 <= self.passes <= self.runs:
            raise ValueError(f"{self.passes} passes of {self.runs} runs cannot be")

    @property
    def failures(self) -> int:
        return self.runs - self.passes

    @property
    def failing(self) -> float:
        """The failures in points: 100 for all runs. A clause without runs has none."""
        return 100.0 * self.failures / self.runs if self.runs else 0.0


@dataclass(frozen=True)
class Basis:
    """What the last signed sign-off recorded: the only thing that "worse" can be measured by.

    run, signed (RFC 3339 UTC) and signoff (sha256 of its file) say which one. regressed: clauses that it called
    worse, and pools by "<stage>/<pool>"; their counts are older ones, so that a lower bar never becomes the next basis.
    figures: the least and the most of what was measured, by "<stage>/<name>". clean: runs in a row, up to it, in
    which a quarantined test passed. tests: the counts of each test, which pools are compared by.
    unchecked: it was taken from a sign-off of which nobody checked who signed it.
    """

    run: str = ""
    signed: str = ""
    signoff: str = ""
    clauses: Mapping[str, Counts] = field(default_factory=dict)
    regressed: frozenset[str] = frozenset()
    figures: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    clean: Mapping[str, int] = field(default_factory=dict)
    tests: Mapping[str, Counts] = field(default_factory=dict)
    unchecked: bool = False


@dataclass(frozen=True)
class Rules:
    """When a clause counts as worse. ValueError: they contradict each other.

    level: the share of false alarms among all alarms that one accepts. minimum_failures: fewer are no regression.
    pity: points that a clause may lose before it counts. keep_level and keep_pity: a clause that was called worse
    stays so while its own p and its drop are beyond these. power: how surely a drop must be seen to be called one
    that the sample can see. minimum_runs: a clause with fewer has no sample.
    """

    level: float = 0.05
    minimum_failures: int = 3
    pity: float = 5.0
    keep_level: float = 0.10
    keep_pity: float = 3.0
    power: float = 0.8
    minimum_runs: int = 1

    def __post_init__(self) -> None:
        if self.pity < 0 or self.minimum_failures < 1 or self.minimum_runs < 1:
            raise ValueError("a clause without a failure cannot be worse: pity is at least 0, the minimums 1")
        if self.keep_level < self.level or self.keep_pity > self.pity:
            raise ValueError("a clause that was called worse must not get well more easily than it fell ill")


@functools.cache
def p_value(basis: Counts, now: Counts) -> float:
    """How likely at least this many failures would be now if nothing had become worse (Fisher, one-sided)."""
    # Imported where it is used: it takes a second, which no other command should pay.
    import numpy
    from scipy import stats

    table = numpy.array([[now.failures, now.passes], [basis.failures, basis.passes]])
    return min(1.0, float(stats.fisher_exact(table, alternative="greater").pvalue))


def least_p(basis: Counts, runs: int) -> float:
    """The smallest p that so many runs can give: that of all of them failing."""
    return p_value(basis, Counts(0, runs))


def adjusted(values: Sequence[float]) -> list[float]:
    """Each p after Benjamini and Hochberg, in the same order: never below the p itself."""
    if not values:
        return []
    from scipy import stats

    return [float(value) for value in stats.false_discovery_control(list(values), method="bh")]


def drop(basis: Counts, now: Counts) -> float:
    """How many points more of the runs fail now."""
    return now.failing - basis.failing


def _is_worse(basis: Counts, now: Counts, p: float, rules: Rules) -> bool:
    enough = now.failures >= rules.minimum_failures
    return enough and drop(basis, now) > rules.pity and p <= rules.level


def _stays_worse(basis: Counts, now: Counts, p: float, rules: Rules) -> bool:
    return drop(basis, now) > rules.keep_pity and p <= rules.keep_level


def failures_needed(basis: Counts, runs: int, rules: Rules, among: int = 1) -> int | None:
    """The fewest failures in so many runs that count as worse; None where not even all of them would.

    among: the number of clauses compared; a clause that alone became worse has to pass level / among.
    """

    def is_enough(failures: int) -> bool:
        now = Counts(runs - failures, runs)
        return _is_worse(basis, now, min(1.0, p_value(basis, now) * among), rules)

    # More failures never look better, so the first number that is enough can be halved down to.
    needed = bisect.bisect_left(range(runs + 1), True, key=is_enough)
    return needed if needed <= runs else None


def power(basis: Counts, runs: int, rate: float, rules: Rules, among: int = 1) -> float:
    """How likely a clause that truly fails at this rate (0 to 1) is called worse after so many runs."""
    from scipy import stats

    needed = failures_needed(basis, runs, rules, among)
    return 0.0 if needed is None else float(stats.binom.sf(needed - 1, runs, rate))


@functools.cache
def detectable(basis: Counts, runs: int, rules: Rules, among: int = 1) -> float | None:
    """The smallest drop in points that so many runs show with the power asked for; None: they show none at all.

    The rate at which P(at least k of n) reaches the power is a quantile of the Beta distribution (Clopper and
    Pearson's relation of binomial and Beta), so nothing is searched for.
    """
    needed = failures_needed(basis, runs, rules, among)
    if needed is None:
        return None
    from scipy import stats

    rate = float(stats.beta.ppf(rules.power, needed, runs - needed + 1))
    return max(0.0, 100.0 * rate - basis.failing)


def compare(now: Mapping[str, Counts], basis: Basis | None, rules: Rules) -> tuple[Comparison, ...]:
    """Compare every clause with the basis, in the order of their names.

    A clause without a basis, or without a run, is called that: never fine. One that the basis calls worse and that
    did not run stays worse, since nothing says otherwise.
    """
    known = basis.clauses if basis else {}
    names = sorted(now)
    judged = [name for name in names if name in known and known[name].runs and now[name].runs >= rules.minimum_runs]
    plain = {name: p_value(known[name], now[name]) for name in judged}
    controlled = dict(zip(judged, adjusted([plain[name] for name in judged]), strict=True))
    found = []
    for name in names:
        before = known.get(name, Counts(0, 0))
        ill = basis is not None and name in basis.regressed
        if name in plain:
            call = _call(before, now[name], plain[name], controlled[name], rules, ill)
        elif ill:
            call = STILL
        else:
            call = NO_SAMPLE if before.runs else NO_BASIS
        found.append(_shown(name, call, before, now[name], plain.get(name), controlled.get(name), rules, len(judged)))
    return tuple(found)


def _call(before: Counts, now: Counts, p: float, controlled: float, rules: Rules, ill: bool) -> str:
    if ill and (_stays_worse(before, now, p, rules) or _is_worse(before, now, controlled, rules)):
        return STILL
    return REGRESSED if _is_worse(before, now, controlled, rules) else NOT_SEEN


def _shown(
    name: str, call: str, before: Counts, now: Counts, p: float | None, controlled: float | None, rules: Rules, m: int
) -> Comparison:
    """Rounded, so that a decision is the same text with every build of the numerical libraries."""
    least = seen = None
    if p is not None:
        least = rounded(least_p(before, now.runs))
        seen = detectable(before, now.runs, rules, m)
    return Comparison(
        clause=name,
        call=call,
        failures=now.failures,
        runs=now.runs,
        basis_failures=before.failures,
        basis_runs=before.runs,
        p=rounded(p),
        adjusted=rounded(controlled),
        least_p=least,
        detectable=None if seen is None else round(seen, 1),
    )


def rounded(value: float | None) -> float | None:
    """To four digits, as every build of the numerical libraries gives them."""
    return None if value is None else float(f"{value:.4g}")


def succeed(older: Mapping[str, Counts], now: Mapping[str, Counts], held: Collection[str]) -> dict[str, Counts]:
    """The counts for the next basis: those of now, but the older and better ones of what is held.

    What did not run this time keeps its older ones too: nobody gets rid of a basis by leaving a test out.
    """
    return {**older, **{name: counts for name, counts in now.items() if not (name in held and name in older)}}


def still_worse(previous: Basis | None, compared: Iterable[Comparison]) -> frozenset[str]:
    """The clauses that the next basis calls worse: those called so now, and those of before that nobody compared."""
    calls = {item.clause: item.call for item in compared}
    before = previous.regressed if previous else frozenset()
    return frozenset(name for name, call in calls.items() if call in WORSE) | (before - set(calls))
