"""The end of a run: its verdict, its signature and its report."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

from pipelines.pipeline import Stage
from pipelines.screen import Screen
from reports import attest
from reports.model import Decision, Verdict
from reports.render.all import render_all


def verdict(stages: Sequence[Stage], decisions: Sequence[Decision], error: str = "") -> Verdict:
    """The first decision that is not PASS; INCONCLUSIVE where a requested stage was not reached; INVALID on error."""
    if error:
        return Verdict.INVALID
    decided = {decision.stage: decision.verdict for decision in decisions}
    for stage in stages:
        if decided.get(stage.name, Verdict.INCONCLUSIVE) is not Verdict.PASS:
            return decided.get(stage.name, Verdict.INCONCLUSIVE)
    return Verdict.PASS


def render(folder: Path, screen: Screen, out: Path | None = None) -> Path | None:
    """Render report.html, summary.md, junit.xml and ctrf.json; None (and why, on screen) where that failed.

    out: another folder for them than the run's.
    """
    try:
        return render_all(folder, out)["html"]
    except Exception as error:  # noqa: BLE001 - a report that cannot be made must not change the verdict or hide it.
        screen.event(f"no report: {_told(error)}", "INVALID")
        return None


def sign(folder: Path, screen: Screen) -> Path | None:
    """Sign the sign-off; None (and why, on screen) where that failed."""
    try:
        return attest.sign(folder)
    except Exception as error:  # noqa: BLE001 - as above: unsigned is worse than signed, and both are better than no verdict.
        screen.event(f"not signed: {_told(error)}", "INVALID")
        return None


def ended_by(error: Exception) -> str:
    """What ended a run from outside its tests; a full disk is nobody's mistake here."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return f"{error.filename or 'the run folder'} cannot be written: {error.strerror}. Make room, and run again"
    return f"Seatrial itself failed: {error} (log/error.txt)"


def _told(error: Exception) -> str:
    """An error of ours with its kind; one of the machine, such as a full disk, by what could not be written."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return f"{type(error).__name__}: {error}"
