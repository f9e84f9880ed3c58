"""What holds of the gate for any records: no bad news helps, waivers help nobody else, order does not matter."""

from __future__ import annotations

import dataclasses
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from reports.model import Level, Outcome, Result, Verdict
from reports.record import Record
from suites.selftest.pipelines.synthetic import clause, decide, record, standing, waiver

CLAUSES = [clause("a"), clause("b"), clause("c", Level.SHOULD), clause("d", uncovered="a reason")]
REQUIRED = [CLAUSES[0].id, CLAUSES[1].id]
COVERED = [item.id for item in CLAUSES[:3]]
TESTS = [f"t{number}" for number in range(5)]

RESULTS = st.builds(
    Result,
    test=st.sampled_from(TESTS),
    clauses=st.lists(st.sampled_from(COVERED), min_size=1, max_size=2, unique=True).map(tuple),
    outcome=st.sampled_from(Outcome),
)
RECORDS = st.builds(
    lambda results, missing, killed: record(
        results, {**{item.test: item.clauses for item in results}, **missing}, killed=killed
    ),
    st.lists(RESULTS, max_size=6, unique_by=lambda item: item.test),
    st.dictionaries(st.sampled_from(["m1", "m2"]), st.sampled_from(COVERED).map(lambda name: (name,)), max_size=1),
    st.just(False) | st.just(False) | st.booleans(),
)
WAIVERS = st.lists(st.sampled_from(COVERED), max_size=2, unique=True).map(
    lambda names: [waiver(name) for name in names]
)
BAD = st.sampled_from([Outcome.FAIL, Outcome.COULD_NOT_RUN, None])


def with_bad_news(base: Record, clause_id: str, outcome: Outcome | None) -> Record:
    """The record with one more planned test of a clause: failing, not run, or (None) without result."""
    assert base.planned is not None
    planned = dataclasses.replace(base.planned, tests={**base.planned.tests, "bad": (clause_id,)})
    more = () if outcome is None else (Result("bad", (clause_id,), outcome),)
    return dataclasses.replace(base, planned=planned, results=base.results + more)


@settings(max_examples=300, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=3), WAIVERS, st.sampled_from(REQUIRED), BAD, st.randoms())
def test_gate_with_more_bad_news_never_turns_to_pass(
    records: list[Record], waivers: list[object], clause_id: str, outcome: Outcome | None, chance: random.Random
) -> None:
    before = decide(records, CLAUSES, waivers=waivers)
    at = chance.randrange(len(records))
    worse = [with_bad_news(item, clause_id, outcome) if number == at else item for number, item in enumerate(records)]
    after = decide(worse, CLAUSES, waivers=waivers)
    if before.verdict is not Verdict.PASS:
        assert after.verdict is not Verdict.PASS
    waived = outcome is Outcome.FAIL and any(item.clause == clause_id for item in waivers)  # type: ignore[attr-defined]
    if not waived:
        assert after.verdict is not Verdict.PASS


@settings(max_examples=200, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=3), st.sampled_from(COVERED))
def test_waiver_never_changes_the_standing_of_another_clause(records: list[Record], clause_id: str) -> None:
    without = decide(records, CLAUSES)
    waived = decide(records, CLAUSES, waivers=[waiver(clause_id)])
    for item in CLAUSES:
        if item.id != clause_id:
            assert standing(waived, item.id) == standing(without, item.id)
    if standing(without, clause_id) != "fail":
        assert waived.verdict is without.verdict
        assert standing(waived, clause_id) == standing(without, clause_id)


@settings(max_examples=200, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=3), WAIVERS, st.randoms())
def test_gate_decides_the_same_in_any_order(
    records: list[Record], waivers: list[object], chance: random.Random
) -> None:
    shuffled = [
        dataclasses.replace(item, results=tuple(chance.sample(item.results, len(item.results)))) for item in records
    ]
    chance.shuffle(shuffled)
    assert decide(shuffled, CLAUSES, waivers=waivers[::-1]) == decide(records, CLAUSES, waivers=waivers)


@settings(max_examples=200, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=3), WAIVERS)
def test_pass_means_that_every_required_clause_passed_or_was_waived(
    records: list[Record], waivers: list[object]
) -> None:
    decision = decide(records, CLAUSES, waivers=waivers)
    if decision.verdict is Verdict.PASS:
        assert {standing(decision, name) for name in REQUIRED} <= {"pass", "waived", "not-applicable"}
        assert "pass" in {standing(decision, name) for name in REQUIRED}
        assert not [reason for reason in decision.reasons if reason.blocking]
    else:
        assert [reason for reason in decision.reasons if reason.blocking]
