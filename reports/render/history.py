"""Pages about many runs: the index with search, trends and flakes, and two runs side by side. They load nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from reports.history import Comparison, Summary, flakes, moved_wrong
from reports.render import words
from reports.render.trends import line_of, points, shown

TEMPLATES = Path(__file__).parent / "templates"
MOST_POINTS = 200
SYMBOLS = {"PASS": "✓", "FAIL": "✕", "INCONCLUSIVE": "?", "INVALID": "!"}


def index_page(runs: Sequence[Summary], told: Sequence[str], links: Mapping[str, str]) -> str:
    """The index. runs: the oldest first; links: run -> where its report is, relative to the page."""
    return _page(
        "history.html",
        runs=list(reversed(runs)),
        links={run: quote(link) for run, link in links.items()},
        told=told,
        trends=trends(runs),
        flakes=flakes(runs),
    )


def comparison_page(found: Comparison) -> str:
    """Two runs side by side."""
    return _page("compare.html", found=found)


def trends(runs: Sequence[Summary]) -> list[dict[str, Any]]:
    """Every figure over the runs that measured it: its line as SVG points, its last value, its least and most,
    which way is better and what the last value is beside the one before."""
    series: dict[str, list[float]] = {}
    ways: dict[str, str] = {}
    for run in runs:
        ways.update(run.better)
        for name, value in run.figures.items():
            series.setdefault(name, []).append(value)
    return [_trend(name, values, ways.get(name, "")) for name, values in sorted(series.items())]


def _trend(name: str, values: Sequence[float], way: str) -> dict[str, Any]:
    """way: which is better, "" where no policy says. moved: what the last value is beside the one before."""
    moved = ""
    if way and len(values) > 1 and values[-1] != values[-2]:
        moved = "worse" if moved_wrong(values[-1], values[-2], way) else "better"
    return {
        "name": name,
        "points": line_of(points(values[-MOST_POINTS:], min(values), max(values))),
        "last": values[-1],
        "least": min(values),
        "most": max(values),
        "number": len(values),
        "way": way,
        "moved": moved,
    }


def _page(name: str, **given: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(clean=words.clean, when=words.when, short=words.short)
    environment.globals.update(symbols=SYMBOLS, plural=words.plural, shown=shown)
    style = (TEMPLATES / "history.css").read_text(encoding="utf-8")
    script = (TEMPLATES / "history.js").read_text(encoding="utf-8") if name == "history.html" else ""
    policy = f"default-src 'none'; style-src {_source(style)}; base-uri 'none'; form-action 'none'"
    policy += f"; script-src {_source(script)}" if script else ""
    return environment.get_template(name).render(style=style, script=script, policy=policy, **given)


def _source(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
