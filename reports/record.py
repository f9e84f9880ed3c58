"""Reads record.jsonl, the only source of counts, into a typed Record.

Belongs here: reading one record, saying precisely what is wrong with a broken one, and closing one that is whole. Does
not belong here: writing (reports/recorder.py), judging (pipelines/gate.py), showing (reports/render/).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reports.model import Outcome, Part, Result, part_from_json, result_from_json
from reports.render.files import write_atomically


class RecordError(Exception):
    """A record that cannot be trusted. The text names file, line and what is wrong."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        where = f"{path}:{line}" if line else str(path)
        super().__init__(f"{where}: {problem}")
        self.path = path
        self.line = line
        self.problem = problem


NOTHING_COLLECTED = 5
"""The last of pytest's exit statuses: there was no test to run."""


@dataclass(frozen=True)
class RunHeader:
    """The `run` line: what was started, with which seed, against which subjects. started is RFC 3339 UTC.

    imported: of another suite's results, which suite, how many cases it ran and how many it has; else empty.
    """

    run: str
    stage: str = ""
    seed: int | None = None
    started: str = ""
    suites: tuple[str, ...] = ()
    subjects: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    catalogue: str = ""
    command: tuple[str, ...] = ()
    seatrial: str = ""
    imported: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Shard:
    """Which part of a run a record is. plan: every test of all its shards, with its clauses."""

    index: int
    of: int
    plan: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """The `planned` line: every test that was to run, with its clauses, and what was left out.

    clauses: all catalogue ids in the scope of the run, covered or not. deselected: number of tests left out;
    left_out: those tests with their clauses, where the record names them. shard: None for a whole run.
    """

    tests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    deselected: int = 0
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    clauses: tuple[str, ...] = ()
    shard: Shard | None = None


@dataclass(frozen=True)
class End:
    """The `end` line. exit is pytest's exit status; counts is the recorder's own tally, kept for checking."""

    finished: str = ""
    exit: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """One record, read. sha256 is over the file's bytes; truncated means that the last line was cut off."""

    path: Path
    sha256: str
    run: RunHeader
    parts: tuple[Part, ...] = ()
    planned: Planned | None = None
    results: tuple[Result, ...] = ()
    notes: tuple[str, ...] = ()
    end: End | None = None
    truncated: bool = False

    @property
    def complete(self) -> bool:
        """Whether the run came to its own end: an `end` line and a result for every planned test."""
        return self.end is not None and not self.missing

    @property
    def missing(self) -> tuple[str, ...]:
        """Tests that were planned and have no result, in the order of the plan."""
        if self.planned is None:
            return ()
        seen = {result.test for result in self.results}
        return tuple(test for test in self.planned.tests if test not in seen)

    def counts(self) -> dict[str, int]:
        """Number of results by outcome, counted from the results; harness errors under `error`."""
        tally = {outcome.value: 0 for outcome in Outcome} | {"error": 0}
        for result in self.results:
            tally["error" if result.harness_error else result.outcome.value] += 1
        return tally


