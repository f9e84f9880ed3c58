"""Nothing unproven passes, whatever the records, the policy, the waivers, the quarantine and the basis are.

Hypothesis makes them all up. What a PASS has to mean is worked out here from the raw results, with none of the gate's
own code, so that a rule that is wrong there cannot be wrong here in the same way.
"""

from __future__ import annotations

import dataclasses
import datetime
import random
from collections.abc import Iterable
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipelines.policy import PROVEN, Budgets, Policy, Sample, Statistics, Threshold, Waiving
from pipelines.quarantine import Entry
from pipelines.statistics import Basis, Counts
from pipelines.waivers import Waiver
from reports.model import Decision, Level, Outcome, Result, Verdict
from reports.record import Record
from suites.selftest.pipelines.synthetic import NOW, clause, decide, record, waiver

A, B, C, D = clause("a"), clause("b", capability="SNAPSHOT"), clause("c", Level.SHOULD), clause("d", uncovered="why")
CLAUSES = [A, B, C, D]
TODAY = NOW.date()
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""What is found is small as it is: to make it smaller takes longer than to read it."""

# All is well but for a thing or two: defects that come in crowds hide each other, and nothing would come to a PASS.
GOOD, BAD, UNFIT = Outcome.PASS, Outcome.FAIL, Outcome.COULD_NOT_RUN
SPECIAL: list[list[Outcome]] = [
    [BAD], [BAD], [BAD, GOOD], [BAD, GOOD], [BAD, BAD, GOOD], [BAD, BAD], [UNFIT], [BAD, UNFIT, GOOD],
    [Outcome.NOT_APPLICABLE], [],
]  # fmt: skip
MARKS = {"t0": (A.id,), "t1": (B.id,), "t2": (C.id,), "t3": (A.id, B.id)}


@st.composite
def records(draw: st.DrawFn) -> Record:
    """A record of four tests. Up to two of them are special: a failure, a flake, no result, a fault of ours."""
    special = draw(st.dictionaries(st.sampled_from(sorted(MARKS)), st.sampled_from(SPECIAL), max_size=2))
    rare = draw(st.sampled_from([""] * 12 + ["killed", "ours", "slow", "half"]))
    results = []
    for test, clauses in MARKS.items():
        for number, outcome in enumerate(special.get(test, [GOOD]), start=1):
            judged = clauses[:1] if rare == "half" and outcome is BAD else clauses
            ours = rare == "ours" and outcome is BAD
            speed = {"speed": 9.0 if rare == "slow" else 1.0}
            results.append(Result(test, judged, outcome, attempt=number, harness_error=ours, figures=speed))
    return record(results, MARKS, killed=rare == "killed")


ALL = frozenset(PROVEN)
WISHES: list[dict[str, Any]] = [
    {"clauses": frozenset({C.id})},
    {"clauses": frozenset({D.id})},
    {"informing": frozenset({B.id})},
    *({"allowed": ALL - {name}} for name in PROVEN if name != "pass"),
    {"key_tests": frozenset({"t0"})},
    {"waiving": Waiving(frozenset({"node team"}))},
    {"waiving": Waiving(frozenset({"others"}))},
    {"sample": Sample(results=4)},
    {"statistics": Statistics(minimum_failures=1)},
    {"statistics": Statistics(minimum_failures=1, blocks=False)},
    {"thresholds": (Threshold("speed", "lower", 5.0),)},
]
POLICIES = st.builds(
    lambda wishes, retries, flakes: Policy(
        "p", **{key: value for wish in wishes for key, value in wish.items()}, budgets=Budgets(retries, flakes)
    ),
    st.lists(st.sampled_from(WISHES), max_size=2),
    st.integers(0, 2),
    st.integers(0, 1),
)
VERSIONS: list[dict[str, Any]] = [{}, {}, {"versions": (), "range": "<2"}, {"versions": ("9",)}]
VERSIONS.append({"versions": (), "range": ">2"})


@st.composite
def waivers(draw: st.DrawFn, failures: list[tuple[str, str]]) -> list[Waiver]:
    """Mostly for what fails: each may be for another test, another version, or over."""
    found = {}
    for name, test in draw(st.lists(st.sampled_from(failures), max_size=2)):
        days = draw(st.sampled_from([30, 0, -1]))
        let = waiver(
            name,
            id=f"{name}{test}{days}",
            test=draw(st.sampled_from([test, "", "t3"])),
            expires=TODAY + datetime.timedelta(days),
            **draw(st.sampled_from(VERSIONS)),
        )
        found[let.id] = let
    return list(found.values())


@st.composite
def entries(draw: st.DrawFn, failures: list[tuple[str, str]]) -> list[Entry]:
    tests = draw(st.lists(st.sampled_from([test for _, test in failures]), max_size=2, unique=True))
    entered = TODAY - datetime.timedelta(9)
    ends = [TODAY + datetime.timedelta(draw(st.sampled_from([5, 0, -1]))) for _ in tests]
    return [Entry(test, "o", "r", "https://x", 3, 9, entered, end) for test, end in zip(tests, ends, strict=True)]


BASES = st.none() | st.builds(
    lambda clean, ill: Basis("old", "", "", {C.id: Counts(99, 100)}, frozenset(ill), {}, clean),
    st.dictionaries(st.sampled_from(sorted(MARKS)), st.sampled_from([4, 5]), max_size=1),
    st.lists(st.just(C.id), max_size=1),
)


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    given = draw(st.lists(records(), min_size=1, max_size=2))
    failures = [
        (name, item.test) for one in given for item in one.results if item.outcome is BAD for name in MARKS[item.test]
    ]
    return {
        "records": given,
        "policy": draw(POLICIES),
        "waivers": draw(waivers(failures or [(A.id, "t0")])),
        "quarantine": draw(entries(failures or [(A.id, "t0")])),
        "basis": draw(BASES),
    }


CASES = cases()


def judged(case: dict[str, Any]) -> Decision:
    return decide(case["records"], CLAUSES, **{name: value for name, value in case.items() if name != "records"})


def required(policy: Policy) -> list[str]:
    by_level = [item.id for item in (A, B, D) if item.id not in policy.informing]
    return sorted({*by_level, *policy.clauses})


def plans(case: dict[str, Any]) -> Iterable[tuple[Record, str, tuple[str, ...], list[Result]]]:
    """Every planned test of every record with its clauses and the attempts that the policy lets count."""
    for one in case["records"]:
        assert one.planned is not None
        for test, clauses in one.planned.tests.items():
            cap = 1 + case["policy"].budgets.retries
            yield one, test, clauses, [item for item in one.results if item.test == test and item.attempt <= cap]


def is_flake(attempts: list[Result]) -> bool:
    outcomes = [item.outcome for item in attempts]
    return len(outcomes) > 1 and outcomes[-1] is Outcome.PASS and set(outcomes[:-1]) == {Outcome.FAIL}


def is_let_by(name: str, test: str, given: list[Waiver], policy: Policy) -> bool:
    if "waived" not in policy.allowed or policy.waiving.owners == {"others"}:
        return False
    return any(
        item.clause == name
        and item.test in ("", test)
        and item.expires >= TODAY
        and ("1.5.2" in item.versions or item.range == "<2")
        for item in given
    )


def is_set_aside(test: str, case: dict[str, Any]) -> bool:
    clean = case["basis"].clean if case["basis"] else {}
    return any(item.test == test and item.deadline >= TODAY and clean.get(test, 0) < 5 for item in case["quarantine"])


def holds(name: str, case: dict[str, Any]) -> str:
    """Why a required clause is not shown by the raw results; "" where it is."""
    mine = [(test, attempts) for _, test, clauses, attempts in plans(case) if name in clauses]
    shown = False
    aside = False
    for test, attempts in mine:
        if not attempts:
            return f"{test} has no result"
        if is_flake(attempts):
            attempts = attempts[-1:]
        for item in attempts:
            if item.outcome is Outcome.PASS:
                shown = True
            elif item.outcome is Outcome.FAIL and is_set_aside(test, case):
                aside = True
            elif item.outcome is Outcome.FAIL and name not in item.clauses:
                return f"{test} stopped at another clause"
            elif item.outcome is Outcome.FAIL and not is_let_by(name, test, case["waivers"], case["policy"]):
                return f"{test} failed"
            elif item.outcome is Outcome.COULD_NOT_RUN:
                return f"{test} could not run"
    return "its only tests are in quarantine" if aside and not shown else ""


@settings(max_examples=1000, deadline=None, phases=PHASES)
@given(CASES)
def test_pass_means_that_every_planned_test_of_every_required_clause_passed_or_is_let_by(case: dict[str, Any]) -> None:
    decision = judged(case)
    if decision.verdict is not Verdict.PASS:
        assert any(reason.blocking for reason in decision.reasons), "no verdict without a reason"
        return
    assert not any(reason.blocking for reason in decision.reasons)
    wanted = required(case["policy"])
    assert {name: told for name in wanted if name != D.id and (told := holds(name, case))} == {}
    standings = {item.clause: item.standing for item in decision.standings}
    allowed = case["policy"].allowed
    assert {standings[name] for name in wanted} <= allowed
    assert D.id not in case["policy"].clauses, "a clause that is demanded and has no test is never proven"
    assert "pass" in {standings[name] for name in wanted}


@settings(max_examples=500, deadline=None, phases=PHASES)
@given(CASES)
def test_pass_means_that_the_run_itself_can_be_trusted_and_cost_no_more_than_allowed(case: dict[str, Any]) -> None:
    decision = judged(case)
    if decision.verdict is not Verdict.PASS:
        return
    policy: Policy = case["policy"]
    everything = [item for one in case["records"] for item in one.results]
    assert not any(item.harness_error for item in everything)
    assert all(one.end is not None for one in case["records"])
    flakes = {test for _, test, _, attempts in plans(case) if is_flake(attempts)}
    assert len(flakes) <= policy.budgets.flakes
    assert set(decision.flakes) == flakes
    for _, test, _, attempts in plans(case):
        if test in policy.key_tests:
            assert attempts[-1:]
            assert {item.outcome for item in attempts} == {Outcome.PASS} or is_flake(attempts)
    if policy.thresholds:
        assert max(item.figures["speed"] for item in everything) <= 5.0
    assert (
        len({item.test for item in everything if item.outcome in (Outcome.PASS, Outcome.FAIL)}) >= policy.sample.results
    )


@settings(max_examples=300, deadline=None, phases=PHASES)
@given(CASES)
def test_clause_that_became_worse_blocks_unless_it_is_waived_or_the_policy_only_notes_it(case: dict[str, Any]) -> None:
    decision = judged(case)
    worse = {item.clause for item in decision.comparisons if item.call in ("regressed", "still-regressed")}
    waived = {item.clause for item in decision.standings if item.standing == "waived"}
    if worse - waived and case["policy"].statistics.blocks:
        assert decision.verdict is not Verdict.PASS
    if case["basis"] is None:
        assert {item.call for item in decision.comparisons} <= {"no-basis"}


@settings(max_examples=300, deadline=None, phases=PHASES)
@given(CASES, st.randoms(use_true_random=False))
def test_decision_is_the_same_in_any_order(case: dict[str, Any], chance: random.Random) -> None:
    shuffled = [
        dataclasses.replace(item, results=tuple(chance.sample(item.results, len(item.results))))
        for item in case["records"]
    ]
    chance.shuffle(shuffled)
    other = {**case, "records": shuffled, "waivers": case["waivers"][::-1], "quarantine": case["quarantine"][::-1]}
    assert judged(other) == judged(case)


@settings(max_examples=300, deadline=None, phases=PHASES)
@given(CASES, st.sampled_from([Outcome.FAIL, Outcome.COULD_NOT_RUN, None]))
def test_one_more_planned_test_of_a_required_clause_that_is_not_good_never_passes(
    case: dict[str, Any], outcome: Outcome | None
) -> None:
    first = case["records"][0]
    planned = dataclasses.replace(first.planned, tests={**first.planned.tests, "bad": (A.id,)})
    more = () if outcome is None else (Result("bad", (A.id,), outcome, figures={"speed": 1.0}),)
    worse = dataclasses.replace(first, planned=planned, results=first.results + more)
    decision = judged({**case, "records": [worse, *case["records"][1:]]})
    covered = any(item.clause == A.id and item.test == "" for item in case["waivers"])
    assert decision.verdict is not Verdict.PASS or (covered and outcome is Outcome.FAIL)


def test_what_is_made_up_comes_to_every_verdict() -> None:
    """Without this, a strategy that never reaches a PASS would prove nothing."""
    seen: dict[Verdict, int] = {}

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(CASES)
    def count(case: dict[str, Any]) -> None:
        verdict = judged(case).verdict
        seen[verdict] = seen.get(verdict, 0) + 1

    count()
    assert set(seen) == set(Verdict)
    assert seen[Verdict.PASS] >= 60, seen
