"""merge: the run folders of a run's shards become one run folder, whose gates then decide.

A shard decides nothing (python -m pipelines run --shard I/N --run-id ID). What the shards must have in common is
compared first; where anything differs nothing is written. A shard that is lost, or killed, leaves its tests missing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import basis, closing, merging, pipeline, policy, recorded
from pipelines.configuration import Misconfigured
from pipelines.findings import Finding
from pipelines.logbook import now, text_of, write
from pipelines.recorded import read_json, require_run
from pipelines.screen import Screen, show_decision, show_end
from reports.model import Decision, Verdict, part_from_json
from reports.record import Record, RecordError
from reports.record import read as read_record
from reports.run_folder import sha256_of

SAME = ("profile", "pipeline", "provider", "nodes", "seed", "seatrial", "catalogue", "stages")
"""What run.json must say alike in all shards; of a stage only what it is, not when it ran."""
FILES = ("candidate.toml", "candidate.json", "stages.toml", "waivers.toml", "quarantine.toml", "catalogue.json")
AGAIN = "Run the lost shard with the same --run-id and --shard, and merge again."


@dataclass(frozen=True)
class Piece:
    """One shard's run folder. records: by stage; facts: its run.json."""

    folder: Path
    run: str
    index: int
    of: int
    facts: Mapping[str, Any]
    records: Mapping[str, Record]


def merge(given: argparse.Namespace) -> int:
    """Merge, decide, render and, where the pipeline ends with a sign-off, sign. The exit code is the verdict's."""
    screen = Screen()
    folder = join(given.runs, given.runs_dir)
    decisions = decide(folder)
    for decision in decisions:
        show_decision(screen, decision)
    stages = recorded.load(folder).requested()
    verdict = closing.verdict(stages, decisions)
    report = closing.render(folder, screen)
    rows = [("report", str(report) if report else f"none; see {folder}")]
    if any(stage.kind == "sign-off" for stage in stages) and (signed := closing.sign(folder, screen)):
        rows.append(("sign-off", str(signed)))
    show_end(screen, verdict, f"{len(given.runs)} shards merged", [*rows, ("records", str(folder))])
    return verdict.exit_code


def decide(folder: Path) -> list[Decision]:
    """Let the gates of a merged run decide for the first time, and write down what they say."""
    decisions = recorded.load(folder).decide_anew(now().replace(microsecond=0))
    for decision in decisions:
        write(folder / "decisions" / f"{decision.stage}.json", text_of(decision))
    return decisions


def join(runs: Sequence[Path], into: Path) -> Path:
    """One run folder, below into, of these shards. Misconfigured: they are not of one run, or it is there already."""
    pieces = sorted((read(run) for run in runs), key=lambda piece: piece.index)
    problems = list(faults(pieces))
    if problems:
        raise Misconfigured(problems)
    target = into.resolve() / pieces[0].run
    if target.exists():
        raise Misconfigured([f"{target}: is there already. Remove it, or merge into another place with --runs-dir."])
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".merge-", dir=target.parent) as place:
        made = Path(place) / target.name
        _make(pieces, made)
        made.rename(target)
    return target


def read(run: Path) -> Piece:
    """A shard's run folder. Misconfigured: it is none, or a record of it cannot be read."""
    require_run(run)
    facts = read_json(run / "run.json")
    try:
        told = facts["shard"]
        name, index, of = str(told["run"]), int(told["index"]), int(told["of"])
        if Path(name).name != name or name in ("", ".", "..") or not 0 <= index < of:
            raise ValueError(name)
        names = [str(stage["name"]) for stage in facts["stages"]]
    except (KeyError, TypeError, ValueError) as error:
        raise Misconfigured([f"{run}: is no shard; make one with python -m pipelines run --shard I/N"]) from error
    records = {}
    for stage in names:
        path = run / stage / "record.jsonl"
        if path.exists():
            try:
                records[stage] = read_record(path)
            except RecordError as error:
                raise Misconfigured([f"{error}. Leave this shard out: its tests are then missing."]) from error
    return Piece(run, name, index, of, facts, records)


