"""JUnit of established suites as records beside ours: whole or told, required or not, and never a danger to read."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipelines import importing, junit, policy
from pipelines.cli import main
from pipelines.configuration import Misconfigured
from pipelines.logbook import now, stamp
from reports import record
from reports.model import Outcome, Verdict
from reports.printable import MARK
from suites.selftest.actions import runs
from suites.selftest.pipelines import synthetic as made
from suites.selftest.pipelines.synthetic import clause, decide, result, texts

ROOT = Path(__file__).resolve().parents[3]
STEPS = ["[SynchronizedBeforeSuite]", "[ReportAfterSuite] report"]
A = clause("a")
PROVEN = made.record([result("t_a", Outcome.PASS, A.id)])


def case(name: str, inner: str = "", status: str = "passed") -> str:
    return f'<testcase name="{name}" classname="e2e" status="{status}" time="1.5">{inner}</testcase>'


def document(*cases: str, tests: int | None = None, started: str = "", head: str = "") -> str:
    """As Ginkgo writes it: cases and the suite's own steps."""
    steps = [case(name) for name in STEPS]
    number = len(cases) + len(steps) if tests is None else tests
    stamped = f' timestamp="{started or stamp(now()).rstrip("Z")}"'
    suite = f'<testsuite name="e2e" tests="{number}"{stamped}>{"".join([*steps, *cases])}</testsuite>'
    return f'<?xml version="1.0"?>{head}<testsuites tests="{number}">{suite}</testsuites>'


def claiming(**attributes: str) -> str:
    """Two cases that pass, in a suite that says so of them."""
    told = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    return document(*PASSING).replace("<testsuite ", f"<testsuite {told} ", 1)


PASSING = case("[It] pods run"), case("[It] pods end")
FAILING = case("[It] pods &lt;b&gt; restart", '<failure message="got 1, not 2">at pod.go:7</failure>', "failed")
LEFT_OUT = case("[It] disruptive", '<skipped message="skipped"></skipped>', "skipped")
SKIPPED = case("[It] windows", '<skipped message="skipped - no Windows node"></skipped>', "skipped")


@pytest.fixture(autouse=True)
def _own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))


def run_with(tmp_path: Path, demand: str = "") -> Path:
    """A signed run whose policy makes this demand."""
    workspace = tmp_path / "workspace"
    runs.inputs(workspace)
    (workspace / "policy.toml").write_text(runs.POLICY)
    run = runs.write(tmp_path / "runs", workspace)
    for file in run.glob("policies/*.toml"):
        file.write_text(runs.POLICY + demand)
    return run


REQUIRED = 'required-imports = ["conformance"]\n'


def imported(run: Path, text: str, *options: str, expected: int = 2, suite: str = "conformance") -> int:
    file = run.parent.parent / "junit_01.xml"
    file.write_text(text)
    argv = ["import", "junit", str(file), "--suite", suite, "--expected", str(expected), "--run", str(run)]
    return main([*argv, "--replace-sign-off", *options])


def reasons_of(run: Path) -> list[dict[str, Any]]:
    """Why the stage was decided so."""
    found: list[dict[str, Any]] = json.loads((run / "decisions" / "dev.json").read_text())["reasons"]
    return found


def test_imported_suite_that_is_whole_and_passes_keeps_the_run_passing(tmp_path: Path) -> None:
    run = run_with(tmp_path, REQUIRED)
    assert main(["gate", str(run)]) == 2  # Nothing is imported yet.
    assert imported(run, document(*PASSING, LEFT_OUT)) == 0
    found = record.read(run / "dev" / "record-conformance.jsonl")
    assert [(item.test, item.outcome) for item in found.results] == [
        ("conformance::pods run", Outcome.PASS),
        ("conformance::pods end", Outcome.PASS),
    ]
    assert found.planned is not None
    assert found.planned.deselected == 1
    assert not (run / "signoff.dsse.json").exists()
    assert main(["sign", str(run)]) == 0
    assert main(["verify", str(run), "--no-signature"]) == 0
    assert main(["replay", str(run)]) == 0
    assert "pods run" in (run / "junit.xml").read_text()


