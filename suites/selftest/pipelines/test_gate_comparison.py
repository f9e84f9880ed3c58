"""Informing clauses beside the last sign-off, as the gate tells it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from pipelines import basis
from pipelines.configuration import Misconfigured
from pipelines.counting import counts
from pipelines.policy import Policy, Sample, Statistics
from pipelines.statistics import Basis, Counts
from reports.keys import public_path
from reports.model import Decision, Level, Outcome, Result, Verdict
from suites.selftest.pipelines.releases import World
from suites.selftest.pipelines.synthetic import clause, decide, record, result, texts, waiver

A, WISH, OTHER = clause("a"), clause("wish", Level.SHOULD), clause("other", Level.SHOULD)
PASSES_A = result("t_a", Outcome.PASS, A.id)
BASIS = Basis("old-run", clauses={WISH.id: Counts(100, 100)})


def wishes(failures: int, runs: int, of: str = WISH.id) -> list[Result]:
    outcomes = [Outcome.FAIL] * failures + [Outcome.PASS] * (runs - failures)
    return [result(f"t_{of}{number}", outcome, of) for number, outcome in enumerate(outcomes)]


def judged(
    failures: int, runs: int, basis: Basis | None = BASIS, wanted: Statistics | None = None, **changes: object
) -> Decision:
    policy = Policy("p", statistics=wanted or Statistics(), sample=Sample(runs=1))
    records = [record([PASSES_A, *wishes(failures, runs)])]
    return decide(records, [A, WISH], **{"policy": policy, "basis": basis, **changes})


def test_informing_clause_that_became_worse_fails_the_stage_and_says_by_how_much() -> None:
    decision = judged(5, 20)
    assert decision.verdict is Verdict.FAIL
    assert "5 of 20 runs fail now, 0 of 100 did then" in texts(decision)
    assert [item.call for item in decision.comparisons] == ["regressed"]


def test_informing_clause_that_fails_as_before_does_not_block() -> None:
    decision = judged(1, 20)
    assert decision.verdict is Verdict.PASS
    assert "the smallest drop that would have shown" in texts(decision)


def test_regression_under_a_policy_that_only_notes_it_does_not_block() -> None:
    decision = judged(5, 20, wanted=Statistics(blocks=False))
    assert decision.verdict is Verdict.PASS
    assert "does worse than at the last sign-off (old-run)" in texts(decision)


def test_regression_that_is_waived_is_told_and_does_not_block() -> None:
    decision = judged(5, 20, waivers=[waiver(WISH.id)])
    assert decision.verdict is Verdict.PASS
    assert decision.waivers_used == (f"W-{WISH.id}",)
    assert "does worse than at the last sign-off" in texts(decision)


def test_policy_without_statistics_compares_nothing() -> None:
    decision = judged(5, 20, policy=Policy("old"))
    assert (decision.verdict, decision.comparisons) == (Verdict.PASS, ())


def test_first_sign_off_declares_that_it_has_no_basis() -> None:
    decision = judged(20, 20, None)
    assert decision.verdict is Verdict.PASS
    assert "no earlier sign-off to compare with: 1 informing clause stood" in texts(decision)
    assert [item.call for item in decision.comparisons] == ["no-basis"]
    assert judged(0, 20, None, Statistics(needs_basis=True)).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("runs", "claim", "clauses", "verdict"),
    [
        (20, 30, (), Verdict.PASS),
        (20, 10, (), Verdict.INCONCLUSIVE),
        (2, 90, (), Verdict.INCONCLUSIVE),
        (2, 0, (), Verdict.PASS),
        (20, 30, (WISH.id,), Verdict.PASS),
        (20, 30, (WISH.id, A.id), Verdict.INCONCLUSIVE),
    ],
    ids=["carried", "too fine", "too few runs", "no claim", "named", "named and not compared"],
)
def test_claim_that_the_sample_cannot_carry_is_inconclusive(
    runs: int, claim: float, clauses: tuple[str, ...], verdict: Verdict
) -> None:
    decision = judged(0, runs, wanted=Statistics(claim=claim, claimed=frozenset(clauses)))
    assert decision.verdict is verdict, texts(decision)


def test_low_power_without_a_claim_is_a_note() -> None:
    decision = judged(0, 2)
    assert decision.verdict is Verdict.PASS
    assert "1 of them ran too few times to show any drop" in texts(decision)


def test_sample_below_the_minimum_is_no_sample() -> None:
    policy = Policy("p", statistics=Statistics(), sample=Sample(runs=21))
    decision = judged(5, 20, policy=policy)
    assert [item.call for item in decision.comparisons] == ["no-sample"]
    assert "1 without enough runs" in texts(decision)


def test_clause_whose_tests_are_gone_has_no_sample_and_does_not_get_well_by_it() -> None:
    policy = Policy("p", statistics=Statistics())
    gone = decide([record([PASSES_A])], [A, WISH], policy=policy, basis=BASIS)
    assert [item.call for item in gone.comparisons] == ["no-sample"]
    ill = dataclasses.replace(BASIS, regressed=frozenset({WISH.id}))
    decision = decide([record([PASSES_A])], [A, WISH], policy=policy, basis=ill)
    assert decision.verdict is Verdict.FAIL
    assert "no run now says that it is better" in texts(decision)
    quick = record([PASSES_A], left_out={"t_w": [WISH.id]})
    assert decide([quick], [A, WISH], policy=policy, basis=ill).comparisons == ()


def test_clause_called_worse_before_stays_so_and_blocks() -> None:
    ill = dataclasses.replace(BASIS, clauses={WISH.id: Counts(99, 100)}, regressed=frozenset({WISH.id}))
    wanted = Statistics(keep_level=0.5)
    assert judged(1, 20, ill, wanted).verdict is Verdict.FAIL
    assert judged(0, 20, ill, wanted).verdict is Verdict.PASS


def test_retry_never_makes_a_number_better() -> None:
    flaky = [dataclasses.replace(result("t", Outcome.FAIL, WISH.id), attempt=1)]
    flaky += [dataclasses.replace(result("t", Outcome.PASS, WISH.id), attempt=2)]
    assert counts([record(flaky)]) == {WISH.id: Counts(0, 1)}


def test_counts_hold_what_was_judged_and_nothing_else() -> None:
    results = [
        *wishes(1, 3),
        result("t_n", Outcome.NOT_APPLICABLE, WISH.id),
        result("t_c", Outcome.COULD_NOT_RUN, A.id),
    ]
    results.append(dataclasses.replace(result("t_h", Outcome.FAIL, A.id), harness_error=True))
    assert counts([record(results)]) == {WISH.id: Counts(2, 3)}
    assert counts([record(results)], frozenset({f"t_{WISH.id}0"})) == {WISH.id: Counts(2, 2)}


def test_void_run_compares_nothing() -> None:
    policy = Policy("p", statistics=Statistics(), key_tests=frozenset({"t_key"}))
    records = [record([PASSES_A, *wishes(5, 20), result("t_key", Outcome.FAIL, A.id)])]
    decision = decide(records, [A, WISH], policy=policy, basis=BASIS)
    assert (decision.verdict, decision.comparisons) == (Verdict.INVALID, ())


def test_basis_whose_signer_nobody_checked_is_told_and_a_checked_one_is_not(tmp_path: Path) -> None:
    run = World(tmp_path).run("r1")
    loaded = basis.load(run)
    assert loaded.unchecked
    (tmp_path / basis.FILE).write_text(json.dumps(basis.shown(loaded)))
    for given, told in (
        (basis.load(tmp_path / basis.FILE), True),
        (basis.load(run, [_public(tmp_path, "release")]), False),
    ):
        reasons = [reason.text for reason in judged(0, 20, given).reasons]
        assert any("NOT CHECKED: who signed the basis, run" in text for text in reasons) is told
        assert ("unchecked" in basis.shown(given)) is told
    with pytest.raises(Misconfigured, match="no basis"):
        basis.load(run, [_public(tmp_path, "ledger")])


def _public(root: Path, name: str) -> Path:
    return public_path(root / f"{name}.pem")
