"""A failed test that is run again: every attempt is written down with its own evidence, and nothing looks greener."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reports.attempts import faults, settle
from reports.model import Outcome, Result
from reports.record import RecordError, read

ROOT = Path(__file__).resolve().parents[3]
CLAUSES = 'suite = "gpu"\nsource = "https://example.invalid"\n[[clause]]\nid = "gpu.toy.holds"\nlevel = "must"\n'
CLAUSES += 'layer = "protocol"\nobligation = "The toy holds."\nsection = "Toys"\n'
TESTS = """
import pathlib, pytest
from reports.model import ClauseViolation, EnvironmentUnfit
pytestmark = pytest.mark.clause("gpu.toy.holds")

def fall(name, times):
    seen = pathlib.Path(name)
    number = len(seen.read_text()) if seen.exists() else 0
    seen.write_text("x" * (number + 1))
    if number < times:
        raise ClauseViolation(f"fell {number}")

def test_steady(figures): figures.measure("toys-per-second", 3.5)
def test_flaky(evidence):
    evidence.write("log.txt", str(evidence.directory))
    fall("flaky", 1)
def test_broken(): fall("broken", 9)
def test_elsewhere():
    fall("elsewhere", 0)
    raise EnvironmentUnfit("no table")
def test_ours():
    fall("ours", 0)
    raise KeyError("ours")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    suite = tmp_path / "suites" / "gpu"
    suite.mkdir(parents=True)
    (suite / "clauses.toml").write_text(CLAUSES)
    (suite / "test_toy.py").write_text(TESTS)
    plugins = ("reports.recorder", "reports.retries", "fixtures.plugin", "fixtures.evidence")
    (tmp_path / "conftest.py").write_text(f"pytest_plugins = {plugins}")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib --strict-markers\n")
    return tmp_path


def run(project: Path, *options: str) -> int:
    command = [sys.executable, "-m", "pytest", "suites/gpu", "--run-dir", "out", "-p", "no:cacheprovider", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, check=False).returncode


def attempts(project: Path) -> dict[str, list[tuple[int, str]]]:
    found: dict[str, list[tuple[int, str]]] = {}
    for result in read(project / "out" / "record.jsonl").results:
        name = result.test.rpartition("::")[2].removeprefix("test_")
        found.setdefault(name, []).append((result.attempt, result.outcome.value))
    return found


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_failed_tests_are_run_again_and_every_attempt_is_recorded(project: Path, workers: tuple[str, ...]) -> None:
    assert run(project, "--retries", "2", *workers) == 1
    assert attempts(project) == {
        "steady": [(1, "pass")],
        "flaky": [(1, "fail"), (2, "pass")],
        "broken": [(1, "fail"), (2, "fail"), (3, "fail")],
        "elsewhere": [(1, "could-not-run")],
        "ours": [(1, "fail")],
    }


def test_nothing_is_run_again_unless_asked_for(project: Path) -> None:
    run(project)
    assert {len(told) for told in attempts(project).values()} == {1}


def test_run_with_a_flake_alone_does_not_end_with_0(project: Path) -> None:
    assert run(project, "--retries", "1", "-k", "flaky") == 1


def test_each_attempt_keeps_its_own_evidence_and_figures(project: Path) -> None:
    run(project, "--retries", "1")
    results = read(project / "out" / "record.jsonl").results
    first, second = (result for result in results if "flaky" in result.test)
    assert len(first.evidence) == len(second.evidence) == 1
    texts = {(project / "out" / item.evidence[0].path).read_text() for item in (first, second)}
    assert len(texts) == 2
    assert next(result.figures for result in results if "steady" in result.test) == {"toys-per-second": 3.5}


def one(attempt: int, outcome: Outcome, **more: Any) -> Result:
    return Result("t", ("c",), outcome, attempt=attempt, **more)


FAIL, PASS, UNFIT = Outcome.FAIL, Outcome.PASS, Outcome.COULD_NOT_RUN


@pytest.mark.parametrize(
    ("results", "retries", "counted", "flakes"),
    [
        ([one(1, FAIL), one(2, PASS)], 1, [PASS], ("t",)),
        ([one(2, PASS), one(1, FAIL)], 1, [PASS], ("t",)),
        ([one(1, FAIL), one(2, PASS)], 0, [FAIL], ()),
        ([one(1, FAIL), one(2, FAIL), one(3, PASS)], 1, [FAIL, FAIL], ()),
        ([one(1, FAIL), one(1, PASS)], 5, [FAIL, PASS], ()),
        ([one(1, FAIL), one(3, PASS)], 5, [FAIL, PASS], ()),
        ([one(1, UNFIT), one(2, PASS)], 5, [UNFIT, PASS], ()),
        ([one(1, FAIL, harness_error=True), one(2, PASS)], 5, [FAIL, PASS], ()),
        ([one(2, PASS)], 0, [], ()),
    ],
    ids=["flake", "any order", "no retry allowed", "beyond the cap", "told twice", "one lost", "unfit", "ours", "late"],
)
def test_attempts_settle_to_what_was_shown(
    results: list[Result], retries: int, counted: list[Outcome], flakes: tuple[str, ...]
) -> None:
    settled = settle(results, retries)
    assert ([result.outcome for result in settled.results], settled.flakes) == (counted, flakes)


def test_attempts_told_twice_or_lost_are_faults() -> None:
    assert faults([one(1, FAIL), one(2, PASS)]) == []
    assert "two results for the same attempt" in faults([one(1, FAIL), one(1, PASS)])[0]
    assert "lines were lost" in faults([one(2, PASS)])[0]


@pytest.mark.parametrize(
    "broken", [{"attempt": 0}, {"attempt": "2"}, {"attempt": True}, {"figures": {"a": "b"}}, {"figures": [1]}]
)
def test_record_with_a_broken_attempt_or_figure_is_refused(broken: dict[str, Any], tmp_path: Path) -> None:
    line = {"kind": "result", "test": "t", "clauses": ["c"], "outcome": "pass"}
    lines = [{"kind": "run", "run": "r"}, {**line, **broken}]
    (tmp_path / "record.jsonl").write_text("".join(json.dumps(item) + "\n" for item in lines))
    with pytest.raises(RecordError, match=r"record.jsonl:2"):
        read(tmp_path / "record.jsonl")