def close(path: Path) -> Path:
    """Note the digest of a record that has come to its end, so that one that is cut later is told from one whose run
    was killed. Returns the note, NAME.sha256, which `sha256sum --check` reads."""
    return write_atomically(_note_of(path), f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")


def read(path: Path) -> Record:
    """Read a record. One whose run was killed ends where it ends; a last line in part is dropped and noted.

    RecordError: anything else is broken, or the record is not as its run left it (see `close`).
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordError(path, 0, f"cannot be read: {error.strerror or error}") from error
    lines = data.split(b"\n")
    unfinished = lines.pop()
    reader = _Reader(path)
    for number, line in enumerate(lines, start=1):
        reader.take(number, _decode(path, number, line))
    if unfinished:
        number = len(lines) + 1
        try:
            last = _decode(path, number, unfinished)
        except RecordError:
            reader.cut_off(number, len(unfinished))
        else:
            reader.take(number, last)
    found = reader.finish(hashlib.sha256(data).hexdigest())
    _require_as_left(found)
    return found


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _require_as_left(found: Record) -> None:
    """RecordError: the run had noted another digest when it ended."""
    note = _note_of(found.path)
    try:
        noted = note.read_text(encoding="utf-8").partition(" ")[0]
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise RecordError(note, 0, f"cannot be read: {error}") from error
    if noted != found.sha256:
        what = "cut" if found.end is None else "changed"
        problem = f"was {what} after its run had ended: {note.name} has another digest ({noted[:12]})"
        raise RecordError(found.path, 0, problem)


def _decode(path: Path, number: int, line: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(line.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        shown = line[:60].decode("utf-8", "replace")
        raise RecordError(path, number, f"not JSON ({error}); the line starts with {shown!r}") from error
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise RecordError(path, number, 'not an object with a "kind"')
    return value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different: of two outcomes, no reader may take the better one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names a key twice")
    return found


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number in JSON")


def _result(line: Mapping[str, Any]) -> Result:
    """The result of a line whose fields are all of their types."""
    for name in ("test", "started", "summary", "expected", "actual", "question", "text", "repeat", "worker"):
        if not isinstance(line.get(name, ""), str):
            raise ValueError(f"{name} is not a text")
    clauses = line.get("clauses", [])
    if not isinstance(clauses, list) or not all(isinstance(name, str) for name in clauses):
        raise ValueError("clauses is not a list of ids")
    duration = line.get("duration", 0.0)
    if not isinstance(line.get("harness_error", False), bool) or type(duration) not in (int, float) or duration < 0:
        raise ValueError("harness_error is true or false, and duration a number of seconds")
    attempt, figures = line.get("attempt", 1), line.get("figures", {})
    if not isinstance(attempt, int) or isinstance(attempt, bool) or attempt < 1:
        raise ValueError("attempt is a whole number from 1")
    if not isinstance(figures, dict) or any(type(value) not in (int, float) for value in figures.values()):
        raise ValueError("figures are numbers by name")
    return result_from_json(line)


def _part(line: Mapping[str, Any]) -> Part:
    """The part of a line whose files and digests are tables."""
    if not isinstance(line.get("sha256", {}), dict) or not isinstance(line.get("files", {}), dict):
        raise ValueError("files and sha256 are tables by file name")
    return part_from_json(line)


class _Reader:
    """Collects the lines of one file in order and checks that the order makes sense."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: RunHeader | None = None
        self.planned: Planned | None = None
        self.end: End | None = None
        self.parts: list[Part] = []
        self.results: list[Result] = []
        self.notes: list[str] = []
        self.truncated = False

    def take(self, number: int, line: Mapping[str, Any]) -> None:
        kind = line["kind"]
        if kind != "run" and self.header is None:
            raise RecordError(self.path, number, f'a {kind!r} line before the "run" line: the start is missing')
        if self.end is not None:
            raise RecordError(self.path, number, f'a {kind!r} line after the "end" line')
        try:
            self._take(number, kind, line)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            problem = f"field {error} is missing" if isinstance(error, KeyError) else str(error)
            raise RecordError(self.path, number, f"not a {kind!r} line: {problem}") from error

    def _take(self, number: int, kind: str, line: Mapping[str, Any]) -> None:
        match kind:
            case "run" if self.header is None:
                self.header = _header(line)
            case "planned" if self.planned is None:
                self.planned = _planned(line)
            case "run" | "planned":
                raise RecordError(self.path, number, f"a second {kind!r} line: two runs wrote into one record")
            case "part":
                self.parts.append(_part(line))
            case "result":
                self.results.append(_result(line))
            case "note":
                self.notes.append(str(line["text"]))
            case "end":
                self.end = _end(line)
            case _:
                raise RecordError(self.path, number, f"unknown kind {kind!r}: written by a newer Seatrial?")

    def cut_off(self, number: int, size: int) -> None:
        if self.end is not None:
            raise RecordError(self.path, number, 'something after the "end" line')
        self.truncated = True
        self.notes.append(f"line {number} of the record is cut off after {size} bytes")

    def finish(self, sha256: str) -> Record:
        if self.header is None:
            raise RecordError(self.path, 0, "holds no complete line: the run was killed before it started")
        if self.end is None:
            self.notes.append('the record has no "end" line: the run did not come to its own end')
        return Record(
            path=self.path,
            sha256=sha256,
            run=self.header,
            parts=tuple(self.parts),
            planned=self.planned,
            results=tuple(self.results),
            notes=tuple(self.notes),
            end=self.end,
            truncated=self.truncated,
        )


def _header(line: Mapping[str, Any]) -> RunHeader:
    seed = line.get("seed")
    return RunHeader(
        run=str(line["run"]),
        stage=str(line.get("stage") or ""),
        seed=None if seed is None else int(seed),
        started=str(line.get("started") or ""),
        suites=tuple(str(item) for item in line.get("suites") or ()),
        subjects=dict(line.get("subjects") or {}),
        environment=dict(line.get("environment") or {}),
        catalogue=str(line.get("catalogue") or ""),
        command=tuple(str(item) for item in line.get("command") or ()),
        seatrial=str(line.get("seatrial") or ""),
        imported=dict(line.get("imported") or {}),
    )


def _planned(line: Mapping[str, Any]) -> Planned:
    clauses = tuple(str(item) for item in line.get("clauses") or ())
    deselected = line.get("deselected") or {}
    left_out = {} if isinstance(deselected, int) else _plan(deselected)
    return Planned(
        tests=_plan(line["tests"]),
        deselected=deselected if isinstance(deselected, int) else len(left_out),
        left_out=left_out,
        clauses=clauses,
        shard=_shard(line["shard"]) if line.get("shard") is not None else None,
    )


def _plan(tests: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {str(test): tuple(str(item) for item in ids) for test, ids in dict(tests).items()}


def _shard(data: Mapping[str, Any]) -> Shard:
    index, of = data["index"], data["of"]
    if type(index) is not int or type(of) is not int or not 0 <= index < of:
        raise ValueError(f"shard {index!r} of {of!r} cannot be")
    return Shard(index, of, _plan(data["plan"]))


def _end(line: Mapping[str, Any]) -> End:
    """The end of a line whose numbers are whole ones."""
    status, counts = line["exit"], dict(line.get("counts") or {})
    if type(status) is not int or not 0 <= status <= NOTHING_COLLECTED:
        raise ValueError(f"exit is a status of pytest, 0 to {NOTHING_COLLECTED}, and not {status!r}")
    if any(type(number) is not int for number in counts.values()):
        raise ValueError("counts are whole numbers by outcome")
    return End(finished=str(line.get("finished") or ""), exit=status, counts=counts)
