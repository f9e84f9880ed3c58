"""Whether records and parts can be trusted to speak of this candidate. Pure."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Sequence

from pipelines.candidate import Candidate, identities
from pipelines.findings import Finding
from pipelines.logbook import stamp
from pipelines.pipeline import Stage
from pipelines.policy import Policy
from reports import attempts
from reports.catalogue import Catalogue
from reports.model import Outcome, Part, Verdict
from reports.record import NOTHING_COLLECTED, Record, RecordError
from reports.render.words import duration
from reports.run_folder import moment

SKEW = 300.0
"""Seconds that clocks may differ by."""
_SELECTING = ("--clause", "--deselect", "--ignore", "--ignore-glob", "--lf", "--last-failed", "--ff", "--mutant")
_CLUSTER = (
    "provider",
    "kubeconfig",
    "kube_context",
    "as_user",
    "as_group",
    "cluster_state",
)  # Options that choose no other component.


def parts_findings(stage: Stage, candidate: Candidate, parts: Sequence[Part]) -> Iterable[Finding]:
    """Every part must be what the candidate declares, and every needed component must be there."""
    for part in parts:
        yield from _identity(candidate, part)
    there = {part.component for part in parts}
    for name in stage.components(candidate):
        if name not in there:
            text = f"The component {name} was not provided, so this stage did not judge the whole candidate."
            yield Finding.of(Verdict.INCONCLUSIVE, text, "See the log of the run for why; python -m pipelines doctor.")


def unjudged_findings(stage: Stage, candidate: Candidate, parts: Sequence[Part]) -> Iterable[Finding]:
    """A sign-off is for the whole candidate, so every component must have been given to a stage, unless the sign-off
    stage itself says that its profile leaves it out."""
    there = {part.component for part in parts}
    for component in candidate.components:
        if component.name in there:
            continue
        if stage.leaves_out(component.name):
            text = f"{component.name} was not judged: the {stage.profile} profile leaves it out."
            yield Finding.of(Verdict.PASS, text, "The full profile judges it: python -m pipelines run --profile full")
        else:
            text = f"The candidate holds {component.name}, and no stage was given it, so nobody judged it."
            remedy = "Name it under needs of a stage that judges it, or take it out of the candidate."
            yield Finding.of(Verdict.INCONCLUSIVE, text, remedy)


def _identity(candidate: Candidate, part: Part) -> Iterable[Finding]:
    component = candidate.component(part.component)
    if component is None:
        return
    remedy = "Something on the way replaced it. Run python -m pipelines clean --cache and run again."
    if part.version != component.version:
        text = f"{part.component} is {part.version}, but the candidate declares {component.version}."
        yield Finding.of(Verdict.INVALID, text, remedy)
    declared = [known for source in component.sources if (known := identities(source))]
    open_ended = len(declared) < len(component.sources)
    words = set(part.identity.split())
    if declared and not open_ended and not (words and words <= frozenset().union(*declared)):
        text = f"{part.component} is not the declared one: its identity is {part.identity or 'not known'}."
        yield Finding.of(Verdict.INVALID, text, remedy)
    elif declared and not part.identity and open_ended:
        text = f"{part.component} came from a source without a declared digest ({part.source})."
        yield Finding.of(Verdict.PASS, text, "Give that source a digest in the candidate file.")


def record_findings(
    stage: Stage,
    candidate: Candidate,
    catalogue: Catalogue,
    records: Sequence[Record | RecordError],
    parts: Sequence[Part],
    policy: Policy,
    now: datetime.datetime,
) -> Iterable[Finding]:
    """Everything about the records that asks for more than PASS, whatever their results say."""
    again = f"Run the stage again: python -m pipelines run --stage {stage.name}"
    if all(isinstance(record, Record) and record.run.imported for record in records):
        yield Finding.of(Verdict.INCONCLUSIVE, "There is no record: no test of this stage ran.", again)
    for record in records:
        if isinstance(record, RecordError):
            where = f"{record.path.name}:{record.line}" if record.line else record.path.name
            yield Finding.of(Verdict.INVALID, f"A record cannot be read: {where}: {record.problem}", again)
            continue
        if record.run.stage != stage.name:
            text = f"The record is of the stage {record.run.stage or '(it names none)'}, not of {stage.name}."
            yield Finding.of(Verdict.INVALID, text, again)
        named = str(record.run.environment.get("candidate", ""))
        if named != candidate.digest:
            text = f"The record is of another candidate ({named[:12] or 'it names none'}, not {candidate.digest[:12]})."
            yield Finding.of(Verdict.INVALID, text, again)
        yield from _same_parts(stage, candidate, record, parts, again)
        yield from _harness(record)
        yield from _selection(stage, record, again)
        yield from _unplanned(record, again)
        yield from _unknown(record, catalogue, again)
        for fault in attempts.faults(record.results):
            yield Finding.of(Verdict.INVALID, f"{fault}.", again)
        yield from _ending(record, again)
        yield from _age(record, catalogue, policy, now, again)
        yield from _times(record, now, again)


def _same_parts(
    stage: Stage, candidate: Candidate, record: Record, parts: Sequence[Part], again: str
) -> Iterable[Finding]:
    """The parts that the tests saw are the parts that were provided, file by file."""
    provided = {part.component: part for part in parts}
    for part in record.parts:
        yield from _identity(candidate, part)
        known = provided.get(part.component)
        if known is None:
            continue
        for name in sorted({*part.sha256, *known.sha256}):
            digest = part.sha256.get(name, "not told")
            if known.sha256.get(name) != digest:
                text = f"The tests used another {part.component}/{name} than the one provided ({digest[:12]})."
                yield Finding.of(Verdict.INVALID, text, again)
    seen = {part.component for part in record.parts}
    for name in () if record.run.imported else stage.components(candidate):
        if name in provided and name not in seen and record.results:
            text = f"The record does not say which {name} was tested, so it may be of another candidate."
            yield Finding.of(Verdict.INVALID, text, again)


def _harness(record: Record) -> Iterable[Finding]:
    for result in record.results:
        if result.harness_error:
            text = f"The test itself broke, so it says nothing of the component: {result.test}: {result.summary}"
            yield Finding.of(Verdict.INVALID, text, "This is a fault of Seatrial or of its use; please report it.")


def _selection(stage: Stage, record: Record, again: str) -> Iterable[Finding]:
    """The tests are those of the whole stage, and they judged the candidate's own components."""
    command = record.run.command
    marks = [after for word, after in itertools.pairwise(command) if word == "-m"]
    marks += [word.removeprefix("-m") for word in command if word.startswith("-m") and word != "-m"]
    if any(_selects(argument) for argument in command) or any(mark != stage.marks for mark in marks):
        text = "The record is of a hand-picked selection of tests, not of the whole stage."
        yield Finding.of(Verdict.INCONCLUSIVE, text, again)
    if record.planned is not None and (shard := record.planned.shard) is not None:
        text = f"The record is shard {shard.index} of {shard.of} (counted from 0), not the whole stage."
        yield Finding.of(Verdict.INCONCLUSIVE, text, "Bring all shards together: python -m pipelines merge RUN...")
    foreign = sorted(name for name, value in record.run.subjects.items() if value and name not in _CLUSTER)
    if foreign:
        options = ", ".join("--" + name.replace("_", "-") for name in foreign)
        text = f"The tests judged what {options} named, and that need not be the candidate's."
        yield Finding.of(Verdict.INCONCLUSIVE, text, again)


