"""What the gate makes of informing clauses compared together, and of tests that ran more than once."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from pipelines.policy import Policy, Quarantining, Sample, Statistics
from pipelines.quarantine import Entry
from pipelines.statistics import Basis, Counts
from reports.attempts import repetition
from reports.model import Comparison, Decision, Level, Outcome, Reason, Verdict
from reports.record import Record
from suites.selftest.pipelines.synthetic import NOW, clause, decide, record, result, standing, texts, waiver

MUST = clause("must.holds")
MANY = [clause(f"topic.c{number:02}", Level.SHOULD) for number in range(40)]
TESTS = [f"suites/csi/test_x.py::t{number:02}" for number in range(len(MANY))]
BASIS = Basis(
    "r1",
    signed="2026-11-01T00:00:00Z",
    clauses={item.id: Counts(1, 1) for item in MANY},
    tests=dict.fromkeys(TESTS, Counts(1, 1)),
)
POOLED = Policy("p", statistics=Statistics(pools=frozenset({"suite"})))


def run(failing: int, times: int = 1) -> list[Record]:
    """Every informing clause has a test, run so often; so many of them fail whenever they run."""
    found = [result("t_must", Outcome.PASS, MUST.id)]
    for number, item in enumerate(MANY):
        outcome = Outcome.FAIL if number < failing else Outcome.PASS
        names = [TESTS[number], *(repetition(TESTS[number], again) for again in range(2, times + 1))]
        found += [result(name, outcome, item.id) for name in names]
    return [record(found)]


def blocking(reasons: tuple[Reason, ...]) -> list[str]:
    return [reason.text for reason in reasons if reason.blocking]


def pool_of(decision: Decision, name: str = "csi.*") -> Comparison:
    return next(item for item in decision.comparisons if item.clause == name)


def test_ten_clauses_that_fail_together_are_seen_though_no_one_of_them_is() -> None:
    alone = decide(run(10), [MUST, *MANY], policy=Policy("p", statistics=Statistics()), basis=BASIS)
    assert alone.verdict is Verdict.PASS
    assert "40 of them ran too few times to show any drop" in texts(alone)
    together = decide(run(10), [MUST, *MANY], policy=POOLED, basis=BASIS)
    assert together.verdict is Verdict.FAIL
    (text,) = blocking(together.reasons)
    assert "The 40 tests of csi.* together do worse" in text
    assert "10 of 40 runs fail now, 0 were to be expected" in text
    assert "t00 (csi.topic.c00), t01 (csi.topic.c01)" in text
    assert "and 5 more" in text


@pytest.mark.parametrize(("failing", "verdict"), [(0, Verdict.PASS), (3, Verdict.PASS), (6, Verdict.FAIL)])
def test_pool_says_what_it_could_have_seen(failing: int, verdict: Verdict) -> None:
    decision = decide(run(failing), [MUST, *MANY], policy=POOLED, basis=BASIS)
    assert decision.verdict is verdict
    pool = pool_of(decision)
    assert (pool.failures, pool.runs, pool.basis_failures, pool.basis_runs) == (failing, 40, 0, 40)
    assert pool.detectable is not None
    seen = f"The 40 tests of csi.* together would have shown a drop of {pool.detectable:g} points; none was seen."
    assert (seen in texts(decision)) == (verdict is Verdict.PASS)


def test_pool_worse_is_a_note_where_the_policy_says_so_or_all_its_clauses_are_waived() -> None:
    notes = dataclasses.replace(POOLED, statistics=Statistics(pools=frozenset({"suite"}), blocks=False))
    told = decide(run(10), [MUST, *MANY], policy=notes, basis=BASIS)
    assert told.verdict is Verdict.PASS
    assert "together do worse" in texts(told)
    waivers = [waiver(item.id) for item in MANY[:10]]
    waived = decide(run(10), [MUST, *MANY], policy=POOLED, basis=BASIS, waivers=waivers)
    assert waived.verdict is Verdict.PASS
    assert "together do worse" not in texts(waived)


def test_failure_that_is_waived_for_its_test_is_in_no_pool_though_the_clause_fails() -> None:
    """Six tests fail, and two of them are somebody's decision: the four others are too few to count."""
    found = [*run(6)[0].results, result("x.py::other", Outcome.FAIL, MANY[0].id)]
    assert decide([record(found)], [MUST, *MANY], policy=POOLED, basis=BASIS).verdict is Verdict.FAIL
    waivers = [waiver(item.id, test=test) for item, test in zip(MANY[:2], TESTS[:2], strict=True)]
    waived = decide([record(found)], [MUST, *MANY], policy=POOLED, basis=BASIS, waivers=waivers)
    assert standing(waived, MANY[0].id) == "fail"
    assert (waived.verdict, pool_of(waived).failures) == (Verdict.PASS, 4)


def test_claim_about_a_pool_is_carried_by_it_and_not_by_one_clause() -> None:
    def claiming(name: str, points: float) -> Policy:
        claim = Statistics(pools=frozenset({"suite"}), claim=points, claimed=frozenset({name}))
        return Policy("p", statistics=claim)

    def verdict(policy: Policy) -> Verdict:
        return decide(run(0), [MUST, *MANY], policy=policy, basis=BASIS).verdict

    assert verdict(claiming("csi.*", 20)) is Verdict.PASS
    assert verdict(claiming("csi.*", 5)) is Verdict.INCONCLUSIVE
    assert verdict(claiming(MANY[0].id, 20)) is Verdict.INCONCLUSIVE
    for absent in ("csl.*", "csi.topic.*"):
        assert verdict(claiming(absent, 20)) is Verdict.INVALID, "a claim about a pool that nobody makes"


