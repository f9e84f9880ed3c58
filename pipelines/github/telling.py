"""A judgement in words: the log, the annotations of what blocks, and the summary of the job in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipelines.configuration import line_index
from pipelines.github.commands import plain
from pipelines.github.judgement import Judgement, Leg
from reports import reasons
from reports.model import Verdict
from reports.reasons import Group

Told = tuple[str, str]
"""What is wrong, of however many clauses, and what would mend it."""

MOST_REASONS = 200
"""Reasons of one kind in a summary; the report in the artifact has all."""
_SIGN = {
    Verdict.PASS: "may go on",
    Verdict.FAIL: "a required clause does not hold",
    Verdict.INCONCLUSIVE: "something required is not known",
    Verdict.INVALID: "what was handed to the gate cannot be trusted",
}


def blocking(judgement: Judgement) -> list[Told]:
    """What keeps the candidate back, the gate's own reasons first, each once."""
    found = [*reasons.grouped((item.reason for item in judgement.findings), ())]
    for leg in judgement.legs:
        found += reasons.grouped((item.reason for item in leg.findings), ())
        found += [group for decision in leg.decisions for group in reasons.blocking(decision)]
    return _told(found)


def _told(groups: Iterable[Group]) -> list[Told]:
    return list(dict.fromkeys((line, group.remedy) for group in groups for line in group.lines))


def annotated(judgement: Judgement, candidate: Path | None) -> list[tuple[str, int]]:
    """(text, line of the candidate file) of what blocks; a reason that names a component has that component's line."""
    lines = _component_lines(candidate)
    return [(_in_line(told), _line(told[0], lines)) for told in blocking(judgement)]


def log(judgement: Judgement) -> list[str]:
    """What a person reads in the log of the step."""
    lines = [f"{judgement.verdict}: {_SIGN[judgement.verdict]}"]
    for leg in judgement.legs:
        stages = ", ".join(f"{item.stage} {item.verdict}" for item in leg.decisions) or "no stage decided"
        lines.append(f"  {leg.name}: {leg.verdict} ({stages})")
    return [*lines, *(f"  - {_in_line(told)}" for told in blocking(judgement))]


def markdown(judgement: Judgement, title: str) -> str:
    """The summary of the job."""
    lines = [f"## {judgement.verdict}: {plain(title)}", "", f"{_SIGN[judgement.verdict].capitalize()}.", ""]
    if judgement.legs:
        lines += ["| leg | verdict | stages | required clauses |", "| --- | --- | --- | --- |"]
        lines += [_row(leg) for leg in judgement.legs]
        lines.append("")
    lines += _listed("What blocks", blocking(judgement))
    lines += _listed("Notes", _notes(judgement))
    return "\n".join(lines) + "\n"


def _row(leg: Leg) -> str:
    stages = ", ".join(f"{plain(item.stage)} {item.verdict}" for item in leg.decisions) or "none decided"
    required = [item for decision in leg.decisions for item in decision.standings if item.required]
    proven = sum(item.standing == "pass" for item in required)
    return f"| {plain(leg.name)} | {leg.verdict} | {stages} | {proven} of {len(required)} proven |"


def _notes(judgement: Judgement) -> list[Told]:
    decisions = [decision for leg in judgement.legs for decision in leg.decisions]
    return _told(group for decision in decisions for group in reasons.informing(decision))


def _listed(title: str, found: Sequence[Told]) -> Iterable[str]:
    if not found:
        return
    yield from (f"### {title}", "")
    for text, remedy in found[:MOST_REASONS]:
        yield f"- {plain(text)}{f' *{plain(remedy)}*' if remedy else ''}"
    if len(found) > MOST_REASONS:
        yield f"- and {len(found) - MOST_REASONS} more; the report in the artifact has all of them"
    yield ""


def _in_line(told: Told) -> str:
    text, remedy = told
    return f"{text} -> {remedy}" if remedy else text


def _component_lines(candidate: Path | None) -> dict[str, int]:
    """Component -> line of its name in the candidate file; empty where the file cannot be read."""
    try:
        text = candidate.read_text(encoding="utf-8") if candidate else ""
    except OSError:
        return {}
    lines = text.splitlines()
    found = {}
    for where, line in line_index(text).items():
        if len(where) == 3 and where[0] == "component" and where[2] == "name":
            name = re.search(r"=\s*[\"']([^\"']+)", lines[line - 1])
            if name:
                found[name[1]] = line
    return found


def _line(text: str, lines: dict[str, int]) -> int:
    """The line of the component that a sentence names first; 1 where it names none."""
    named = [(found.start(), line) for name, line in lines.items()
             if (found := re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text))]  # fmt: skip
    return min(named)[1] if named else 1
