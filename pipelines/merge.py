"""merge: the run folders of a run's shards become one run folder, whose gates then decide.

A shard decides nothing (python -m pipelines run --shard I/N --run-id ID). What the shards must have in common is
compared first; where anything differs nothing is written. A shard that is lost, or killed, leaves its tests missing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipelines import basis, closing, merging, pipeline, policy, recorded
from pipelines.configuration import Misconfigured
from pipelines.findings import Finding
from pipelines.logbook import now, text_of, unwritable, write
from pipelines.pieces import FILES, Piece, Pieces, read
from pipelines.recorded import read_json
from pipelines.screen import Screen, show_decision, show_end
from reports import earlier as release_before
from reports.model import Decision, Outcome, Result, Verdict
from reports.reasons import LOST_SHARD
from reports.record import Record, close
from reports.record import read as read_record
from reports.run_folder import sha256_of


def merge(given: argparse.Namespace) -> int:
    """Merge, decide, render and, where the pipeline ends with a sign-off, sign. The exit code is the verdict's."""
    screen = Screen()
    folder, decisions = join(given.runs, given.runs_dir)
    for decision in decisions:
        show_decision(screen, decision)
    for name, told in read_json(folder / "run.json").get("not-entered", {}).items():
        screen.line(f"{name} does not count: {told}", "dim")
    stages = recorded.load(folder).requested()
    verdict = closing.verdict(stages, decisions)
    report = closing.render(folder, screen)
    rows = [("report", str(report) if report else f"none; see {folder}")]
    if any(stage.kind == "sign-off" for stage in stages) and (signed := closing.sign(folder, screen)):
        rows.append(("sign-off", str(signed)))
    show_end(screen, verdict, f"{len(given.runs)} shards merged", [*rows, ("records", str(folder))])
    return verdict.exit_code


def join(runs: Sequence[Path], into: Path) -> tuple[Path, list[Decision]]:
    """One run folder, below into, of these shards, and what its gates decide.

    The stages are judged one by one, as in a run on one machine: one that such a run would not have entered, because
    the stage before it does not pass, is left out of the merged run, whatever the shards found there.
    Misconfigured: they are not of one run, or it is there already.
    """
    pieces = read(runs)
    target = into.resolve() / pieces.first.run
    if target.exists():
        raise Misconfigured([f"{target}: is there already. Remove it, or merge into another place with --runs-dir."])
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".merge-", dir=target.parent) as place:
            made = Path(place) / target.name
            _make(pieces, made)
            decisions = _decide(made)
            made.rename(target)
    except OSError as error:
        raise Misconfigured([unwritable(target, error)]) from error
    return target, decisions


def _decide(folder: Path) -> list[Decision]:
    """Let the gates of a merged run decide, write down what they say, and take out what was not to be entered."""
    decisions = recorded.load(folder).decide_anew(now().replace(microsecond=0))
    for decision in decisions:
        write(folder / "decisions" / f"{decision.stage}.json", text_of(decision))
    last = decisions[-1]
    if last.verdict is Verdict.PASS:
        return decisions
    left_out = {}
    decided = {decision.stage for decision in decisions}
    for path in sorted(folder.glob("*/record.jsonl")):
        if path.parent.name not in decided:
            number = len(read_record(path).results)
            left_out[path.parent.name] = (
                f"{number} results of shards that went on; {last.stage} is {last.verdict}, so a run on one machine "
                f"would have ended there. The shards' own folders have them."
            )
            shutil.rmtree(path.parent)
    if left_out:
        facts = read_json(folder / "run.json")
        for stage in facts["stages"]:
            if stage["name"] in left_out:
                stage.pop("started", None)
                stage.pop("finished", None)
        write(folder / "run.json", text_of({**facts, "not-entered": left_out}))
    return decisions


def _make(pieces: Pieces, folder: Path) -> None:
    """Write the merged folder, without its decisions."""
    first = pieces.first
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
        if stage.kind == "tests" and any(stage.name in piece.records for piece in pieces.speakers):
            _make_stage(pieces, stage.name, folder, policy.load(stage.policy))


def _facts(pieces: Pieces, name: str) -> dict[str, Any]:
    """run.json: what the first says, the widest times, and which machine each shard had."""
    facts = {key: value for key, value in pieces.first.facts.items() if key not in ("shard", "error", "timings")}
    stages = [dict(stage) for stage in facts["stages"]]
    for stage in stages:
        told = [other for piece in pieces.speakers for other in piece.facts["stages"] if other["name"] == stage["name"]]
        for key, pick in (("started", min), ("finished", max)):
            times = [str(other[key]) for other in told if other.get(key)]
            stage.update({key: pick(times)} if times else {})
    ends = [str(piece.facts.get("finished") or "") for piece in pieces.speakers]
    departures = dict.fromkeys(line for piece in pieces.speakers for line in piece.facts.get("departures", ()))
    return {
        **facts,
        "id": name,
        "started": min(str(piece.facts["started"]) for piece in pieces.speakers),
        "finished": max(ends) if all(ends) else "",
        "stages": stages,
        "departures": list(departures),
        "command": merging.without_shard([str(word) for word in facts.get("command", ())]),
        "shards": [
            {
                "index": piece.index,
                "of": piece.of,
                "attempt": piece.attempt,
                "speaks": piece in pieces.speakers,
                "folder": piece.folder.name,
                "machine": piece.facts.get("machine"),
            }
            for piece in pieces.all
        ],
    }


