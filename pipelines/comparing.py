"""What the comparison with the last sign-off asks of a verdict, and what it could not have seen. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipelines import pooled, pooling, statistics
from pipelines.case import Case
from pipelines.counting import counts
from pipelines.findings import Finding
from pipelines.policy import Statistics
from pipelines.standings import Standing
from pipelines.statistics import Counts
from reports.model import Comparison, Verdict


def compare(case: Case, standings: Sequence[Standing]) -> tuple[Comparison, ...]:
    """Every informing clause that has tests in this run, or had some in the basis and was not left out by the profile;
    then the pools of them that the policy asks for.

    Nothing where the policy asks for none.
    """
    wanted = case.policy.statistics
    if wanted is None or case.void:
        return ()
    seen = counts(case.records, case.aside)
    known = case.basis.clauses if case.basis else {}
    names = [
        item.clause.id
        for item in standings
        if not item.required and (item.tests.names or (item.clause.id in known and not item.tests.left_out))
    ]
    rules = wanted.rules(case.policy.sample.runs)
    alone = statistics.compare({name: seen.get(name, Counts(0, 0)) for name in names}, case.basis, rules)
    return alone + pooled.compare(case, standings, rules)


def unchecked(case: Case) -> Iterable[Finding]:
    """A basis that anybody may have signed is told, for whoever makes the basis sets the bar."""
    if case.basis is not None and case.basis.unchecked:
        text = f"NOT CHECKED: who signed the basis, run {case.basis.run}. Anybody can sign one that sets a lower bar."
        yield Finding.of(Verdict.PASS, text, "Give the public key of its signer with --basis-key alice.pub.pem.")


def findings(case: Case, standings: Sequence[Standing], compared: Sequence[Comparison]) -> Iterable[Finding]:
    """Regressions, the missing basis, claims that the sample cannot carry, and one line on what it could have seen.

    A clause all of whose failures are waived is told where it became worse, and does not block.
    """
    wanted = case.policy.statistics
    if wanted is None or case.void:
        return
    if case.basis is None:
        verdict = Verdict.INCONCLUSIVE if wanted.needs_basis else Verdict.PASS
        text = (
            f"There is no earlier sign-off to compare with: {_number(compared, 'informing clause')} stood for "
            "nothing but themselves."
        )
        remedy = "Give the last signed run with --basis; the first sign-off of all has none, and says so."
        yield Finding.of(verdict, text, remedy)
        return
    accepted = {item.clause.id for item in standings if item.standing == "waived"}
    alone = [item for item in compared if not item.is_pool]
    for item in alone:
        if item.call in statistics.WORSE:
            yield _regression(case.basis.run, item, wanted.blocks and item.clause not in accepted)
    yield from pooled.findings(case, standings, compared)
    yield from _claims(case, compared, wanted)
    yield _seen(case.basis.run, alone)


def _regression(run: str, item: Comparison, blocks: bool) -> Finding:
    again = "still does" if item.call == statistics.STILL else "does"
    text = (
        f"{item.clause} {again} worse than at the last sign-off ({run}): {item.failures} of {item.runs} runs fail now, "
        f"{item.basis_failures} of {item.basis_runs} did then"
    )
    if not item.runs:
        text = (
            f"{item.clause} was worse than at the last sign-off ({run}) before, and no run now says that it is better"
        )
    if item.p is not None:
        text += f" (one-sided p {item.p:g}, {item.adjusted:g} after control of false discoveries)"
    remedy = "Find what changed since that sign-off; a drop that must ship as it is needs a waiver."
    return Finding.of(Verdict.FAIL if blocks else Verdict.PASS, f"{text}.", remedy, clause=item.clause)


def _claims(case: Case, compared: Sequence[Comparison], wanted: Statistics) -> Iterable[Finding]:
    """Clauses of which the policy claims that a drop would have been seen, and the sample is too small for that."""
    if not wanted.claim:
        return
    about = [item for item in compared if item.clause in wanted.claimed or (not wanted.claimed and item.basis_runs)]
    unseen = [item for item in about if item.detectable is None or item.detectable > wanted.claim]
    # Clauses that another stage judges are claimed there.
    here = {clause.id for clause in case.catalogue.of(case.stage.suites, (case.stage.layer,))}
    here |= pooling.names(here, wanted.pools)
    missing = sorted(wanted.claimed & here - {item.clause for item in compared})
    names = [f"{item.clause} ({_drop(item)})" for item in unseen] + [f"{name} (not compared)" for name in missing]
    if names:
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        text = (
            f"The policy {case.policy.name} claims that a drop of {wanted.claim:g} points would have been seen, and "
            f"the sample cannot carry that for {', '.join(names[:5])}{more}."
        )
        remedy = "Run more often before the sign-off, pool a longer basis, or claim less (claim-drop-points)."
        yield Finding.of(Verdict.INCONCLUSIVE, text, remedy)


def _seen(run: str, compared: Sequence[Comparison]) -> Finding:
    judged = [item for item in compared if item.p is not None]
    drops = sorted(item.detectable for item in judged if item.detectable is not None)
    blind = len(judged) - len(drops)
    text = f"{_number(judged, 'informing clause')} compared with the last sign-off ({run})"
    if drops:
        text += f"; the smallest drop that would have shown is {drops[0]:g} points at best, {drops[-1]:g} at worst"
    if blind:
        text += f"; {blind} of them ran too few times to show any drop"
    unknown = sum(item.call == statistics.NO_BASIS for item in compared)
    unseen = sum(item.call == statistics.NO_SAMPLE for item in compared)
    text += f"; {unknown} new since then" if unknown else ""
    text += f"; {unseen} without enough runs" if unseen else ""
    return Finding.of(Verdict.PASS, f"{text}.", "More runs before the sign-off see smaller drops.")


def _drop(item: Comparison) -> str:
    return "no drop at all" if item.detectable is None else f"{item.detectable:g} points"


def _number(items: Sequence[object], what: str) -> str:
    return f"{len(items)} {what}{'' if len(items) == 1 else 's'}"
