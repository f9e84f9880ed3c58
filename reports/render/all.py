"""Renders everything that a run folder can be rendered to."""

from __future__ import annotations

from pathlib import Path

from reports import findings, history
from reports.render import ctrf, files, junit
from reports.render.html import page_of
from reports.render.markdown import markdown_of


def render_all(run_dir: Path, out: Path | None = None) -> dict[str, Path]:
    """Write report.html, summary.md, junit.xml, ctrf.json and history.json; returns their paths by kind. The folder is
    read once. out: another folder for them than the run's, which gets no history.json, for that is the run's own.

    OSError, such as a full disk: none of them is written.
    """
    run_dir = Path(run_dir)
    found = findings.of_folder(run_dir)
    place = out or run_dir
    pages: dict[str, tuple[Path, str | bytes]] = {
        "html": (place / "report.html", page_of(found, history.earlier(found.run), place)),
        "markdown": (place / "summary.md", markdown_of(found)),
        "junit": (place / "junit.xml", junit.data_of(found.run)),
        "ctrf": (place / "ctrf.json", ctrf.text_of(found.run)),
    }
    if not out:
        pages["history"] = (run_dir / history.FILE, history.text_of(history.summarise(found.run)))
    with files.folder_for_files(place):
        files.write_all(dict(pages.values()))
    return {kind: path for kind, (path, _) in pages.items()}
