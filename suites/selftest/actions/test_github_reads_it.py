"""Our workflows as GitHub's own parser reads them, and every condition as its own evaluator answers it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from pipelines.github.needs import obstacles, read
from suites.selftest.actions import judges
from suites.selftest.actions.test_linters import SOUND

RESULTS = ("success", "failure", "cancelled", "skipped")
STATUSES = ("success", "failure", "cancelled")


@pytest.fixture(scope="module")
def parsed() -> dict[str, Any]:
    """What GitHub's parser makes of every workflow and action of ours, by file name (an action: by its folder's)."""
    workflows = {path.name: path.read_text() for path in judges.workflows()}
    actions = {path.parent.name: path.read_text() for path in judges.actions()}
    found: dict[str, Any] = judges.ask({"workflows": workflows, "actions": actions})
    return found


def status(answer: str) -> dict[str, bool]:
    """What the status functions say where everything before was this."""
    return {name: name == answer for name in STATUSES}


def combinations(jobs: list[str]) -> list[dict[str, Any]]:
    """The needs context of every combination of results."""
    return [
        {
            job: {"result": result, "outputs": {"attempt": "1", "artifact": "a"}}
            for job, result in zip(jobs, row, strict=True)
        }
        for row in itertools.product(RESULTS, repeat=len(jobs))
    ]


def as_status(needs: dict[str, Any]) -> str:
    """What GitHub makes of the jobs before: cancelled, else failed, else a success only if none was skipped."""
    results = {need["result"] for need in needs.values()}
    return "cancelled" if "cancelled" in results else "success" if results <= {"success"} else "failure"


def jobs_of(parsed: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, job) for name, file in parsed.items() for job in file.get("jobs", [])]


def test_github_reads_every_file_without_an_error(parsed: dict[str, Any]) -> None:
    assert {name: file["errors"] for name, file in parsed.items() if file["errors"]} == {}
    assert all(file.get("jobs") or file.get("steps") for file in parsed.values())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("run: echo hello", "run: echo hello\n        if: ${{ nobody() }}"),
        ("run: echo hello", "runs: echo hello"),
        ("name: one\n", "name: one\n    needs: [two]\n"),
        ("name: one\n", "name: one\n    if: ${{ steps.x.outcome == 'success' }}\n"),
    ],
)
def test_github_refuses_a_planted_mistake(old: str, new: str) -> None:
    found = judges.ask({"workflows": {"sound": SOUND, "broken": SOUND.replace(old, new)}})
    assert found["sound"]["errors"] == []
    assert found["broken"]["errors"] != []


def test_gate_runs_whatever_its_needs_came_to(parsed: dict[str, Any]) -> None:
    asked = [
        {"expression": condition, "contexts": {"needs": needs}, "status": status(answer)}
        for _, job in jobs_of(parsed)
        if job["id"] == "gate"
        for condition in [job["if"], *(step["if"] for step in job["steps"])]
        for needs in combinations(job["needs"])
        for answer in STATUSES
    ]
    asked += [
        {"expression": step["if"], "contexts": {"steps": {}, "inputs": {}}, "status": status(answer)}
        for step in parsed["evaluate-gate"]["steps"]
        for answer in STATUSES
    ]
    assert len(asked) > 100
    assert set(judges.ask({"evaluate": asked})) == {True}


def test_needs_as_github_writes_them_are_answered_as_the_truth_table_says(parsed: dict[str, Any]) -> None:
    for name, job in jobs_of(parsed):
        if job["id"] == "gate":
            rows = combinations(job["needs"])
            written = judges.ask({"evaluate": [
                {"expression": "toJSON(needs)", "contexts": {"needs": needs}, "status": {}} for needs in rows
            ]})  # fmt: skip
            for needs, text in zip(rows, written, strict=True):
                expected = all(need["result"] == "success" for need in needs.values())
                assert (not obstacles(read(text), job["needs"])) is expected, (name, needs)


def test_job_after_a_job_runs_exactly_where_the_truth_table_lets_it(parsed: dict[str, Any]) -> None:
    later = [(name, job) for name, job in jobs_of(parsed) if job["needs"] and job["id"] != "gate"]
    expected_jobs = {("github-release.yml", name) for name in ("sign-off", "dev", "staging", "production")}
    assert {(name, job["id"]) for name, job in later} == expected_jobs
    for name, job in later:
        rows = combinations(job["needs"])
        contexts = {"github": {"event_name": "push"}, "inputs": {}}
        answers = judges.ask({"evaluate": [
            {"expression": job["if"], "contexts": {**contexts, "needs": needs}, "status": status(as_status(needs))}
            for needs in rows
        ]})  # fmt: skip
        expected = [not obstacles(read(json.dumps(needs)), job["needs"]) for needs in rows]
        assert answers == expected, name
        assert sum(expected) == 1


def test_release_happens_after_a_push_only(parsed: dict[str, Any]) -> None:
    (job,) = [job for job in parsed["github-release.yml"]["jobs"] if job["id"] == "sign-off"]
    needs = {"needs": {"gate": {"result": "success", "outputs": {}}}}
    events = ("push", "pull_request", "merge_group", "")
    answers = judges.ask({"evaluate": [
        {"expression": job["if"], "contexts": {**needs, "github": {"event_name": event}}, "status": status("success")}
        for event in events
    ]})  # fmt: skip
    assert dict(zip(events, answers, strict=True)) == {
        "push": True,
        "pull_request": False,
        "merge_group": False,
        "": False,
    }


@pytest.mark.parametrize("condition", ["success()", "!cancelled()", "success() && (needs.trial.result != 'failure')"])
def test_condition_that_github_may_skip_the_gate_by_is_seen(condition: str) -> None:
    asked = [
        {"expression": condition, "contexts": {"needs": needs}, "status": status(as_status(needs))}
        for needs in combinations(["trial"])
    ]
    assert False in judges.ask({"evaluate": asked})


def test_record_is_kept_after_a_failure_and_the_verdict_ends_the_job(parsed: dict[str, Any]) -> None:
    keep, end = parsed["run-suite"]["steps"][2:]
    outputs = {"steps": {"run": {"outputs": {"artifact": "seatrial-trial-attempt-1"}}}}
    asked = [{"expression": step["if"], "contexts": outputs, "status": status("failure")} for step in (keep, end)]
    asked.append(
        {"expression": keep["if"], "contexts": {"steps": {"run": {"outputs": {}}}}, "status": status("success")}
    )
    assert judges.ask({"evaluate": asked}) == [True, True, False]


def test_machine_without_node_is_told_apart_from_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(pytest.skip.Exception, match="could not run: no node and no npm here"):
        judges.bundle.__wrapped__()