def _make_stage(pieces: Pieces, stage: str, folder: Path, judged_by: policy.Policy) -> None:
    """The stage's record, parts, figures, incidents, and the evidence that the record names."""
    there = [piece for piece in pieces.speakers if stage in piece.records]
    cut_off = [piece for piece in pieces.others if stage in piece.records]
    records = [piece.records[stage] for piece in there]
    earlier = {piece.label: piece.records[stage] for piece in cut_off}
    lines = merging.merged(records, [_lines(record) for record in records], [piece.label for piece in there], earlier)
    text = "".join(json.dumps(line, ensure_ascii=False, default=str) + "\n" for line in lines)
    write(folder / stage / "record.jsonl", text)
    if lines[-1]["kind"] == "end":
        close(folder / stage / "record.jsonl")
    for name in ("parts.json", *release_before.FILES):
        if (there[0].folder / stage / name).is_file():
            shutil.copyfile(there[0].folder / stage / name, folder / stage / name)
    for piece in there:
        _carry_evidence(piece, stage, folder, piece.records[stage].results)
    for piece in cut_off:
        failed = [result for result in piece.records[stage].results if result.outcome is Outcome.FAIL]
        _carry_evidence(piece, stage, folder, failed)
    for piece in [*there, *cut_off]:
        log = piece.folder / "log" / f"{stage}.log"
        if log.is_file():
            (folder / "log").mkdir(exist_ok=True)
            shutil.copyfile(log, folder / "log" / f"{stage}-{piece.label}.log")
    figures = _figures(there, stage, judged_by)
    if figures:
        write(folder / stage / "figures.json", text_of(figures))
    incidents = list(_incidents(pieces, stage))
    if incidents:
        told = [{"verdict": item.verdict.value, "reason": item.reason} for item in dict.fromkeys(incidents)]
        write(folder / stage / "incidents.json", text_of(told))


def _incidents(pieces: Pieces, stage: str) -> Iterable[Finding]:
    """What went wrong outside the tests. Of attempts that were cut off only what cannot be trusted."""
    for piece in pieces.all:
        for item in recorded.incidents(piece.folder / stage / "incidents.json"):
            if piece in pieces.speakers or item.verdict is Verdict.INVALID:
                yield item
        record = piece.records.get(stage)
        if record is not None and record.truncated:
            text = f"The last line of the record of {piece.label} is there only in part, so lines may be lost."
            yield Finding.of(Verdict.INVALID, text, "A full disk or a broken copy does that; see which, and run again.")
    yield from (found for piece in pieces.speakers for found in _cut_off(piece, stage))
    there = {piece.index for piece in pieces.speakers if stage in piece.records}
    yield from (_lost(index, pieces.first.of, stage) for index in range(pieces.first.of) if index not in there)


def _cut_off(piece: Piece, stage: str) -> Iterable[Finding]:
    """A shard that was killed in this stage, and how much of it is missing."""
    record = piece.records.get(stage)
    if record is None or piece.whole or record.end is not None:
        return
    planned = len(record.planned.tests) if record.planned else 0
    text = f"Shard {piece.index} of {piece.of} (counted from 0) was cut off in {stage}: {len(record.missing)} of its "
    text += f"{planned} tests have no result."
    yield Finding.of(Verdict.INCONCLUSIVE, text, LOST_SHARD)


def _lost(index: int, of: int, stage: str) -> Finding:
    text = f"Shard {index} of {of} (counted from 0) left no record of {stage}: it is lost, and its tests are missing."
    return Finding.of(Verdict.INCONCLUSIVE, text, LOST_SHARD)


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


def _carry_evidence(piece: Piece, stage: str, folder: Path, results: Iterable[Result]) -> None:
    """Copy what the results name, and nothing else. Misconfigured: it is not a file of that shard, or was changed."""
    for result in results:
        for item in result.evidence:
            source = _evidence_file(piece.folder, stage, item.path)
            if source is None or (item.sha256 and sha256_of(source) != item.sha256):
                raise Misconfigured(
                    [f"{piece.folder}/{stage}: the evidence {item.path} of {result.test} is gone, elsewhere or changed"]
                )
            target = folder / stage / piece.label / item.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _evidence_file(run: Path, stage: str, name: str) -> Path | None:
    """A file below the run folder, without any link on the way out of it."""
    for base in (run / stage, run):
        path = (base / name).resolve()
        if ".." not in Path(name).parts and path.is_relative_to(run.resolve()) and path.is_file():
            return path
    return None
