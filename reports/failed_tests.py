"""The tests of a run that failed, each once, with what is known of it. Pure joining, as reports/findings.py does it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reports.attempts import Told, once_each
from reports.catalogue import Catalogue
from reports.model import Clause, Layer, Level, Outcome, Result
from reports.run_folder import RunFolder, Stage, Waiver


@dataclass(frozen=True)
class Failure:
    """One failed test (or an error of the harness) with the clauses it belongs to and a waiver, if any.

    again: its other attempts. quarantined: its failure does not block for that reason.
    """

    number: int
    stage: str
    result: Result
    clauses: tuple[Clause, ...]
    waiver: Waiver | None = None
    blocking: bool = False
    deviations: tuple[str, ...] = ()
    again: tuple[Result, ...] = ()
    quarantined: bool = False


def told_of(stage: Stage) -> list[Told]:
    """Every test of a stage once: a flake by its pass, an error of the harness before anything else."""
    flakes = stage.decision.flakes if stage.decision else ()
    found = []
    for told in (told for record in stage.records for told in once_each(record.results, flakes)):
        attempts = (told.result, *told.others)
        broken = next((result for result in attempts if result.harness_error), told.result)
        others = tuple(sorted((item for item in attempts if item is not broken), key=lambda item: item.attempt))
        found.append(replace(told, result=broken, others=others))
    return found


def tally_of(stage: Stage) -> dict[str, int]:
    """Number of tests of a stage by outcome, harness errors under `error`, planned ones without result under
    `missing`, flakes (which are among the passes) under `flaky`."""
    tally = {outcome.value: 0 for outcome in Outcome} | {"error": 0, "missing": 0, "flaky": 0}
    for told in told_of(stage):
        tally["error" if told.result.harness_error else told.result.outcome.value] += 1
        tally["flaky"] += told.flaky
    tally["missing"] = sum(len(record.missing) for record in stage.records)
    return tally


def failures(run: RunFolder, catalogue: Catalogue) -> tuple[Failure, ...]:
    """What failed, our own errors first, then what blocks, then what is let by."""
    found = [
        _failure(run, stage, told, catalogue)
        for stage in run.stages
        for told in told_of(stage)
        if told.result.outcome is Outcome.FAIL or told.result.harness_error
    ]
    found.sort(key=lambda item: (not item.result.harness_error, not item.blocking, item.waiver is not None))
    return tuple(replace(item, number=number) for number, item in enumerate(found, start=1))


def _failure(run: RunFolder, stage: Stage, told: Told, catalogue: Catalogue) -> Failure:
    result, decision = told.result, stage.decision
    required = {item.clause for item in (decision.standings if decision else ()) if item.required}
    known = tuple(
        " ".join(filter(None, [item.component, item.version, item.summary]))
        for item in run.deviations
        if item.clause in result.clauses
    )
    waived = (item for item in run.used_waivers if item.clause in result.clauses and item.test in ("", result.test))
    waiver = None if result.harness_error else next(waived, None)
    quarantined = decision is not None and result.test in decision.quarantined and not result.harness_error
    open_ = waiver is None and not quarantined
    return Failure(
        0,
        stage.name,
        result,
        tuple(catalogue.clauses.get(item) or unknown(item) for item in result.clauses),
        waiver,
        open_ and (result.harness_error or bool(required & set(result.clauses))),
        known,
        told.others,
        quarantined,
    )


def unknown(clause: str) -> Clause:
    """What is shown in the place of a clause that the catalogue has not."""
    suite = clause.partition(".")[0]
    return Clause(clause, suite, Level.EXPECTATION, Layer.PROTOCOL, "This clause is not in the catalogue.", "", "")
