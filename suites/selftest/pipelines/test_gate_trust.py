"""Records, policies and stages that would pass something that nobody proved: none of them may be a PASS."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines import policy
from pipelines.configuration import Misconfigured
from pipelines.findings import Past
from pipelines.pipeline import Stage
from pipelines.policy import Policy
from pipelines.testing import Order
from reports.model import Clause, Outcome, Result, Verdict
from reports.record import End, Record
from suites.selftest.pipelines import synthetic as made
from suites.selftest.pipelines.synthetic import NOW, STAGE, clause, decide, record, result, texts

A, B = clause("a"), clause("b")
PASSES_A, PASSES_B = result("t_a", Outcome.PASS, A.id), result("t_b", Outcome.PASS, B.id)
CNI = Clause(**{**vars(clause("x")), "id": "cni.x", "suite": "cni"})
FULL = dataclasses.replace(STAGE, profile="full")
ENDED = "2026-11-23T11:59:30Z"


def at(started: str) -> Result:
    """A pass that the record says is of this time."""
    return dataclasses.replace(PASSES_A, started=started)


RECORDS: dict[str, tuple[Record, str]] = {
    "no stage": (record([PASSES_A], stage=""), "names none"),
    "no candidate": (record([PASSES_A], environment={}), "names none"),
    "no catalogue": (record([PASSES_A], catalogue=""), "have changed"),
    "a part without digests": (record([PASSES_A], parts=[made.part(sha256={})]), "another csi-driver/csi-driver"),
    "a result without plan": (record([PASSES_A, PASSES_B], {"t_a": [A.id]}), "the plan does not give it"),
    "a pass for more than planned": (
        record([result("t_a", Outcome.PASS, A.id, B.id)], {"t_a": [A.id]}),
        "the plan does not give it",
    ),
    "a failure that is not there": (record([PASSES_A], end=End(ENDED, 1)), "say otherwise"),
    "a failure that pytest did not see": (
        record([PASSES_A, result("t_w", Outcome.FAIL, "csi.w")], end=End(ENDED, 0)),
        "say otherwise",
    ),
    "an end without a time": (record([PASSES_A], end=End("x", 0)), "does not say when its end was"),
    "an end without counts": (dataclasses.replace(record([PASSES_A]), end=End(ENDED, 0)), "than it counted at its end"),
    "an end before the start": (record([PASSES_A], end=End("2026-11-23T11:50:00Z", 0)), "which cannot be"),
    "an end to come": (record([PASSES_A], end=End("2026-11-23T12:06:00Z", 0)), "which cannot be"),
    "results, and none collected": (record([PASSES_A], end=End(ENDED, 5)), "no test to run"),
    "a result of last week": (record([at("2026-11-16T11:59:10Z")]), "t_a is of 2026-11-16"),
    "a result to come": (record([at("2026-11-23T12:06:00Z")]), "t_a is of 2026-11-23T12:06"),
    "a result of no time": (record([at("x")]), "does not say when t_a was"),
    "a result to come, of a killed run": (
        record([at("2026-11-23T12:06:00Z")], killed=True),
        "t_a is of 2026-11-23T12:06",
    ),
    "a clause that nobody knows": (record([PASSES_A, result("t_w", Outcome.PASS, "csi.typo")]), "the clause csi.typo"),
    "a subject of one's own": (record([PASSES_A], subjects={"csi_endpoint": "unix:///x"}), "--csi-endpoint"),
}
HONEST = {
    "a clock that was set back by a second": record([PASSES_A], started="2026-11-23T11:59:31Z", end=End(ENDED, 0)),
    "a machine two minutes ahead": record(
        [PASSES_A], started="2026-11-23T12:02:00Z", end=End("2026-11-23T12:02:30Z", 0)
    ),
}


@pytest.mark.parametrize("case", HONEST)
def test_clocks_that_differ_as_clocks_do_are_no_lie(case: str) -> None:
    assert decide([HONEST[case]], [A]).verdict is Verdict.PASS


COMMANDS = ["-kfoo", "--ignore=suites/csi/test_x.py", "suites/csi/test_x.py", "-m not slow", "--deselect=x"]


@pytest.mark.parametrize("case", RECORDS)
def test_gate_with_a_record_that_may_be_of_something_else_does_not_pass(case: str) -> None:
    shown, words = RECORDS[case]
    decision = decide([shown], [A])
    assert decision.verdict in (Verdict.INVALID, Verdict.INCONCLUSIVE)
    assert words in texts(decision)


@pytest.mark.parametrize("argument", COMMANDS)
def test_gate_with_a_record_of_selected_tests_does_not_pass(argument: str) -> None:
    words = argument.split(" ", 1)
    decision = decide([record([PASSES_A], command=("pytest", "suites/csi", *words))], [A])
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert "hand-picked" in texts(decision)


@pytest.mark.parametrize("stage", [STAGE, FULL])
def test_command_of_a_stage_is_no_selection_of_its_own(stage: Stage) -> None:
    order = Order(stage, Path("dev"), Path("log"), Path("parts.json"), 1, retries=2)
    assert order.argv()[-2:] == ["--retries", "2"]
    assert decide([record([PASSES_A], command=order.argv()[3:])], [A], stage=stage).verdict is Verdict.PASS


def test_gate_in_the_full_profile_with_a_test_left_out_of_a_passing_clause_does_not_pass() -> None:
    records = [record([PASSES_A], left_out={"t_a2": [A.id]})]
    assert decide(records, [A]).verdict is Verdict.PASS
    assert decide(records, [A], stage=FULL).verdict is Verdict.INCONCLUSIVE


DEMANDS: dict[str, tuple[Policy, str]] = {
    "a misspelled clause": (Policy("p", clauses=frozenset({"csi.typo"})), "none of that name"),
    "a misspelled capability": (Policy("p", capabilities=frozenset({"SNAPSHOOT"})), "none of that name"),
    "a clause without test": (Policy("p", clauses=frozenset({"csi.hard"})), "was not tested"),
    "a clause of the full profile": (Policy("p", clauses=frozenset({"csi.b"})), "was not tested"),
}


@pytest.mark.parametrize("case", DEMANDS)
def test_gate_with_a_demand_by_name_that_nothing_meets_does_not_pass(case: str) -> None:
    demand, words = DEMANDS[case]
    records = [record([PASSES_A], left_out={"t_b": [B.id]})]
    decision = decide(records, [A, B, clause("hard", uncovered="no way to see it")], policy=demand)
    assert decision.verdict is (Verdict.INVALID if "misspelled" in case else Verdict.INCONCLUSIVE)
    assert words in texts(decision)


def test_gate_with_a_suite_that_only_says_not_applicable_does_not_pass() -> None:
    stage = dataclasses.replace(STAGE, suites=("csi", "cni"))
    records = [record([PASSES_A, result("t_c", Outcome.NOT_APPLICABLE, CNI.id)])]
    decision = decide(records, [A, CNI], stage=stage)
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert "of the suite cni" in texts(decision)


def test_gate_with_a_part_without_identity_says_invalid() -> None:
    nameless = made.part(identity="")
    assert decide([record([PASSES_A])], [A], parts=[nameless]).verdict is Verdict.INVALID


SIGN_OFFS: dict[str, tuple[dict[str, Any], Verdict]] = {
    "requires nothing": ({"stage": Stage("production", "", kind="sign-off")}, Verdict.INCONCLUSIVE),
    "a component that no stage was given": ({"parts": []}, Verdict.INCONCLUSIVE),
    "a decision of tomorrow": (
        {"history": [Past("dev", "d" * 64, Verdict.PASS, NOW + datetime.timedelta(days=1))]},
        Verdict.INVALID,
    ),
}


@pytest.mark.parametrize("case", SIGN_OFFS)
def test_sign_off_for_what_no_stage_has_shown_does_not_pass(case: str) -> None:
    changes, verdict = SIGN_OFFS[case]
    stage = Stage("production", "", kind="sign-off", requires=("dev",))
    given = {"stage": stage, "history": [Past("dev", "d" * 64, Verdict.PASS, NOW)]}
    assert decide([], [A], **given).verdict is Verdict.PASS
    assert decide([], [A], **{**given, **changes}).verdict is verdict


@pytest.mark.parametrize("number", ["nan", "inf"])
def test_policy_whose_records_never_grow_stale_is_refused(number: str, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(f'[policy]\nname = "p"\nrequired-levels = ["must"]\nmax-age-hours = {number}\n')
    with pytest.raises(Misconfigured, match="a number that ends"):
        policy.load(file)
