"""Renders everything that a run folder can be rendered to."""

from __future__ import annotations

from pathlib import Path

from reports import findings, history
from reports.render.ctrf import render_ctrf
from reports.render.files import write_atomically
from reports.render.html import page_of
from reports.render.junit import render_junit
from reports.render.markdown import render_markdown


def render_all(run_dir: Path, out: Path | None = None) -> dict[str, Path]:
    """Write report.html, summary.md, junit.xml, ctrf.json and history.json; returns their paths by kind. The folder is
    read once. out: another folder for them than the run's, which gets no history.json, for that is the run's own."""
    run_dir = Path(run_dir)
    found = findings.of_folder(run_dir)
    place = out or run_dir
    written = {
        "html": write_atomically(place / "report.html", page_of(found, history.earlier(found.run), place)),
        "markdown": render_markdown(found, place / "summary.md"),
        "junit": render_junit(found.run, place / "junit.xml"),
        "ctrf": render_ctrf(found.run, place / "ctrf.json"),
    }
    return written if out else {**written, "history": history.write(found.run)}