def test_required_clause_is_in_no_pool() -> None:
    known = dataclasses.replace(BASIS, tests={**BASIS.tests, "t_must": Counts(1, 1), "t_both": Counts(1, 1)})
    found = [*run(0)[0].results, result("t_both", Outcome.PASS, MUST.id, MANY[0].id)]
    assert pool_of(decide([record(found)], [MUST, *MANY], policy=POOLED, basis=known)).runs == len(MANY)


def test_failure_of_a_test_of_many_clauses_counts_once() -> None:
    """Ten clauses of one test fail together: that is one failure, and no sign that much became worse."""
    known = dataclasses.replace(BASIS, tests={**BASIS.tests, "t_ten": Counts(1, 1)})
    found = [*run(0)[0].results, result("t_ten", Outcome.FAIL, *(item.id for item in MANY[:10]))]
    decision = decide([record(found)], [MUST, *MANY], policy=POOLED, basis=known)
    assert decision.verdict is Verdict.PASS
    assert (pool_of(decision).failures, pool_of(decision).runs) == (1, 41)


def test_sign_off_without_counts_of_tests_compares_none_together_and_says_so() -> None:
    """One that an earlier Seatrial signed: its other answers stay as they were."""
    older = dataclasses.replace(BASIS, tests={})
    told = decide(run(10), [MUST, *MANY], policy=POOLED, basis=older)
    without = decide(run(10), [MUST, *MANY], policy=Policy("p", statistics=Statistics()), basis=older)
    assert (told.verdict, told.comparisons) == (without.verdict, without.comparisons)
    assert [item.text for item in told.reasons if item not in without.reasons] == [
        "The last sign-off (r1) recorded no single tests, so none are compared together."
    ]
    claim = Statistics(pools=frozenset({"suite"}), claim=20, claimed=frozenset({"csi.*"}))
    claimed = decide(run(0), [MUST, *MANY], policy=Policy("p", statistics=claim), basis=older)
    assert claimed.verdict is Verdict.INCONCLUSIVE
    assert "csi.* (not compared)" in texts(claimed)


def test_pool_once_worse_is_that_of_its_own_stage() -> None:
    for ill, call in (("dev/csi.*", "still-regressed"), ("staging/csi.*", "not-seen")):
        known = dataclasses.replace(BASIS, regressed=frozenset({ill}))
        assert pool_of(decide(run(4), [MUST, *MANY], policy=POOLED, basis=known)).call == call


def test_pool_once_worse_blocks_while_none_of_its_tests_runs() -> None:
    known = dataclasses.replace(BASIS, regressed=frozenset({"dev/csi.*"}))
    silent = [result("t_must", Outcome.PASS, MUST.id)]
    silent += [result(test, Outcome.COULD_NOT_RUN, item.id) for test, item in zip(TESTS, MANY, strict=True)]
    decision = decide([record(silent)], [MUST, *MANY], policy=POOLED, basis=known)
    assert decision.verdict is Verdict.FAIL
    assert blocking(decision.reasons) == [
        "The tests of csi.* together were worse than at the last sign-off (r1) before, and none of them ran now."
    ]


def test_repeated_test_that_is_not_the_same_every_time_is_told() -> None:
    name = TESTS[0]
    found = [*run(0)[0].results, result(repetition(name, 2), Outcome.FAIL, MANY[0].id)]
    decision = decide([record(found)], [MUST, *MANY], policy=POOLED, basis=BASIS)
    assert f"{name} was run 2 times and failed 1 of them" in texts(decision)
    assert "was run 2 times" not in texts(decide(run(1, times=2), [MUST, *MANY], policy=POOLED, basis=BASIS))


def test_repetitions_do_not_make_up_for_tests_that_did_not_run() -> None:
    few = Policy("p", sample=Sample(results=42))
    assert "41 tests passed or failed" in texts(decide(run(0, times=5), [MUST, *MANY], policy=few))


def test_repetition_of_a_key_test_that_fails_voids_the_run() -> None:
    key = "suites/csi/test_up.py::test_up"
    found = [result(key, Outcome.PASS, MANY[0].id), result(repetition(key, 2), Outcome.FAIL, MANY[0].id)]
    named = Policy("p", statistics=Statistics(pools=frozenset({"suite"})), key_tests=frozenset({key}))
    decision = decide([record([*run(10)[0].results, *found])], [MUST, *MANY], policy=named, basis=BASIS)
    assert decision.verdict is Verdict.INVALID
    assert decision.comparisons == ()


def test_repetitions_are_runs_of_their_clause() -> None:
    longer = dataclasses.replace(BASIS, clauses={item.id: Counts(5, 5) for item in MANY})
    decision = decide(run(1, times=5), [MUST, *MANY], policy=POOLED, basis=longer)
    worst = next(item for item in decision.comparisons if item.clause == MANY[0].id)
    assert (worst.failures, worst.runs, worst.detectable) == (5, 5, None)
    assert worst.p == 0.003968


def test_waiver_and_quarantine_of_a_test_are_about_its_repetitions_too() -> None:
    required = clause("a")
    found = [record([result(name, Outcome.FAIL, required.id) for name in ("x.py::t", "x.py::t[#2]")])]
    named = waiver(required.id, test="x.py::t")
    assert standing(decide(found, [required], waivers=[named]), required.id) == "waived"
    entry = Entry(
        "x.py::t", "owner", "reason", "https://example.org", 1, 1, NOW.date(), NOW.date() + datetime.timedelta(5)
    )
    aside = decide(found, [required], policy=Policy("p", quarantining=Quarantining()), quarantine=[entry])
    assert standing(aside, required.id) == "could-not-run"
    assert aside.quarantined == ("x.py::t", "x.py::t[#2]")
