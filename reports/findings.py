"""What a run found out, joined for readers: clauses with their standings, failures, and what was not tested.

Belongs here: pure joining of a RunFolder with the clause catalogue. Rendering (reports/render/) and signing
(reports/attest.py) both take their statements from here, so that they cannot disagree.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reports import catalogue as catalogue_file
from reports import run_folder
from reports.catalogue import Catalogue
from reports.failed_tests import Failure, failures, tally_of, unknown
from reports.model import Clause, ClauseStanding, Layer, Level, Outcome, Reason, Result, Verdict
from reports.reasons import Group, grouped
from reports.run_folder import RunFolder, RunFolderError, Stage, Waiver, moment

# Worst first: where two stages judge one clause, the worse standing is shown.
STANDINGS = ("fail", "missing", "could-not-run", "waived", "pass", "not-applicable", "uncovered", "not-in-run")

OPEN = ("missing", "could-not-run", "uncovered", "not-in-run")
"""Standings of clauses of which a run says nothing. One that is not applicable has an answer."""


@dataclass(frozen=True)
class ClauseRow:
    """One clause as the run left it. results: of the stage named; duration in seconds over all results."""

    clause: Clause
    standing: str
    stage: str = ""
    required: bool = False
    note: str = ""
    tests: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()
    waiver: Waiver | None = None

    @property
    def duration(self) -> float:
        return sum(result.duration for result in self.results)


@dataclass(frozen=True)
class Untested:
    """One thing that the run cannot vouch for. kind is a key of UNTESTED."""

    kind: str
    what: str
    reason: str = ""
    stage: str = ""
    required: bool = False


# kind -> (heading, what it means), in the order shown.
UNTESTED = {
    "not-reached": ("Stages not reached", "Nothing of these stages was tried."),
    "missing": ("Planned, no result", "The run ended before these tests reported."),
    "could-not-run": ("Could not run here", "This machine or cluster cannot tell; it never counts as a pass."),
    "uncovered": ("Without a test", "No test of this run was planned for these clauses."),
    "not-in-profile": ("Left out by the profile", "A fuller profile would test these."),
    "not-in-run": ("Outside this run", "Clauses of the catalogue that no stage of this run took up."),
    "not-applicable": ("Not declared by the subject", "The component does not claim the capability."),
    "other": ("Also not tested", "Stated by the pipeline."),
}


@dataclass(frozen=True)
class Findings:
    """Everything that a report says beyond the run folder's own facts."""

    run: RunFolder
    rows: tuple[ClauseRow, ...]
    failures: tuple[Failure, ...]
    untested: tuple[Untested, ...]
    catalogue_digest: str
    catalogue_note: str = ""

    def counts(self, suite: str = "") -> dict[str, int]:
        """Number of clauses by standing, of one suite or of all."""
        tally = dict.fromkeys(STANDINGS, 0)
        for row in self.rows:
            if not suite or row.clause.suite == suite:
                tally[row.standing] += 1
        return tally

    @property
    def open_clauses(self) -> int:
        """Number of clauses of which the run says nothing."""
        counts = self.counts()
        return sum(counts[standing] for standing in OPEN)

    def outcomes(self) -> dict[str, int]:
        """Number of tests by outcome over all stages, plus `error`, `missing` and, among the passes, `flaky`."""
        tallies = [tally_of(stage) for stage in self.run.stages]
        names = (*(outcome.value for outcome in Outcome), "error", "missing", "flaky")
        return {name: sum(tally[name] for tally in tallies) for name in names}

    @property
    def suites(self) -> tuple[str, ...]:
        """Suites in the order of the catalogue."""
        return tuple(dict.fromkeys(row.clause.suite for row in self.rows))

    @property
    def reason(self) -> str:
        """The verdict's reason in one sentence."""
        stage = self.run.decisive
        if self.run.error:
            return self.run.error
        if stage is None:
            return "The pipeline has no stage, so nothing was judged."
        if stage.decision is None:
            return f"The run ended before the gate of stage {stage.name} decided."
        if stage.decision.verdict is Verdict.PASS:
            return self._all_passed()
        return self._first_reason(stage)

    @property
    def remedies(self) -> tuple[Reason, ...]:
        """The blocking reasons of the deciding gate, in its order: each says what would let the candidate go on."""
        stage = self.run.decisive
        if stage is None or stage.decision is None or stage.decision.verdict is Verdict.PASS:
            return ()
        return tuple(reason for reason in stage.decision.reasons if reason.blocking)

    @property
    def idle_waivers(self) -> tuple[tuple[Waiver, str], ...]:
        """Waivers that no gate used, each with why: it had expired when the last gate decided, or nothing needed it."""
        decided = [stage.decision.decided for stage in self.run.stages if stage.decision and stage.decision.decided]
        then = max((moment(text) for text in decided), default=moment(self.run.started))
        used = {waiver.id for waiver in self.run.used_waivers}
        return tuple(
            (waiver, "expired" if waiver.expires and moment(waiver.expires) < then else "not used")
            for waiver in self.run.waivers
            if waiver.id not in used
        )

    @property
    def remedies_grouped(self) -> tuple[Group, ...]:
        """The blocking reasons under what would repair them, so that one repair for many clauses is said once."""
        decision = self.run.decisive.decision if self.run.decisive else None
        return grouped(self.remedies, decision.standings if decision else ())

    def _all_passed(self) -> str:
        names = [stage.name for stage in self.run.stages if stage.decision is not None]
        waived = self.counts()["waived"]
        stages = f"stage {names[0]}" if len(names) == 1 else f"stages {', '.join(names[:-1])} and {names[-1]}"
        text = f"The gates of {stages} let the candidate by" if len(names) > 1 else f"The gate of {stages} let it by"
        told = [f"{waived} failing clause{'s' if waived > 1 else ''} under waiver"] if waived else []
        open_ = sum(1 for item in self.untested if item.required and item.kind != "not-applicable")
        told += [f"{open_} required clause{'s' if open_ > 1 else ''} untested"] if open_ else []
        return f"{text}, with {' and '.join(told)}." if told else f"{text}; every required clause in scope passed."

    def _first_reason(self, stage: Stage) -> str:
        told = [line for group in self.remedies_grouped for line in group.lines]
        told = told or [reason.text for reason in (stage.decision.reasons if stage.decision else ())]
        if not told:
            return f"The gate of stage {stage.name} gave no reason."
        first = told[0].rstrip(". ")
        more = len(told) - 1
        tail = f", and {more} more reason{'s' if more > 1 else ''}" if more else ""
        return f"Stage {stage.name}: {first}{tail}."


