"""Measured figures beside their thresholds, budgets and the size of the sample. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pipelines.case import Case
from pipelines.findings import Finding
from pipelines.names import MINUTES, RATE
from pipelines.policy import Threshold
from reports.attempts import base_of, unsteady
from reports.model import Measurement, Outcome, Verdict
from reports.record import Record
from reports.run_folder import moment


def measured(records: Iterable[Record], given: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """The least and the most of every figure: those given, those of the tests, and those of the records themselves."""
    values: dict[str, list[float]] = defaultdict(list)
    for name, value in given.items():
        values[name].append(value)
    for record in records:
        if record.run.imported:  # another suite's time says nothing of ours
            continue
        for result in record.results:
            for name, value in result.figures.items():
                values[name].append(value)
        seconds = _seconds(record)
        if seconds is not None:
            values[MINUTES].append(round(seconds / 60, 3))
            if seconds > 0:
                values[RATE].append(round(len(record.results) / seconds, 3))
    return {name: (min(found), max(found)) for name, found in sorted(values.items())}


def _seconds(record: Record) -> float | None:
    """From the first to the last line of a record; None where it does not say both."""
    try:
        return (moment(record.end.finished) - moment(record.run.started)).total_seconds() if record.end else None
    except ValueError:
        return None


def measurements(case: Case) -> tuple[Measurement, ...]:
    """Every threshold of the policy with what was measured, in the order of the policy."""
    found = measured(case.records, case.figures)
    known = case.basis.figures if case.basis else {}
    told = []
    for wanted in case.policy.thresholds:
        value = _worst(wanted, found.get(wanted.figure))
        basis = _worst(wanted, known.get(f"{case.stage.name}/{wanted.figure}"))
        standing = "missing" if value is None else "pass"
        if value is not None and any(_is_worse(wanted, value, bound) for bound in _bounds(wanted, basis)):
            standing = "fail"
        told.append(
            Measurement(wanted.figure, standing, wanted.direction, value, wanted.limit, wanted.tolerance, basis)
        )
    return tuple(told)


def _worst(wanted: Threshold, extremes: tuple[float, float] | None) -> float | None:
    return None if extremes is None else extremes[wanted.direction == "lower"]


def _bounds(wanted: Threshold, basis: float | None) -> list[float]:
    """The values that must not be passed: the limit, and the basis with its tolerance."""
    found = [] if wanted.limit is None else [wanted.limit]
    if wanted.tolerance is not None and basis is not None:
        part = abs(basis) * wanted.tolerance / 100
        found.append(basis + part if wanted.direction == "lower" else basis - part)
    return found


def _is_worse(wanted: Threshold, value: float, bound: float) -> bool:
    return value > bound if wanted.direction == "lower" else value < bound


def findings(case: Case, told: Sequence[Measurement]) -> Iterable[Finding]:
    """Figures beyond their thresholds or not measured, budgets that are spent, and a sample that is too small."""
    for wanted, item in zip(case.policy.thresholds, told, strict=True):
        yield from _threshold(wanted, item, case)
    yield from _budgets(case)
    yield from _sample(case)


def _threshold(wanted: Threshold, item: Measurement, case: Case) -> Iterable[Finding]:
    if item.standing == "missing":
        verdict = Verdict.INCONCLUSIVE if wanted.required else Verdict.PASS
        text = f"The figure {item.figure} was not measured in this stage."
        yield Finding.of(verdict, text, "Run what measures it, or take the threshold out of this stage's policy.")
        return
    if item.standing == "fail":
        verdict = Verdict.FAIL if wanted.required and not case.void else Verdict.PASS
        allowed = [] if item.limit is None else [f"the limit is {item.limit:g}"]
        if item.tolerance is not None and item.basis is not None:
            allowed.append(f"the last sign-off had {item.basis:g} and {item.tolerance:g} % are tolerated")
        text = f"{item.figure} is {item.value:g}, and {item.direction} is better: {'; '.join(allowed)}."
        yield Finding.of(verdict, text, "Find what made it worse, or change the threshold in the policy.")
    if item.tolerance is not None and item.basis is None:
        text = f"{item.figure} has nothing to be compared with: no last sign-off measured it."
        yield Finding.of(Verdict.PASS, text, "From the next sign-off on there is one.")


def _budgets(case: Case) -> Iterable[Finding]:
    budgets, flakes = case.policy.budgets, case.flakes()
    for test in flakes:
        text = f"{test} failed and then passed when it was run again: a flake."
        yield Finding.of(Verdict.PASS, text, "Find out why it is not the same twice; the record has both attempts.")
    for test, (failures, runs) in unsteady(result for record in case.records for result in record.results).items():
        text = f"{test} was run {runs} times and failed {failures} of them: it is not the same every time."
        yield Finding.of(Verdict.PASS, text, "Find out why; each of the runs counts where its clauses are compared.")
    if len(flakes) > budgets.flakes:
        verdict = Verdict.PASS if case.void else Verdict.FAIL
        text = f"{len(flakes)} test{'s were' if len(flakes) > 1 else ' was'} flaky; the policy allows {budgets.flakes}."
        yield Finding.of(verdict, text, "Repair the flaky tests or what they test; a retry is never free.")
    spent = [seconds for record in case.records if (seconds := _seconds(record)) is not None]
    if budgets.minutes and max(spent, default=0) > 60 * budgets.minutes:
        text = f"The tests took {max(spent) / 60:.1f} minutes; the policy allows {budgets.minutes:g}."
        yield Finding.of(Verdict.INCONCLUSIVE, text, "Run on a machine that is not busy, or raise budgets.minutes.")


def _sample(case: Case) -> Iterable[Finding]:
    judged = {
        base_of(result.test)
        for record in case.records
        for result in record.results
        if result.outcome in (Outcome.PASS, Outcome.FAIL)
    }
    if len(judged) < case.policy.sample.results:
        text = f"{len(judged)} tests passed or failed; the policy asks for at least {case.policy.sample.results}."
        yield Finding.of(Verdict.INCONCLUSIVE, text, "Look for what was left out: a filter, a shard, a capability.")