def faults(pieces: Sequence[Piece]) -> Iterable[str]:
    """Why the folders are not the shards of one run."""
    first = pieces[0]
    for piece in pieces[1:]:
        for name, before, here in (("run", first.run, piece.run), ("number of shards", first.of, piece.of)):
            if before != here:
                yield f"{piece.folder}: is of another {name} ({here}) than {first.folder} ({before})"
        for name in SAME:
            if _fact(first, name) != _fact(piece, name):
                yield f"{piece.folder}: has another {name} in its run.json than {first.folder}"
        if _parts(first) != _parts(piece):
            yield f"{piece.folder}: tested other parts than {first.folder}"
    policies = [f"policies/{stage['name']}.toml" for stage in first.facts["stages"]]
    names = (*FILES, *policies, basis.FILE)
    found = {name: [_bytes(piece.folder / name) for piece in pieces] for name in names}
    for name in merging.differing(found):
        yield f"{name} is not the same in all shards, so they do not judge the same by the same"
    for stage in [str(item["name"]) for item in first.facts["stages"]]:
        records = [piece.records[stage] for piece in pieces if stage in piece.records]
        yield from merging.faults(records)
        for piece in pieces:
            record = piece.records.get(stage)
            shard = record.planned.shard if record and record.planned else None
            if shard is not None and (shard.index, shard.of) != (piece.index, piece.of):
                yield f"{record.path if record else ''}: is of another shard than its run.json says"


def _fact(piece: Piece, name: str) -> Any:
    value = piece.facts.get(name)
    if name == "stages":
        return [{key: stage.get(key) for key in ("name", "suites", "requested")} for stage in value or ()]
    return value


def _parts(piece: Piece) -> list[tuple[Any, ...]]:
    """Components with their digests; where the files lie is every machine's own business."""
    parts = [part_from_json(item) for item in read_json(piece.folder / "parts.json")]
    return sorted((part.component, part.version, part.identity, tuple(sorted(part.sha256.items()))) for part in parts)


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _make(pieces: Sequence[Piece], folder: Path) -> None:
    """Write the merged folder."""
    first = pieces[0]
    folder.mkdir()
    (folder / "policies").mkdir()
    for name in (*FILES, basis.FILE, "policy.toml", "parts.json"):
        if (first.folder / name).is_file():
            shutil.copyfile(first.folder / name, folder / name)
    for path in (first.folder / "policies").glob("*.toml"):
        shutil.copyfile(path, folder / "policies" / path.name)
    write(folder / "run.json", text_of(_facts(pieces, folder.name)))
    chosen = pipeline.load(folder / "stages.toml", str(first.facts.get("profile") or "quick"), folder / "policies")
    for stage in chosen.stages:
        if stage.kind == "tests" and any(stage.name in piece.records for piece in pieces):
            _make_stage(pieces, stage.name, folder, policy.load(stage.policy))


def _facts(pieces: Sequence[Piece], name: str) -> dict[str, Any]:
    """run.json: what the first says, the widest times, and which machine each shard had."""
    facts = {key: value for key, value in pieces[0].facts.items() if key not in ("shard", "error", "timings")}
    stages = [dict(stage) for stage in facts["stages"]]
    for stage in stages:
        told = [other for piece in pieces for other in piece.facts["stages"] if other["name"] == stage["name"]]
        for key, pick in (("started", min), ("finished", max)):
            times = [str(other[key]) for other in told if other.get(key)]
            stage.update({key: pick(times)} if times else {})
    ends = [str(piece.facts.get("finished") or "") for piece in pieces]
    departures = dict.fromkeys(line for piece in pieces for line in piece.facts.get("departures", ()))
    return {
        **facts,
        "id": name,
        "started": min(str(piece.facts["started"]) for piece in pieces),
        "finished": max(ends) if all(ends) else "",
        "stages": stages,
        "departures": list(departures),
        "command": merging.without_shard([str(word) for word in facts.get("command", ())]),
        "shards": [
            {"index": piece.index, "of": piece.of, "folder": piece.folder.name, "machine": piece.facts.get("machine")}
            for piece in pieces
        ],
    }


