"""The kill matrix itself: what it keeps, what it does not believe, what it counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.subjects.csi.sanity import SANITY, read_report
from fixtures.toolchain.lock import committed_lock
from reports import catalogue
from suites.selftest.matrix.judging import Findings, by_its_clause
from suites.selftest.matrix.mutants import Mutant, files_naming, mutants_of, spec_of
from suites.selftest.matrix.state import Keys, State
from suites.selftest.matrix.table import Matrix, Row, page

CLAUSE, OTHER = "csi.topic.holds", "csi.topic.also-holds"
FOUND = Findings({"test_a": (CLAUSE,)}, judged=9, seconds=1.0)


def mutant(name: str = "does_wrong", author: str = "") -> Mutant:
    return Mutant("csi", name, "Does it wrong.", CLAUSE, author)


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state."""
    return State(tmp_path / "state")


def refuse() -> Findings:
    raise AssertionError("it was judged again")


def test_finding_is_kept_for_the_next_run(state: State) -> None:
    assert state.judged_once("suite", "m", lambda: "key", lambda: FOUND) == FOUND
    assert State(state.folder).judged_once("suite", "m", lambda: "key", refuse) == FOUND


@pytest.mark.parametrize("damage", ["", "{", '{"key": "key"}', "[]", '{"key": "key", "findings": {"failed": 5}}'])
def test_damaged_state_is_judged_again(state: State, damage: str) -> None:
    state.judged_once("suite", "m", lambda: "key", lambda: FOUND)
    (state.folder / "suite" / "m.json").write_text(damage)
    assert state.judged_once("suite", "m", lambda: "key", lambda: FOUND) == FOUND
    assert state.find("suite", "m", "key") == FOUND


def test_finding_of_other_sources_does_not_count(state: State) -> None:
    state.judged_once("suite", "m", lambda: "key", lambda: FOUND)
    assert state.find("suite", "m", "other key") is None


def test_finding_is_not_kept_where_the_sources_changed_meanwhile(state: State) -> None:
    keys = iter(["before", "after"])
    assert state.judged_once("suite", "m", lambda: next(keys), lambda: FOUND) == FOUND
    assert state.find("suite", "m", "before") is None
    assert state.find("suite", "m", "after") is None


def test_broken_run_is_not_kept(state: State) -> None:
    broken = Findings(broken="no record")
    assert state.judged_once("suite", "m", lambda: "key", lambda: broken) == broken
    assert state.find("suite", "m", "key") is None


def test_keys_tell_mutants_tools_and_versions_apart() -> None:
    keys, (first, second, *_) = Keys.of("csi"), mutants_of("csi")
    all_keys = [keys.ours(first, "1.12"), keys.ours(first, "1.13"), keys.ours(second, "1.12"), keys.ours(None, "1.12")]
    assert len({*all_keys, *(keys.theirs(one, "1.12") for one in (first, second, None))}) == 7


def test_failure_on_the_reference_kills_nothing() -> None:
    row = Row(mutant(), FOUND.without(Findings({"test_a": (CLAUSE,)})))
    assert not row.is_killed


def test_row_is_precise_only_where_nobody_else_is_blamed() -> None:
    both = Findings({"test_a": (CLAUSE,), "test_b": (OTHER,)})
    elsewhere = Findings({"test_b": (OTHER,)})
    assert Row(mutant(), FOUND).is_precise
    assert (Row(mutant(), both).is_at_its_clause, Row(mutant(), both).is_precise) == (True, False)
    assert (Row(mutant(), elsewhere).is_killed, Row(mutant(), elsewhere).is_at_its_clause) == (True, False)


def test_page_counts_blind_mutants_on_their_own() -> None:
    case = Findings({"mount: fails | so": ()})
    rows = [Row(mutant("seen"), FOUND, case), Row(mutant("hidden", "blind"), Findings(), Findings())]
    text = page(Matrix("csi", rows, {"suite (1.12)": Findings({"test_z": ()})}))
    assert "| all | 2 | 1 (50 %) | 1 (50 %) | 1 (50 %) | 1 (50 %) |" in text
    assert "| written blind | 1 | 0 (0 %) | 0 (0 %) | 0 (0 %) | 0 (0 %) |" in text
    assert "Alive: hidden." in text
    assert "1 (100 %), of the 1 it was run over" in page(Matrix("csi", [rows[0], Row(mutant("later"), FOUND)]))
    assert "mount: fails / so" in text
    assert "test_z" in text


def test_rate_is_all_only_where_all_died() -> None:
    rows = [Row(mutant(f"m{number}"), FOUND) for number in range(299)]
    assert "| all | 299 | 299 (100 %) |" in page(Matrix("csi", rows))
    assert "| all | 300 | 299 (99 %) |" in page(Matrix("csi", [*rows, Row(mutant("lives"), Findings(judged=9))]))


def test_test_that_puts_its_clause_together_is_found() -> None:
    known = next(item for item in mutants_of("csi") if item.name == "lists_an_empty_node_id")
    assert known.breaks in by_its_clause("csi", known, "1.12").clauses


@pytest.mark.parametrize("suite", catalogue.SUITES)
def test_mutants_say_in_one_sentence_what_is_wrong(suite: str) -> None:
    assert [one.name for one in mutants_of(suite) if not one.what.endswith(".")] == []


def test_mutant_is_judged_in_a_version_that_has_its_clause() -> None:
    clauses = catalogue.load().clauses
    assert spec_of(clauses["csi.create-volume.is-idempotent"]) == "1.12"
    assert {spec_of(clause) for clause in clauses.values() if clause.since == "1.13"} <= {"1.13"}


def test_files_of_a_clause_are_those_that_name_it() -> None:
    named = {path.name for path in files_naming("csi", "csi.create-volume.is-idempotent")}
    assert named
    assert "test_staging.py" not in named
    assert len(files_naming("csi", "csi.no.such-clause")) > 5


def test_sanity_is_pinned_by_its_lock() -> None:
    source = SANITY.sources[0]
    lock = committed_lock(source)
    assert lock is not None
    assert lock.sum_of(source.module, source.version) == source.sum


def test_sanity_report_is_read_case_by_case(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    cases = [("a", "passed"), ("b", "failed"), ("c", "panicked"), ("d", "skipped"), ("e", "timedout")]
    lines = "".join(f'<testcase name="[It] {name}" status="{state}" time="0.5"/>' for name, state in cases)
    report.write_text(f'<testsuites><testsuite time="2.5">{lines}</testsuite></testsuites>')
    run = read_report(report, "mount", cpu=0.1)
    assert (run.failed, run.cases["d"], run.seconds) == (["b", "c", "e"], "skipped", 2.5)
