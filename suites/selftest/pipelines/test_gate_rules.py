"""Each rule of the gate, one by one, on made-up records."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from pipelines.deviations import Deviation
from pipelines.findings import Finding, Past
from pipelines.pipeline import Stage
from pipelines.policy import Policy
from reports.model import Level, Outcome, Part, Result, Verdict
from reports.record import End, Record, RecordError
from suites.selftest.pipelines import synthetic as made
from suites.selftest.pipelines.synthetic import clause, decide, record, result, standing, texts

A, B = clause("a"), clause("b")
PASSES_A = result("t_a", Outcome.PASS, A.id)
PASSES_B = result("t_b", Outcome.PASS, B.id)
FAILS_A = result("t_a", Outcome.FAIL, A.id)
COULD_NOT_A = result("t_a", Outcome.COULD_NOT_RUN, A.id)


def test_gate_with_every_required_clause_passing_says_pass() -> None:
    decision = decide([record([PASSES_A, PASSES_B])], [A, B])
    assert (decision.verdict, decision.reasons) == (Verdict.PASS, ())


CASES: dict[str, tuple[Record | None, Verdict, str]] = {
    "a failing clause": (record([FAILS_A, PASSES_B]), Verdict.FAIL, "does not hold"),
    "could not run": (record([COULD_NOT_A, PASSES_B]), Verdict.INCONCLUSIVE, "could not be judged"),
    "a missing result": (
        record([PASSES_B], {"t_a": [A.id], "t_b": [B.id]}),
        Verdict.INCONCLUSIVE,
        "no result",
    ),
    "one of two tests missing": (
        record([PASSES_A, PASSES_B], {"t_a": [A.id], "t_a2": [A.id], "t_b": [B.id]}),
        Verdict.INCONCLUSIVE,
        "no result",
    ),
    "a clause without test": (record([PASSES_B]), Verdict.INCONCLUSIVE, "no test was planned"),
    "a killed run": (record([PASSES_A, PASSES_B], killed=True), Verdict.INCONCLUSIVE, "killed"),
    "a line in part": (
        dataclasses.replace(record([PASSES_A, PASSES_B], killed=True), truncated=True),
        Verdict.INVALID,
        "only in part",
    ),
    "an interrupted run": (
        record([PASSES_A, PASSES_B], end=End("2026-11-23T11:59:30Z", 2)),
        Verdict.INCONCLUSIVE,
        "stopped",
    ),
    "pytest used wrongly": (
        record([PASSES_A, PASSES_B], end=End("2026-11-23T11:59:30Z", 4)),
        Verdict.INVALID,
        "exit status 4",
    ),
    "no test at all": (record([], {}), Verdict.INCONCLUSIVE, "plans no test"),
    "no record": (None, Verdict.INCONCLUSIVE, "no record"),
    "only not applicable": (
        record([result("t", Outcome.NOT_APPLICABLE, A.id, B.id)]),
        Verdict.INCONCLUSIVE,
        "nothing required ran",
    ),
    "a harness error": (
        record([dataclasses.replace(FAILS_A, harness_error=True), PASSES_B]),
        Verdict.INVALID,
        "test itself broke",
    ),
    "a stale record": (record([PASSES_A, PASSES_B], started="2026-11-22T11:00:00Z"), Verdict.INCONCLUSIVE, "stale"),
    "a record of the future": (record([PASSES_A, PASSES_B], started="2026-11-24T11:00:00Z"), Verdict.INVALID, "future"),
    "a record without time": (record([PASSES_A, PASSES_B], started=""), Verdict.INVALID, "when it was made"),
    "other clauses": (record([PASSES_A, PASSES_B], catalogue="e" * 64), Verdict.INCONCLUSIVE, "have changed"),
    "another stage": (record([PASSES_A, PASSES_B], stage="staging"), Verdict.INVALID, "of the stage staging"),
    "another candidate": (
        record([PASSES_A, PASSES_B], environment={"candidate": "e" * 64}),
        Verdict.INVALID,
        "another candidate",
    ),
    "a hand-picked selection": (
        record([PASSES_A, PASSES_B], command=("pytest", "-k", "a")),
        Verdict.INCONCLUSIVE,
        "hand-picked",
    ),
    "other parts": (
        record([PASSES_A, PASSES_B], parts=[made.part(sha256={"csi-driver": "2" * 64})]),
        Verdict.INVALID,
        "another csi-driver/csi-driver",
    ),
    "parts not told": (record([PASSES_A, PASSES_B], parts=[]), Verdict.INVALID, "does not say which csi-driver"),
    "lost lines": (
        record([PASSES_A, PASSES_B], end=End("2026-11-23T11:59:30Z", 0, {"pass": 3, "fail": 0})),
        Verdict.INVALID,
        "other results than it counted",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_gate_with_a_defect_gives_its_verdict_and_says_why(case: str) -> None:
    defective, verdict, words = CASES[case]
    decision = decide([defective] if defective else [], [A, B])
    assert decision.verdict is verdict, texts(decision)
    assert words in texts(decision)
    assert all(reason.remedy for reason in decision.reasons if reason.blocking), "every reason says what to do"


@pytest.mark.parametrize(
    ("hours", "started", "words"),
    [
        (0.01, "2026-11-23T11:58:48Z", "it is 1 min 12 s old, 36.0 s more than the 36.0 s that the policy allows"),
        (24, "2026-11-22T11:59:59Z", "it is 24 h 00 min old, 1.0 s more than the 24 h 00 min that the policy allows"),
    ],
)
def test_stale_record_is_told_with_figures_that_differ(hours: float, started: str, words: str) -> None:
    policy = dataclasses.replace(made.POLICY, max_age=hours * 3600)
    assert words in texts(decide([record([PASSES_A, PASSES_B], started=started)], [A, B], policy=policy))


def test_gate_with_an_unreadable_record_says_invalid(tmp_path: object) -> None:
    from pathlib import Path

    broken = RecordError(Path("record.jsonl"), 7, "not JSON")
    decision = decide([record([PASSES_A, PASSES_B]), broken], [A, B])
    assert decision.verdict is Verdict.INVALID
    assert "record.jsonl:7" in texts(decision)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (dataclasses.replace(made.part(), identity="h1:" + "B" * 43 + "="), "not the declared one"),
        (dataclasses.replace(made.part(), version="1.5.3"), "declares 1.5.2"),
    ],
)
def test_gate_with_a_part_that_is_not_the_declared_one_says_invalid(other: Part, words: str) -> None:
    decision = decide([record([PASSES_A, PASSES_B])], [A, B], parts=[other])
    assert decision.verdict is Verdict.INVALID
    assert words in texts(decision)


def test_gate_without_a_needed_part_says_inconclusive() -> None:
    decision = decide([record([PASSES_A, PASSES_B])], [A, B], parts=[])
    assert decision.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("level", [Level.SHOULD, Level.EXPECTATION])
@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.COULD_NOT_RUN])
def test_gate_with_a_clause_that_is_not_required_only_informs(level: Level, outcome: Outcome) -> None:
    wish = clause("wish", level)
    records = [record([PASSES_A, result("t_w", outcome, wish.id)])]
    decision = decide(records, [A, wish])
    assert decision.verdict is Verdict.PASS
    assert [reason.blocking for reason in decision.reasons] == [False]
    assert decide(records, [A, wish], policy=Policy("strict", clauses=frozenset({wish.id}))).verdict is not Verdict.PASS


def test_gate_with_a_not_applicable_clause_passes_unless_the_policy_wants_its_capability() -> None:
    snapshots = clause("snap", capability="SNAPSHOT")
    records = [record([PASSES_A, result("t_s", Outcome.NOT_APPLICABLE, snapshots.id)])]
    assert decide(records, [A, snapshots]).verdict is Verdict.PASS
    wanting = Policy("wanting", capabilities=frozenset({"SNAPSHOT"}))
    assert decide(records, [A, snapshots], policy=wanting).verdict is Verdict.FAIL


def test_gate_with_a_clause_of_the_full_profile_only_informs_in_quick_and_not_in_full() -> None:
    records = [record([PASSES_A], left_out={"t_b": [B.id]})]
    decision = decide(records, [A, B])
    assert decision.verdict is Verdict.PASS
    assert "full profile" in texts(decision)
    full = dataclasses.replace(made.STAGE, profile="full")
    assert decide(records, [A, B], stage=full).verdict is Verdict.INCONCLUSIVE


def test_gate_with_a_reasoned_uncovered_clause_passes() -> None:
    assert decide([record([PASSES_A])], [A, clause("b", uncovered="no way to see it")]).verdict is Verdict.PASS


def test_gate_with_a_test_that_failed_at_another_clause_does_not_count_the_silent_one() -> None:
    stopped = result("t", Outcome.FAIL, A.id)
    decision = decide([record([stopped], {"t": [A.id, B.id]})], [A, B])
    assert (standing(decision, A.id), standing(decision, B.id)) == ("fail", "could-not-run")


def test_gate_with_a_repeated_test_takes_the_worse_result() -> None:
    decision = decide([record([PASSES_A, PASSES_B]), record([FAILS_A])], [A, B])
    assert decision.verdict is Verdict.FAIL


def test_gate_with_several_defects_takes_the_worst() -> None:
    broken: Result = dataclasses.replace(FAILS_A, harness_error=True)
    assert decide([record([broken, result("t_b", Outcome.FAIL, B.id)])], [A, B]).verdict is Verdict.INVALID
    assert decide([record([FAILS_A], {"t_a": [A.id], "t_b": [B.id]})], [A, B]).verdict is Verdict.FAIL


def test_gate_with_an_incident_takes_its_verdict() -> None:
    late = Finding.of(Verdict.INCONCLUSIVE, "took too long", "raise the limit")
    assert decide([record([PASSES_A, PASSES_B])], [A, B], incidents=[late]).verdict is Verdict.INCONCLUSIVE


def test_gate_with_a_known_deviation_explains_it_and_says_when_it_is_gone() -> None:
    known = Deviation(
        "csi-driver", ("1.5.2",), A.id, "forgets things", "https://example.org", file="csi/deviations.toml"
    )
    failing = decide([record([FAILS_A, PASSES_B])], [A, B], deviations=[known])
    assert failing.verdict is Verdict.FAIL
    assert "known deviation of csi-driver" in texts(failing)
    fixed = decide([record([PASSES_A, PASSES_B])], [A, B], deviations=[known])
    assert fixed.verdict is Verdict.PASS
    assert "Fixed?" in texts(fixed)


SIGN_OFF = Stage("production", "sign-off", kind="sign-off", requires=("dev", "staging"))


def past(stage: str, verdict: Verdict, minutes: int, candidate: str = "d" * 64) -> Past:
    return Past(stage, candidate, verdict, made.NOW - datetime.timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("history", "verdict"),
    [
        ([past("dev", Verdict.PASS, 9), past("staging", Verdict.PASS, 5)], Verdict.PASS),
        ([past("dev", Verdict.PASS, 9)], Verdict.INCONCLUSIVE),
        ([past("dev", Verdict.PASS, 9), past("staging", Verdict.FAIL, 5)], Verdict.FAIL),
        ([past("dev", Verdict.PASS, 9), past("staging", Verdict.PASS, 5), past("dev", Verdict.FAIL, 2)], Verdict.FAIL),
        ([past("dev", Verdict.FAIL, 9), past("staging", Verdict.PASS, 5), past("dev", Verdict.PASS, 2)], Verdict.PASS),
        ([past("dev", Verdict.PASS, 9), past("staging", Verdict.PASS, 5, "e" * 64)], Verdict.INCONCLUSIVE),
        ([past("dev", Verdict.PASS, 9), past("staging", Verdict.PASS, 2000)], Verdict.INCONCLUSIVE),
    ],
)
def test_sign_off_stands_on_the_newest_decision_of_each_required_stage(history: list[Past], verdict: Verdict) -> None:
    assert decide([], [A], stage=SIGN_OFF, history=history).verdict is verdict
    assert decide([], [A], stage=SIGN_OFF, history=history[::-1]).verdict is verdict


@pytest.mark.parametrize(("profile", "verdict"), [("quick", Verdict.PASS), ("full", Verdict.INCONCLUSIVE)])
def test_component_left_out_by_the_sign_offs_own_profile_is_a_note_there_only(profile: str, verdict: Verdict) -> None:
    stage = dataclasses.replace(SIGN_OFF, profile=profile, files={"quick": {"csi-driver": ()}})
    passed = [past("dev", Verdict.PASS, 9), past("staging", Verdict.PASS, 5)]
    decision = decide([], [A], stage=stage, history=passed, parts=[])
    assert (decision.verdict, "judged" in made.texts(decision)) == (verdict, True)
