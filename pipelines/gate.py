"""The gate: decides from what was recorded whether a candidate may go on. Pure: no files, no clock, no network.

The verdict is the worst that any finding asks for: INVALID (the record cannot be trusted) before FAIL (a required
clause does not hold) before INCONCLUSIVE (something required is not known) before PASS. Every finding becomes a
reason in plain words with what would change it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines import integrity
from pipelines.candidate import Candidate
from pipelines.deviations import Deviation
from pipelines.findings import Finding, Past, worst
from pipelines.pipeline import Stage
from pipelines.policy import Policy
from pipelines.standings import Standing, applies, by_clause, in_scope, stand
from pipelines.waivers import Waiver
from reports.catalogue import Catalogue
from reports.model import ClauseStanding, Decision, Outcome, Part, Verdict
from reports.record import Record, RecordError


@dataclass(frozen=True)
class _Case:
    stage: Stage
    candidate: Candidate
    policy: Policy
    now: datetime.datetime
    deviations: tuple[Deviation, ...]


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
) -> Decision:
    """Decide one stage.

    records: every record of the stage; one that could not be read is its RecordError. parts: what was provided.
    history: earlier decisions on this candidate, any order. now: aware time that ages and expiries count from.
    incidents: what went wrong outside the tests (time limit, no cluster), as findings.
    """
    findings = list(incidents)
    standings: list[Standing] = []
    findings += integrity.parts_findings(stage, candidate, parts)
    if stage.kind == "sign-off":
        findings += _required_stages(stage, candidate, history, policy, now)
        findings += integrity.unjudged_findings(stage, candidate, parts)
    else:
        readable = [record for record in records if isinstance(record, Record)]
        findings += integrity.record_findings(stage, candidate, catalogue, records, parts, policy, now)
        case = _Case(stage, candidate, policy, now, tuple(_of_candidate(deviations, candidate)))
        standings = _standings(case, catalogue, readable, waivers if policy.waivers else ())
        if any(record.results for record in readable):
            # Without any result one reason says so; it needs no further one for each clause.
            for item in standings:
                findings += _clause_findings(case, item)
        findings += _unknown_demands(policy, catalogue)
        findings += _nothing_ran(standings)
        findings += _waiver_findings(case, standings, waivers, catalogue)
        findings += _gone_deviations(case, standings)
    findings = sorted(dict.fromkeys(findings), key=Finding.order)
    return Decision(
        stage=stage.name,
        verdict=worst(finding.verdict for finding in findings),
        reasons=tuple(finding.reason for finding in findings),
        standings=tuple(_shown(item) for item in standings),
        waivers_used=tuple(sorted({waiver.id for item in standings for waiver in item.used})),
        decided=now.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def _standings(
    case: _Case, catalogue: Catalogue, records: Sequence[Record], waivers: Sequence[Waiver]
) -> list[Standing]:
    found = by_clause(records)
    valid = [waiver for waiver in waivers if applies(waiver, case.candidate)]
    return [
        stand(clause, required, found[clause.id], waivers=valid, now=case.now)
        for clause, required in in_scope(case.stage, catalogue, case.policy)
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
    return ClauseStanding(item.clause.id, item.standing, item.required, item.tests.names, note)


def _clause_findings(case: _Case, item: Standing) -> list[Finding]:
    """What one clause asks of the verdict. A clause that is not required only informs."""
    found: list[Finding] = []
    clause = item.clause
    demanded = clause.id in case.policy.clauses

    def add(verdict: Verdict, text: str, remedy: str) -> None:
        asked = verdict if item.required else Verdict.PASS
        found.append(Finding.of(asked, text, remedy, clause=clause.id))

    if item.standing == "fail":
        for waiver in item.expired:
            add(
                Verdict.FAIL,
                f"{clause.id} fails, and the waiver that let it by is over: {waiver.id} was valid through "
                f"{waiver.expires}. From the next day on the failure counts again.",
                f"Fix {waiver.component}, or ask {waiver.owner} to decide again and give the waiver a new date "
                f"({waiver.link}).",
            )
        summary = next((result.summary for result in item.failures if result.summary), clause.obligation)
        repeat = next((result.repeat for result in item.failures if result.repeat), "")
        remedy = "Fix the component" + (f", then repeat: {repeat}" if repeat else " and run again")
        if item.required and not item.expired:
            remedy += ". If it must ship as it is, somebody answers for it: a waiver with owner, reason and expiry."
        summary = summary.rstrip(".") + "."
        add(Verdict.FAIL, f"{clause.id} does not hold: {summary}{_known(case, item)}", remedy)
    elif item.standing == "could-not-run":
        why = next((result.summary for result in item.tests.of(Outcome.COULD_NOT_RUN)), "")
        why = why or "a test of several clauses stopped at another one"
        add(
            Verdict.INCONCLUSIVE,
            f"{clause.id} could not be judged here: {why}",
            "Run where this is available; python -m pipelines doctor says what this machine lacks.",
        )
    elif item.standing == "missing":
        number = len(item.tests.missing)
        add(
            Verdict.INCONCLUSIVE,
            f"{clause.id} is not known: {number} planned test{'s have' if number > 1 else ' has'} no result "
            f"({item.tests.missing[0]}).",
            "The run ended early. Run the stage again.",
        )
    elif item.standing == "uncovered" and (demanded or not clause.uncovered):
        if item.tests.left_out and case.stage.profile != "full" and not demanded:
            text = f"{clause.id} was not tested: its tests are in the full profile only."
            found.append(Finding.of(Verdict.PASS, text, "Run with --profile full.", clause=clause.id))
        elif item.required:
            reason = clause.uncovered or ("" if item.tests.left_out else "the catalogue gives no reason")
            text = f"{clause.id} was not tested: no test was planned for it{f' ({reason})' if reason else ''}."
            remedy = "Write a test, or give the clause a reason under uncovered in its clauses.toml."
            if demanded:
                remedy = "Run with --profile full, write a test, or take it out of required-clauses."
            add(Verdict.INCONCLUSIVE, text, remedy)
    elif item.tests.left_out and case.stage.profile == "full":
        text = f"{clause.id} is not proven: {item.tests.left_out[0]} was left out of a run of the full profile."
        add(Verdict.INCONCLUSIVE, text, "Run the whole stage with --profile full.")
    elif item.standing == "not-applicable" and _is_wanted(case.policy, item):
        add(
            Verdict.FAIL,
            f"{clause.id} does not apply, because the component does not declare {clause.capability or 'it'}, but "
            f"the policy {case.policy.name} requires that.",
            "Take a component that offers it, or take the requirement out of the policy.",
        )
    return found


def _is_wanted(policy: Policy, item: Standing) -> bool:
    return item.clause.id in policy.clauses or (item.clause.capability in policy.capabilities)


def _unknown_demands(policy: Policy, catalogue: Catalogue) -> Iterable[Finding]:
    """What the policy asks for by name must exist: a misspelled demand would be one that everybody meets."""
    offered = {clause.capability for clause in catalogue.clauses.values()}
    unknown = [f"the clause {name}" for name in sorted(policy.clauses - set(catalogue.clauses))]
    unknown += [f"the capability {name}" for name in sorted(policy.capabilities - offered)]
    for what in unknown:
        text = f"The policy {policy.name} requires {what}, and the catalogue has none of that name."
        yield Finding.of(Verdict.INCONCLUSIVE, text, "Correct the name in the policy, or take it out.")


def _nothing_ran(standings: Sequence[Standing]) -> Iterable[Finding]:
    required = [item for item in standings if item.required]
    shown = {item.clause.suite for item in required if item.standing == "pass"}
    if not shown:
        text = "No required clause was shown to hold: nothing required ran and passed in this stage."
        yield Finding.of(Verdict.INCONCLUSIVE, text, "Run the stage's suites; a stage without results never passes.")
        return
    for suite in sorted({item.clause.suite for item in required if item.tests.results} - shown):
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


def _waiver_findings(
    case: _Case, standings: Sequence[Standing], waivers: Sequence[Waiver], catalogue: Catalogue
) -> Iterable[Finding]:
    """Waivers that did nothing. All of these inform: a waiver can be too much, never too little."""
    here = {item.clause.id: item for item in standings}
    for waiver in waivers:
        component = case.candidate.component(waiver.component)
        item = here.get(waiver.clause)
        text = remedy = ""
        if waiver.clause not in catalogue.clauses:
            text = f"The waiver {waiver.id} is for {waiver.clause}, and there is no such clause."
            remedy = "Correct the clause id or remove the waiver."
        elif item is None:
            continue
        elif not case.policy.waivers:
            text = f"The waiver {waiver.id} does not count: the policy {case.policy.name} allows none."
        elif component is None or component.version not in waiver.versions:
            has = f"{waiver.component} {component.version}" if component else f"no {waiver.component}"
            versions = ", ".join(waiver.versions)
            text = f"The waiver {waiver.id} is for {waiver.component} {versions}; this candidate has {has}."
            remedy = "Remove the waiver, or decide again for this version."
        elif item.standing == "pass":
            text = f"The waiver {waiver.id} is not needed: {waiver.clause} holds."
            remedy = "Remove it."
        elif waiver not in item.used and waiver not in item.expired:
            text = f"The waiver {waiver.id} matched no failure of {waiver.clause}."
            remedy = "Check its clause and test, or remove it."
        if text:
            yield Finding.of(Verdict.PASS, text, remedy, clause=waiver.clause)
    for item in standings:
        for waiver in item.used:
            who = f"{waiver.id}, {waiver.owner}"
            text = f"{waiver.clause} fails and is let by through {waiver.expires} ({who}): {waiver.reason}"
            remedy = f"Fix {waiver.component} before that day is over: {waiver.link}"
            yield Finding.of(Verdict.PASS, text, remedy, clause=waiver.clause)


def _of_candidate(deviations: Sequence[Deviation], candidate: Candidate) -> Iterable[Deviation]:
    for deviation in deviations:
        component = candidate.component(deviation.component)
        if component is not None and component.version in deviation.versions:
            yield deviation


def _known(case: _Case, item: Standing) -> str:
    """What is known of a clause's failures already. It explains; the failure stays one."""
    today = case.now.astimezone(datetime.UTC).date().isoformat()
    told = ""
    for deviation in case.deviations:
        if deviation.clause == item.clause.id and any(deviation.test in ("", one.test) for one in item.failures):
            again = f"; to be looked at again since {deviation.expires}" if "" < deviation.expires < today else ""
            told += f" This is a known deviation of {deviation.component}{again}: {deviation.reason}"
    return told


def _gone_deviations(case: _Case, standings: Sequence[Standing]) -> Iterable[Finding]:
    """Known faults that do not show any more: strict both ways, so that the lists stay true."""
    here = {item.clause.id: item for item in standings}
    for deviation in case.deviations:
        item = here.get(deviation.clause)
        results = [one for one in item.tests.results if deviation.test in ("", one.test)] if item else []
        if results and all(one.outcome is Outcome.PASS for one in results):
            text = f"{deviation.clause} passes, though {deviation.component} is listed as breaking it. Fixed?"
            remedy = f"Remove the entry from {deviation.file}: {deviation.reason}"
            yield Finding.of(Verdict.PASS, text, remedy, clause=deviation.clause)
