"""A run folder as its gates saw it: every input read back from the folder's own copies, and decided on again.

With the run's own policy, waivers and times, each decision comes out byte for byte as it lies there.
"""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipelines import basis, deviations, foreseen, gate, names, pipeline, policy, quarantine, waivers
from pipelines.candidate import Candidate
from pipelines.candidate import load as load_candidate
from pipelines.configuration import Misconfigured, read_all
from pipelines.deviations import Deviation
from pipelines.findings import Finding, Past
from pipelines.logbook import records_of
from pipelines.pipeline import Pipeline, Stage
from pipelines.quarantine import Entry
from pipelines.statistics import Basis
from pipelines.waivers import Waiver
from reports import catalogue
from reports.catalogue import Catalogue, digest_of
from reports.model import Clause, Decision, Layer, Level, Part, Reason, Verdict, part_from_json
from reports.run_folder import decision_from_json, moment


@dataclass(frozen=True)
class Recorded:
    """What a run folder holds for its gates. decided: the decision files, by stage, in the order of the stages."""

    run: Path
    candidate: Candidate
    catalogue: Catalogue
    pipeline: Pipeline
    waivers: tuple[Waiver, ...]
    deviations: tuple[Deviation, ...]
    quarantine: tuple[Entry, ...]
    basis: Basis | None
    parts: tuple[Part, ...]
    decided: Mapping[str, str]

    def before(self, stage: str) -> Decision:
        """The decision of a stage as it was. Misconfigured: its file is broken."""
        path = self.run / "decisions" / f"{stage}.json"
        try:
            return decision_from_json(json.loads(self.decided[stage]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Misconfigured([f"{path}: is no decision: {type(error).__name__}: {error}"]) from error

    def then(self, stage: str) -> datetime.datetime:
        """When a stage was decided. Misconfigured: its decision does not say."""
        try:
            return moment(self.before(stage).decided)
        except ValueError as error:
            raise Misconfigured([f"{self.run / 'decisions'}/{stage}.json: does not say when: {error}"]) from error

    def decide(self, at: Callable[[str], datetime.datetime], policy_file: Path | None = None) -> list[Decision]:
        """Decide every stage again that had decided, in order. at: the time to decide as of, by stage."""
        history: list[Past] = []
        decisions = []
        for stage in self.pipeline.stages:
            if stage.name in self.decided:
                decisions.append(self._stage(stage, history, at(stage.name), policy_file))
        return decisions

    def decide_anew(self, now: datetime.datetime) -> list[Decision]:
        """Decide the stages that the run was asked for, in order, until one does not pass; as a run does."""
        history: list[Past] = []
        decisions = []
        for stage in self.requested():
            decisions.append(self._stage(stage, history, now))
            if decisions[-1].verdict is not Verdict.PASS:
                break
        return decisions

    def requested(self) -> tuple[Stage, ...]:
        """The stages that the run was asked for."""
        told = {item["name"]: item.get("requested", True) for item in read_json(self.run / "run.json")["stages"]}
        return tuple(stage for stage in self.pipeline.stages if told.get(stage.name, True))

    def _stage(
        self, stage: Stage, history: list[Past], now: datetime.datetime, policy_file: Path | None = None
    ) -> Decision:
        """Decide one stage, and let later ones know."""
        decision = gate.evaluate(
            stage=stage,
            candidate=self.candidate,
            catalogue=self.catalogue,
            records=records_of(self.run / stage.name),
            parts=_stage_parts(self.run, stage) or ([] if stage.suites else self.parts),
            policy=policy.load(policy_file or stage.policy),
            waivers=self.waivers,
            deviations=self.deviations,
            history=tuple(history),
            now=now,
            incidents=incidents(self.run / stage.name / "incidents.json"),
            quarantine=self.quarantine,
            basis=self.basis,
            figures=basis.figures_of(self.run, stage.name),
            others=foreseen.judges(self.pipeline.stages, policy_file),
        )
        history.append(Past(stage.name, self.candidate.digest, decision.verdict, now))
        return decision


def load(run: Path, waiver_file: Path | None = None) -> Recorded:
    """Read a run folder. Misconfigured: it is none, or a file of it is broken or was changed."""
    require_run(run)
    facts = read_json(run / "run.json")
    profile = str(facts.get("profile") or "quick")
    chosen = pipeline.load(run / "stages.toml", profile, policies=run / "policies")
    entries, basis_file = run / "quarantine.toml", run / basis.FILE
    files = {stage.name: run / "decisions" / f"{stage.name}.json" for stage in chosen.stages}
    return Recorded(
        run=run,
        candidate=load_candidate(run / "candidate.toml"),
        catalogue=_catalogue(run / "catalogue.json"),
        pipeline=chosen,
        waivers=waivers.load(waiver_file or run / "waivers.toml"),
        deviations=tuple(deviations.from_shown(item) for item in facts.get("deviations", [])),
        quarantine=quarantine.load(entries) if entries.is_file() else (),
        basis=basis.read(basis_file) if basis_file.is_file() else None,
        parts=tuple(part_from_json(item) for item in read_json(run / "parts.json")),
        decided={name: file.read_text(encoding="utf-8") for name, file in files.items() if file.is_file()},
    )


def require_names(runs: Iterable[Path], policy_file: Path | None, waiver_file: Path | None) -> None:
    """Misconfigured: a mistake in another policy or other waivers than the runs' own, or a clause or capability that
    neither this checkout nor the runs' own catalogues have."""
    catalogues = [catalogue.load()]
    for run in runs if policy_file or waiver_file else ():
        with contextlib.suppress(Misconfigured, KeyError, TypeError, ValueError):  # told where the run is read
            catalogues.append(_catalogue(run / "catalogue.json"))
    known = names.of_catalogues(catalogues)
    readers: list[Callable[[], Any]] = [partial(policy.load, policy_file, known)] if policy_file else []
    readers += [partial(waivers.load, waiver_file, known)] if waiver_file else []
    read_all(readers)


def require_run(run: Path) -> None:
    """Misconfigured: not a run folder."""
    if not (run / "run.json").is_file():
        raise Misconfigured([f"{run}: not a run folder (it has no run.json). Runs are kept in runs/."])


def read_json(path: Path) -> Any:
    """A file of a run folder. Misconfigured: it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured([f"{path}: cannot be read: {error}"]) from error


def _catalogue(path: Path) -> Catalogue:
    data = read_json(path)
    if digest_of(data["clauses"]) != data["digest"]:
        raise Misconfigured([f"{path}: the clauses are not those that its digest names; the file was changed."])
    clauses = [
        Clause(**{**item, "level": Level(item["level"]), "layer": Layer(item["layer"])}) for item in data["clauses"]
    ]
    return Catalogue({clause.id: clause for clause in clauses}, str(data["digest"]))


def _stage_parts(run: Path, stage: Stage) -> list[Part]:
    path = run / stage.name / "parts.json"
    data = read_json(path) if path.exists() else []
    return [part_from_json(item) for item in data]


def incidents(path: Path) -> list[Finding]:
    """What went wrong outside a stage's tests, as its incidents.json has it. Misconfigured: it cannot be read."""
    data = read_json(path) if path.exists() else []
    return [Finding(Verdict(item["verdict"]), Reason(**item["reason"])) for item in data]