def catalogue_of(run: RunFolder) -> Catalogue:
    """The catalogue kept in the run folder, else that of this checkout."""
    file = run.path / "catalogue.json"
    if not file.exists():
        return catalogue_file.load()
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        clauses = [_clause(item) for item in data["clauses"]]
        return Catalogue({clause.id: clause for clause in clauses}, str(data.get("digest") or ""))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunFolderError(f"{file}: not a catalogue: {error!r}") from error


def _clause(item: Mapping[str, Any]) -> Clause:
    return Clause(**{**item, "level": Level(item["level"]), "layer": Layer(item["layer"])})


def join(run: RunFolder, catalogue: Catalogue | None = None) -> Findings:
    """Join a run with its catalogue. Reads no file when the catalogue is given."""
    catalogue = catalogue or catalogue_of(run)
    rows = _rows(run, catalogue)
    return Findings(
        run=run,
        rows=rows,
        failures=failures(run, catalogue),
        untested=_untested(run, rows),
        catalogue_digest=catalogue.digest,
        catalogue_note=_catalogue_note(run, catalogue),
    )


def _catalogue_note(run: RunFolder, catalogue: Catalogue) -> str:
    recorded = {record.run.catalogue for stage in run.stages for record in stage.records} - {"", catalogue.digest}
    if not recorded:
        return ""
    return (
        f"The clauses' texts are those of another catalogue ({catalogue.digest[:12]}) than the one that the run "
        f"was judged by ({', '.join(sorted(digest[:12] for digest in recorded))})."
    )


def _rows(run: RunFolder, catalogue: Catalogue) -> tuple[ClauseRow, ...]:
    waivers = {waiver.clause: waiver for waiver in run.used_waivers if waiver.clause}
    found: dict[str, ClauseRow] = {}
    for stage in run.stages:
        by_clause: dict[str, list[Result]] = {}
        for record in stage.records:
            for result in record.results:
                for clause in result.clauses:
                    by_clause.setdefault(clause, []).append(result)
        for standing in _standings(stage, catalogue, by_clause):
            judged = catalogue.clauses.get(standing.clause) or unknown(standing.clause)
            idle = standing.standing == "uncovered" and not judged.uncovered and not _planned(stage)
            word = "not-in-run" if idle else standing.standing
            row = ClauseRow(
                clause=judged,
                standing=word if word in STANDINGS else "could-not-run",
                stage=stage.name,
                required=standing.required,
                note=f"no test of stage {stage.name} was started" if idle else standing.note,
                tests=standing.tests,
                results=tuple(by_clause.get(standing.clause, ())),
                waiver=waivers.get(standing.clause) if standing.standing == "waived" else None,
            )
            known = found.get(standing.clause)
            found[standing.clause] = row if known is None else _worse(known, row)
    for known_clause in catalogue.clauses.values():
        if known_clause.id not in found:
            standing_now = "uncovered" if known_clause.uncovered else "not-in-run"
            found[known_clause.id] = ClauseRow(known_clause, standing_now)
    order = {clause: place for place, clause in enumerate(catalogue.clauses)}
    return tuple(sorted(found.values(), key=lambda row: order.get(row.clause.id, len(order))))


