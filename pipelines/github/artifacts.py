"""Which of the downloaded artifacts count: those of this workflow run, this commit and the attempt that is judged.

Every artifact of ours holds a note (seatrial-artifact.json) that says which leg of the matrix made it, in which run and
attempt. Names and folders are not trusted: actions/download-artifact leaves the artifact's own folder out where it
finds one only, and a re-run keeps what earlier attempts uploaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.configuration import Misconfigured
from pipelines.findings import Finding
from pipelines.logbook import write
from reports.model import Verdict

NOTE = "seatrial-artifact.json"
LEG = re.compile(r"[a-z0-9]([a-z0-9.-]{0,58}[a-z0-9])?")
AGAIN = 'Choose "Re-run all jobs": the legs of one verdict must be of one attempt.'


@dataclass(frozen=True)
class Note:
    """Who made an artifact. run: the name of the run folder in it; attempt counts from 1."""

    leg: str
    run: str
    repository: str
    run_id: str
    attempt: int
    commit: str


@dataclass(frozen=True)
class Here:
    """The workflow run that asks, from GitHub's own variables."""

    repository: str
    run_id: str
    attempt: int
    commit: str


def here(environment: Mapping[str, str]) -> Here:
    """Read GITHUB_REPOSITORY, _RUN_ID, _RUN_ATTEMPT and _SHA. Misconfigured: one is missing."""
    names = ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_SHA")
    missing = [name for name in names if not environment.get(name)]
    if missing or not environment[names[2]].isdecimal():
        text = f"{', '.join(missing) or names[2]}: not set as GitHub Actions sets it."
        raise Misconfigured([f"{text} This command is for a step of a workflow."])
    repository, run_id, attempt, commit = (environment[name] for name in names)
    return Here(repository, run_id, int(attempt), commit)


def name_of(leg: str, attempt: int) -> str:
    """The artifact's name. The attempt is in it, so that a re-run never meets or replaces what was uploaded before."""
    return f"seatrial-{leg}-attempt-{attempt}"


def note_down(folder: Path, leg: str, run: str, where: Here) -> Note:
    """Write the note of an artifact into its folder. Misconfigured: the leg's name cannot name an artifact."""
    if not LEG.fullmatch(leg):
        raise Misconfigured([f'leg "{leg}": use lower-case letters, digits, dots and hyphens, at most 60.'])
    note = Note(leg, run, where.repository, where.run_id, where.attempt, where.commit)
    write(folder / NOTE, json.dumps(asdict(note), indent=1) + "\n")
    return note


def choose(folder: Path, legs: Sequence[str], where: Here, attempt: int) -> tuple[dict[str, Path], list[Finding]]:
    """The run folder of every leg, and what is wrong with the rest. attempt: the one whose verdict is asked for.

    A finding keeps the gate from PASS, always: a leg that is missing is INCONCLUSIVE, one that is there twice or of
    something else is INVALID.
    """
    findings = []
    if not legs:
        text = "The gate expects no leg, so nothing would be proven."
        findings.append(Finding.of(Verdict.INVALID, text, "Name the legs of the matrix."))
    chosen: dict[str, Path] = {}
    older: dict[str, int] = {}
    for path in sorted(folder.rglob(NOTE)):
        note = _read(path)
        if isinstance(note, Finding):
            findings.append(note)
        elif (note.repository, note.run_id, note.commit) != (where.repository, where.run_id, where.commit):
            text = f"The artifact of the leg {note.leg} is of another workflow run or commit ({note.run_id})."
            findings.append(Finding.of(Verdict.INVALID, text, "Download artifacts of this workflow run only."))
        elif note.attempt > attempt:
            text = f"The leg {note.leg} ran again in attempt {note.attempt}, after attempt {attempt} that is judged."
            findings.append(Finding.of(Verdict.INCONCLUSIVE, text, AGAIN))
        elif note.attempt < attempt:
            older[note.leg] = max(note.attempt, older.get(note.leg, 0))
        elif note.leg not in legs:
            text = f"There is an artifact of the leg {note.leg}, which the gate does not expect."
            findings.append(Finding.of(Verdict.INVALID, text, "Name every leg of the matrix to the gate."))
        elif note.leg in chosen:
            text = f"The leg {note.leg} has two artifacts in attempt {attempt}."
            findings.append(Finding.of(Verdict.INVALID, text, "Give every leg of the matrix a name of its own."))
        else:
            chosen[note.leg] = path.parent / note.run
    return chosen, findings + [_missing(leg, older.get(leg, 0), attempt) for leg in legs if leg not in chosen]


def only(folder: Path, where: Here) -> tuple[Note, Path]:
    """The note and the run folder of the one artifact in folder. Misconfigured: it is not one of this workflow run."""
    notes = [_read(path) for path in folder.rglob(NOTE)]
    if len(notes) != 1 or isinstance(notes[0], Finding):
        raise Misconfigured([f"{folder}: holds {len(notes)} artifacts of ours; name the one that the gate gave out."])
    note = notes[0]
    if (note.repository, note.run_id, note.commit) != (where.repository, where.run_id, where.commit):
        raise Misconfigured([f"{folder}: the artifact is of another workflow run or commit ({note.run_id})."])
    return note, next(folder.rglob(NOTE)).parent / note.run


def _read(path: Path) -> Note | Finding:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        note = Note(**data)
        if not isinstance(note.attempt, int) or Path(note.run).name != note.run or note.run in ("", ".", ".."):
            raise ValueError(note.run)
    except (OSError, ValueError, TypeError) as error:
        text = f"{path}: not a note that a leg of ours wrote ({error})."
        return Finding.of(Verdict.INVALID, text, "Upload what run-suite prepared, unchanged.")
    return note


def _missing(leg: str, older: int, attempt: int) -> Finding:
    if older:
        text = f"The leg {leg} has a record of attempt {older} only, not of attempt {attempt}."
        return Finding.of(Verdict.INCONCLUSIVE, text, AGAIN)
    return Finding.of(Verdict.INCONCLUSIVE, f"The leg {leg} left no record: it is lost.", "See the log of its job.")
