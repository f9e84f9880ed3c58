"""The recorder writes what happened, assigns blame once, and leaves a readable record when it is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from fixtures.wait import wait_until

ROOT = Path(__file__).resolve().parents[3]
CLAUSES = """
suite = "gpu"
source = "https://example.invalid/spec"
[[clause]]
id = "gpu.toy.holds"
level = "must"
layer = "protocol"
obligation = "The toy holds."
section = "Toys"
ask = "Was the toy wound up?"
"""
TESTS = """
import pytest
from reports.model import ClauseViolation, EnvironmentUnfit, NotApplicable
pytestmark = pytest.mark.clause("gpu.toy.holds")
def test_toy_sound_holds(): pass
def test_toy_wrong_is_blamed(): raise ClauseViolation("the toy fell", expected="standing", actual="lying")
def test_toy_asserted_is_blamed(): assert 1 == 2
def test_toy_wrong_deep_down_is_blamed(): look()
def look():
    raise ClauseViolation("the toy leans")
def test_toy_elsewhere_cannot_be_judged(): raise EnvironmentUnfit("no table here")
def test_toy_without_wheels_does_not_apply(): raise NotApplicable("no wheels declared")
def test_toy_broken_test_is_our_fault(): raise KeyError("ours")
def test_toy_skipped_is_not_a_pass(): pytest.skip("not today")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout in miniature: one suite, one clause."""
    suite = tmp_path / "suites" / "gpu"
    suite.mkdir(parents=True)
    (suite / "clauses.toml").write_text(CLAUSES)
    (suite / "test_toy.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text(
        'pytest_plugins = ("reports.recorder", "fixtures.plugin", "fixtures.evidence")'
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib --strict-markers\n")
    return tmp_path


def run(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "suites/gpu", "--run-dir", "out", "-p", "no:cacheprovider", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def lines(project: Path, kind: str) -> list[dict[str, Any]]:
    read = [json.loads(line) for line in (project / "out" / "record.jsonl").read_text().splitlines()]
    return [line for line in read if line["kind"] == kind]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_record_of_every_kind_of_outcome_assigns_blame_once(project: Path, workers: tuple[str, ...]) -> None:
    run(project, "--seed", "7", *workers)
    outcomes = {line["test"].rpartition("::")[2]: line["outcome"] for line in lines(project, "result")}
    assert outcomes == {
        "test_toy_sound_holds": "pass",
        "test_toy_wrong_is_blamed": "fail",
        "test_toy_asserted_is_blamed": "fail",
        "test_toy_wrong_deep_down_is_blamed": "fail",
        "test_toy_elsewhere_cannot_be_judged": "could-not-run",
        "test_toy_without_wheels_does_not_apply": "not-applicable",
        "test_toy_broken_test_is_our_fault": "fail",
        "test_toy_skipped_is_not_a_pass": "could-not-run",
    }
    ours = [line["test"].rpartition("::")[2] for line in lines(project, "result") if line["harness_error"]]
    assert ours == ["test_toy_broken_test_is_our_fault"]
    assert lines(project, "run")[0]["seed"] == 7
    assert lines(project, "end")[0]["counts"] == {"pass": 1, "fail": 4, "not-applicable": 1, "could-not-run": 2}
    assert len(lines(project, "planned")) == 1
    assert len(lines(project, "planned")[0]["tests"]) == 8


def test_run_folder_that_cannot_be_made_is_a_usage_error(project: Path) -> None:
    (project / "out").write_text("a file")
    done = run(project)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"no run folder {project / 'out'}: File exists" in done.stderr
    assert "name another with --run-dir" in done.stderr


def test_failure_text_names_clause_expectation_and_repeat_command(project: Path) -> None:
    run(project)
    text = next(line["text"] for line in lines(project, "result") if "wrong" in line["test"])
    assert text.splitlines()[0] == "the toy fell"
    for part in (
        "gpu.toy.holds (must)",
        "The toy holds.",
        "section Toys",
        "standing",
        "lying",
        "Was the toy wound up?",
    ):
        assert part in text
    assert "repeat    python -m pytest suites/gpu/test_toy.py::test_toy_wrong_is_blamed --seed" in text


def test_failure_text_of_a_clause_shows_the_line_of_the_test_and_our_own_frames_only_when_asked(project: Path) -> None:
    def told(*options: str) -> dict[str, str]:
        shutil.rmtree(project / "out", ignore_errors=True)
        run(project, *options)
        return {line["test"].rpartition("::")[2]: line["text"] for line in lines(project, "result")}

    usual, asked = told(), told("--tb=long")
    assert "test      suites/gpu/test_toy.py:6" in usual["test_toy_wrong_is_blamed"]
    assert "suites/gpu/test_toy.py:8: def test_toy_wrong_deep_down_is_blamed(): look()" in str(usual)
    assert "E   " not in usual["test_toy_wrong_is_blamed"] + usual["test_toy_wrong_deep_down_is_blamed"]
    assert "E   " in usual["test_toy_asserted_is_blamed"], "an assertion tells its values nowhere else"
    assert "E   " in usual["test_toy_broken_test_is_our_fault"]
    assert "E   " in asked["test_toy_wrong_deep_down_is_blamed"]


@pytest.mark.parametrize(
    ("test", "fault"),
    [
        ('@pytest.mark.clause("gpu.toy.flies")\ndef test_a(): pass', "unknown clause 'gpu.toy.flies'"),
        ("def test_a(): pass", "no clause"),
        ('@pytest.mark.cluster\n@pytest.mark.clause("gpu.toy.holds")\ndef test_a(): pass', "of layer protocol"),
    ],
    ids=["unknown-clause", "no-clause", "wrong-layer"],
)
@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_collection_of_a_test_at_odds_with_the_catalogue_is_refused(
    project: Path, test: str, fault: str, workers: tuple[str, ...]
) -> None:
    (project / "suites" / "gpu" / "test_toy.py").write_text("import pytest\n" + test)
    done = run(project, "--provider", "local", *workers)
    assert done.returncode != 0
    assert fault in done.stdout + done.stderr
    assert not lines(project, "result")


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_file_that_cannot_be_collected_is_our_fault(project: Path, workers: tuple[str, ...]) -> None:
    (project / "suites" / "gpu" / "test_broken.py").write_text("import nothing_of_that_name")
    run(project, *workers)
    ours = [line for line in lines(project, "result") if line["harness_error"] and "test_broken" in line["test"]]
    assert len(ours) == 1
    assert "nothing_of_that_name" in ours[0]["summary"]


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_run_that_judged_nothing_is_not_green(project: Path, workers: tuple[str, ...]) -> None:
    assert run(project, "-k", "test_toy_sound_holds", *workers).returncode == 0
    assert run(project, "-k", "test_toy_elsewhere_cannot_be_judged", *workers).returncode == 5


def test_record_of_a_killed_run_tells_what_was_planned_and_what_ran(project: Path) -> None:
    (project / "suites" / "gpu" / "test_toy.py").write_text(
        textwrap.dedent("""
            import pytest, time
            pytestmark = pytest.mark.clause("gpu.toy.holds")
            def test_first(): pass
            def test_second(): time.sleep(60)
        """)
    )
    command = [sys.executable, "-m", "pytest", "suites/gpu", "--run-dir", "out"]
    process = subprocess.Popen(
        command, cwd=project, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL
    )
    try:
        record = project / "out" / "record.jsonl"
        wait_until("the first result", lambda: record.exists() and '"result"' in record.read_text(), timeout=30)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(lines(project, "planned")[0]["tests"]) == 2
    assert [line["outcome"] for line in lines(project, "result")] == ["pass"]
    assert lines(project, "end") == []


def test_evidence_with_a_secret_is_kept_without_it(project: Path) -> None:
    (project / "suites" / "gpu" / "test_toy.py").write_text(
        textwrap.dedent("""
            import pytest
            @pytest.mark.clause("gpu.toy.holds")
            def test_toy_keeps_evidence(evidence):
                evidence.write("call.txt", "token=abcdef123456 volume=v1")
        """)
    )
    run(project)
    kept = lines(project, "result")[0]["evidence"]
    text = (project / "out" / kept[0]["path"]).read_text()
    assert "v1" in text
    assert "abcdef123456" not in text


def test_cluster_tests_without_a_cluster_are_left_out_and_named(project: Path) -> None:
    suite = project / "suites" / "gpu"
    (suite / "clauses.toml").write_text(CLAUSES.replace('"protocol"', '"cluster"'))
    (suite / "test_toy.py").write_text(
        'import pytest\n@pytest.mark.cluster\n@pytest.mark.clause("gpu.toy.holds")\ndef test_a(): pass'
    )
    run(project)
    planned = lines(project, "planned")[0]
    assert planned["tests"] == {}
    assert planned["deselected"] == {"suites/gpu/test_toy.py::test_a": ["gpu.toy.holds"]}


def test_record_of_tests_selected_by_a_variable_says_so(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--deselect suites/gpu/test_toy.py::test_toy_wrong_is_blamed")
    run(project)
    assert "--deselect" in lines(project, "run")[0]["command"]
