"""What a leg must have been given: the files of this commit, by the names that they have in a run folder.

The runner of a leg ran the candidate's code as root. Its records are evidence; what they are judged by is not its to
choose, and goes into the sign-off. So every copy in its run folder must be the file of the commit that is judged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import basis, pipeline, quarantine, waivers
from pipelines.candidate import Candidate
from pipelines.candidate import load as load_candidate
from pipelines.findings import Finding
from reports import catalogue
from reports.model import Verdict

CHOSEN = ("candidate", "pipeline", "policy", "waivers", "quarantine", "basis")
"""The files that a workflow may choose, by the names of our actions' inputs. Without a choice: the one shipped."""
REMEDY = "Give the legs and the gate the same {}, and the same commit of Seatrial."


@dataclass(frozen=True)
class Inputs:
    """files: name in a run folder -> the file of this commit. facts: what run.json must say. basis: None: no basis.
    stages: those that must have decided; the last one signs off."""

    candidate: Candidate
    files: Mapping[str, Path]
    stages: tuple[str, ...]
    facts: Mapping[str, str]
    catalogue: str
    basis: Mapping[str, Any] | None


def of_commit(workspace: Path, chosen: Mapping[str, str], profile: str) -> Inputs:
    """The inputs that a workflow chose, relative to its workspace. Misconfigured: one of them is broken."""
    given = {name: workspace / chosen[name] for name in CHOSEN if chosen.get(name)}
    stages = pipeline.load(given.get("pipeline", pipeline.DEFAULT), profile)
    candidate = load_candidate(given["candidate"])
    files = {
        "candidate.toml": given["candidate"],
        "stages.toml": stages.path,
        "waivers.toml": given.get("waivers", waivers.DEFAULT),
        "quarantine.toml": given.get("quarantine", quarantine.DEFAULT),
    }
    files |= {f"policies/{stage.name}.toml": given.get("policy", stage.policy) for stage in stages.stages}
    return Inputs(
        candidate=candidate,
        files=files,
        stages=tuple(stage.name for stage in stages.stages),
        facts={"profile": profile},
        catalogue=catalogue.load().digest,
        basis=basis.shown(basis.load(given["basis"])) if "basis" in given else None,
    )


def differences(leg: str, run: Path, inputs: Inputs) -> Iterable[Finding]:
    """Whatever a leg was given that is not of this commit, and stages that it did not reach. OSError, ValueError,
    KeyError: a file of the run cannot be read."""
    for name, file in inputs.files.items():
        if file.read_bytes() != (run / name).read_bytes():
            yield _other(leg, name, file.name)
    if json.loads((run / "candidate.json").read_text(encoding="utf-8")) != _as_json(inputs.candidate.summary()):
        yield _other(leg, "candidate.json", inputs.candidate.path.name)
    facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    for name, value in inputs.facts.items():
        if facts.get(name) != value:
            yield _other(leg, f"{name} {facts.get(name)!r}", f"{name} {value!r}")
    if json.loads((run / "catalogue.json").read_text(encoding="utf-8"))["digest"] != inputs.catalogue:
        yield _other(leg, "catalogue.json", "clauses")
    carried = run / basis.FILE
    known = json.loads(carried.read_text(encoding="utf-8")) if carried.exists() else None
    if known != _as_json(inputs.basis):
        yield _other(leg, basis.FILE, "basis")
    missing = [name for name in inputs.stages if not (run / "decisions" / f"{name}.json").exists()]
    if missing:
        text = f"The leg {leg} ended before {' and '.join(missing)} decided."
        yield Finding.of(Verdict.INCONCLUSIVE, text, "See its reasons, or the log of its job, and run it again.")


def _as_json(value: Any) -> Any:
    """A value as a run folder's file gives it back."""
    return json.loads(json.dumps(value, default=str))


def _other(leg: str, what: str, wanted: str) -> Finding:
    text = f"The leg {leg} was judged by another {what} than this commit has ({wanted})."
    return Finding.of(Verdict.INVALID, text, REMEDY.format(what))