def _unplanned(record: Record, again: str) -> Iterable[Finding]:
    """A pass proves what the plan said the test would judge, nothing else."""
    planned = record.planned.tests if record.planned else {}
    for result in record.results:
        if result.outcome is Outcome.PASS and not set(result.clauses) <= set(planned.get(result.test, ())):
            text = f"{result.test} passed for clauses that the plan does not give it; the record was put together."
            yield Finding.of(Verdict.INVALID, text, again)


def _unknown(record: Record, catalogue: Catalogue, again: str) -> Iterable[Finding]:
    """Clauses that the very catalogue which the record names does not hold: nobody would ever look at them."""
    if record.run.catalogue != catalogue.digest:
        return
    planned = record.planned.tests.values() if record.planned else ()
    named = {clause for clauses in (*planned, *(result.clauses for result in record.results)) for clause in clauses}
    for clause in sorted(named - set(catalogue.clauses)):
        text = f"The record names the clause {clause}, and the catalogue that it was made with has none of that name."
        yield Finding.of(Verdict.INVALID, text, again)


def _ending(record: Record, again: str) -> Iterable[Finding]:
    if record.run.imported:
        pass  # how many cases an imported suite must have is its own matter (pipelines/imported.py)
    elif record.planned is None or not record.planned.tests:
        yield Finding.of(Verdict.INCONCLUSIVE, "The record plans no test at all.", again)
    elif not record.results:
        text = f"Not one of the {len(record.planned.tests)} planned tests has a result; the log of the stage says why."
        yield Finding.of(Verdict.INCONCLUSIVE, text, again)
    if record.truncated:
        text = "The record's last line is there only in part: the file was cut, and how much is lost is not known."
        yield Finding.of(Verdict.INVALID, text, f"{again} A full disk or a broken copy does that; a kill hardly ever.")
    if record.end is None:
        text = "The run was killed before its end; what it had not reached is not known."
        yield Finding.of(Verdict.INCONCLUSIVE, text, again)
        return
    if record.end.exit in (3, 4):
        text = f"pytest could not do its work (exit status {record.end.exit}); the log of the stage says why."
        yield Finding.of(Verdict.INVALID, text, "This is a fault of Seatrial or of its use; please report it.")
    elif record.end.exit == NOTHING_COLLECTED and record.results:
        text = "pytest said that there was no test to run (exit status 5), and the record holds results."
        yield Finding.of(Verdict.INVALID, text, again)
    elif record.end.exit == 2:
        yield Finding.of(Verdict.INCONCLUSIVE, "The run was stopped before its end.", again)
    counted = {outcome.value: sum(result.outcome is outcome for result in record.results) for outcome in Outcome}
    if not record.end.counts or counted != {
        outcome.value: record.end.counts.get(outcome.value, 0) for outcome in Outcome
    }:
        text = "The record holds other results than it counted at its end: lines were lost or changed."
        yield Finding.of(Verdict.INVALID, text, again)
    elif record.end.exit in (0, 1) and (record.end.exit == 1) != bool(counted[Outcome.FAIL.value]):
        told = "that a test failed" if record.end.exit else "that none failed"
        text = f"pytest said {told} (exit status {record.end.exit}), and the results of the record say otherwise."
        yield Finding.of(Verdict.INVALID, text, again)


