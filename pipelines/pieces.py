"""The run folders of a run's shards: read, compared, and of several attempts at one shard the one that speaks for it.

A pod that was killed is started again in a folder of its own (pipelines/attempts.py). A shard is one all the same: its
first whole attempt speaks for it. Of the attempts that were cut off only failures are taken, as earlier attempts of
their tests, so that a failure never gets lost with the pod that saw it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import attempts, basis, merging
from pipelines.configuration import Misconfigured
from pipelines.recorded import read_json, require_run
from reports.model import part_from_json
from reports.record import Record, RecordError
from reports.record import read as read_record

SAME = ("profile", "pipeline", "provider", "nodes", "seed", "seatrial", "catalogue", "stages")
"""What run.json must say alike in all shards; of a stage only what it is, not when it ran."""
FILES = ("candidate.toml", "candidate.json", "stages.toml", "waivers.toml", "quarantine.toml", "catalogue.json")


@dataclass(frozen=True)
class Piece:
    """One attempt at one shard. records: by stage, of those that had got as far as a plan; facts: its run.json.

    whole: it came to its own end, whatever it found.
    """

    folder: Path
    run: str
    index: int
    of: int
    attempt: int
    whole: bool
    facts: Mapping[str, Any]
    records: Mapping[str, Record]

    @property
    def label(self) -> str:
        """A folder's name of its own within a run."""
        return f"shard-{self.index}" + (f"-attempt-{self.attempt}" if self.attempt > 1 else "")


@dataclass(frozen=True)
class Pieces:
    """What was given. speakers: one for each shard that is there, in order; others: cut-off or needless attempts."""

    speakers: tuple[Piece, ...]
    others: tuple[Piece, ...] = ()

    @property
    def first(self) -> Piece:
        """The one whose files stand for all: a whole one, where there is any."""
        return next((piece for piece in self.speakers if piece.whole), self.speakers[0])

    @property
    def all(self) -> tuple[Piece, ...]:
        return (*self.speakers, *self.others)


def read(runs: Sequence[Path]) -> Pieces:
    """Read shards' run folders. Misconfigured: one is none, or they are not the shards of one run."""
    begun = [run for run in runs if not _is_stillborn(run)] or runs
    pieces = sorted((_read(run) for run in begun), key=lambda piece: (piece.index, piece.attempt))
    by_index: dict[int, list[Piece]] = {}
    for piece in pieces:
        by_index.setdefault(piece.index, []).append(piece)
    speakers = [next((one for one in mine if one.whole), mine[-1]) for mine in by_index.values()]
    found = Pieces(tuple(speakers), tuple(piece for piece in pieces if piece not in speakers))
    problems = list(faults(found))
    if problems:
        raise Misconfigured(problems)
    return found


def _is_stillborn(run: Path) -> bool:
    """Whether a shard's folder was made and its run killed before it had written anything that matters."""
    return attempts.FOLDER.search(run.name) is not None and run.is_dir() and not (run / "run.json").exists()


def _read(run: Path) -> Piece:
    require_run(run)
    facts = read_json(run / "run.json")
    try:
        told = facts["shard"]
        name, index, of, attempt = str(told["run"]), int(told["index"]), int(told["of"]), int(told.get("attempt", 1))
        if Path(name).name != name or name in ("", ".", "..") or not 0 <= index < of or attempt < 1:
            raise ValueError(name)
        names = [str(stage["name"]) for stage in facts["stages"]]
    except (KeyError, TypeError, ValueError) as error:
        raise Misconfigured([f"{run}: is no shard; make one with python -m pipelines run --shard I/N"]) from error
    records = {}
    for stage in names:
        path = run / stage / "record.jsonl"
        if path.exists():
            try:
                found = read_record(path)
            except RecordError as error:
                raise Misconfigured([f"{error}. Leave this shard out: its tests are then missing."]) from error
            if found.planned is not None:  # Killed before that, it knew of no test: as if it were lost.
                records[stage] = found
    return Piece(run, name, index, of, attempt, bool(told.get("whole")), facts, records)


def faults(pieces: Pieces) -> Iterable[str]:
    """Why the folders are not the shards of one run."""
    first = pieces.first
    for piece in pieces.all:
        for name, before, here in (("run", first.run, piece.run), ("number of shards", first.of, piece.of)):
            if before != here:
                yield f"{piece.folder}: is of another {name} ({here}) than {first.folder} ({before})"
        for name in SAME:
            if _fact(first, name) != _fact(piece, name):
                yield f"{piece.folder}: has another {name} in its run.json than {first.folder}"
        mine, known = _parts(piece), _parts(first)
        if mine != known if piece.whole else not mine <= known:
            yield f"{piece.folder}: tested other parts than {first.folder}"
    yield from _told_twice(pieces)
    policies = [f"policies/{stage['name']}.toml" for stage in first.facts["stages"]]
    names = (*FILES, *policies, basis.FILE)
    found = {name: [_bytes(piece.folder / name) for piece in pieces.all] for name in names}
    for name in merging.differing(found):
        yield f"{name} is not the same in all shards, so they do not judge the same by the same"
    for stage in [str(item["name"]) for item in first.facts["stages"]]:
        yield from dict.fromkeys(_faults_of_records(pieces, stage))


def _told_twice(pieces: Pieces) -> Iterable[str]:
    named = Counter((piece.index, piece.attempt) for piece in pieces.all)
    for (index, attempt), number in sorted(named.items()):
        if number > 1:
            folders = [str(piece.folder) for piece in pieces.all if (piece.index, piece.attempt) == (index, attempt)]
            yield f"shard {index} of {pieces.first.of} is there {number} times: {', '.join(folders)}"


def _faults_of_records(pieces: Pieces, stage: str) -> Iterable[str]:
    """Each attempt that was cut off must fit in the place of the one that speaks."""
    for other in (None, *pieces.others):
        chosen = [other if other and other.index == piece.index else piece for piece in pieces.speakers]
        yield from merging.faults([piece.records[stage] for piece in chosen if stage in piece.records])
    for piece in pieces.all:
        record = piece.records.get(stage)
        shard = record.planned.shard if record and record.planned else None
        if record is not None and shard is not None and (shard.index, shard.of) != (piece.index, piece.of):
            yield f"{record.path}: is of another shard than its run.json says"


def _fact(piece: Piece, name: str) -> Any:
    value = piece.facts.get(name)
    if name == "stages":
        return [{key: stage.get(key) for key in ("name", "suites", "requested")} for stage in value or ()]
    return value


def _parts(piece: Piece) -> set[tuple[Any, ...]]:
    """Components with their digests; where the files lie is every machine's own business.

    An attempt that was cut off may not have had all of them.
    """
    path = piece.folder / "parts.json"
    parts = [part_from_json(item) for item in (read_json(path) if piece.whole or path.exists() else ())]
    return {(part.component, part.version, part.identity, tuple(sorted(part.sha256.items()))) for part in parts}


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
