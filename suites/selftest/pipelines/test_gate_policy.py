"""What a policy can ask for beyond levels and clauses, one by one, each with the case in which it asks for nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pipelines import policy
from pipelines.policy import Policy, Threshold
from pipelines.statistics import Basis
from reports.model import Decision, Level, Outcome, Verdict
from reports.record import End, Record
from suites.selftest.pipelines.synthetic import clause, decide, record, result, standing, texts

A, B, WISH = clause("a"), clause("b"), clause("wish", Level.SHOULD)
PASSES_A, PASSES_B = result("t_a", Outcome.PASS, A.id), result("t_b", Outcome.PASS, B.id)
FAILS_A = result("t_a", Outcome.FAIL, A.id)


def again(attempt: int, outcome: Outcome) -> Any:
    return dataclasses.replace(result("t_a", outcome, A.id), attempt=attempt)


def attempts(*outcomes: Outcome) -> Record:
    return record([again(number, outcome) for number, outcome in enumerate(outcomes, start=1)])


FAIL, PASS = Outcome.FAIL, Outcome.PASS
RETRIES: dict[str, tuple[Record, policy.Budgets, Verdict, tuple[str, ...]]] = {
    "a flake within the budget": (attempts(FAIL, PASS), policy.Budgets(1, 1), Verdict.PASS, ("t_a",)),
    "a flake beyond the budget": (attempts(FAIL, PASS), policy.Budgets(1, 0), Verdict.FAIL, ("t_a",)),
    "a retry that no policy allows": (attempts(FAIL, PASS), policy.Budgets(0, 9), Verdict.FAIL, ()),
    "a pass beyond the cap": (attempts(FAIL, FAIL, PASS), policy.Budgets(1, 9), Verdict.FAIL, ()),
    "a failure that repeats": (attempts(FAIL, FAIL), policy.Budgets(1, 9), Verdict.FAIL, ()),
    "an attempt that was lost": (record([again(2, PASS)]), policy.Budgets(1, 9), Verdict.INVALID, ()),
    "an attempt told twice": (record([again(1, PASS), again(1, PASS)]), policy.Budgets(1, 9), Verdict.INVALID, ()),
}


@pytest.mark.parametrize("case", RETRIES)
def test_retries_are_capped_and_never_free(case: str) -> None:
    made, budgets, verdict, flakes = RETRIES[case]
    decision = decide([made], [A], policy=Policy("p", budgets=budgets))
    assert (decision.verdict, decision.flakes) == (verdict, flakes), texts(decision)


def test_flake_is_always_told_also_within_its_budget() -> None:
    decision = decide([attempts(FAIL, PASS)], [A], policy=Policy("p", budgets=policy.Budgets(1, 1)))
    assert "t_a failed and then passed" in texts(decision)
    assert [item.note for item in decision.standings] == ["flaky: t_a"]


@pytest.mark.parametrize(("minutes", "verdict"), [(0, Verdict.PASS), (1, Verdict.PASS), (0.4, Verdict.INCONCLUSIVE)])
def test_run_of_half_a_minute_against_its_time_budget(minutes: float, verdict: Verdict) -> None:
    decision = decide([record([PASSES_A])], [A], policy=Policy("p", budgets=policy.Budgets(minutes=minutes)))
    assert decision.verdict is verdict


def test_sample_smaller_than_the_policy_asks_is_inconclusive() -> None:
    for least, verdict in ((2, Verdict.PASS), (3, Verdict.INCONCLUSIVE)):
        wanted = Policy("p", sample=policy.Sample(results=least))
        assert decide([record([PASSES_A, PASSES_B])], [A, B], policy=wanted).verdict is verdict


def test_clause_or_suite_that_only_informs_does_not_block() -> None:
    records = [record([FAILS_A, PASSES_B])]
    informing = Policy("p", informing=frozenset({A.id}))
    assert decide(records, [A, B], policy=informing).verdict is Verdict.PASS
    whole = Policy("p", clauses=frozenset({B.id}), informing_suites=frozenset({"csi"}))
    assert decide(records, [A, B], policy=whole).verdict is Verdict.PASS
    named = Policy("p", clauses=frozenset({A.id}), informing_suites=frozenset({"csi"}))
    assert decide(records, [A, B], policy=named).verdict is Verdict.FAIL


def test_required_suite_that_showed_nothing_is_inconclusive() -> None:
    decision = decide([record([PASSES_A])], [A], policy=Policy("p", suites=frozenset({"csi", "cni"})))
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert "suite cni" in texts(decision)
    assert decide([record([PASSES_A])], [A], policy=Policy("p", suites=frozenset({"csi"}))).verdict is Verdict.PASS


OPTIONAL = clause("snap", capability="SNAPSHOT")
GAP = clause("gap", uncovered="no way to see it")


@pytest.mark.parametrize(
    ("allowed", "verdict"),
    [
        ({"pass", "not-applicable", "uncovered"}, Verdict.PASS),
        ({"pass", "uncovered"}, Verdict.FAIL),
        ({"pass", "not-applicable"}, Verdict.INCONCLUSIVE),
    ],
)
def test_outcome_that_is_not_allowed_blocks(allowed: set[str], verdict: Verdict) -> None:
    records = [record([PASSES_A, result("t_s", Outcome.NOT_APPLICABLE, OPTIONAL.id)])]
    decision = decide(records, [A, OPTIONAL, GAP], policy=Policy("p", allowed=frozenset(allowed)))
    assert decision.verdict is verdict, texts(decision)


def measured(value: float, direction: str = "lower", basis: float | None = None, **threshold: Any) -> Decision:
    wanted = Threshold("speed", direction, **threshold)
    known = None if basis is None else Basis("old", figures={"dev/speed": (basis, basis)})
    tested = dataclasses.replace(PASSES_A, figures={"speed": value})
    return decide([record([tested])], [A], policy=Policy("p", thresholds=(wanted,)), basis=known)


@pytest.mark.parametrize(
    ("value", "direction", "basis", "threshold", "verdict"),
    [
        (9, "lower", None, {"limit": 10}, Verdict.PASS),
        (11, "lower", None, {"limit": 10}, Verdict.FAIL),
        (11, "higher", None, {"limit": 10}, Verdict.PASS),
        (9, "higher", None, {"limit": 10}, Verdict.FAIL),
        (11, "lower", None, {"limit": 10, "required": False}, Verdict.PASS),
        (12, "lower", 10, {"tolerance": 20}, Verdict.PASS),
        (13, "lower", 10, {"tolerance": 20}, Verdict.FAIL),
        (7, "higher", 10, {"tolerance": 20}, Verdict.FAIL),
        (99, "lower", None, {"tolerance": 20}, Verdict.PASS),
        (13, "lower", 10, {"limit": 12, "tolerance": 90}, Verdict.FAIL),
    ],
)
def test_figure_is_held_against_limit_and_basis(
    value: float, direction: str, basis: float | None, threshold: dict[str, Any], verdict: Verdict
) -> None:
    decision = measured(value, direction, basis, **threshold)
    assert decision.verdict is verdict, texts(decision)
    assert decision.measurements[0].value == value


def test_figure_without_a_basis_declares_that() -> None:
    assert "nothing to be compared with" in texts(measured(5, tolerance=20))


def test_figure_that_nobody_measured_is_inconclusive_where_it_is_required() -> None:
    for required, verdict in ((True, Verdict.INCONCLUSIVE), (False, Verdict.PASS)):
        wanted = Policy("p", thresholds=(Threshold("speed", "lower", 1, None, required),))
        decision = decide([record([PASSES_A])], [A], policy=wanted)
        assert (decision.verdict, decision.measurements[0].standing) == (verdict, "missing")


def test_figure_measured_twice_counts_as_the_worse() -> None:
    results = [dataclasses.replace(PASSES_A, figures={"x": 1}), dataclasses.replace(PASSES_B, figures={"x": 9})]
    for direction, value in (("lower", 9), ("higher", 1)):
        wanted = Policy("p", thresholds=(Threshold("x", direction, 5),))
        decision = decide([record(results)], [A, B], policy=wanted)
        assert (decision.verdict, decision.measurements[0].value) == (Verdict.FAIL, value)


def test_figures_of_the_stage_and_of_the_record_are_measured_too() -> None:
    wanted = tuple(Threshold(name, "lower", 1e6) for name in ("cluster-ready-seconds", "minutes", "results-per-second"))
    decision = decide(
        [record([PASSES_A])], [A], policy=Policy("p", thresholds=wanted), figures={"cluster-ready-seconds": 3.6}
    )
    assert [item.value for item in decision.measurements] == [3.6, 0.5, 0.033]


KEY = Policy("p", key_tests=frozenset({"suites/*::test_up[*"}))
UP = "suites/cri/x.py::test_up[local]"


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [(PASS, Verdict.FAIL), (FAIL, Verdict.INVALID), (Outcome.COULD_NOT_RUN, Verdict.INCONCLUSIVE)],
)
def test_key_test_that_did_not_pass_voids_the_run_and_blames_nobody(outcome: Outcome, verdict: Verdict) -> None:
    decision = decide([record([FAILS_A, result(UP, outcome, B.id)])], [A, B], policy=KEY)
    assert decision.verdict is verdict
    blamed = [reason for reason in decision.reasons if reason.blocking and "does not hold" in reason.text]
    assert bool(blamed) == (outcome is PASS)
    assert standing(decision, A.id) == "fail"
    assert any(f"key test {UP}" in reason.text for reason in decision.reasons) == (outcome is not PASS)


def test_key_test_without_result_or_of_another_name_never_passes() -> None:
    missing = record([PASSES_A], {"t_a": [A.id], UP: [A.id]})
    assert decide([missing], [A], policy=KEY).verdict is Verdict.INCONCLUSIVE
    unnamed = decide([record([PASSES_A])], [A], policy=KEY)
    assert unnamed.verdict is Verdict.INCONCLUSIVE
    assert "no planned test is called that" in texts(unnamed)


def test_policy_naming_an_unknown_clause_is_invalid_and_hints_at_the_nearest() -> None:
    decision = decide([record([PASSES_A])], [A], policy=Policy("p", informing=frozenset({"csi.aa"})))
    assert decision.verdict is Verdict.INVALID
    assert any('Did you mean "csi.a"?' in reason.remedy for reason in decision.reasons)


def test_record_with_attempts_still_counts_what_pytest_said() -> None:
    flaky = dataclasses.replace(attempts(FAIL, PASS), end=End("2026-11-23T11:59:30Z", 0))
    decision = decide([flaky], [A], policy=Policy("p", budgets=policy.Budgets(1, 1)))
    assert decision.verdict is Verdict.INVALID
