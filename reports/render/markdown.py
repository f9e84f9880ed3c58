"""The report as Markdown, for step summaries and pull requests: a screen or two, what blocks first.

Of a long table the most important rows are shown and the others counted, with a link to report.html, which has all.
GitHub takes 1 MiB of UTF-8; we stay below.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from reports.findings import Findings
from reports.render import words
from reports.render.document import Block, blocks_of, title_of

ROWS = 10  # of one table
FOLDED = 40  # of one that is folded away
FOLD_END = "</details>\n"
CELL = 300  # characters of one cell
BUDGET = 900 * 1024  # bytes; near 1 MiB a summary was seen to vanish (actions/runner#4337)
_MARKUP = re.compile(r"[\\`*_\[\]|~$@]")
_BEGINNING = re.compile(r"^(#+|[+-]|\d+[.)])(?=\s|$)")  # what makes a heading or a list of a line
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def markdown_of(found: Findings, budget: int = BUDGET) -> str:
    """The report, at most budget bytes of UTF-8. Cut at a row's end, with a note of how much is left out."""
    lines = [f"{line}\n" for line in _lines(found)]
    sizes = [len(line.encode()) for line in lines]
    if sum(sizes) <= budget:
        return "".join(lines)
    note = "\n> Cut here to {} bytes: {} more lines are in report.html of the run.\n"
    room = budget - len((FOLD_END + note.format(budget, len(lines))).encode())
    kept = 0
    while kept < len(lines) and sizes[kept] <= room:
        room -= sizes[kept]
        kept += 1
    cut = "".join(lines[:kept])
    # A note inside what is folded away would not be seen.
    end = FOLD_END if cut.count("<details>") > cut.count(FOLD_END) else ""
    return cut + end + note.format(budget, len(lines) - kept)


def _lines(found: Findings) -> Iterable[str]:
    yield f"# {escape(title_of(found))}"
    yield ""
    yield escape(words.clean(found.reason))
    blocks = blocks_of(found)
    for block in blocks:
        if not block.is_background:
            yield ""
            yield f"## {escape(block.heading)}"
            yield from _content(block)
    folded = [block for block in blocks if block.is_background]
    for block in folded:
        if block.weighty != 0:
            yield ""
            yield f"<details><summary>{escape(block.heading)} ({len(block.rows)})</summary>"
            yield from _content(block)
            yield ""
            yield FOLD_END.strip()
    yield ""
    for block in folded:
        if block.weighty == 0:
            told = _elsewhere(block, f"{escape(block.heading)}: {words.plural(len(block.rows), 'row')}")
            yield f"- {told} {escape(' '.join(block.lines))}".rstrip()


def _content(block: Block) -> Iterable[str]:
    most = FOLDED if block.is_background else ROWS
    shown = block.rows[: most if block.weighty is None else min(most, block.weighty)]
    if block.lines:
        yield ""
        yield from map(escape, block.lines)
    if shown:
        yield ""
        yield _row(block.header)
        yield "|" + " --- |" * len(block.header)
        yield from map(_row, shown)
    if rest := len(block.rows) - len(shown):
        yield ""
        yield _elsewhere(block, words.plural(rest, "more row" if shown else "row"))


def _elsewhere(block: Block, told: str) -> str:
    return f"{told} in [the report](report.html#{block.place})."


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(escape(_short(cell)) for cell in cells) + " |"


def _short(text: str) -> str:
    return text if len(text) <= CELL else text[: CELL - 1] + "…"


def escape(text: str) -> str:
    """A text that means itself: no markup, no HTML, no mention of anybody, on one line."""
    plain = "".join(_ENTITIES.get(letter, letter) for letter in " ".join(text.split()))
    marked = _MARKUP.sub(r"\\\g<0>", plain)
    return _BEGINNING.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", marked)
