"""Renders everything that a run folder can be rendered to."""

from __future__ import annotations

from pathlib import Path

from reports import findings, history
from reports.render.ctrf import render_ctrf
from reports.render.files import write_atomically
from reports.render.html import page_of
from reports.render.junit import render_junit
from reports.render.markdown import render_markdown


def render_all(run_dir: Path) -> dict[str, Path]:
    """Write report.html, summary.md, junit.xml, ctrf.json and history.json; returns their paths by kind. The folder is
    read once."""
    run_dir = Path(run_dir)
    found = findings.of_folder(run_dir)
    return {
        "html": write_atomically(run_dir / "report.html", page_of(found, history.earlier(found.run))),
        "markdown": render_markdown(found),
        "junit": render_junit(found.run),
        "ctrf": render_ctrf(found.run),
        "history": history.write(found.run),
    }
