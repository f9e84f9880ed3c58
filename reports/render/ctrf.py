"""Common Test Report Format (ctrf.io) from the records.

could-not-run and not-applicable are `skipped`, a fault of the harness is `failed`, a planned test without a
result is `other`; rawStatus keeps our own word, so nothing is lost. Milliseconds, as the format asks.
"""

from __future__ import annotations

import json
from typing import Any

from reports.attempts import Told, once_each
from reports.model import Outcome, Result
from reports.render.junit import body_of, suite_of
from reports.render.words import clean
from reports.run_folder import RunFolder, moment

_STATUS = {
    Outcome.PASS: "passed",
    Outcome.FAIL: "failed",
    Outcome.NOT_APPLICABLE: "skipped",
    Outcome.COULD_NOT_RUN: "skipped",
}


def text_of(run: RunFolder) -> str:
    """What ctrf.json holds."""
    return json.dumps(ctrf_of(run), indent=1, ensure_ascii=False) + "\n"


def ctrf_of(run: RunFolder) -> dict[str, Any]:
    """The report as JSON data."""
    tests: list[dict[str, Any]] = []
    for stage in run.stages:
        for record in stage.records:
            flakes = stage.decision.flakes if stage.decision else ()
            tests += [_told(stage.name, told) for told in once_each(record.results, flakes)]
            tests += [
                {"name": test, "status": "other", "duration": 0, "rawStatus": "missing",
                 "suite": [stage.name, suite_of(test)], "message": "no result: the run ended before this test reported"}
                for test in record.missing
            ]  # fmt: skip
    statuses = [test["status"] for test in tests]
    summary: dict[str, Any] = {"tests": len(tests)}
    summary |= {name: statuses.count(name) for name in ("passed", "failed", "skipped", "pending", "other")}
    summary |= {"start": _milliseconds(run.started), "stop": _milliseconds(run.finished or run.started)}
    return {
        "reportFormat": "CTRF",
        "specVersion": "0.0.0",
        "results": {
            "tool": {"name": "seatrial", "version": run.seatrial.get("version", "")},
            "summary": summary,
            "tests": tests,
            "environment": {
                "appName": run.candidate.name,
                "buildName": run.id,
                "commit": run.seatrial.get("commit", ""),
                "testEnvironment": run.provider,
                "extra": {"verdict": run.verdict.value, "profile": run.profile, "seed": run.seed},
            },
        },
    }


def _told(stage: str, told: Told) -> dict[str, Any]:
    """One test with all its attempts; the format has words of its own for retries and flakes."""
    test = _test(stage, told.result)
    if told.others:
        attempts = sorted([told.result, *told.others], key=lambda result: result.attempt)
        shown = ("status", "duration", "rawStatus", "start", "stop", "message", "trace")
        test |= {"retries": len(told.others), "flaky": told.flaky, "retryAttempts": []}
        for result in attempts:
            one = {key: value for key, value in _test(stage, result).items() if key in shown}
            test["retryAttempts"].append({"attempt": result.attempt, **one})
    return test


def _test(stage: str, result: Result) -> dict[str, Any]:
    test: dict[str, Any] = {
        "name": clean(result.test),
        "status": "failed" if result.harness_error else _STATUS[result.outcome],
        "duration": round(result.duration * 1000),
        "rawStatus": "harness-error" if result.harness_error else result.outcome.value,
        "suite": [stage, suite_of(result.test)],
        "tags": list(result.clauses),
    }
    if result.started:
        test["start"] = _milliseconds(result.started)
        test["stop"] = test["start"] + test["duration"]
    if result.outcome is not Outcome.PASS or result.harness_error:
        test["message"] = clean(result.summary)
        test["trace"] = clean(body_of(result))
    return test


def _milliseconds(text: str) -> int:
    return round(moment(text).timestamp() * 1000)
