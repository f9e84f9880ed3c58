"""The verdict on one screen: at most 24 lines of 100 columns, plain ASCII where the terminal knows no more.

Colour only on a terminal that wants it: a tty, NO_COLOR unset, TERM not dumb.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from reports import findings
from reports.failed_tests import tally_of
from reports.findings import OPEN, STANDINGS, Findings
from reports.model import Verdict
from reports.render.document import headline
from reports.render.html import JUDGED, LABELS
from reports.render.words import clean, plural, span

LINES = 24
COLUMNS = 100
_COLOURS = {Verdict.PASS: "32", Verdict.FAIL: "31", Verdict.INCONCLUSIVE: "33", Verdict.INVALID: "35"}
_TO_ASCII = {"✓": "+", "✕": "x", "·": ".", "–": "-", "…": "...", "“": '"', "”": '"', "‘": "'", "’": "'", "→": "->"}
_SYMBOLS = {Verdict.PASS: "✓", Verdict.FAIL: "✕", Verdict.INCONCLUSIVE: "?", Verdict.INVALID: "!"}


def print_verdict(run_dir: Path, stream: TextIO, environment: Mapping[str, str] | None = None) -> None:
    """Write the verdict of a run folder to a stream, as it can show it."""
    environment = os.environ if environment is None else environment
    colour = stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    stream.write(verdict_screen(findings.of_folder(run_dir), colour=colour, ascii_only=not _knows_symbols(stream)))


def verdict_screen(found: Findings, *, colour: bool = False, ascii_only: bool = False) -> str:
    """The screen as text, ending with a newline. The last lines say where the report and the sign-off lie."""
    head = _head(found)
    tail = _tail(found)
    middle = _stages(found)
    for block in (_suites(found), _untested(found)):
        if len(head) + len(middle) + len(block) + len(tail) <= LINES - 2:
            middle += block
    room = LINES - len(head) - len(middle) - len(tail)
    lines = [_cut(line) for line in [*head, *middle, *_remedies(found, room), *tail]]
    if ascii_only:
        lines = [_ascii(line) for line in lines]
    if colour:
        lines[0] = f"\x1b[1;{_COLOURS[found.run.verdict]}m{lines[0]}\x1b[0m"
    return "\n".join(lines[:LINES]) + "\n"


def _knows_symbols(stream: TextIO) -> bool:
    try:
        "✓✕…".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _ascii(line: str) -> str:
    for symbol, plain in _TO_ASCII.items():
        line = line.replace(symbol, plain)
    return _cut(line.encode("ascii", "replace").decode("ascii"))


def _cut(line: str) -> str:
    line = line.rstrip()
    return line if len(line) <= COLUMNS else line[: COLUMNS - 3] + "..."


def _wrapped(text: str, first: str, limit: int) -> list[str]:
    """Text in at most `limit` lines behind a first prefix; cut with three dots where it does not fit."""
    flat = " ".join(clean(text).split())
    return textwrap.wrap(
        flat,
        width=COLUMNS,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        max_lines=limit,
        placeholder=" ...",
    )


def _head(found: Findings) -> list[str]:
    verdict = found.run.verdict
    name = clean(found.run.candidate.name)
    return [f"{_SYMBOLS[verdict]} {verdict.value}  {name} {headline(found)}", *_wrapped(found.reason, "  ", 3), ""]


def _stages(found: Findings) -> list[str]:
    stages = found.run.stages
    wide = max((len(stage.name) for stage in stages), default=0)
    lines = []
    for stage in stages:
        state = stage.decision.verdict.value if stage.decision else "no gate" if stage.records else "not reached"
        told = ", ".join(f"{value} {LABELS[key]}" for key, value in tally_of(stage).items() if value)
        lines.append(f"  {stage.name:<{wide}}  {state:<12}  {told:<52} {span(stage.started, stage.finished):>12}")
    return lines[:6]


def _suites(found: Findings) -> list[str]:
    lines = ["", f"  {'clauses of':<12}{'pass':>8}{'fail':>8}{'waived':>8}{'open':>8}{'n/a':>8}"]
    for suite in found.suites:
        counts = found.counts(suite)
        told = [counts["pass"], counts["fail"], counts["waived"], sum(counts[key] for key in OPEN)]
        lines.append(f"  {suite:<12}" + "".join(f"{number:>8}" for number in [*told, counts["not-applicable"]]))
    return lines if len(lines) > 2 else []


def _untested(found: Findings) -> list[str]:
    counts = found.counts()
    told = [f"{counts[key]} {LABELS[key]}" for key in STANDINGS if key not in JUDGED and counts[key]]
    if not told:
        return ["  every clause has a finding"]
    required = sum(1 for item in found.untested if item.required and item.kind != "not-applicable")
    tail = f" ({plural(required, 'required clause')} among them)" if required else ""
    return _wrapped(f"not tested: {', '.join(told)}{tail}", "  ", 2)


def _remedies(found: Findings, room: int) -> list[str]:
    """As many of the remedies as there is room for, each in at most two lines."""
    groups = found.remedies_grouped
    if not groups or room < 3:
        return []
    lines = ["", "  What would let it go on:"]
    for number, group in enumerate(groups, start=1):
        many = f" ({len(group.reasons)} times)" if group.remedy and len(group.reasons) > 1 else ""
        text = _wrapped((group.remedy or group.lines[0]) + many, f"  {number}. ", 2)
        left = len(groups) - number + 1
        if len(lines) + len(text) + (1 if left > 1 else 0) > room:
            lines.append(f"     and {left} more in the report")
            break
        lines += text
    return lines[:room]


def _tail(found: Findings) -> list[str]:
    folder = found.run.path
    lines = ["", f"  report    {folder / 'report.html'}"]
    if (folder / "signoff.dsse.json").exists():
        lines.append(f"  sign-off  {folder / 'signoff.dsse.json'}")
    return lines
