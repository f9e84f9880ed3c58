"""import: the results of an established suite as a record beside ours, and the gates decide again.

The file says what ran, never whether that was all: how many cases the suite has must be said by whoever imports it.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections import Counter
from pathlib import Path
from typing import Any

from pipelines import closing, junit, recorded
from pipelines.configuration import Misconfigured
from pipelines.junit import Case, State
from pipelines.logbook import now as present
from pipelines.logbook import stamp, text_of, write
from pipelines.recorded import Recorded
from pipelines.screen import Screen, show_decision
from reports import attest, envelope
from reports.model import Decision, Outcome, Result, Verdict, to_json
from reports.printable import cut
from reports.recorder import revision
from reports.redact import redact
from reports.run_folder import moment, sha256_of
from reports.spelling import nearest

SKIPPED = {
    "conformance": Outcome.COULD_NOT_RUN,  # a certified run skips no case
    "csi-sanity": Outcome.NOT_APPLICABLE,  # it skips what the driver does not declare
    "critest": Outcome.COULD_NOT_RUN,
}
"""The suites that can be imported, and what a case means that skipped itself."""
_OUTCOMES = {State.PASSED: Outcome.PASS, State.FAILED: Outcome.FAIL}


def import_results(given: argparse.Namespace) -> int:
    """Add a record to a run and decide again. The exit code is that of the first verdict that is not PASS."""
    known = recorded.load(given.run)
    if given.expected < 1:
        raise Misconfigured(
            [f"--expected {given.expected}: a suite has at least one case; without a number none is missed."]
        )
    was_signed = (given.run / attest.SIGNOFF).exists()
    stage = _stage(known, given.stage)
    _require_component(known, given.component)
    _require_changeable(given.run, given.replace_sign_off)
    document = junit.read(given.file)
    name = "-".join(filter(None, (given.suite, given.component)))
    path = given.run / stage / f"record-{name}.jsonl"
    if path.exists():
        raise Misconfigured([f"{path}: is there already: {name} was imported into this run."])
    lines = _record(given, known, stage, document)
    decisions = _add(given.run, path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    screen = Screen()
    ran, planned = len(lines) - 3, len(lines[1]["tests"])
    screen.line(f"{path}: {ran} results of {planned} cases, {given.expected} expected; {lines[1]['deselected']} others")
    for decision in decisions:
        show_decision(screen, decision)
    report = closing.render(given.run, screen)
    if was_signed:
        screen.line(
            f"The sign-off was removed with what it stood for; sign again: python -m pipelines sign {given.run}"
        )
    if report is None:
        screen.line(f"The record is in, and the report is the old one: python -m pipelines report {given.run}")
        return Verdict.INVALID.exit_code
    return next((item.verdict for item in decisions if item.verdict is not Verdict.PASS), Verdict.PASS).exit_code


def _stage(known: Recorded, asked: str) -> str:
    """The stage that the record belongs to: the one asked for, or the last that had tests to run."""
    names = [stage.name for stage in known.requested() if stage.kind == "tests"]
    if asked and asked not in names:
        raise Misconfigured([f"--stage {asked}: the run has no such stage of tests. {nearest(asked, names)}"])
    return asked or names[-1]


def _require_component(known: Recorded, name: str) -> None:
    if name and known.candidate.component(name) is None:
        names = [component.name for component in known.candidate.components]
        raise Misconfigured([f"--component {name}: the candidate has none of that name. {nearest(name, names)}"])


def _require_changeable(run: Path, replaces: bool) -> None:
    if (run / attest.SIGNOFF).exists() and not replaces:
        text = f"{run}: is signed, and a signed run is not changed."
        raise Misconfigured([f"{text} With --replace-sign-off its sign-off is removed, and you sign again."])


def _record(given: argparse.Namespace, known: Recorded, stage: str, document: junit.Document) -> list[dict[str, Any]]:
    """The lines of the record. Cases that were not selected are counted, not listed."""
    started = _started(given.started or document.started, given.file)
    ran = [case for case in document.cases if case.state is not State.NOT_SELECTED]
    # A step of the suite is no case; one that failed is told all the same.
    told = _named_apart([case for case in ran if not case.is_step or case.state is State.FAILED])
    results = [_result(case, given.suite, started) for case in told]
    cases = sum(not case.is_step for case in told)
    header = {
        "kind": "run",
        "run": stage,
        "stage": stage,
        "started": started,
        "catalogue": known.catalogue.digest,
        "command": ["import", "junit", given.file.name],
        "seatrial": revision(),
        "environment": {"candidate": known.candidate.digest},
        "imported": {
            "suite": given.suite,
            "component": given.component,
            "cases": cases,
            "expected": given.expected,
            "sha256": sha256_of(given.file),
            "attempts": document.attempts,
            "succeeded": document.succeeded,
            "why": document.why,
        },
    }
    plan = {"kind": "planned", "tests": {line["test"]: [] for line in results}, "deselected": _not_selected(document)}
    counts = {outcome.value: sum(line["outcome"] == outcome for line in results) for outcome in Outcome}
    # Of cases that ran side by side the sum is more than the time that went by.
    finished = min(moment(started) + datetime.timedelta(seconds=sum(case.seconds for case in told)), present())
    end = {"kind": "end", "finished": stamp(finished), "exit": int(counts[Outcome.FAIL] > 0), "counts": counts}
    return [header, plan, *results, end]


def _named_apart(cases: list[Case]) -> list[Case]:
    """The same cases; of steps that failed in several processes each has a name of its own."""
    seen: Counter[str] = Counter()
    for case in cases:
        seen[case.name] += 1
        if seen[case.name] > 1:
            case.name += f" ({seen[case.name]})"
    return cases


def _not_selected(document: junit.Document) -> int:
    return sum(case.state is State.NOT_SELECTED and not case.is_step for case in document.cases)


def _started(text: str, file: Path) -> str:
    """When the suite ran. Misconfigured: nobody says it; a record without age would never be stale."""
    if not text:
        return _refuse(file, "does not say when it was made")
    try:
        began = moment(text)
    except ValueError:
        return _refuse(file, f"was made at {text!r}, which is no time")
    if began > present():
        # Ginkgo writes the local time of its machine, and not which zone that is.
        return _refuse(file, f"was made at {text}, which is yet to come in UTC")
    return stamp(began)


def _refuse(file: Path, problem: str) -> str:
    raise Misconfigured([f"{file}: {problem}. Give the start of the suite: --started 2026-12-01T08:00:00Z"])


def _result(case: Case, suite: str, started: str) -> dict[str, Any]:
    result = Result(
        test=f"{suite}::{case.name.removeprefix('[It] ')}",
        clauses=(),
        outcome=_OUTCOMES.get(case.state, SKIPPED[suite]),
        duration=case.seconds,
        started=started,
        summary=cut(redact(case.message), 500),
        text=redact(case.text),
    )
    return {"kind": "result", **to_json(result)}


def _add(run: Path, path: Path, text: str) -> list[Decision]:
    """Write the record and what the gates say now. Where they cannot decide, or the disk is full, the run is as it
    was."""
    write(path, text)
    try:
        decisions = recorded.load(run).decide_anew(present().replace(microsecond=0))
        known = {run / "decisions" / f"{decision.stage}.json": text_of(decision) for decision in decisions}
        stale = [file for file in (run / "decisions").glob("*.json") if file not in known]
        envelope.write_all(run, known, [*stale, *attest.made_by_signing(run)])
    except BaseException:
        path.unlink()
        raise
    attest.drop(run)
    return decisions
