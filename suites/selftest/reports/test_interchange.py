"""JUnit and CTRF tell the truth: every planned test appears once, and nothing untold looks like a pass."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import pytest

from reports import findings
from reports.render.all import render_all
from suites.selftest.reports import synthetic


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return synthetic.write(tmp_path / "r", hostile=True)


def add_line(folder: Path, **keys: object) -> None:
    """Put a result before the end line of the staging record."""
    file = folder / "staging/record.jsonl"
    *lines, end = file.read_text().splitlines()
    line = {"kind": "result", "test": "suites/csi/test_x.py::test_y", "clauses": [], "outcome": "fail", **keys}
    file.write_text("\n".join([*lines, json.dumps(line), end]) + "\n")


def test_junit_counts_are_those_of_the_record(folder: Path) -> None:
    root = ElementTree.parse(render_all(folder)["junit"]).getroot()
    outcomes = findings.of_folder(folder).outcomes()
    assert root.get("tests") == str(sum(outcomes.values())) == str(len(root.findall(".//testcase")))
    assert root.get("failures") == str(outcomes["fail"]) == str(len(root.findall(".//failure"))) == "2"
    assert root.get("skipped") == str(outcomes["could-not-run"] + outcomes["not-applicable"]) == "2"
    assert root.get("errors") == str(outcomes["missing"]) == "1"


def test_junit_skip_carries_its_reason(folder: Path) -> None:
    root = ElementTree.parse(render_all(folder)["junit"]).getroot()
    messages = [element.get("message", "") for element in root.iter("skipped")]
    assert any(text.startswith("could-not-run: ") and "CONFIG_SECCOMP_FILTER" in text for text in messages)
    assert any(text.startswith("not-applicable: ") for text in messages)


def test_harness_error_is_an_error_not_a_failure(folder: Path) -> None:
    add_line(folder, harness_error=True, summary="the fixture broke")
    paths = render_all(folder)
    errors = [element.get("message") for element in ElementTree.parse(paths["junit"]).getroot().iter("error")]
    assert "the fixture broke" in errors
    assert len(list(ElementTree.parse(paths["junit"]).getroot().iter("failure"))) == 2
    statuses = {test["name"]: test["rawStatus"] for test in json.loads(paths["ctrf"].read_text())["results"]["tests"]}
    assert statuses["suites/csi/test_x.py::test_y"] == "harness-error"


def test_junit_survives_characters_that_xml_forbids(folder: Path) -> None:
    add_line(folder, summary="\x00\x1b[31mred\x1b[0m \ud800 ]]> </failure>", text="\x07\x0b")
    root = ElementTree.parse(render_all(folder)["junit"]).getroot()
    messages = [element.get("message", "") for element in root.iter("failure")]
    assert any("red" in text and "\x1b" not in text for text in messages)


def test_ctrf_summary_adds_up(folder: Path) -> None:
    results = json.loads(render_all(folder)["ctrf"].read_text())["results"]
    counted = Counter(test["status"] for test in results["tests"])
    assert results["summary"]["tests"] == len(results["tests"]) == 27
    for status in ("passed", "failed", "skipped", "pending", "other"):
        assert results["summary"][status] == counted[status]
    assert (counted["failed"], counted["skipped"], counted["other"]) == (2, 2, 1)


@pytest.mark.parametrize(
    ("flaky", "status", "element"), [(True, "passed", "flakyFailure"), (False, "failed", "rerunFailure")]
)
def test_test_with_two_attempts_is_told_once_with_both(folder: Path, flaky: bool, status: str, element: str) -> None:
    name = "suites/csi/test_x.py::test_y"
    before = json.loads(render_all(folder)["ctrf"].read_text())["results"]["summary"]["tests"]
    add_line(folder, summary="fell over")
    add_line(folder, outcome="pass" if flaky else "fail", attempt=2)
    decision = folder / "decisions" / "staging.json"
    decision.write_text(json.dumps({**json.loads(decision.read_text()), "flakes": [name] if flaky else []}))
    paths = render_all(folder)
    results = json.loads(paths["ctrf"].read_text())["results"]
    (test,) = [test for test in results["tests"] if test["name"] == name]
    assert results["summary"]["tests"] == before + 1
    assert (test["status"], test["flaky"], test["retries"]) == (status, flaky, 1)
    assert [attempt["status"] for attempt in test["retryAttempts"]] == ["failed", status]
    cases = [
        case for case in ElementTree.parse(paths["junit"]).getroot().iter("testcase") if case.get("name") == "test_y"
    ]
    assert len(cases) == 1
    assert [item.tag for item in cases[0] if item.tag != "properties"] == ([] if flaky else ["failure"]) + [element]


def test_pass_that_no_policy_allowed_to_be_tried_for_is_told_as_a_failure(folder: Path) -> None:
    add_line(folder, summary="fell over")
    add_line(folder, outcome="pass", attempt=2)
    tests = json.loads(render_all(folder)["ctrf"].read_text())["results"]["tests"]
    assert [test["status"] for test in tests if test["name"] == "suites/csi/test_x.py::test_y"] == ["failed"]
