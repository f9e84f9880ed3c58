"""Writes a run folder as reports/run_folder.py reads it. Every file appears whole or not at all."""

from __future__ import annotations

import contextlib
import datetime
import json
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.candidate import Candidate
from pipelines.configuration import Misconfigured
from pipelines.findings import Finding
from pipelines.pipeline import Pipeline, Stage
from reports.catalogue import Catalogue
from reports.model import Decision, Part, to_json
from reports.record import Record, RecordError
from reports.record import read as read_record
from reports.render.files import folder_for_files, write_atomically


def now() -> datetime.datetime:
    """The present, aware, in UTC."""
    return datetime.datetime.now(datetime.UTC)


def stamp(time: datetime.datetime) -> str:
    """RFC 3339 to the second, as every file of a run has it."""
    return time.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old or the new one, also after a crash."""
    with folder_for_files(path.parent):
        write_atomically(path, content)


def records_of(folder: Path) -> list[Record | RecordError]:
    """Every record of a stage's folder; one that cannot be read is its error."""
    found: list[Record | RecordError] = []
    for path in [folder / "record.jsonl", *sorted(folder.glob("record-*.jsonl"))]:
        if path.exists():
            try:
                found.append(read_record(path))
            except RecordError as error:
                found.append(error)
    return found


def text_of(value: Any) -> str:
    """A file of a run folder: what it holds as JSON, always in the same bytes."""
    return json.dumps(to_json(value), indent=1, ensure_ascii=False, default=str) + "\n"


@contextlib.contextmanager
def whole_or_none(folder: Path) -> Iterator[None]:
    """Make a folder, and fill it in the block. FileExistsError: it is there already.

    Misconfigured: its disk is full, or it cannot be written for another reason; nothing of it stays.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise
    except OSError as error:
        raise Misconfigured([unwritable(folder, error)]) from error
    try:
        yield
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise Misconfigured([unwritable(folder, error)]) from error
        raise


def unwritable(folder: Path, error: OSError) -> str:
    """Why a run's folder could not be made, and what to do."""
    why = error.strerror or str(error)
    return f"{folder}: the run's folder cannot be written: {why}. Make room there, or name another place (--runs-dir)."


class Logbook:
    """One run's folder. `facts` is what run.json holds."""

    def __init__(self, folder: Path, facts: dict[str, Any]) -> None:
        self.folder = folder
        self.facts = facts

    @classmethod
    def open(
        cls,
        runs: Path,
        *,
        candidate: Candidate,
        pipeline: Pipeline,
        requested: Sequence[Stage],
        catalogue: Catalogue,
        waivers: Path,
        facts: dict[str, Any],
        quarantine: Path | None = None,
        basis: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> Logbook:
        """Make a fresh folder runs/<date>-<time>-<random>, or of that name, with the inputs copied into it.

        FileExistsError: it is there already. Misconfigured: it cannot be written; nothing of it stays.
        """
        started = now()
        name = name or f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        folder = runs.resolve() / name
        names = {stage.name for stage in requested}
        stages = [
            {
                "name": stage.name,
                "title": stage.title,
                "suites": list(stage.suites),
                "requested": stage.name in names,
            }
            for stage in pipeline.stages
        ]
        first = {"id": name, "started": stamp(started), "stages": stages, "pipeline": pipeline.name}
        book = cls(folder, {**first, **facts})
        with whole_or_none(folder):
            (folder / "log").mkdir()
            shutil.copyfile(candidate.path, folder / "candidate.toml")
            shutil.copyfile(requested[0].policy, folder / "policy.toml")
            (folder / "policies").mkdir()
            for stage in pipeline.stages:
                shutil.copyfile(stage.policy, folder / "policies" / f"{stage.name}.toml")
            shutil.copyfile(waivers, folder / "waivers.toml")
            shutil.copyfile(pipeline.path, folder / "stages.toml")
            if quarantine is not None:
                shutil.copyfile(quarantine, folder / "quarantine.toml")
            if basis is not None:
                book._json("basis.json", basis)
            book._json("candidate.json", candidate.summary())
            clauses = [to_json(clause) for clause in catalogue.clauses.values()]
            book._json("catalogue.json", {"digest": catalogue.digest, "clauses": clauses})
            book.note(catalogue=catalogue.digest)
        return book

    def note(self, **facts: Any) -> None:
        """Add facts to run.json."""
        self.facts.update(facts)
        self._json("run.json", self.facts)

    def time(self, label: str, seconds: float) -> None:
        """Note how long something took."""
        self.note(timings={**self.facts.get("timings", {}), label: round(seconds, 2)})

    def stage(self, name: str, **facts: str) -> None:
        """Add facts (started, finished) to a stage's entry."""
        for entry in self.facts["stages"]:
            if entry["name"] == name:
                entry.update(facts)
        self.note()

    def parts(self, parts: Iterable[Part], stage: str = "", name: str = "parts") -> Path:
        """Write parts.json, for the run or, with a stage, for its tests; returns its path. name: another one's."""
        place = f"{stage}/{name}.json" if stage else f"{name}.json"
        self._json(place, to_json(tuple(parts)))
        return self.folder / place

    def incidents(self, stage: str, findings: Sequence[Finding]) -> None:
        """Write what went wrong outside a stage's tests, so that its gate can be evaluated again."""
        if findings:
            content = [{"verdict": item.verdict.value, "reason": to_json(item.reason)} for item in findings]
            self._json(f"{stage}/incidents.json", content)

    def figures(self, stage: str, **measured: float) -> None:
        """Write what was measured outside a stage's tests; a threshold of its policy may be about it."""
        self._json(f"{stage}/figures.json", measured)

    def decision(self, decision: Decision) -> None:
        self._json(f"decisions/{decision.stage}.json", decision)

    def _json(self, name: str, value: Any) -> None:
        write(self.folder / name, text_of(value))
