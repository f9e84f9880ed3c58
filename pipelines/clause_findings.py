"""What one clause asks of the verdict. Pure. A clause that is not required only informs."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

from pipelines.case import Case
from pipelines.findings import Finding
from pipelines.policy import Policy
from pipelines.standings import Standing
from reports.attempts import base_of
from reports.model import Outcome, Verdict


def findings(case: Case, item: Standing) -> list[Finding]:
    """Empty where the clause holds, or where its catalogue says why nobody can tell and the policy lets that be."""
    match item.standing:
        case "fail":
            return _failing(case, item)
        case "could-not-run":
            return [_asked(case, item, Verdict.INCONCLUSIVE, *_not_judged(item))]
        case "missing":
            number = len(item.tests.missing)
            have = "s have" if number > 1 else " has"
            text = f"is not known: {number} planned test{have} no result ({item.tests.missing[0]})."
            return [_asked(case, item, Verdict.INCONCLUSIVE, text, "The run ended early. Run the stage again.")]
        case "uncovered" if _is_gap(case.policy, item):
            return _uncovered(case, item)
        case "not-applicable" if _is_wanted(case.policy, item):
            missing = item.clause.capability or "it"
            text = f"does not apply, because the component does not declare {missing}, but the policy "
            text += f"{case.policy.name} requires that."
            remedy = "Take a component that offers it, or take the requirement out of the policy."
            return [_asked(case, item, Verdict.FAIL, text, remedy)]
    if item.tests.left_out and case.stage.profile == "full":
        text = f"is not proven: {item.tests.left_out[0]} was left out of a run of the full profile."
        return [_asked(case, item, Verdict.INCONCLUSIVE, text, "Run the whole stage with --profile full.")]
    return []


def _asked(case: Case, item: Standing, verdict: Verdict, text: str, remedy: str) -> Finding:
    """A finding of this clause: only a note where it is not required, or where a void run may blame nobody."""
    blames = item.required and not (case.void and verdict is Verdict.FAIL)
    return Finding.of(verdict if blames else Verdict.PASS, f"{item.clause.id} {text}", remedy, clause=item.clause.id)


def _failing(case: Case, item: Standing) -> list[Finding]:
    found = []
    for waiver in item.expired:
        text = f"fails, and the waiver that let it by is over: {waiver.id} was valid through {waiver.expires}. "
        text += "From the next day on the failure counts again."
        remedy = f"Fix {waiver.component}, or ask {waiver.owner} to decide again and give the waiver a new date "
        found.append(_asked(case, item, Verdict.FAIL, text, f"{remedy}({waiver.link})."))
    summary = next((result.summary for result in item.failures if result.summary), item.clause.obligation)
    repeat = next((result.repeat for result in item.failures if result.repeat), "")
    remedy = "Fix the component" + (f", then repeat: {repeat}" if repeat else " and run again")
    if item.required and not item.expired:
        remedy += ". If it must ship as it is, somebody answers for it: a waiver with owner, reason and expiry."
    text = f"does not hold: {summary.rstrip('.')}.{_known(case, item)}"
    return [*found, _asked(case, item, Verdict.FAIL, text, remedy)]


def _not_judged(item: Standing) -> tuple[str, str]:
    why = next((result.summary for result in item.tests.of(Outcome.COULD_NOT_RUN)), "")
    if not why and item.tests.set_aside:
        text = f"is not shown: {item.tests.set_aside[0]} failed in quarantine, and no other test of it passed."
        return (
            text,
            "Quarantine sets a test aside, never a clause: repair the test, write another, or waive the clause.",
        )
    why = why or "a test of several clauses stopped at another one"
    remedy = "Run where this is available; python -m pipelines doctor says what this machine lacks."
    return f"could not be judged here: {why}", remedy


def _is_gap(policy: Policy, item: Standing) -> bool:
    """Whether a clause without a test is more than the catalogue and the policy already say of it."""
    return _is_demanded(policy, item) or not item.clause.uncovered


def _is_demanded(policy: Policy, item: Standing) -> bool:
    return item.clause.id in policy.clauses or (item.required and "uncovered" not in policy.allowed)


def _uncovered(case: Case, item: Standing) -> list[Finding]:
    demanded = _is_demanded(case.policy, item)
    if item.tests.left_out and case.stage.profile != "full" and not demanded:
        text = f"{item.clause.id} was not tested: its tests are in the full profile only."
        return [Finding.of(Verdict.PASS, text, "Run with --profile full.", clause=item.clause.id)]
    if not item.required:
        return []
    reason = item.clause.uncovered or ("" if item.tests.left_out else "the catalogue gives no reason")
    text = f"was not tested: no test was planned for it{f' ({reason})' if reason else ''}."
    remedy = "Write a test, or give the clause a reason under uncovered in its clauses.toml."
    if demanded:
        remedy = "Run with --profile full, write a test, or let the policy ask for less."
    return [_asked(case, item, Verdict.INCONCLUSIVE, text, remedy)]


def _is_wanted(policy: Policy, item: Standing) -> bool:
    """Whether not-applicable is not good enough."""
    named = item.clause.id in policy.clauses or item.clause.capability in policy.capabilities
    return named or (item.required and "not-applicable" not in policy.allowed)


def _known(case: Case, item: Standing) -> str:
    """What is known of a clause's failures already. It explains; the failure stays one."""
    today = case.now.astimezone(datetime.UTC).date().isoformat()
    told = ""
    for deviation in case.deviations:
        if deviation.clause == item.clause.id and any(
            deviation.test in ("", base_of(one.test)) for one in item.failures
        ):
            again = f"; to be looked at again since {deviation.expires}" if "" < deviation.expires < today else ""
            told += f" This is a known deviation of {deviation.component}{again}: {deviation.reason}"
    return told


def gone_deviations(case: Case, standings: Sequence[Standing]) -> Iterable[Finding]:
    """Known faults that do not show any more: strict both ways, so that the lists stay true."""
    here = {item.clause.id: item for item in standings}
    for deviation in case.deviations:
        item = here.get(deviation.clause)
        results = [one for one in item.tests.results if deviation.test in ("", base_of(one.test))] if item else []
        if results and all(one.outcome is Outcome.PASS for one in results):
            text = f"{deviation.clause} passes, though {deviation.component} is listed as breaking it. Fixed?"
            remedy = f"Remove the entry from {deviation.file}: {deviation.reason}"
            yield Finding.of(Verdict.PASS, text, remedy, clause=deviation.clause)