def _selects(argument: str) -> bool:
    name = argument.partition("=")[0]
    return name in _SELECTING or name.startswith("-k") or "::" in name or name.endswith(".py")


def _age(record: Record, catalogue: Catalogue, policy: Policy, now: datetime.datetime, again: str) -> Iterable[Finding]:
    if record.run.catalogue != catalogue.digest:
        text = "The clauses have changed since this record was written, so it answers older questions."
        yield Finding.of(Verdict.INCONCLUSIVE, text, again)
    try:
        age = (now - moment(record.run.started)).total_seconds()
    except ValueError:
        yield Finding.of(Verdict.INVALID, f"The record does not say when it was made ({record.run.started!r}).", again)
        return
    if age > policy.max_age:
        suite = record.run.imported.get("suite") if record.run.imported else None
        what = f"The imported record of {suite}" if suite else "The record"
        over = f"{duration(age - policy.max_age)} more than the {duration(policy.max_age)} that the policy allows"
        text = f"{what} is stale: it is {duration(age)} old, {over} (max-age-hours)."
        yield Finding.of(Verdict.INCONCLUSIVE, text, f"Run {suite} again, and import that." if suite else again)
    elif age < -SKEW:
        text = f"The record claims to be made in the future ({record.run.started})."
        yield Finding.of(Verdict.INVALID, text, "Set this machine's clock right and run the stage again.")


def _times(record: Record, now: datetime.datetime, again: str) -> Iterable[Finding]:
    """A run ends after it began and before now, and its tests run in between."""
    told = {"its start": record.run.started, **({"its end": record.end.finished} if record.end else {})}
    told |= {result.test: result.started for result in record.results if result.started}
    times = {}
    for what, text in told.items():
        try:
            times[what] = moment(text)
        except ValueError:
            if what != "its start":  # which is told with its age
                problem = f"The record does not say when {what} was ({text!r})."
                yield Finding.of(Verdict.INVALID, problem, again)
    first, slack = times.get("its start"), datetime.timedelta(seconds=SKEW)
    if first is None:
        return
    last = times.get("its end", max(first, now))
    if last < first - slack or last > now + slack:
        text = f"The record says that its run began at {stamp(first)} and ended at {stamp(last)}, which cannot be."
        yield Finding.of(Verdict.INVALID, text, "Set this machine's clock right and run the stage again.")
        return
    for what, time in times.items():
        if not first - slack <= time <= last + slack:
            text = f"{what} is of {stamp(time)}, and its run of {stamp(first)} to {stamp(last)}."
            yield Finding.of(Verdict.INVALID, text, "Set this machine's clock right and run the stage again.")
