"""Run folders as a leg of the matrix leaves them: small, complete, signed, and judged by the real gate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines import basis, candidate, closing, judging, pipeline, quarantine
from pipelines.github import artifacts
from pipelines.logbook import Logbook, now, stamp
from pipelines.screen import Screen
from reports import attest, catalogue
from reports.model import Outcome, Part, to_json
from suites.selftest.pipelines import synthetic as made

RELEASE = '[release]\nname = "atlas"\nversion = "7"\n\n[[component]]\nname = "csi-driver"\nversion = "1"\n'
RELEASE += '[[component.source]]\nkind = "builtin"\n'
STAGES = '[pipeline]\nname = "p"\n[[stage]]\nname = "dev"\nsuites = ["gpu"]\npolicy = "policy.toml"\n'
STAGES += '[[stage]]\nname = "production"\nkind = "sign-off"\nrequires = ["dev"]\npolicy = "policy.toml"\n'
POLICY = '[policy]\nname = "p"\nrequired-levels = ["must"]\n'
FAILING = "gpu.register.version"
FILES = {"candidate": "candidate.toml", "pipeline": "stages.toml", "policy": "policy.toml", "waivers": "waivers.toml"}
"""What a workflow of that repository chooses."""
WORKFLOW_RUN = {
    "GITHUB_REPOSITORY": "platform/release",
    "GITHUB_RUN_ID": "4711",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_SHA": "a" * 40,
}


def inputs(workspace: Path) -> Path:
    """The files of a release repository; returns the candidate's."""
    workspace.mkdir(parents=True, exist_ok=True)
    texts = {"candidate.toml": RELEASE, "stages.toml": STAGES, "policy.toml": POLICY, "waivers.toml": ""}
    for name, text in texts.items():
        (workspace / name).write_text(text)
    return workspace / "candidate.toml"


def write(
    runs: Path,
    workspace: Path,
    *,
    passes: bool = True,
    whole: bool = True,
    driver: str = "1",
    said: str = "wrong size",
    basis_file: Path | None = None,
) -> Path:
    """A run of the candidate of workspace. whole: it reached the sign-off; driver: what its driver's digest is made of;
    said: how the failing test puts it."""
    chosen = candidate.load(workspace / "candidate.toml")
    stages = pipeline.load(workspace / "stages.toml", "quick")
    book = Logbook.open(
        runs,
        candidate=chosen,
        pipeline=stages,
        requested=stages.stages,
        catalogue=catalogue.load(),
        waivers=workspace / "waivers.toml",
        quarantine=quarantine.DEFAULT,
        basis=basis.shown(basis.load(basis_file)) if basis_file and basis_file.exists() else None,
        facts={"profile": "quick", "waivers": [], "deviations": []},
    )
    part = Part("csi-driver", "1", "builtin", "sha256:1", sha256={"driver": (driver * 64)[:64]})
    book.parts([part])
    book.parts([part], "dev")
    _record(book.folder / "dev" / "record.jsonl", chosen.digest, part, passes, said)
    asked = ["dev", "production"] if passes and whole else ["dev"]
    for name in asked:
        _put(book.folder / "decisions" / f"{name}.json", {})
    for decision in judging.decide_again(book.folder, "", None, None, now()):
        book.decision(decision)
    book.note(finished=stamp(now()))
    closing.render(book.folder, Screen())
    attest.sign(book.folder)
    return book.folder


def _record(path: Path, digest: str, part: Part, passes: bool, said: str) -> None:
    """A record with one test for every clause of the GPU suite, of which the first fails where not all pass."""
    known = catalogue.load()
    names = [clause.id for clause in known.of(("gpu",)) if not clause.uncovered]
    failing = set() if passes else {FAILING}
    results: list[Mapping[str, Any]] = [
        {**to_json(made.result(name, Outcome.FAIL if name in failing else Outcome.PASS, name)), "summary": said}
        for name in names
    ]
    header = {"kind": "run", "run": "r", "stage": "dev", "started": stamp(now()), "catalogue": known.digest}
    lines: list[Any] = [{**header, "environment": {"candidate": digest}}, {"kind": "part", **to_json(part)}]
    lines.append({"kind": "planned", "tests": {name: [name] for name in names}, "deselected": {}})
    counts = {outcome: sum(item["outcome"] == outcome for item in results) for outcome in ("pass", "fail")}
    lines += [{"kind": "result", **item} for item in results]
    lines.append({"kind": "end", "finished": stamp(now()), "exit": int(not passes), "counts": counts})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _put(path: Path, value: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value))


def artifact(folder: Path, workspace: Path, leg: str = "trial", attempt: int = 1, **changes: Any) -> Path:
    """What run-suite uploads: a run folder with its note, in a folder of its own. changes: of the run, see write."""
    there = folder / artifacts.name_of(leg, attempt)
    run = write(there, workspace, **changes)
    where = artifacts.here({**WORKFLOW_RUN, "GITHUB_RUN_ATTEMPT": str(attempt)})
    artifacts.note_down(there, leg, run.name, where)
    return there