def _planned(stage: Stage) -> bool:
    """Whether the stage came as far as knowing its tests: else a clause without a test may well have some."""
    return any(record.planned and record.planned.tests and not record.run.imported for record in stage.records)


def _worse(one: ClauseRow, other: ClauseRow) -> ClauseRow:
    """The worse of two stages' rows; of two equal ones the earlier, unless only the later has results."""
    ranks = STANDINGS.index(one.standing), STANDINGS.index(other.standing)
    if ranks[1] < ranks[0] or (ranks[0] == ranks[1] and other.results and not one.results):
        one, other = other, one
    return replace(one, required=one.required or other.required)


def _standings(stage: Stage, catalogue: Catalogue, by_clause: Mapping[str, list[Result]]) -> Iterable[ClauseStanding]:
    """The gate's standings, or, where no gate decided, those that follow from the record alone."""
    if stage.decision is not None and stage.decision.standings:
        yield from stage.decision.standings
        return
    planned: dict[str, list[str]] = {}
    scope: dict[str, None] = {}
    for record in stage.records:
        for test, clauses in (record.planned.tests if record.planned else {}).items():
            for clause in clauses:
                planned.setdefault(clause, []).append(test)
        scope.update(dict.fromkeys(record.planned.clauses if record.planned else ()))
    for clause in {**scope, **dict.fromkeys(planned), **dict.fromkeys(by_clause)}:
        known = catalogue.clauses.get(clause)
        required = known is not None and known.level is Level.MUST
        results = by_clause.get(clause, [])
        tests = tuple(dict.fromkeys([*planned.get(clause, ()), *(result.test for result in results)]))
        yield ClauseStanding(clause, _merged(tests, results), required, tests)


def _merged(tests: tuple[str, ...], results: list[Result]) -> str:
    outcomes = {result.outcome for result in results}
    if Outcome.FAIL in outcomes:
        return "fail"
    if set(tests) - {result.test for result in results}:
        return "missing"
    if not results:
        return "uncovered"
    for outcome in (Outcome.COULD_NOT_RUN, Outcome.PASS):
        if outcome in outcomes:
            return outcome.value
    return Outcome.NOT_APPLICABLE.value


def _untested(run: RunFolder, rows: tuple[ClauseRow, ...]) -> tuple[Untested, ...]:
    found: list[Untested] = []
    stopped = run.decisive
    told = {row.clause.id for row in rows if row.standing == "missing"}
    left_out: set[str] = set()
    for stage in run.stages:
        if not stage.reached:
            reason = (
                "The run was asked to end before it." if not stage.requested
                else f"Stage {stopped.name} did not let the candidate by." if stopped and stopped is not stage
                else "The run ended before it."
            )  # fmt: skip
            found.append(Untested("not-reached", f"Stage {stage.name}", reason, stage.name))
        for record in stage.records:
            plan = record.planned.tests if record.planned else {}
            lost = [test for test in record.missing if not told.issuperset(plan[test] or ("",))]
            found += [Untested("missing", test, "", stage.name) for test in lost]
            deselected = record.planned.deselected if record.planned else 0
            if deselected:
                what = f"{deselected} test{'s' if deselected > 1 else ''} of stage {stage.name}"
                found.append(Untested("not-in-profile", what, "deselected", stage.name))
            left_out.update(*(record.planned.left_out.values() if record.planned else ()))
    for row in rows:
        if row.standing in ("could-not-run", "not-applicable", "uncovered", "not-in-run", "missing"):
            exists = row.standing == "uncovered" and row.clause.id in left_out
            kind = "not-in-profile" if exists else row.standing
            found.append(Untested(kind, row.clause.id, _why(row), row.stage, row.required))
    found += [Untested("not-in-profile", gap.what, gap.reason) for gap in run.not_in_profile]
    found += [Untested("other", gap.what, gap.reason) for gap in run.untested]
    order = list(UNTESTED)
    return tuple(sorted(found, key=lambda item: (order.index(item.kind), not item.required)))


def _why(row: ClauseRow) -> str:
    """Why a clause has no pass or fail: the tests' own words, then the gate's note, then the catalogue's."""
    said = [result.summary for result in row.results if result.outcome.value == row.standing and result.summary]
    if said:
        return "; ".join(dict.fromkeys(said))
    if row.standing == "missing":
        return row.note or "its test was planned and never reported: " + ", ".join(row.tests)
    if row.standing == "uncovered":
        return row.note or row.clause.uncovered or "no test names it"
    return row.note


def of_folder(path: Path) -> Findings:
    """Read a run folder and join it with its catalogue."""
    return join(run_folder.load(path))
