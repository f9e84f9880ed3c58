"""Which waivers count, and what is to be said of each: unused, expired, over-broad, of somebody who may not. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

from pipelines.candidate import COMPONENTS, JUDGED
from pipelines.case import Case
from pipelines.findings import Finding
from pipelines.standings import Standing
from pipelines.waivers import Waiver
from reports.model import Layer, Outcome, Verdict


def counted(case: Case) -> list[Waiver]:
    """The waivers that are for this candidate and that the policy lets count, in the order of their ids.

    Of two for the same failure the first is the one that is used, whatever the order of the file.
    """
    found = [waiver for waiver in case.waivers if _applies(waiver, case) and not _objection(waiver, case)]
    return sorted(found, key=lambda waiver: waiver.id)


def _applies(waiver: Waiver, case: Case) -> bool:
    component = case.candidate.component(waiver.component)
    return component is not None and waiver.covers(component.version) and not _stranger(waiver, case)


def _stranger(waiver: Waiver, case: Case) -> str:
    """The components that can break its clause, in words, where its own is none of them; else ""."""
    clause = case.catalogue.clauses.get(waiver.clause)
    if clause is None or clause.layer is not Layer.PROTOCOL or waiver.component in JUDGED.get(clause.suite, COMPONENTS):
        return ""
    return " or ".join(JUDGED[clause.suite])


def _objection(waiver: Waiver, case: Case) -> str:
    """Why the policy does not let it count; "" where it does."""
    policy = case.policy
    if not policy.waivers or "waived" not in policy.allowed:
        return f"the policy {policy.name} allows none"
    if policy.waiving.owners and waiver.owner not in policy.waiving.owners:
        allowed = ", ".join(sorted(policy.waiving.owners))
        return f"{waiver.owner} may not waive; the policy {policy.name} names {allowed}"
    if policy.waiving.refuses_over_broad and (broad := _over_broad(waiver, case)):
        return f"it is over-broad: {broad[0]}"
    return ""


def _over_broad(waiver: Waiver, case: Case) -> list[str]:
    """In what it reaches further than the policy lets it, whatever the results are."""
    found = []
    days = (waiver.expires - case.now.astimezone(datetime.UTC).date()).days
    if days > case.policy.waiving.longest:
        found.append(f"it is valid for {days} more days, and {case.policy.waiving.longest:g} is the longest term")
    component = case.candidate.component(waiver.component)
    if component is not None and (far := waiver.beyond(component.version)):
        reach = f"its range {waiver.range} has no real upper end: with {component.version} here it still holds {far}"
        found.append(f"{reach}, so it lets versions by that nobody has seen")
    return found


def findings(case: Case, standings: Sequence[Standing]) -> Iterable[Finding]:
    """All of these inform: a waiver can be too much, never too little."""
    here = {item.clause.id: item for item in standings}
    for waiver in case.waivers:
        item = here.get(waiver.clause)
        text, remedy = _idle(waiver, item, case)
        if text:
            yield Finding.of(Verdict.PASS, text, remedy, clause=waiver.clause)
        if item is not None and _applies(waiver, case):
            for reach in _over_broad(waiver, case) + _more_than_needed(waiver, item, case):
                text = f"The waiver {waiver.id} is over-broad: {reach}."
                yield Finding.of(Verdict.PASS, text, "Narrow it to what is known to fail.", clause=waiver.clause)
    for item in standings:
        for waiver in item.used:
            who = f"{waiver.id}, {waiver.owner}"
            text = f"{waiver.clause} fails and is let by through {waiver.expires} ({who}): {waiver.reason}"
            remedy = f"Fix {waiver.component} before that day is over: {waiver.link}"
            yield Finding.of(Verdict.PASS, text, remedy, clause=waiver.clause)


def _idle(waiver: Waiver, item: Standing | None, case: Case) -> tuple[str, str]:
    """Why a waiver did nothing, and what to do about it; empty where it did something or belongs to another stage."""
    component = case.candidate.component(waiver.component)
    if waiver.clause not in case.catalogue.clauses:
        text = f"The waiver {waiver.id} is for {waiver.clause}, and there is no such clause."
        return text, "Correct the clause id or remove the waiver."
    if item is None:
        return "", ""
    if judged := _stranger(waiver, case):
        text = f"The waiver {waiver.id} is for {waiver.component}, and {waiver.clause} judges {judged}."
        return text, "Name the component that is at fault, or remove the waiver."
    if component is None or not waiver.covers(component.version):
        has = f"{waiver.component} {component.version}" if component else f"no {waiver.component}"
        text = f"The waiver {waiver.id} is for {waiver.component} {waiver.version}; this candidate has {has}."
        return text, "Remove the waiver, or decide again for this version."
    if objection := _objection(waiver, case):
        return f"The waiver {waiver.id} does not count: {objection}.", "Let somebody who may decide, or remove it."
    if item.standing == "pass":
        return f"The waiver {waiver.id} is not needed: {waiver.clause} holds.", "Remove it."
    if waiver not in item.used and waiver not in item.expired:
        return (
            f"The waiver {waiver.id} matched no failure of {waiver.clause}.",
            "Check its clause and test, or remove it.",
        )
    return "", ""


def _more_than_needed(waiver: Waiver, item: Standing, case: Case) -> list[str]:
    """In what it covers more than fails here: other tests of the clause, other versions of the component."""
    found = []
    failing = {result.test for result in item.tests.of(Outcome.FAIL)}
    passing = {result.test for result in item.tests.of(Outcome.PASS)} - failing
    if failing and passing and not waiver.test:
        found.append(f"{len(failing)} of {len(failing | passing)} tests fail, and it names none of them")
    component = case.candidate.component(waiver.component)
    others = [version for version in waiver.versions if component is not None and version != component.version]
    if others:
        found.append(f"it is also for {', '.join(others)}, and this candidate does not hold that")
    if waiver.from_the_first:
        found.append(f"its range {waiver.range} has no lower end, so it is for every version that there ever was")
    return found