@pytest.mark.parametrize("cut", ["a line", "half a line", "an outcome"])
def test_run_whose_record_no_longer_says_what_was_decided_is_not_signed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cut: str
) -> None:
    run = run_with(tmp_path, REQUIRED)
    assert imported(run, document(*PASSING, LEFT_OUT)) == 0
    file = run / "dev" / "record.jsonl"
    text = file.read_text()
    lines = text.splitlines(keepends=True)
    changed = {
        "a line": "".join(lines[:-2] + lines[-1:]), "half a line": text[: -len(lines[-1]) // 2],
        "an outcome": text.replace('"outcome": "pass"', '"outcome": "fail"'),
    }  # fmt: skip
    file.write_text(changed[cut])
    assert main(["sign", str(run)]) == 3
    assert "stage dev was decided PASS" in capsys.readouterr().err
    assert not (run / "signoff.dsse.json").exists()


CASES: dict[str, tuple[tuple[str, ...], int, int, str]] = {
    "a failure": ((*PASSING, FAILING), 3, 1, "conformance: pods <b> restart fails: got 1, not 2"),
    "a lost case": (PASSING, 3, 2, "conformance ran 2 cases, and 3 were expected: 1 lost"),
    "a case too many": (PASSING, 1, 2, "it is not the suite that was expected"),
    "a case that skipped itself": ((*PASSING, SKIPPED), 3, 2, "1 of 3 cases skipped themselves"),
    "nothing that passed": ((SKIPPED,), 1, 2, "not one case passed"),
    "a step that failed": ((*PASSING, case("[AfterSuite] x", "<error/>", "panicked")), 2, 1, "[AfterSuite] x fails"),
}


@pytest.mark.parametrize("name", CASES)
def test_required_import_with_a_flaw_does_not_pass_and_an_informing_one_only_notes_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases, expected, status, words = CASES[name]
    run = run_with(tmp_path, REQUIRED)
    free = Path(shutil.copytree(run, tmp_path / "runs" / "free"))
    for file in free.glob("policies/*.toml"):
        file.write_text(runs.POLICY)
    assert imported(run, document(*cases), expected=expected) == status
    assert imported(free, document(*cases), expected=expected) == 0
    told = [[reason for reason in reasons_of(item) if words in reason["text"]] for item in (run, free)]
    assert [[reason["blocking"] for reason in each] for each in told] == [[True], [False]]
    assert (run / "decisions" / "production.json").exists() is False


@pytest.mark.parametrize("again", ["flakyFailure", "rerunError"])
def test_case_that_passed_at_a_second_attempt_may_hide_a_failure(again: str, tmp_path: Path) -> None:
    run = run_with(tmp_path, REQUIRED)
    hidden = case("[It] pods end", f"<{again} message='got 1'><stackTrace>pod.go</stackTrace></{again}>")
    assert imported(run, document(PASSING[0], hidden)) == 2
    assert [item for item in reasons_of(run) if "up to 2 times" in item["text"] and item["blocking"]]


def test_suite_that_only_informs_and_has_no_case_is_a_note(tmp_path: Path) -> None:
    run = run_with(tmp_path)
    assert imported(run, document(), expected=1) == 0
    assert [item for item in reasons_of(run) if "not one case passed" in item["text"]]


def test_skip_of_csi_sanity_is_what_the_driver_does_not_declare(tmp_path: Path) -> None:
    run = run_with(tmp_path, 'required-imports = ["csi-sanity"]\n')
    text = document(*PASSING, SKIPPED)
    assert imported(run, text, "--component", "csi-driver", expected=3, suite="csi-sanity") == 0
    found = record.read(run / "dev" / "record-csi-sanity-csi-driver.jsonl")
    assert found.results[-1].outcome is Outcome.NOT_APPLICABLE


BOMB = '<!DOCTYPE t [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE t [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
BROKEN: dict[str, tuple[str, str]] = {
    "cut off": (document(*PASSING)[:-30], "cut off"),
    "cut off in a word": (document(*PASSING)[:300], "cut off"),
    "empty": ("", "cut off"),
    "no XML": ("hello", "is no XML"),
    "no JUnit": ("<html></html>", "begins with <html>"),
    "an entity bomb": (document(head=BOMB), "document type or an entity"),
    "an external entity": (document(head=OUTSIDE), "document type or an entity"),
    "a document type": (document(head="<!DOCTYPE t>"), "document type or an entity"),
    "a case twice": (document(PASSING[0], PASSING[0]), "has the case '[It] pods run' 2 times"),
    "fewer cases than it says": (document(*PASSING, tests=9), "says that it has 9 cases and holds 4"),
    "a number that is none": (document(*PASSING).replace('tests="4"', 'tests="many"'), "is no number of cases"),
    "fewer than no failure": (claiming(failures="-1"), "is no number of cases"),
    "a failure that no case has": (claiming(failures="1"), "says that 1 cases failed and holds 0"),
    "an error that no case has": (claiming(failures="0", errors="1"), "says that 1 cases failed and holds 0"),
    "a failure not claimed": (document(FAILING).replace("<testsuite ", '<testsuite failures="0" '), "holds 1"),
    "a failure that is spelled otherwise": (document(case("a", "<Failure/>")), "has <Failure> inside a <testcase>"),
    "a case in a case": (document(case("a", case("b"))), "inside a <testcase>"),
    "a case without name": (document(case("")), "without a name"),
    "no time": (document('<testcase name="a" time="long"/>'), "is no number"),
    "a time that is none": (document('<testcase name="a" time="nan"/>'), "cannot be"),
    "nested without end": ("<testsuites>" + "<testsuite>" * 40, "nested deeper"),
    "no start": (document(*PASSING).replace("timestamp", "then"), "does not say when"),
    "a start that is none": (document(*PASSING, started="noon"), "which is no time"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_file_that_cannot_be_trusted_is_refused_and_the_run_is_as_it_was(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, words = BROKEN[name]
    run = run_with(tmp_path)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert imported(run, text) == 3
    assert words in capsys.readouterr().err
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--component", "csi-drivr"], 'mean "csi-driver"'),
        (["--stage", "dve"], '"dev"'),
        (["--started", "x"], "no time"),
    ],
)
def test_mistake_in_the_command_is_named(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert imported(run_with(tmp_path), document(*PASSING), *options) == 3
    assert words in capsys.readouterr().err


def test_signed_run_is_not_changed_unless_asked_and_an_import_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_with(tmp_path)
    (tmp_path / "j.xml").write_text(document(*PASSING))
    argv = ["import", "junit", str(tmp_path / "j.xml"), "--suite", "critest", "--expected", "2", "--run", str(run)]
    assert main(argv) == 3
    assert "a signed run is not changed" in capsys.readouterr().err
    assert main([*argv, "--replace-sign-off"]) == 0
    assert main([*argv, "--replace-sign-off"]) == 3
    assert "was imported into this run" in capsys.readouterr().err


def test_old_import_is_stale_and_told_by_its_suite(tmp_path: Path) -> None:
    run = run_with(tmp_path)
    assert imported(run, document(*PASSING), "--started", "2026-01-01T00:00:00Z") == 2
    (reason,) = [reason for reason in reasons_of(run) if "stale" in reason["text"]]
    assert reason["text"].startswith("The imported record of conformance is stale")
    assert reason["remedy"] == "Run conformance again, and import that."


def foreign(cases: int, *names: str, **changes: object) -> record.Record:
    """An imported record that somebody made."""
    about = {"suite": "conformance", "cases": cases, "expected": cases, **changes}
    found = [result(f"conformance::{name}", Outcome.PASS) for name in names]
    return made.record(found, parts=[], imported=about)


FORGED: dict[str, tuple[Sequence[record.Record], Verdict, str]] = {
    "as it should be": ([PROVEN, foreign(1, "x")], Verdict.PASS, ""),
    "alone": ([foreign(1, "x")], Verdict.INCONCLUSIVE, "There is no record"),
    "lines lost": ([PROVEN, foreign(3, "x")], Verdict.INVALID, "says that they are of 3 cases"),
    "no number": ([PROVEN, foreign(1, "x", expected="many")], Verdict.INVALID, "says that they are of"),
    "twice": ([PROVEN, foreign(1, "x"), foreign(1, "y")], Verdict.INVALID, "were imported 2 times"),
    "with a clause of ours": (
        [PROVEN, made.record([result("c::x", Outcome.PASS, A.id)], parts=[], imported={"suite": "conformance"})],
        Verdict.INVALID,
        "names clauses of our catalogue",
    ),
    "of another candidate": (
        [PROVEN, made.record([result("c::x", Outcome.PASS)], imported={"suite": "critest"}, environment={})],
        Verdict.INVALID,
        "of another candidate",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_imported_record_that_was_put_together_does_not_pass(name: str) -> None:
    records, verdict, words = FORGED[name]
    decision = decide(records, [A])
    assert decision.verdict is verdict
    assert words in texts(decision)


def test_imported_results_prove_no_clause_of_ours() -> None:
    other = made.record([result("c::x", Outcome.PASS, A.id)], parts=[], imported={"suite": "conformance"})
    decision = decide([made.record([], {"t_a": [A.id]}), other], [A])
    assert [item.standing for item in decision.standings] == ["missing"]


def test_policy_that_requires_an_unknown_suite_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(runs.POLICY + 'required-imports = ["conformanse"]\n')
    with pytest.raises(Misconfigured, match="conformance"):
        policy.load(tmp_path / "p.toml")


def test_every_suite_that_a_policy_may_require_can_be_imported() -> None:
    assert set(importing.SKIPPED) == set(policy.IMPORTS)


def test_certified_run_of_thousands_of_cases_left_out_keeps_only_what_ran(tmp_path: Path) -> None:
    left = [LEFT_OUT.replace("disruptive", f"case {number}") for number in range(6000)]
    (tmp_path / "j.xml").write_text(document(*PASSING, *left))
    states = [item.state for item in junit.read(tmp_path / "j.xml").cases if not item.is_step]
    assert states.count(junit.State.NOT_SELECTED) == 6000
    assert states.count(junit.State.PASSED) == 2


def test_options_of_an_import_are_all_in_its_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "other-engines.md").read_text()
    assert main(["import", "junit", "--help"]) == 0
    options = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert len(options) > 5
    assert set(re.findall(r"^\| `(--[a-z-]+)", text, re.MULTILINE)) == options


def test_long_message_of_a_case_is_cut_with_a_mark(tmp_path: Path) -> None:
    run = run_with(tmp_path)
    long = case("[It] talks", f'<failure message="{"m" * 600}">{"t" * (junit.LONGEST + 1)}</failure>', "failed")
    imported(run, document(*PASSING, long), expected=3)
    result = record.read(run / "dev" / "record-conformance.jsonl").results[-1]
    assert result.summary == "m" * 500 + f"{MARK} (600 characters)"
    assert result.text == MARK + "t" * junit.LONGEST
