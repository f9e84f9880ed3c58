"""Shards of one run of two stages, as `python -m pipelines run --shard` leaves them; no test runs.

Every clause of the GPU suite has one test, called after it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines import candidate, pipeline, quarantine
from pipelines.logbook import Logbook, now, stamp
from reports import catalogue
from reports.model import Layer, Outcome, Part, to_json
from reports.shards import share
from suites.selftest.pipelines import synthetic as made

RELEASE = '[release]\nname = "atlas"\nversion = "7"\n\n[[component]]\nname = "csi-driver"\nversion = "1"\n'
RELEASE += '[[component.source]]\nkind = "builtin"\n'
STAGES = """[pipeline]
name = "p"
[[stage]]
name = "dev"
suites = ["gpu"]
policy = "policy.toml"
[[stage]]
name = "staging"
suites = ["gpu"]
layer = "cluster"
policy = "policy.toml"
[[stage]]
name = "production"
kind = "sign-off"
requires = ["dev", "staging"]
policy = "policy.toml"
"""
POLICY = '[policy]\nname = "p"\nrequired-levels = ["must", "expectation"]\n'
LAYERS = {"dev": Layer.PROTOCOL, "staging": Layer.CLUSTER}
PART = Part("csi-driver", "1", "builtin", "sha256:1", sha256={"driver": "1" * 64})


def plan(stage: str) -> list[str]:
    """The tests of a stage, each of the clause that it is called after."""
    return [clause.id for clause in catalogue.load().of(("gpu",), (LAYERS[stage],)) if not clause.uncovered]


def write(
    folder: Path,
    index: int,
    of: int,
    *,
    attempt: int = 1,
    outcomes: Mapping[str, Outcome] | None = None,
    killed_after: int | None = None,
    stages: tuple[str, ...] = ("dev", "staging"),
) -> Path:
    """One attempt at a shard. outcomes: of tests that do not pass. killed_after: so many results of its last stage.

    stages: those that it got to.
    """
    inputs(folder)
    chosen = candidate.load(folder / "candidate.toml")
    known = pipeline.load(folder / "stages.toml", "quick")
    told = {"run": "R", "index": index, "of": of, "attempt": attempt, "candidate": chosen.digest}
    told["whole"] = killed_after is None
    book = Logbook.open(
        folder / "runs",
        candidate=chosen,
        pipeline=known,
        requested=known.stages,
        catalogue=catalogue.load(),
        waivers=folder / "waivers.toml",
        quarantine=quarantine.DEFAULT,
        facts={"profile": "quick", "waivers": [], "deviations": [], "seed": 1, "shard": told},
        name=f"R-shard-{index}-of-{of}" + (f"-attempt-{attempt}" if attempt > 1 else ""),
    )
    book.parts([PART])
    for stage in stages:
        book.parts([PART], stage)
        book.stage(stage, started=stamp(now()))
        limit = killed_after if stage == stages[-1] else None
        _record(book.folder / stage, chosen.digest, index, of, outcomes or {}, limit)
        if limit is None:
            book.stage(stage, finished=stamp(now()))
    if killed_after is None:
        book.note(finished=stamp(now()))
    return book.folder


def inputs(folder: Path) -> None:
    """The files that all shards of the run are given."""
    texts = {"candidate.toml": RELEASE, "stages.toml": STAGES, "policy.toml": POLICY, "waivers.toml": ""}
    for name, text in texts.items():
        if not (folder / name).exists():
            (folder / name).write_text(text)


def _record(folder: Path, digest: str, index: int, of: int, outcomes: Mapping[str, Outcome], limit: int | None) -> None:
    whole = plan(folder.name)
    mine = [name for name in whole if name in share(whole, index, of)]
    header = {"kind": "run", "run": "r", "stage": folder.name, "started": stamp(now()), "seed": 1}
    header |= {"catalogue": catalogue.load().digest, "environment": {"candidate": digest}}
    shard = {"index": index, "of": of, "plan": {name: [name] for name in whole}}
    lines: list[Any] = [header, {"kind": "part", **to_json(PART)}]
    lines.append({"kind": "planned", "tests": {name: [name] for name in mine}, "deselected": {}, "shard": shard})
    ran = [made.result(name, outcomes.get(name, Outcome.PASS), name) for name in mine[:limit]]
    lines += [{"kind": "result", **to_json(result)} for result in ran]
    if limit is None:
        counts = {outcome.value: sum(result.outcome is outcome for result in ran) for outcome in Outcome}
        lines.append({"kind": "end", "finished": stamp(now()), "exit": int(counts["fail"] > 0), "counts": counts})
    (folder / "record.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
