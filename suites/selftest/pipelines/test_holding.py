"""What keeps its older, better counts for the next basis: else a lower bar would be what comes next is measured by."""

from __future__ import annotations

from pipelines import holding
from pipelines.statistics import NOT_SEEN, REGRESSED, STILL
from reports.model import ClauseStanding, Comparison, Decision, Outcome, Verdict
from reports.run_folder import Stage
from suites.selftest.pipelines.synthetic import record, result

RESULTS = [
    result("x.py::a", Outcome.PASS, "csi.t.a"),
    result("x.py::a[#2]", Outcome.FAIL, "csi.t.a"),
    result("x.py::b", Outcome.PASS, "csi.u.b"),
    result("x.py::far", Outcome.PASS, "cni.t.far"),
]


def stage(name: str, *compared: Comparison, standings: tuple[ClauseStanding, ...] = ()) -> Stage:
    decision = Decision(name, Verdict.PASS, (), standings, comparisons=compared)
    return Stage(name, records=(record(RESULTS),), decision=decision)


def test_tests_and_clauses_of_a_pool_that_became_worse_are_held() -> None:
    for call in (REGRESSED, STILL):
        held = holding.held([stage("dev", Comparison("csi.*", call), Comparison("cni.*", NOT_SEEN))])
        assert held.tests == {"x.py::a", "x.py::b"}
        assert held.clauses == {"csi.*", "csi.t.a", "csi.u.b"}
    assert holding.held([stage("dev", Comparison("csi.t.*", REGRESSED))]).tests == {"x.py::a"}


def test_what_is_waived_is_held_and_nothing_else() -> None:
    waived = ClauseStanding("csi.t.a", "waived", False, ("x.py::a", "x.py::a[#2]"))
    failing = ClauseStanding("csi.u.b", "fail", False, ("x.py::b",))
    held = holding.held([stage("dev", standings=(waived, failing)), Stage("production")])
    assert held == holding.Held(frozenset({"csi.t.a"}), frozenset({"x.py::a"}))


def test_clause_that_became_worse_alone_holds_itself() -> None:
    held = holding.held([stage("dev", Comparison("csi.t.a", REGRESSED))])
    assert held == holding.Held(frozenset({"csi.t.a"}), frozenset())


def test_pools_of_two_stages_are_told_apart() -> None:
    stages = [stage("dev", Comparison("csi.*", REGRESSED)), stage("staging", Comparison("csi.*", NOT_SEEN))]
    assert [item.clause for item in holding.called(stages)] == ["dev/csi.*", "staging/csi.*"]
    assert [item.clause for item in holding.called([stage("dev", Comparison("csi.t.a", REGRESSED))])] == ["csi.t.a"]
