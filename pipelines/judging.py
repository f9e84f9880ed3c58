"""verify, report and gate: everything that works from a run folder alone, on any machine."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path
from typing import Any

from pipelines import closing, deviations, gate, pipeline, policy, waivers
from pipelines.candidate import load as load_candidate
from pipelines.configuration import Misconfigured
from pipelines.findings import Finding, Past
from pipelines.logbook import now as present
from pipelines.pipeline import Stage
from pipelines.screen import Screen, show_decision
from pipelines.trial import records_of
from reports.catalogue import Catalogue, digest_of
from reports.model import Clause, Decision, Layer, Level, Part, Reason, Verdict, part_from_json, to_json
from reports.run_folder import moment


def report(given: argparse.Namespace) -> int:
    """Render a run's report again."""
    require_run(given.run)
    page = closing.render(given.run, Screen())
    if page is None:
        return Verdict.INVALID.exit_code
    print(page)
    return 0


def gate_again(given: argparse.Namespace) -> int:
    """Decide again from a run folder's files. The exit code is that of the first verdict that is not PASS."""
    require_run(given.run)
    now = present()
    if given.now:
        try:
            now = moment(given.now)
        except ValueError as error:
            raise Misconfigured([f"--now {given.now}: not a time such as 2026-12-01T00:00:00Z"]) from error
    decisions = decide_again(given.run, given.stage, given.policy, given.waivers, now)
    if given.json:
        print(json.dumps(to_json(decisions), indent=1))
    else:
        for decision in decisions:
            show_decision(Screen(), decision, most=1000)
    worst = next((item.verdict for item in decisions if item.verdict is not Verdict.PASS), Verdict.PASS)
    open_ = [] if given.stage or worst is not Verdict.PASS else undecided(given.run)
    if open_:
        print(f"INCONCLUSIVE: the run ended before {' and '.join(open_)} decided", file=sys.stderr)
        return Verdict.INCONCLUSIVE.exit_code
    return worst.exit_code


def undecided(run: Path) -> list[str]:
    """The stages that the run was asked for and whose gate has not decided."""
    asked = [item["name"] for item in _json(run / "run.json")["stages"] if item.get("requested", True)]
    return [name for name in asked if not (run / "decisions" / f"{name}.json").exists()]


def decide_again(
    run: Path, only: str, policy_file: Path | None, waiver_file: Path | None, now: datetime.datetime
) -> list[Decision]:
    """Evaluate the gates of a run folder from its own copies of candidate, stages, policies, waivers and clauses."""
    facts = _json(run / "run.json")
    candidate = load_candidate(run / "candidate.toml")
    chosen = pipeline.load(run / "stages.toml", str(facts.get("profile") or "quick"), policies=run / "policies")
    catalogue = _catalogue(run / "catalogue.json")
    known_waivers = waivers.load(waiver_file or run / "waivers.toml")
    parts = [part_from_json(item) for item in _json(run / "parts.json")]
    history: list[Past] = []
    decisions = []
    for stage in chosen.until(only):
        if not (run / "decisions" / f"{stage.name}.json").exists():
            continue
        decision = gate.evaluate(
            stage=stage,
            candidate=candidate,
            catalogue=catalogue,
            records=records_of(run / stage.name),
            parts=_stage_parts(run, stage) or ([] if stage.suites else parts),
            policy=policy.load(policy_file or stage.policy),
            waivers=known_waivers,
            deviations=[deviations.from_shown(item) for item in facts.get("deviations", [])],
            history=history,
            now=now,
            incidents=_incidents(run, stage),
        )
        history.append(Past(stage.name, candidate.digest, decision.verdict, now))
        if only in ("", stage.name):
            decisions.append(decision)
    if not decisions:
        raise Misconfigured([f"{run}: no gate has decided there{f' for the stage {only}' if only else ''}."])
    return decisions


def verify(given: argparse.Namespace) -> int:
    """Check a sign-off offline: signatures, digests, waivers' days, freshness."""
    path = given.signoff / "signoff.dsse.json" if given.signoff.is_dir() else given.signoff
    if not path.is_file():
        raise Misconfigured([f"{path}: there is no such file. Give a signoff.dsse.json or the run folder it is in."])
    return closing.verify(path, given.key, given.threshold, given.roles)


def require_run(run: Path) -> None:
    """Misconfigured: not a run folder."""
    if not (run / "run.json").is_file():
        raise Misconfigured([f"{run}: not a run folder (it has no run.json). Runs are kept in runs/."])


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured([f"{path}: cannot be read: {error}"]) from error


def _catalogue(path: Path) -> Catalogue:
    data = _json(path)
    if digest_of(data["clauses"]) != data["digest"]:
        raise Misconfigured([f"{path}: the clauses are not those that its digest names; the file was changed."])
    clauses = [
        Clause(**{**item, "level": Level(item["level"]), "layer": Layer(item["layer"])}) for item in data["clauses"]
    ]
    return Catalogue({clause.id: clause for clause in clauses}, str(data["digest"]))


def _stage_parts(run: Path, stage: Stage) -> list[Part]:
    path = run / stage.name / "parts.json"
    data = _json(path) if path.exists() else []
    return [part_from_json(item) for item in data]


def _incidents(run: Path, stage: Stage) -> list[Finding]:
    path = run / stage.name / "incidents.json"
    data = _json(path) if path.exists() else []
    return [Finding(Verdict(item["verdict"]), Reason(**item["reason"])) for item in data]
