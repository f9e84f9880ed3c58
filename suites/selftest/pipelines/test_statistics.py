"""The gate's statistics on fixed examples: the published table, scipy's own answers, and each rule by itself."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from pipelines.statistics import (
    Basis,
    Counts,
    Rules,
    adjusted,
    compare,
    detectable,
    failures_needed,
    least_p,
    p_value,
    power,
    still_worse,
    succeed,
)

PLAIN = Rules(minimum_failures=1, pity=0, keep_pity=0)
TABLE = {20: (2, 3, 3, 5, 7), 54: (2, 2, 2, 3, 4), 100: (1, 2, 2, 2, 3), 300: (1, 1, 1, 2, 2)}
POWER = {0.10: (3, 16, 35, 69), 0.20: (15, 55, 82, 98), 0.50: (77, 99, 100, 100)}


@pytest.mark.parametrize("runs", TABLE)
def test_failures_needed_are_those_of_the_hypergeometric_table(runs: int) -> None:
    found = tuple(failures_needed(Counts(runs, runs), now, PLAIN) for now in (5, 7, 10, 20, 35))
    assert found == TABLE[runs]


@pytest.mark.parametrize("rate", POWER)
def test_power_is_that_of_the_table(rate: float) -> None:
    rules = Rules(minimum_failures=3, pity=0, keep_pity=0)
    found = tuple(round(100 * power(Counts(100, 100), runs, rate, rules)) for runs in (7, 14, 21, 35))
    assert found == POWER[rate]


@pytest.mark.parametrize(("basis", "now"), [((100, 100), (5, 7)), ((50, 54), (15, 20)), ((3, 3), (0, 1))])
def test_p_value_is_the_hypergeometric_tail(basis: tuple[int, int], now: tuple[int, int]) -> None:
    before, after = Counts(*basis), Counts(*now)
    failures = before.failures + after.failures
    tail = stats.hypergeom.sf(after.failures - 1, before.runs + after.runs, failures, after.runs)
    assert math.isclose(p_value(before, after), tail, rel_tol=1e-9)


def test_adjusted_values_are_those_of_the_textbook() -> None:
    # Benjamini and Hochberg (1995), section 3.2: of these fifteen the first four are below 0.05 after control.
    values = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
        0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000,
    ]  # fmt: skip
    assert sum(value <= 0.05 for value in adjusted(values)) == 4
    assert adjusted([]) == []


def test_smallest_drop_is_the_rate_that_reaches_the_power() -> None:
    basis, rules = Counts(98, 100), Rules()
    seen = detectable(basis, 20, rules)
    assert seen is not None
    rate = (seen + basis.failing) / 100
    assert math.isclose(power(basis, 20, rate, rules), 0.8, abs_tol=1e-9)
    assert power(basis, 20, rate - 0.01, rules) < 0.8


def test_sample_that_can_never_be_significant_says_so() -> None:
    rules = Rules(minimum_failures=1)
    assert least_p(Counts(3, 3), 2) > rules.level
    assert failures_needed(Counts(3, 3), 2, rules) is None
    assert detectable(Counts(3, 3), 2, rules) is None
    assert power(Counts(3, 3), 2, 1.0, rules) == 0.0


def one(now: Counts, before: Counts = Counts(100, 100), ill: bool = False, rules: Rules = Rules()) -> str:  # noqa: B008
    basis = Basis("r", clauses={"a": before}, regressed=frozenset({"a"} if ill else ()))
    return compare({"a": now}, basis, rules)[0].call


@pytest.mark.parametrize(
    ("now", "rules", "call"),
    [
        (Counts(17, 20), Rules(), "regressed"),
        (Counts(18, 20), Rules(), "not-seen"),
        (Counts(18, 20), Rules(minimum_failures=2), "regressed"),
        (Counts(17, 20), Rules(pity=15), "not-seen"),
        (Counts(17, 20), Rules(level=0.0001), "not-seen"),
        (Counts(0, 0), Rules(), "no-sample"),
    ],
    ids=["worse", "too few failures", "fewer are enough", "within pity", "not significant", "did not run"],
)
def test_each_rule_decides_the_call(now: Counts, rules: Rules, call: str) -> None:
    assert one(now, rules=rules) == call


def test_clause_called_worse_stays_so_until_it_is_better_than_the_lower_threshold() -> None:
    between = Counts(19, 20)
    before = Counts(99, 100)
    rules = Rules(keep_level=0.5)
    assert one(between, before, rules=rules) == "not-seen"
    assert one(between, before, ill=True, rules=rules) == "still-regressed"
    assert one(between, before, ill=True, rules=Rules()) == "not-seen"
    assert one(Counts(20, 20), before, ill=True, rules=rules) == "not-seen"
    assert one(Counts(0, 0), before, ill=True, rules=rules) == "still-regressed"


def test_clause_without_a_basis_is_called_that_and_carries_no_p() -> None:
    for basis in (None, Basis("r", clauses={"b": Counts(9, 9)})):
        (found,) = compare({"a": Counts(0, 9)}, basis, Rules())
        assert (found.call, found.p, found.detectable) == ("no-basis", None, None)


def test_next_basis_keeps_the_better_counts_of_what_is_held() -> None:
    older = {"a": Counts(100, 100), "b": Counts(90, 100), "gone": Counts(7, 7)}
    basis = Basis("r", clauses=older, regressed=frozenset({"b", "gone"}))
    now = {"a": Counts(10, 20), "b": Counts(20, 20), "new": Counts(1, 1)}
    compared = compare(now, basis, Rules())
    assert succeed(older, now, {"a", "new"}) == {**older, "b": Counts(20, 20), "new": Counts(1, 1)}
    assert still_worse(basis, compared) == {"a", "gone"}
    assert (succeed({}, now, ()), still_worse(None, ())) == (now, frozenset())


@pytest.mark.parametrize("wrong", [{"keep_level": 0.01}, {"keep_pity": 9.0}, {"pity": -1.0}, {"minimum_failures": 0}])
def test_rules_that_contradict_each_other_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="worse"):
        Rules(**wrong)  # type: ignore[arg-type]


def test_counts_that_cannot_be_are_refused() -> None:
    for passes, runs in ((3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="cannot be"):
            Counts(passes, runs)
