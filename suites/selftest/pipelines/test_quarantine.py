"""A flaky test that is set aside: for a while, by numbers, by somebody; and never a clause with it."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines import quarantine
from pipelines.configuration import Misconfigured
from pipelines.policy import Policy, Quarantining
from pipelines.quarantine import Entry
from pipelines.statistics import Basis
from reports.model import Decision, Outcome, Verdict
from suites.selftest.pipelines.synthetic import clause, decide, record, result, standing, texts

A, B = clause("a"), clause("b")
FAILS, PASSES = result("t_flaky", Outcome.FAIL, A.id), result("t_a", Outcome.PASS, A.id)
BESIDE = result("t_b", Outcome.PASS, B.id)
DAY = datetime.date
ENTRY = Entry(
    "t_flaky", "node team", "sometimes late", "https://example.org", 3, 40, DAY(2026, 11, 20), DAY(2026, 12, 1)
)


def judged(entry: Entry = ENTRY, rules: Quarantining = Quarantining(), **changes: Any) -> Decision:  # noqa: B008
    policy = Policy("p", quarantining=rules)
    return decide([record([FAILS, PASSES, BESIDE])], [A, B], policy=policy, quarantine=[entry], **changes)


def test_test_in_quarantine_is_told_and_does_not_block() -> None:
    assert decide([record([FAILS, PASSES, BESIDE])], [A, B]).verdict is Verdict.FAIL
    decision = judged()
    assert decision.verdict is Verdict.PASS
    assert decision.quarantined == ("t_flaky",)
    assert "in quarantine through 2026-12-01 (node team): sometimes late" in texts(decision)


def test_quarantine_never_sets_a_clause_aside() -> None:
    decision = decide([record([FAILS, BESIDE])], [A, B], quarantine=[ENTRY])
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert standing(decision, A.id) == "could-not-run"
    assert "failed in quarantine, and no other test of it passed" in texts(decision)


ENDS: dict[str, tuple[dict[str, Any], dict[str, Any], Quarantining, str]] = {
    "after its deadline": ({"deadline": DAY(2026, 11, 22)}, {}, Quarantining(), "it ended with 2026-11-22"),
    "after the longest term": ({}, {}, Quarantining(longest=2), "it ended with 2026-11-22"),
    "before it starts": ({"entered": DAY(2026, 11, 24)}, {}, Quarantining(), "starts on 2026-11-24"),
    "too few failures": ({}, {}, Quarantining(failures=4), "do not put a test there"),
    "too rare": ({}, {}, Quarantining(rate=10), "do not put a test there"),
    "clean runs": (
        {},
        {"basis": Basis("r", clean={"t_flaky": 5})},
        Quarantining(),
        "it ended by itself: 5 signed runs",
    ),
    "no quarantine": ({}, {}, Quarantining(allowed=False), "allows no quarantine"),
}


@pytest.mark.parametrize("case", ENDS)
def test_entry_that_does_not_count_says_why_and_its_failure_blocks(case: str) -> None:
    entry, changes, rules, words = ENDS[case]
    decision = judged(dataclasses.replace(ENTRY, **entry), rules, **changes)
    assert decision.verdict is Verdict.FAIL
    assert words in texts(decision)


def test_entry_on_its_last_day_and_one_run_short_of_clean_still_counts() -> None:
    last = dataclasses.replace(ENTRY, deadline=DAY(2026, 11, 23))
    assert judged(last, basis=Basis("r", clean={"t_flaky": 4})).verdict is Verdict.PASS


def test_harness_error_in_quarantine_is_still_ours() -> None:
    broken = dataclasses.replace(FAILS, harness_error=True)
    decision = decide([record([broken, PASSES, BESIDE])], [A, B], quarantine=[ENTRY])
    assert decision.verdict is Verdict.INVALID


def test_missing_result_of_a_test_in_quarantine_still_blocks() -> None:
    records = [record([PASSES, BESIDE], {"t_flaky": [A.id], "t_a": [A.id], "t_b": [B.id]})]
    assert decide(records, [A, B], quarantine=[ENTRY]).verdict is Verdict.INCONCLUSIVE


def test_other_clauses_of_a_test_in_quarantine_have_to_be_shown_too() -> None:
    plan = {"t_flaky": [A.id, B.id], "t_a": [A.id]}
    assert decide([record([FAILS, PASSES], plan)], [A, B], quarantine=[ENTRY]).verdict is Verdict.INCONCLUSIVE
    whole = record([FAILS, PASSES, BESIDE], {**plan, "t_b": [B.id]})
    assert decide([whole], [A, B], quarantine=[ENTRY]).verdict is Verdict.PASS


GOOD = """[[quarantine]]
test = "t"
owner = "node team"
reason = "late"
link = "https://example.org"
failures = 3
runs = 40
entered = 2026-11-20
deadline = 2026-12-01
"""


def test_quarantine_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "q.toml").write_text(GOOD)
    (entry,) = quarantine.load(tmp_path / "q.toml")
    assert entry == dataclasses.replace(ENTRY, test="t", reason="late")
    assert quarantine.load(quarantine.DEFAULT) == ()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('owner = "node team"\n', "", '"owner" is missing'),
        ("failures = 3\n", "", '"failures" is missing'),
        ("failures = 3", "failures = 41", "41 failures of 40 runs cannot be"),
        ("deadline = 2026-12-01\n", "", '"deadline" is missing'),
        ("2026-12-01", "2026-11-01", "is before it is entered"),
        ("reason", "raeson", 'Did you mean "reason"'),
        ("https://example.org", "later", "must be an address"),
    ],
)
def test_quarantine_file_with_a_mistake_names_file_line_and_remedy(
    old: str, new: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "q.toml").write_text(GOOD.replace(old, new))
    with pytest.raises(Misconfigured) as raised:
        quarantine.load(tmp_path / "q.toml")
    assert f"{tmp_path / 'q.toml'}:" in str(raised.value)
    assert words in str(raised.value)


def test_test_with_two_entries_is_refused(tmp_path: Path) -> None:
    (tmp_path / "q.toml").write_text(GOOD + GOOD)
    with pytest.raises(Misconfigured, match="already there"):
        quarantine.load(tmp_path / "q.toml")
