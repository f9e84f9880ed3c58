"""The HTML report: one self-contained page, drawn from a run folder alone.

Belongs here: what the templates need beyond findings (evidence texts, digests, the content security policy).
The page loads nothing: style and script are inline and allowed by their hashes only.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from reports import findings as findings_module
from reports.catalogue import Catalogue
from reports.failed_tests import tally_of
from reports.findings import OPEN, STANDINGS, UNTESTED, ClauseRow, Findings, Untested
from reports.history import Summary, summarise
from reports.model import Evidence, Level, Part
from reports.reasons import informing
from reports.render import trends, words
from reports.render.document import cluster_of, headline, statistics_of, upgrades_of
from reports.render.files import write_atomically
from reports.run_folder import RunFolder, Stage

TEMPLATES = Path(__file__).parent / "templates"
INLINE_LIMIT = 16 * 1024  # bytes of one evidence file shown in the page; of a longer one the end is shown
INLINE_BUDGET = 1024 * 1024  # bytes of evidence shown in the whole page
_ENDED = {
    "pass": "passed", "fail": "failed", "error": "broke", "could-not-run": "could not run",
    "not-applicable": "not applicable",
}  # fmt: skip
JUDGED = ("pass", "fail", "waived")
# symbol and word of each verdict and standing: never colour alone.
SYMBOLS = {
    "PASS": "✓", "FAIL": "✕", "INCONCLUSIVE": "?", "INVALID": "!",
    "pass": "✓", "fail": "✕", "waived": "◐", "could-not-run": "?", "missing": "∅", "uncovered": "○",
    "not-applicable": "–", "not-in-run": "○", "error": "!", "none": "·",
}  # fmt: skip
LABELS = {
    "pass": "pass", "fail": "fail", "waived": "waived", "could-not-run": "could not run", "missing": "no result",
    "uncovered": "no test", "not-applicable": "not applicable", "not-in-run": "not in this run", "error": "error",
    "flaky": "on a retry",
}  # fmt: skip


def render_html(run_dir: Path, catalogue: Catalogue | None = None) -> Path:
    """Write runs/<id>/report.html and return its path. RunFolderError or RecordError: the folder is broken."""
    run_dir = Path(run_dir)
    page = page_of(findings_module.of_folder(run_dir) if catalogue is None else _joined(run_dir, catalogue))
    return write_atomically(run_dir / "report.html", page)


def _joined(run_dir: Path, catalogue: Catalogue) -> Findings:
    from reports import run_folder

    return findings_module.join(run_folder.load(run_dir), catalogue)


def page_of(found: Findings, earlier: Sequence[Summary] = (), place: Path | None = None) -> str:
    """The page as text. earlier: signed runs that lie beside this one, the oldest first. place: the folder that the
    page will lie in, which its links start from (default: the run's)."""
    place = (place or found.run.path).resolve()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    environment.filters.update(
        clean=words.clean, duration=words.duration, when=words.when, short=words.short, safelink=words.link
    )
    environment.globals.update(
        symbols=SYMBOLS,
        labels=LABELS,
        plural=words.plural,
        span=words.span,
        standings_order=STANDINGS,
        shown=trends.shown,
    )
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    script = (TEMPLATES / "script.js").read_text(encoding="utf-8")
    return environment.get_template("report.html").render(
        run=found.run,
        found=found,
        style=style,
        script=script,
        policy=_content_policy(style, script),
        headline=headline(found),
        cluster=cluster_of(found.run),
        stages=[_stage_view(found, stage) for stage in found.run.stages],
        upgrades=_upgrade_views(found.run),
        suites=[_suite_view(found, suite) for suite in found.suites],
        levels=[_level_view(found, level) for level in Level],
        tested=_tested_view(found),
        untested=_untested_view(found),
        failures=_failure_views(found, place),
        statistics=[block for block in statistics_of(found) if block.rows],
        **_trends(found, earlier, place),
        components=_component_views(found.run),
        files=found.run.digests(),
    )


def _trends(found: Findings, earlier: Sequence[Summary], place: Path) -> dict[str, Any]:
    decisions = [stage.decision for stage in found.run.stages if stage.decision]
    limits = {
        f"{decision.stage}/{item.figure}": item.limit
        for decision in decisions
        for item in decision.measurements
        if item.limit is not None
    }
    now = summarise(found.run)
    runs = found.run.path.resolve().parent
    links = {summary.run: _link(runs / summary.run / "report.html", place) for summary in earlier}
    return {"earlier": list(earlier), "now": now, "plots": trends.plots([*earlier, now], limits), "links": links}


def _link(file: Path, place: Path) -> str:
    return quote(Path(os.path.relpath(file, place)).as_posix())


def _content_policy(style: str, script: str) -> str:
    def source(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    return (
        f"default-src 'none'; style-src {source(style)}; script-src {source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _stage_view(found: Findings, stage: Stage) -> dict[str, Any]:
    verdict = stage.decision.verdict.value if stage.decision else ""
    if verdict:
        state = verdict
    elif stage.records:
        state = "ended before its gate"
    else:
        state = "not reached" if stage.requested else "not asked for"
    tally = tally_of(stage)
    decisive = found.run.decisive is stage and verdict != "PASS"
    view = {"stage": stage, "verdict": verdict, "state": state, "tally": tally, "decisive": decisive}
    groups = informing(stage.decision) if stage.decision else ()
    return {**view, "remarks": [line for group in groups for line in group.lines]}


def _upgrade_views(run: RunFolder) -> list[dict[str, Any]]:
    """For each stage that upgraded: the release that it came from, and what changed."""
    names = ("name", "before", "identity", "after")
    return [
        {"stage": stage, "release": release, "rows": [dict(zip(names, row, strict=True)) for row in rows]}
        for stage, release, rows in upgrades_of(run)
    ]


def _suite_view(found: Findings, suite: str) -> dict[str, Any]:
    rows = [row for row in found.rows if row.clause.suite == suite]
    rows.sort(key=lambda row: (STANDINGS.index(row.standing) if row.standing != "waived" else 0.5, not row.required))
    counts = found.counts(suite)
    return {
        "name": suite,
        "rows": rows,
        "counts": counts,
        "judged": sum(counts[key] for key in JUDGED),
        "unjudged": sum(counts[key] for key in OPEN),
        "duration": _test_time(rows),
        "bar": _bar(counts, len(rows)),
        "open": any(row.standing in ("fail", "missing") for row in rows),
    }


def _level_view(found: Findings, level: Level) -> dict[str, Any]:
    rows = [row for row in found.rows if row.clause.level is level]
    counts = {standing: sum(1 for row in rows if row.standing == standing) for standing in STANDINGS}
    unjudged = sum(counts[key] for key in OPEN)
    return {"name": level.value, "counts": counts, "unjudged": unjudged, "duration": _test_time(rows)}


def _test_time(rows: Sequence[ClauseRow]) -> float:
    """Seconds of all tests of these clauses over all workers; one that judges several of them counts once."""
    results = {id(result): result for row in rows for result in row.results}
    return sum(result.duration for result in results.values())


def _bar(counts: dict[str, int], total: int) -> list[tuple[str, float, float]]:
    """Pieces of a bar of width 100: (standing, where it starts, how wide it is)."""
    pieces, place = [], 0.0
    for standing in ("pass", "waived", "fail", "missing", "could-not-run", "uncovered", "not-in-run", "not-applicable"):
        width = 100 * counts[standing] / total if total else 0
        if width:
            pieces.append((standing, round(place, 2), round(width, 2)))
        place += width
    return pieces


def _tested_view(found: Findings) -> dict[str, Any]:
    counts, outcomes = found.counts(), found.outcomes()
    return {
        "clauses": sum(counts[key] for key in JUDGED),
        "total": len(found.rows),
        "counts": counts,
        "results": sum(value for key, value in outcomes.items() if key not in ("missing", "flaky")),
        "outcomes": ", ".join(f"{outcomes[key]} {word}" for key, word in _ENDED.items() if outcomes[key]),
        "bar": _bar(counts, len(found.rows)),
    }


def _untested_view(found: Findings) -> dict[str, Any]:
    groups = []
    for kind, (heading, meaning) in UNTESTED.items():
        items = [item for item in found.untested if item.kind == kind]
        if items:
            counted = _counted(found, kind, items)
            groups.append({"kind": kind, "heading": heading, "meaning": meaning, "items": items, "counted": counted})
    required = sum(1 for item in found.untested if item.required and item.kind != "not-applicable")
    not_applicable = found.counts()["not-applicable"]
    return {
        "groups": groups, "clauses": found.open_clauses, "required": required, "not_applicable": not_applicable,
    }  # fmt: skip


def _counted(found: Findings, kind: str, items: Sequence[Untested]) -> str:
    """How many clauses, and how many of what else: 13 clauses and 1 other thing."""
    known = {row.clause.id for row in found.rows}
    clauses = sum(item.what in known for item in items)
    others = len(items) - clauses
    noun = {"not-reached": "stage", "missing": "test"}.get(kind, "other thing" if clauses else "thing")
    told = [words.plural(clauses, "clause")] if clauses else []
    return " and ".join([*told, words.plural(others, noun)] if others else told)


def _failure_views(found: Findings, place: Path) -> list[dict[str, Any]]:
    views, budget = [], INLINE_BUDGET
    for failure in found.failures:
        evidence = []
        for item in failure.result.evidence:
            view = _evidence_view(found.run, failure.stage, item, min(INLINE_LIMIT, budget), place)
            budget -= len(view["text"])
            evidence.append(view)
        views.append({"failure": failure, "evidence": evidence})
    return views


def _evidence_view(run: RunFolder, stage: str, item: Evidence, limit: int, place: Path) -> dict[str, Any]:
    """Where an evidence file lies, seen from the page, and its text or the end of it if it is text."""
    view: dict[str, Any] = {"name": item.name or item.path, "path": item.path}
    view |= {"href": "", "text": "", "size": "", "cut": False}
    root = run.path.resolve()
    for base in (root / stage, root):
        file = (base / item.path).resolve()
        # A record may have been tampered with: nothing outside the run folder is linked or read.
        if file.is_file() and file.is_relative_to(root):
            data = file.read_bytes()
            view["href"] = _link(file, place)
            view["size"] = _size(len(data))
            view["cut"] = len(data) > limit
            view["text"] = _text(data, limit)
            break
    return view


def _text(data: bytes, limit: int) -> str:
    if limit <= 0 or b"\x00" in data[:4096]:
        return ""
    if len(data) > limit:
        data = data[-limit:].partition(b"\n")[2] or data[-limit:]
    try:
        return words.clean(data.decode("utf-8"))
    except UnicodeDecodeError:
        return ""


def _size(count: int) -> str:
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.1f} KiB" if count < 1 << 20 else f"{count / (1 << 20):.1f} MiB"


def _component_views(run: RunFolder) -> list[dict[str, Any]]:
    """Declared components beside what was provided; parts that nothing declared come last and are marked."""
    parts: dict[str, Part] = {part.component: part for part in run.parts}
    views = []
    for component in run.candidate.components:
        part = parts.pop(component.name, None)
        source = component.sources[0] if component.sources else None
        declared = (source.sum or source.digest or source.sha256 or source.path) if source else ""
        views.append(
            {
                "name": component.name,
                "version": component.version,
                "declared": (part.identity if part else "") or declared,
                "kind": part.source if part else source.kind if source else "",
                "part": part,
                "undeclared": False,
            }
        )
    for part in parts.values():
        views.append(
            {"name": part.component, "version": part.version, "declared": part.identity, "kind": part.source,
             "part": part, "undeclared": bool(run.candidate.components)}
        )  # fmt: skip
    return views
