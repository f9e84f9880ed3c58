"""The gate: decides from what was recorded whether a candidate may go on. Pure: no files, no clock, no network.

The verdict is the worst that any finding asks for: INVALID (the record cannot be trusted) before FAIL (a required
clause does not hold) before INCONCLUSIVE (something required is not known) before PASS. Every finding becomes a
reason in plain words with what would change it.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence

from pipelines import clause_findings, comparing, demands, imported, integrity, key_tests, measuring, pooling, waiving
from pipelines.candidate import Candidate
from pipelines.case import Case
from pipelines.deviations import Deviation, of_candidate
from pipelines.findings import Finding, Past, worst
from pipelines.pipeline import Stage
from pipelines.policy import Policy
from pipelines.quarantine import Entry
from pipelines.standings import Standing, by_clause, in_scope, stand
from pipelines.statistics import Basis
from pipelines.waivers import Waiver
from reports.attempts import base_of
from reports.catalogue import Catalogue
from reports.model import ClauseStanding, Comparison, Decision, Measurement, Outcome, Part, Verdict
from reports.record import Record, RecordError
from reports.spelling import nearest


def evaluate(
    *,
    stage: Stage,
    candidate: Candidate,
    catalogue: Catalogue,
    records: Sequence[Record | RecordError],
    parts: Sequence[Part],
    policy: Policy,
    waivers: Sequence[Waiver],
    deviations: Sequence[Deviation],
    history: Sequence[Past],
    now: datetime.datetime,
    incidents: Sequence[Finding] = (),
    quarantine: Sequence[Entry] = (),
    basis: Basis | None = None,
    figures: Mapping[str, float] | None = None,
    others: Sequence[tuple[Stage, Policy]] = (),
) -> Decision:
    """Decide one stage.

    records: every record of the stage; one that could not be read is its RecordError. parts: what was provided.
    history: earlier decisions on this candidate, any order. now: aware time that ages and expiries count from.
    incidents: what went wrong outside the tests (time limit, no cluster), as findings. basis: what the last signed
    sign-off recorded. figures: what was measured outside the tests, by name. others: the pipeline's stages, with their
    policies.
    """
    case = Case(
        stage=stage,
        candidate=candidate,
        catalogue=catalogue,
        records=tuple(record for record in records if isinstance(record, Record) and not record.run.imported),
        policy=policy,
        now=now,
        waivers=tuple(waivers),
        deviations=tuple(of_candidate(deviations, candidate)),
        quarantine=tuple(quarantine),
        basis=basis,
        figures=figures or {},
    )
    found = [*incidents, *integrity.parts_findings(stage, candidate, parts)]
    if stage.kind == "sign-off":
        found += _required_stages(stage, candidate, history, policy, now)
        found += integrity.unjudged_findings(stage, candidate, parts)
        found += demands.unapplied_findings(stage, policy, {other.name: its for other, its in others})
        return _decision(case, found)
    found += integrity.record_findings(stage, candidate, catalogue, records, parts, policy, now)
    foreign = [record for record in records if isinstance(record, Record) and record.run.imported]
    found += imported.findings(foreign, policy)
    found += demands.unjudged_findings(case, others)
    return _tested(dataclasses.replace(case, void=key_tests.voids(case)), found)


def _tested(case: Case, found: list[Finding]) -> Decision:
    """Decide a stage that has tests. found: what is known before any clause is looked at."""
    standings = _standings(case)
    compared = comparing.compare(case, standings)
    measured = measuring.measurements(case)
    if any(record.results for record in case.records):
        # Without any result one reason says so; it needs no further one for each clause.
        for item in standings:
            found += clause_findings.findings(case, item)
        found += comparing.unchecked(case)
        found += comparing.findings(case, standings, compared)
        found += measuring.findings(case, measured)
    found += key_tests.findings(case)
    found += _quarantined(case)
    found += _unknown_demands(case.policy, case.catalogue)
    found += _nothing_ran(case.policy, standings)
    found += waiving.findings(case, standings)
    found += clause_findings.gone_deviations(case, standings)
    return _decision(case, found, standings, compared, measured)


def _decision(
    case: Case,
    found: Iterable[Finding],
    standings: Sequence[Standing] = (),
    compared: tuple[Comparison, ...] = (),
    measured: tuple[Measurement, ...] = (),
) -> Decision:
    findings = sorted(dict.fromkeys(found), key=Finding.order)
    return Decision(
        stage=case.stage.name,
        verdict=worst(finding.verdict for finding in findings),
        reasons=tuple(finding.reason for finding in findings),
        standings=tuple(_shown(item) for item in standings),
        waivers_used=tuple(sorted({waiver.id for item in standings for waiver in item.used})),
        decided=case.now.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        comparisons=compared,
        measurements=measured,
        flakes=case.flakes(),
        quarantined=tuple(sorted({test for item in standings for test in item.tests.set_aside})),
    )


def _standings(case: Case) -> list[Standing]:
    found = by_clause(case.records, retries=case.policy.budgets.retries, aside=case.aside)
    valid = waiving.counted(case)
    return [
        stand(clause, required, found[clause.id], waivers=valid, now=case.now)
        for clause, required in in_scope(case.stage, case.catalogue, case.policy)
    ]


def _shown(item: Standing) -> ClauseStanding:
    note = ""
    if item.standing == "uncovered":
        note = item.clause.uncovered or ("its tests are in the full profile" if item.tests.left_out else "")
    elif item.standing == "waived":
        note = "waived by " + ", ".join(waiver.id for waiver in item.used)
    elif item.standing in ("could-not-run", "not-applicable"):
        wanted = Outcome(item.standing)
        note = next((result.summary for result in item.tests.of(wanted)), "")
        note = note or ("failed in quarantine" if item.tests.set_aside else "")
    if item.tests.flakes:
        note = ". ".join([*([note] if note else []), f"flaky: {', '.join(sorted(item.tests.flakes))}"])
    return ClauseStanding(item.clause.id, item.standing, item.required, item.tests.names, note)


def _quarantined(case: Case) -> Iterable[Finding]:
    """What became of the tests in quarantine. All of it informs: a failure that counts is told with its clause."""
    results = [result for record in case.records for result in record.results]
    ran = {base_of(result.test) for result in results}
    failed = {base_of(result.test) for result in results if result.outcome is Outcome.FAIL}
    for entry in case.quarantine:
        if entry.test not in ran:
            continue
        if objection := case.objection(entry):
            text = f"The quarantine of {entry.test} does not count: {objection}."
            yield Finding.of(Verdict.PASS, text, f"Remove the entry, or let {entry.owner} decide again ({entry.link}).")
        elif entry.test in failed:
            text = f"{entry.test} failed and is in quarantine through {entry.ends(case.policy.quarantining)} "
            text += f"({entry.owner}): {entry.reason}"
            yield Finding.of(Verdict.PASS, text, f"Repair it before that day is over: {entry.link}")


def _unknown_demands(policy: Policy, catalogue: Catalogue) -> Iterable[Finding]:
    """What the policy names must exist: a misspelled demand would be one that everybody meets."""
    offered = {clause.capability for clause in catalogue.clauses.values()} - {""}
    named = policy.clauses | policy.informing
    if policy.statistics:
        pools = pooling.names(catalogue.clauses, policy.statistics.pools)
        named |= policy.statistics.repeated | (policy.statistics.claimed - pools)
    known = tuple(catalogue.clauses)
    unknown = [("the clause", name, known) for name in sorted(named - set(known))]
    unknown += [("the capability", name, tuple(sorted(offered))) for name in sorted(policy.capabilities - offered)]
    for what, name, others in unknown:
        text = f"The policy {policy.name} names {what} {name}, and the catalogue has none of that name."
        hint = f" {nearest(name, others)}" if others else ""
        yield Finding.of(Verdict.INVALID, text, f"Correct the name in the policy, or take it out.{hint}")


def _nothing_ran(policy: Policy, standings: Sequence[Standing]) -> Iterable[Finding]:
    required = [item for item in standings if item.required]
    shown = {item.clause.suite for item in required if item.standing == "pass"}
    if not shown:
        text = "No required clause was shown to hold: nothing required ran and passed in this stage."
        yield Finding.of(Verdict.INCONCLUSIVE, text, "Run the stage's suites; a stage without results never passes.")
        return
    for suite in sorted(({item.clause.suite for item in required if item.tests.results} | policy.suites) - shown):
        text = f"No required clause of the suite {suite} was shown to hold, so its component is not proven at all."
        remedy = f"Take a component that offers what {suite} judges, or take the suite out of the stage."
        yield Finding.of(Verdict.INCONCLUSIVE, text, remedy)


def _required_stages(
    stage: Stage, candidate: Candidate, history: Sequence[Past], policy: Policy, now: datetime.datetime
) -> Iterable[Finding]:
    """A sign-off stands on the newest decision of each stage that it requires."""
    if not stage.requires:
        text = f"The stage {stage.name} requires no other stage, so there is nothing that it could sign for."
        yield Finding.of(Verdict.INCONCLUSIVE, text, "Name the stages that must have passed under requires.")
    for name in stage.requires:
        known = [past for past in history if past.stage == name and past.candidate == candidate.digest]
        newest = max(known, key=lambda past: (past.decided, past.verdict.exit_code), default=None)
        if newest is None:
            text = f"The stage {name} has not decided on this candidate."
            yield Finding.of(Verdict.INCONCLUSIVE, text, f"Run it: python -m pipelines run --stage {name}")
        elif newest.verdict is not Verdict.PASS:
            text = f"The newest decision of the stage {name} is {newest.verdict}, not PASS."
            yield Finding.of(newest.verdict, text, f"See the reasons of {name}; they say what would change it.")
        elif (newest.decided - now).total_seconds() > 300:
            text = f"The decision of the stage {name} is of {newest.decided:%Y-%m-%d %H:%M} UTC, which is to come."
            yield Finding.of(Verdict.INVALID, text, "Set this machine's clock right and run the stage again.")
        elif (now - newest.decided).total_seconds() > policy.max_age:
            text = f"The decision of the stage {name} is of {newest.decided:%Y-%m-%d %H:%M} UTC and too old by now."
            yield Finding.of(Verdict.INCONCLUSIVE, text, f"Run it again: python -m pipelines run --stage {name}")
