"""Tests compared together: an exact test that mixes none of them, and sees what one run of each cannot."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pipelines import pooling, statistics
from pipelines.pooling import Pool
from pipelines.statistics import Counts, Rules
from reports.model import Comparison

MANY = settings(max_examples=150, deadline=None)
COUNTS = some.integers(1, 4).flatmap(lambda runs: some.integers(0, runs).map(lambda passes: Counts(passes, runs)))
STRATA = some.lists(some.tuples(COUNTS, COUNTS), min_size=1, max_size=4)
RULES = Rules()
PITY = 2.0


def pool(strata: Sequence[tuple[Counts, Counts]]) -> Pool:
    return Pool("csi.*", {f"t{number}": pair for number, pair in enumerate(strata)})


def of(tests: int, failing: int, runs: int = 1, before: int = 1) -> Pool:
    """All tests passed before; so many fail all of their runs now."""
    return pool([(Counts(before, before), Counts(0 if n < failing else runs, runs)) for n in range(tests)])


def call(found: Pool, regressed: frozenset[str] = frozenset()) -> Comparison:
    return pooling.compare([found], RULES, PITY, regressed)[0]


@MANY
@given(COUNTS, COUNTS)
def test_one_stratum_is_fishers_exact_test(before: Counts, now: Counts) -> None:
    assert pooling.p_value([(before, now)]) == pytest.approx(statistics.p_value(before, now))


@given(some.integers(0, 30), some.integers(0, 30), some.integers(0, 30))
def test_one_run_before_and_now_is_mcnemars_exact_test(worse: int, better: int, same: int) -> None:
    passing, failing = Counts(1, 1), Counts(0, 1)
    strata = [(passing, failing)] * worse + [(failing, passing)] * better + [(passing, passing)] * same
    strata += [(failing, failing)] * same
    moved = worse + better
    tail = sum(math.comb(moved, k) for k in range(worse, moved + 1)) / 2**moved
    assert pooling.p_value(strata) == pytest.approx(tail)


@MANY
@given(STRATA)
def test_p_is_the_share_of_splits_with_as_many_failures(strata: list[tuple[Counts, Counts]]) -> None:
    """By hand: every way to choose which of a test's runs were the ones of now, over all tests."""
    splits: dict[int, float] = {0: 1.0}
    for before, now in strata:
        outcomes = [1] * (before.failures + now.failures) + [0] * (before.passes + now.passes)
        drawn = [sum(outcomes[i] for i in chosen) for chosen in itertools.combinations(range(len(outcomes)), now.runs)]
        grown: dict[int, float] = {}
        for total, share in splits.items():
            for failures in drawn:
                grown[total + failures] = grown.get(total + failures, 0.0) + share / len(drawn)
        splits = grown
    seen = sum(now.failures for _, now in strata)
    assert pooling.p_value(strata) == pytest.approx(sum(share for total, share in splits.items() if total >= seen))


@MANY
@given(STRATA, some.sampled_from([0.05, 0.2]))
def test_false_alarms_are_no_more_than_accepted(strata: list[tuple[Counts, Counts]], level: float) -> None:
    """Given how many of each test's runs failed in all, and that nothing became worse."""
    shares: dict[int, float] = {0: 1.0}
    least: list[tuple[Counts, Counts]] = []
    for before, now in strata:
        failing, runs = before.failures + now.failures, before.runs + now.runs
        ways = {k: math.comb(failing, k) * math.comb(runs - failing, now.runs - k) for k in range(now.runs + 1)}
        ways = {k: number for k, number in ways.items() if number}
        shares = _sums(shares, {k: number / sum(ways.values()) for k, number in ways.items()})
        lowest = min(ways)
        now_at_least = Counts(now.runs - lowest, now.runs)
        least.append((Counts(before.runs - (failing - lowest), before.runs), now_at_least))
    tails = {total: sum(share for other, share in shares.items() if other >= total) for total in shares}
    assert pooling.p_value(least) == pytest.approx(1.0)
    alarms = sum(share for total, share in shares.items() if tails[total] <= level)
    assert alarms <= level + 1e-9


