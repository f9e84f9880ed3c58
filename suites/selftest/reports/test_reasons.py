"""Reasons for readers: one repair and one cause told once, however many clauses it is about; nothing is lost."""

from __future__ import annotations

import io

from pipelines.screen import Screen, show_decision
from reports import reasons
from reports.model import ClauseStanding, Decision, Reason, Verdict

AGAIN = "The run ended early. Run the stage again."
LOST = Reason("Shard 1 of 4 (counted from 0) left no record of dev.", remedy=reasons.LOST_SHARD)


def missing(number: int) -> list[Reason]:
    return [
        Reason(f"csi.topic.c{n} is not known: {n} planned tests have no result (t{n}).", f"csi.topic.c{n}", AGAIN)
        for n in range(number)
    ]


def decision(*given: Reason, standing: str = "missing") -> Decision:
    standings = tuple(ClauseStanding(reason.clause, standing, True) for reason in given if reason.clause)
    return Decision("dev", Verdict.INCONCLUSIVE, given, standings)


def test_clauses_of_a_lost_shard_are_told_in_one_line_under_its_remedy() -> None:
    (group,) = reasons.blocking(decision(LOST, *missing(300)))
    assert group.remedy == reasons.LOST_SHARD
    told = "300 clauses have no outcome: their tests were planned and have no result "
    told += "(csi.topic.c0, csi.topic.c1, csi.topic.c2 and 297 more)."
    assert group.lines == (LOST.text, told)
    assert len(group.reasons) == 301
    assert group.folds


def test_clauses_without_an_outcome_and_without_a_lost_shard_keep_their_own_remedy() -> None:
    killed = Reason("The run was killed before its end.", remedy="Run the stage again: ...")
    found = reasons.blocking(decision(killed, *missing(2)))
    assert [group.remedy for group in found] == ["Run the stage again: ...", AGAIN]
    assert found[1].lines[0].startswith("2 clauses have no outcome")


def test_one_cause_of_many_clauses_is_one_line_and_other_causes_are_others() -> None:
    told = [
        Reason(f"gpu.a.{name} could not be judged here: {why}.", f"gpu.a.{name}", "Run where this is available.")
        for name, why in (("b", "no GPU"), ("c", "no GPU"), ("d", "no runtime"))
    ]
    (group,) = reasons.blocking(decision(*told, standing="could-not-run"))
    assert group.lines == (
        "2 clauses could not be judged here: no GPU (gpu.a.b, gpu.a.c).",
        "gpu.a.d could not be judged here: no runtime.",
    )


def test_reason_alone_is_told_as_the_gate_gave_it() -> None:
    single = Reason("csi.topic.c0 does not hold: x.", "csi.topic.c0", "Fix the component")
    (group,) = reasons.blocking(decision(single, standing="fail"))
    assert group.lines == (single.text,)
    assert not group.folds


def test_failures_with_the_same_words_read_as_of_many() -> None:
    both = [Reason(f"csi.topic.{name} does not hold: x.", f"csi.topic.{name}", "Fix it") for name in "ab"]
    (group,) = reasons.blocking(decision(*both, standing="fail"))
    assert group.lines == ("2 clauses do not hold: x (csi.topic.a, csi.topic.b).",)


def test_notes_are_grouped_apart_from_what_blocks() -> None:
    note = Reason("csi.topic.n does not hold: x.", "csi.topic.n", "Fix it", blocking=False)
    made = decision(note, Reason("csi.topic.m does not hold: x.", "csi.topic.m", "Fix it"), standing="fail")
    assert [group.lines for group in reasons.informing(made)] == [(note.text,)]
    assert len(reasons.blocking(made)) == 1


def test_screen_tells_a_lost_shard_in_a_few_lines() -> None:
    stream = io.StringIO()
    show_decision(Screen(stream), decision(LOST, *missing(300)), most=1000)
    told = stream.getvalue()
    assert told.count("->") == 1
    assert AGAIN not in told
    assert len(told.splitlines()) == 4