def _make_stage(pieces: Sequence[Piece], stage: str, folder: Path, judged_by: policy.Policy) -> None:
    """The stage's record, parts, figures, incidents, and the evidence that the record names."""
    there = [piece for piece in pieces if stage in piece.records]
    records = [piece.records[stage] for piece in there]
    lines = merging.merged(records, [_lines(record) for record in records])
    text = "".join(json.dumps(line, ensure_ascii=False, default=str) + "\n" for line in lines)
    write(folder / stage / "record.jsonl", text)
    parts = there[0].folder / stage / "parts.json"
    if parts.is_file():
        shutil.copyfile(parts, folder / stage / "parts.json")
    for piece in there:
        _carry_evidence(piece, stage, folder)
        log = piece.folder / "log" / f"{stage}.log"
        if log.is_file():
            (folder / "log").mkdir(exist_ok=True)
            shutil.copyfile(log, folder / "log" / f"{stage}-shard-{piece.index}.log")
    figures = _figures(there, stage, judged_by)
    if figures:
        write(folder / stage / "figures.json", text_of(figures))
    incidents = [item for piece in pieces for item in recorded.incidents(piece.folder / stage / "incidents.json")]
    incidents += [_lost(index, pieces[0].of, stage) for index in range(pieces[0].of) if index not in _indices(there)]
    if incidents:
        told = [{"verdict": item.verdict.value, "reason": item.reason} for item in dict.fromkeys(incidents)]
        write(folder / stage / "incidents.json", text_of(told))


def _indices(pieces: Sequence[Piece]) -> set[int]:
    return {piece.index for piece in pieces}


def _lost(index: int, of: int, stage: str) -> Finding:
    text = f"Shard {index} of {of} (counted from 0) left no record of {stage}: it is lost, and its tests are missing."
    return Finding.of(Verdict.INCONCLUSIVE, text, AGAIN)


def _figures(pieces: Sequence[Piece], stage: str, judged_by: policy.Policy) -> dict[str, float]:
    """What was measured outside the tests: of each figure the worst, as the policy's thresholds see it."""
    higher = {threshold.figure for threshold in judged_by.thresholds if threshold.direction == "higher"}
    found: dict[str, float] = {}
    for piece in pieces:
        for name, value in basis.figures_of(piece.folder, stage).items():
            found[name] = (min if name in higher else max)(value, found.get(name, value))
    return found


def _lines(record: Record) -> list[dict[str, Any]]:
    """The lines of a record that was read, but for one that a kill cut off."""
    lines = record.path.read_bytes().split(b"\n")
    return [json.loads(line) for line in (lines[:-1] if record.truncated else lines) if line]


def _carry_evidence(piece: Piece, stage: str, folder: Path) -> None:
    """Copy what the results name, and nothing else. Misconfigured: it is not a file of that shard, or was changed."""
    for result in piece.records[stage].results:
        for item in result.evidence:
            source = _evidence_file(piece.folder, stage, item.path)
            if source is None or (item.sha256 and sha256_of(source) != item.sha256):
                raise Misconfigured(
                    [f"{piece.folder}/{stage}: the evidence {item.path} of {result.test} is gone, elsewhere or changed"]
                )
            target = folder / stage / f"shard-{piece.index}" / item.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _evidence_file(run: Path, stage: str, name: str) -> Path | None:
    """A file below the run folder, without any link on the way out of it."""
    for base in (run / stage, run):
        path = (base / name).resolve()
        if ".." not in Path(name).parts and path.is_relative_to(run.resolve()) and path.is_file():
            return path
    return None
