"""Renders everything that a run folder can be rendered to."""

from __future__ import annotations

from pathlib import Path

from reports import findings, history
from reports.render import ctrf, files, junit
from reports.render.html import page_of
from reports.render.markdown import markdown_of

NAMES = {
    "html": "report.html", "markdown": "summary.md", "junit": "junit.xml", "ctrf": "ctrf.json",
    "history": history.FILE,
}  # fmt: skip


def render_all(run_dir: Path, out: Path | None = None) -> dict[str, Path]:
    """Write report.html, summary.md, junit.xml, ctrf.json and history.json; returns their paths by kind. The folder is
    read once. out: another folder for them than the run's, which gets no history.json, for that is the run's own.

    OSError, such as a full disk: none of them is written.
    """
    place = out or Path(run_dir)
    pages = pages_of(Path(run_dir), place)
    if out:
        del pages[history.FILE]
    with files.folder_for_files(place):
        files.write_all({place / name: page for name, page in pages.items()})
    return {kind: place / name for kind, name in NAMES.items() if name in pages}


def pages_of(run_dir: Path, place: Path | None = None) -> dict[str, str | bytes]:
    """The same, by name, not written. place: the folder that the page will lie in (default: the run's)."""
    found = findings.of_folder(run_dir)
    return {
        "report.html": page_of(found, history.earlier(found.run), place),
        "summary.md": markdown_of(found),
        "junit.xml": junit.data_of(found.run),
        "ctrf.json": ctrf.text_of(found.run),
        history.FILE: history.text_of(history.summarise(found.run)),
    }
