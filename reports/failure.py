"""From an exception to an outcome and the text that a reader gets: the one place where blame is assigned.

ClauseViolation and AssertionError blame the subject (fail). EnvironmentUnfit, a skip and a test that runs out of
time say that we cannot tell (could-not-run). NotApplicable: the subject does not declare the capability. Anything
else is our own fault: it looks like a fail, carries harness_error, and makes the run INVALID.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from reports.attempts import base_of
from reports.catalogue import Catalogue
from reports.model import (
    Clause,
    ClauseViolation,
    EnvironmentUnfit,
    Evidence,
    NotApplicable,
    Outcome,
    Result,
)
from reports.printable import MARK, cut, printable, title
from reports.redact import redact

_ORDER = (Outcome.FAIL, Outcome.COULD_NOT_RUN, Outcome.NOT_APPLICABLE, Outcome.PASS)
_LONGEST = 20_000
_SUBJECT_OPTIONS = (
    "--csi-",
    "--cri-",
    "--cni-",
    "--device-plugin-",
    "--provider",
    "--kube",
    "--as",
    "--pod-security",
    "--nodes",
    "--feature-gate",
    "--mutant",
    "--variant",
    "--upgrade-from",
    "--allow-",
)
_SWITCHES = ("--allow-disruptive",)


@dataclass(frozen=True)
class Judged:
    """What one phase (set-up, call, tear-down) of a test came to."""

    outcome: Outcome = Outcome.PASS
    summary: str = ""
    expected: str = ""
    actual: str = ""
    question: str = ""
    text: str = ""
    harness_error: bool = False
    clauses: tuple[str, ...] = ()


def judge(call: Any, item: pytest.Item, catalogue: Catalogue, clauses: tuple[str, ...]) -> Judged:
    """Judge the exception of one phase. call.excinfo is not None. All texts can be shown on a terminal."""
    judged = _judged(call, item, catalogue, clauses)
    return replace(
        judged,
        summary=title(judged.summary),
        expected=printable(judged.expected),
        actual=printable(judged.actual),
        question=printable(judged.question),
        text=printable(judged.text),
    )


def _judged(call: Any, item: pytest.Item, catalogue: Catalogue, clauses: tuple[str, ...]) -> Judged:
    error: BaseException = call.excinfo.value
    if isinstance(error, ClauseViolation):
        blamed = (error.clause,) if error.clause in catalogue.clauses else clauses
        return _failed(call, item, [catalogue.clauses[name] for name in blamed], error)
    if isinstance(error, AssertionError):
        violation = ClauseViolation(_first_line(error) or "an assertion does not hold")
        return _failed(call, item, [catalogue.clauses[name] for name in clauses], violation)
    if isinstance(error, NotApplicable):
        return Judged(Outcome.NOT_APPLICABLE, redact(_first_line(error)))
    if isinstance(error, (EnvironmentUnfit, pytest.skip.Exception)):
        return Judged(Outcome.COULD_NOT_RUN, redact(_first_line(error)), text=redact(str(error)))
    if isinstance(error, pytest.fail.Exception) and "Timeout" in str(error):
        return Judged(
            Outcome.COULD_NOT_RUN, "the test did not end in time: " + _first_line(error), text=_trace(call, item)
        )
    summary = f"harness error in {call.when}: {type(error).__name__}: {_first_line(error)}"
    return Judged(Outcome.FAIL, redact(summary), text=_trace(call, item), harness_error=True)


def worst(phases: Sequence[Judged]) -> Judged:
    """Merge the phases of a test: harness error > fail > could-not-run > not-applicable > pass."""
    ranked = sorted(phases, key=lambda judged: (not judged.harness_error, _ORDER.index(judged.outcome)))
    return ranked[0] if ranked else Judged()


def as_skip(judged: Judged) -> Any:
    """What pytest shall see of a test that blames nobody. It would draw up the whole trace of any other exception,
    which nobody reads and costs more than many a test."""
    try:
        raise pytest.skip.Exception(judged.summary, _use_item_location=True)
    except pytest.skip.Exception:
        return pytest.ExceptionInfo.from_current()


def rewrite(report: Any, judged: Judged) -> None:
    """Show pytest what we judged: our text for a fail, a skip with its reason for the rest."""
    if judged.harness_error:
        return
    if judged.outcome is Outcome.FAIL:
        report.outcome = "failed"
        report.longrepr = judged.text
        return
    report.outcome = "skipped"
    path, line, _ = report.location
    report.longrepr = (str(path), (line or 0) + 1, f"{judged.outcome.value}: {judged.summary}")


def crashed(report: Any) -> Result:
    """The result of a test whose xdist worker died: ours to explain, so a harness error."""
    summary = "the test process died in this test"
    return Result(
        report.nodeid, (), Outcome.FAIL, summary=summary, text=redact(str(report.longrepr)), harness_error=True
    )


def uncollected(report: Any) -> Result:
    """The result of a file or test that could not even be collected."""
    text = str(report.longrepr)
    summary = f"cannot be collected: {text.strip().splitlines()[-1] if text.strip() else 'no reason given'}"
    return Result(report.nodeid, (), Outcome.FAIL, summary=redact(summary), text=redact(text), harness_error=True)


def repeat_command(test: str, config: pytest.Config) -> str:
    """The command that repeats just this test with the same subject and seed."""
    given = [str(word) for word in config.invocation_params.args]
    chosen: list[str] = []
    for index, word in enumerate(given):
        if word.startswith(_SUBJECT_OPTIONS):
            has_value = "=" not in word and len(given) > index + 1 and not given[index + 1].startswith("-")
            chosen += [word, given[index + 1]] if has_value and word not in _SWITCHES else [word]
    return shlex.join(
        ["python", "-m", "pytest", base_of(test), "--seed", str(getattr(config.option, "seed", 0)), *chosen]
    )


def evidence_in(folders: Sequence[str], run_dir: Path) -> tuple[Evidence, ...]:
    """List the files that a test kept, with secrets removed from texts and a digest each. Links are left out:
    what they lead to is not evidence, and must not be rewritten."""
    found = []
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            content = path.read_bytes()
            cleaned = redact(content.decode(errors="surrogateescape")).encode(errors="surrogateescape")
            if cleaned != content:
                path.write_bytes(cleaned)
            digest = hashlib.sha256(cleaned).hexdigest()
            found.append(Evidence(path.name, str(path.relative_to(run_dir)), digest))
    return tuple(found)


def _failed(call: Any, item: pytest.Item, clauses: Sequence[Clause], error: ClauseViolation) -> Judged:
    expected, actual = _shown(error.expected), _shown(error.actual)
    question = error.question or next((clause.ask for clause in clauses if clause.ask), "")
    lines = [error.summary, ""]
    for clause in clauses:
        lines += [f"clause    {clause.id} ({clause.level.value})", f"          {clause.obligation}"]
        lines += [
            f"source    {clause.source} section {clause.section}" if clause.source else f"source    {clause.section}"
        ]
    if expected:
        lines.append(f"expected  {expected}")
    if actual:
        lines.append(f"actual    {actual}")
    if question:
        lines.append(f"question  {question}")
    if place := _place(call, item):
        lines.append(f"test      {place}")
    lines.append(f"repeat    {repeat_command(item.nodeid, item.config)}")
    if not isinstance(call.excinfo.value, ClauseViolation) or _wants_trace(item.config):
        lines += ["", _trace(call, item)]  # an assertion's values are in it; ours are told above
    return Judged(
        Outcome.FAIL,
        redact(error.summary),
        redact(expected),
        redact(actual),
        question,
        cut(redact("\n".join(lines)), _LONGEST),
        clauses=tuple(clause.id for clause in clauses),
    )


def _wants_trace(config: Any) -> bool:
    """Whether the user asked for our own frames too."""
    return config.option.tbstyle == "long" or bool(config.option.fulltrace)


def _place(call: Any, item: pytest.Item) -> str:
    """Where the test was when its clause did not hold: file, line and what stands there. "": not in the test."""
    lines = [entry.lineno + 1 for entry in call.excinfo.traceback if Path(str(entry.path)) == item.path]
    if not lines:
        return ""
    code = item.path.read_text(errors="replace").splitlines()
    # What raises tells the reader nothing that the summary does not; what was asked for does.
    asking = [line for line in lines if line <= len(code) and not code[line - 1].strip().startswith("raise ")]
    file = os.path.relpath(item.path, item.config.rootpath)
    return f"{file}:{asking[-1]}: {code[asking[-1] - 1].strip()}" if asking else f"{file}:{lines[-1]}"


def _trace(call: Any, item: pytest.Item) -> str:
    shown = item.repr_failure(call.excinfo)
    text = redact(str(shown))
    return text if len(text) <= _LONGEST else f"{MARK}{text[-_LONGEST:]}"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else repr(value)
    return cut(text, 2000)


def _first_line(error: BaseException) -> str:
    return title(str(error)) or type(error).__name__