def _sums(left: dict[int, float], right: dict[int, float]) -> dict[int, float]:
    grown: dict[int, float] = {}
    for (a, share), (b, other) in itertools.product(left.items(), right.items()):
        grown[a + b] = grown.get(a + b, 0.0) + share * other
    return grown


@MANY
@given(STRATA, some.integers(1, 4), some.integers(1, 50), some.booleans())
def test_p_of_a_pool_with_a_steady_test_is_the_same_however_often_it_runs(
    strata: list[tuple[Counts, Counts]], before: int, now: int, passes: bool
) -> None:
    """What would fool a plain sum of runs: an always failing test that is run fifty times now."""
    steady = (Counts(before * passes, before), Counts(now * passes, now))
    assert pooling.p_value([*strata, steady]) == pytest.approx(pooling.p_value(strata))


@MANY
@given(STRATA, some.data())
def test_more_failures_never_give_a_better_answer(strata: list[tuple[Counts, Counts]], data: some.DataObject) -> None:
    places = [number for number, (_, now) in enumerate(strata) if now.passes]
    if not places:
        return
    chosen = data.draw(some.sampled_from(places))
    before, now = strata[chosen]
    failing = [*strata[:chosen], (before, Counts(now.passes - 1, now.runs)), *strata[chosen + 1 :]]
    assert pooling.p_value(failing) <= pooling.p_value(strata) + 1e-12
    if call(pool(strata)).call in statistics.WORSE:
        assert call(pool(failing)).call in statistics.WORSE


@MANY
@given(some.integers(2, 60), some.integers(0, 60), some.integers(1, 5), some.integers(1, 5))
def test_pool_is_worse_only_where_its_rules_are_met(tests: int, failing: int, runs: int, before: int) -> None:
    found = of(tests, min(failing, tests), runs, before)
    told = call(found)
    if told.call == statistics.REGRESSED:
        assert found.now.failures - found.expected >= RULES.minimum_failures
        assert found.drop > PITY
        assert told.p is not None
        assert told.p <= RULES.level


@MANY
@given(some.integers(10, 40), some.integers(5, 10), some.integers(2, 50))
def test_sound_tests_run_ever_more_often_do_not_hide_the_others(tests: int, failing: int, runs: int) -> None:
    """Fifty runs of each test that passes would make few points out of many failures, if runs were summed up."""
    strata = [(Counts(1, 1), Counts(0, 1))] * failing + [(Counts(1, 1), Counts(runs, runs))] * (tests - failing)
    assert call(pool(strata)).call == call(of(tests, failing)).call == statistics.REGRESSED


@MANY
@given(some.lists(STRATA, min_size=1, max_size=6))
def test_false_discoveries_are_controlled_over_all_pools(found: list[list[tuple[Counts, Counts]]]) -> None:
    """Benjamini and Hochberg by their definition: p * m / rank, and never below a better one's."""
    named = [Pool(f"s{number}.*", pool(strata).strata) for number, strata in enumerate(found)]
    told = pooling.compare(named, RULES, PITY)
    plain = sorted(item.p for item in told if item.p is not None)
    for item in told:
        assert item.p is not None
        ranks = [rank for rank, p in enumerate(plain, 1) if p >= item.p]
        wanted = min(1.0, *(plain[rank - 1] * len(plain) / rank for rank in ranks))
        assert item.adjusted == pytest.approx(wanted, rel=1e-3)


@MANY
@given(some.integers(2, 12), some.integers(1, 4), some.integers(1, 12))
def test_failures_in_few_tests_are_no_less_telling_than_spread_ones(tests: int, runs: int, failures: int) -> None:
    """So the drop that would show is told for the case that is hardest to see."""
    failures = min(failures, tests * runs)
    spread = of_failures(of(tests, 0, runs, runs), failures)
    full, rest = divmod(failures, runs)
    dealt = [runs] * full + [rest] * (full < tests)
    dealt += [0] * (tests - len(dealt))
    heaped = pool([(Counts(runs, runs), Counts(runs - bad, runs)) for bad in dealt])
    assert pooling.p_value(list(heaped.strata.values())) <= pooling.p_value(list(spread.strata.values())) + 1e-12


