"""What holds of the gate's statistics for any counts."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.statistics import WORSE, Basis, Counts, Rules, adjusted, compare, detectable, power
from reports.model import Comparison

NAMES = ("a", "b", "c", "d")
COUNTS = st.integers(0, 25).flatmap(lambda runs: st.integers(0, runs).map(lambda passes: Counts(passes, runs)))
SAMPLES = st.dictionaries(st.sampled_from(NAMES), COUNTS, min_size=1)
BASES = st.builds(
    lambda clauses, ill: Basis("r", clauses=clauses, regressed=frozenset(ill)),
    SAMPLES,
    st.lists(st.sampled_from(NAMES), unique=True),
)
RULES = st.builds(
    lambda level, more, pity, less, least: Rules(level, least, pity, level + more, max(0.0, pity - less)),
    st.sampled_from([0.01, 0.05, 0.2]),
    st.sampled_from([0.0, 0.05, 0.3]),
    st.sampled_from([0.0, 5.0, 20.0]),
    st.sampled_from([0.0, 2.0]),
    st.integers(1, 4),
)
MANY = settings(max_examples=200, deadline=None)


def worse(found: tuple[Comparison, ...]) -> set[str]:
    return {item.clause for item in found if item.call in WORSE}


@MANY
@given(SAMPLES, BASES, RULES, st.sampled_from(NAMES), st.integers(1, 5), st.booleans())
def test_more_failures_never_give_a_better_answer(
    now: dict[str, Counts], basis: Basis, rules: Rules, name: str, more: int, instead: bool
) -> None:
    counts = now.setdefault(name, Counts(0, 0))
    failing = (
        Counts(max(0, counts.passes - more), counts.runs) if instead else Counts(counts.passes, counts.runs + more)
    )
    before, after = compare(now, basis, rules), compare({**now, name: failing}, basis, rules)
    p = {item.clause: item.p for item in before}[name], {item.clause: item.p for item in after}[name]
    if p[0] is not None and p[1] is not None:
        assert p[1] <= p[0]
    if instead:
        # With the same runs nothing else changes, so no other clause gets well by it either.
        assert worse(before) <= worse(after)


@MANY
@given(SAMPLES, RULES)
def test_without_a_basis_everything_is_declared_and_nothing_is_fine(now: dict[str, Counts], rules: Rules) -> None:
    assert {item.call for item in compare(now, None, rules)} == {"no-basis"}


@MANY
@given(SAMPLES, BASES, RULES)
def test_clause_that_is_not_called_worse_always_says_what_could_not_be_seen(
    now: dict[str, Counts], basis: Basis, rules: Rules
) -> None:
    for item in compare(now, basis, rules):
        if item.call != "not-seen":
            continue
        assert item.p is not None
        assert item.least_p is not None
        assert item.least_p <= item.p
        if item.detectable is not None:
            among = sum(other.p is not None for other in compare(now, basis, rules))
            rate = (item.detectable + basis.clauses[item.clause].failing) / 100 + 0.001
            assert power(basis.clauses[item.clause], item.runs, min(1.0, rate), rules, among) >= rules.power


@MANY
@given(SAMPLES, BASES, RULES, st.randoms(use_true_random=False))
def test_comparison_is_the_same_in_any_order(
    now: dict[str, Counts], basis: Basis, rules: Rules, chance: object
) -> None:
    names = list(now)
    chance.shuffle(names)  # type: ignore[attr-defined]
    turned = dataclasses.replace(basis, clauses=dict(reversed(list(basis.clauses.items()))))
    assert compare({name: now[name] for name in names}, turned, rules) == compare(now, basis, rules)


@MANY
@given(st.lists(st.floats(0, 1), max_size=12))
def test_control_never_finds_more_than_plain_thresholds(values: list[float]) -> None:
    controlled = adjusted(values)
    assert all(after >= before or after == 1.0 for before, after in zip(values, controlled, strict=True))
    order = sorted(range(len(values)), key=values.__getitem__)
    assert [controlled[place] for place in order] == sorted(controlled)


@MANY
@given(SAMPLES, BASES, RULES)
def test_clause_called_worse_was_so_by_the_plain_threshold_too(
    now: dict[str, Counts], basis: Basis, rules: Rules
) -> None:
    fresh = dataclasses.replace(basis, regressed=frozenset())
    for item in compare(now, fresh, rules):
        if item.call == "regressed":
            before = basis.clauses[item.clause]
            assert item.p is not None
            assert item.p <= rules.level
            assert item.failures >= rules.minimum_failures
            assert now[item.clause].failing - before.failing > rules.pity


@MANY
@given(SAMPLES, BASES, RULES)
def test_hysteresis_settles_at_once_and_only_ever_adds(now: dict[str, Counts], basis: Basis, rules: Rules) -> None:
    fresh = compare(now, dataclasses.replace(basis, regressed=frozenset()), rules)
    first = worse(compare(now, basis, rules))
    again = worse(compare(now, dataclasses.replace(basis, regressed=frozenset(first)), rules))
    assert again == first
    assert worse(fresh) <= first
    assert first - worse(fresh) <= basis.regressed


@MANY
@given(COUNTS.filter(lambda counts: counts.runs > 0), st.integers(1, 25), RULES, st.integers(1, 9))
def test_smaller_share_of_false_alarms_never_sees_smaller_drops(
    before: Counts, runs: int, rules: Rules, among: int
) -> None:
    alone, one_of_many = detectable(before, runs, rules), detectable(before, runs, rules, among)
    if one_of_many is not None:
        assert alone is not None
        assert alone <= one_of_many
