"""What a waiver does and, above all, what it does not."""

from __future__ import annotations

import datetime

from pipelines.policy import Policy
from reports.model import Outcome, Verdict
from suites.selftest.pipelines.synthetic import clause, decide, record, result, standing, texts, waiver

A, B, C = clause("a"), clause("b"), clause("c")
OTHERS = [result("t_b", Outcome.PASS, B.id), result("t_c", Outcome.PASS, C.id)]
FAILING = [record([result("t_a", Outcome.FAIL, A.id), *OTHERS])]
ALL = [A, B, C]


def test_waiver_for_a_failing_clause_lets_it_by_and_stays_visible() -> None:
    decision = decide(FAILING, ALL, waivers=[waiver(A.id)])
    assert decision.verdict is Verdict.PASS
    assert standing(decision, A.id) == "waived"
    assert decision.waivers_used == (f"W-{A.id}",)
    assert "let by through 2026-11-30" in texts(decision)


def test_waiver_on_its_last_day_counts_and_on_the_next_turns_the_verdict_in_words() -> None:
    last = waiver(A.id, expires=datetime.date(2026, 11, 23))
    assert decide(FAILING, ALL, waivers=[last]).verdict is Verdict.PASS
    over = decide(FAILING, ALL, waivers=[waiver(A.id, expires=datetime.date(2026, 11, 22))])
    assert over.verdict is Verdict.FAIL
    assert "the waiver that let it by is over" in texts(over)
    assert "node team" in " ".join(reason.remedy for reason in over.reasons)
    assert over.waivers_used == ()


def test_waiver_for_another_clause_version_component_or_test_does_nothing() -> None:
    for other in (
        waiver(B.id),
        waiver("csi.unknown"),
        waiver(A.id, versions=("1.5.1",)),
        waiver(A.id, component="containerd"),
        waiver(A.id, test="another test"),
    ):
        decision = decide(FAILING, ALL, waivers=[other])
        assert decision.verdict is Verdict.FAIL, other
        assert f"waiver {other.id}" in texts(decision)


def test_waiver_for_one_test_leaves_the_clause_s_other_failures() -> None:
    records = [record([result("t_a", Outcome.FAIL, A.id), result("t_a2", Outcome.FAIL, A.id), *OTHERS])]
    assert decide(records, ALL, waivers=[waiver(A.id, test="t_a")]).verdict is Verdict.FAIL
    both = [waiver(A.id, id="W-1", test="t_a"), waiver(A.id, id="W-2", test="t_a2")]
    assert decide(records, ALL, waivers=both).verdict is Verdict.PASS


def test_waiver_never_stands_in_for_an_outcome_that_is_not_known() -> None:
    could_not = [record([result("t_a", Outcome.COULD_NOT_RUN, A.id), *OTHERS])]
    plan = {"t_a": [A.id], "t_b": [B.id], "t_c": [C.id]}
    missing = [record(OTHERS, plan)]
    beside = [record([result("t_a", Outcome.FAIL, A.id), *OTHERS], {**plan, "t_a2": [A.id]})]
    for records in (could_not, missing, beside):
        assert decide(records, ALL, waivers=[waiver(A.id)]).verdict is Verdict.INCONCLUSIVE


def test_waiver_does_not_excuse_a_broken_test() -> None:
    broken = record([result("t_a", Outcome.FAIL, A.id, harness_error=True), *OTHERS])
    assert decide([broken], ALL, waivers=[waiver(A.id)]).verdict is Verdict.INVALID


def test_waiver_for_the_only_clause_leaves_nothing_shown() -> None:
    records = [record([result("t_a", Outcome.FAIL, A.id)])]
    assert decide(records, [A], waivers=[waiver(A.id)]).verdict is Verdict.INCONCLUSIVE


def test_waiver_for_a_passing_clause_is_to_be_removed() -> None:
    decision = decide([record([result("t_a", Outcome.PASS, A.id), *OTHERS])], ALL, waivers=[waiver(A.id)])
    assert decision.verdict is Verdict.PASS
    assert [reason.remedy for reason in decision.reasons] == ["Remove it."]


def test_waiver_under_a_policy_without_waivers_does_nothing() -> None:
    assert decide(FAILING, ALL, waivers=[waiver(A.id)], policy=Policy("none", waivers=False)).verdict is Verdict.FAIL