@pytest.mark.parametrize(
    ("tests", "runs", "alone", "together"),
    [(60, 1, None, 10.9), (60, 3, None, 3.7), (60, 5, 83.1, 3.0), (250, 1, None, 3.1), (250, 3, None, 2.6)],
)
def test_pool_shows_drops_that_a_test_alone_cannot(tests: int, runs: int, alone: float | None, together: float) -> None:
    """All passed before and now, as often now as before; figures as docs/policy.md has them."""
    single = statistics.detectable(Counts(runs, runs), runs, RULES)
    assert single == (None if alone is None else pytest.approx(alone, abs=0.05))
    assert pooling.detectable(of(tests, 0, runs, runs), RULES, PITY) == pytest.approx(together, abs=0.05)


def test_drop_that_would_show_does_show_with_about_its_power() -> None:
    found = of(60, 0, 3, 3)
    shown = pooling.detectable(found, RULES, PITY)
    assert shown is not None
    rate, runs = shown / 100, found.now.runs
    needed = next(more for more in range(1, runs) if call(of_failures(found, more)).call == statistics.REGRESSED)
    chance = sum(math.comb(runs, k) * rate**k * (1 - rate) ** (runs - k) for k in range(needed, runs + 1))
    assert chance == pytest.approx(RULES.power, abs=0.001)


def of_failures(found: Pool, more: int) -> Pool:
    """The pool with so many failures, each in another test as long as there are others."""
    runs, tests = next(now.runs for _, now in found.strata.values()), len(found.strata)
    dealt = [more // tests + (number < more % tests) for number in range(tests)]
    pairs = [(before, Counts(runs - dealt[n], runs)) for n, (before, _) in enumerate(found.strata.values())]
    return pool(pairs)


def test_pool_once_worse_stays_so_until_it_is_well() -> None:
    doubtful = of(60, 4)
    assert call(doubtful).call == statistics.NOT_SEEN
    assert call(doubtful, frozenset({"csi.*"})).call == statistics.STILL
    assert call(of(60, 0), frozenset({"csi.*"})).call == statistics.NOT_SEEN


def test_pool_that_was_worse_and_has_no_run_now_stays_worse() -> None:
    found = pooling.pools({}, {"t": ["csi.a.x"]}, {"t": Counts(1, 1)}, ["suite"], {"csi.*"})
    assert [(item.clause, item.call, item.p) for item in pooling.compare(found, RULES, PITY, {"csi.*"})] == [
        ("csi.*", statistics.STILL, None)
    ]
    assert pooling.pools({}, {"t": ["csi.a.x"]}, {"t": Counts(1, 1)}, ["suite"]) == []


def test_pools_are_of_suites_and_topics_and_of_what_both_sides_know() -> None:
    one = Counts(1, 1)
    clauses = {"t1": ["csi.a.x"], "t2": ["csi.a.y", "csi.a.x"], "t3": ["csi.b.z"], "new": ["csi.a.x"]}
    clauses |= {"across": ["csi.a.x", "csi.b.z"], "far": ["csi.a.x", "cni.a.x"], "silent": ["csi.a.x"]}
    now = dict.fromkeys(set(clauses) - {"silent"}, one)
    known = dict.fromkeys((set(clauses) | {"gone"}) - {"new"}, one)
    found = {item.name: sorted(item.strata) for item in pooling.pools(now, clauses, known, pooling.KINDS)}
    assert found == {"csi.*": ["across", "t1", "t2", "t3"], "csi.a.*": ["t1", "t2"]}
    assert pooling.pools(now, clauses, {}, pooling.KINDS) == []


@MANY
@given(
    some.dictionaries(
        some.sampled_from([f"t{n}" for n in range(9)]),
        some.sets(some.sampled_from(["csi.a.x", "csi.a.y", "csi.b.z", "cni.a.x"]), min_size=1),
    )
)
def test_run_of_a_test_is_in_at_most_one_pool_of_a_kind(clauses: dict[str, set[str]]) -> None:
    every = dict.fromkeys(clauses, Counts(1, 1))
    for kind in pooling.KINDS:
        members = [test for found in pooling.pools(every, clauses, every, [kind]) for test in found.strata]
        assert len(members) == len(set(members))
