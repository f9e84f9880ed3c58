"""The report as Markdown, for step summaries and pull requests. GitHub takes 1 MiB of UTF-8; we stay below."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from reports.findings import Findings
from reports.render import words
from reports.render.document import Block, blocks_of, title_of
from reports.render.files import write_atomically

BUDGET = 900 * 1024  # bytes; near 1 MiB a summary was seen to vanish (actions/runner#4337)
_MARKUP = re.compile(r"[\\`*_\[\]|~$@]")
_BEGINNING = re.compile(r"^(#+|[+-]|\d+[.)])(?=\s|$)")  # what makes a heading or a list of a line
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def render_markdown(found: Findings, path: Path | None = None) -> Path:
    """Write runs/<id>/summary.md, or to another path, and return its path."""
    return write_atomically(path or found.run.path / "summary.md", markdown_of(found))


def markdown_of(found: Findings, budget: int = BUDGET) -> str:
    """The report, at most budget bytes of UTF-8. Cut at a row's end, with a note of how much is left out."""
    lines = [f"{line}\n" for line in _lines(found)]
    sizes = [len(line.encode()) for line in lines]
    if sum(sizes) <= budget:
        return "".join(lines)
    note = "\n> Cut here to {} bytes: {} more lines are in report.html of the run.\n"
    room = budget - len(note.format(budget, len(lines)).encode())
    kept = 0
    while kept < len(lines) and sizes[kept] <= room:
        room -= sizes[kept]
        kept += 1
    return "".join(lines[:kept]) + note.format(budget, len(lines) - kept)


def _lines(found: Findings) -> Iterable[str]:
    yield f"# {escape(title_of(found))}"
    yield ""
    yield escape(words.clean(found.reason))
    for block in blocks_of(found):
        yield from _block(block)


def _block(block: Block) -> Iterable[str]:
    yield ""
    yield f"## {escape(block.heading)}"
    yield ""
    for line in block.lines:
        yield escape(line)
    if block.rows:
        if block.lines:
            yield ""
        yield _row(block.header)
        yield "|" + " --- |" * len(block.header)
        for row in block.rows:
            yield _row(row)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"


def escape(text: str) -> str:
    """A text that means itself: no markup, no HTML, no mention of anybody, on one line."""
    plain = "".join(_ENTITIES.get(letter, letter) for letter in " ".join(text.split()))
    marked = _MARKUP.sub(r"\\\g<0>", plain)
    return _BEGINNING.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", marked)
