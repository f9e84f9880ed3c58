"""The pools of one stage's informing clauses, and what their comparison asks of the verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipelines import pooling, statistics
from pipelines.case import Case
from pipelines.counting import clauses_of_tests, counts_of_tests
from pipelines.findings import Finding
from pipelines.pooling import Pool
from pipelines.standings import Standing
from reports.model import Comparison, Verdict


def compare(case: Case, standings: Sequence[Standing], rules: statistics.Rules) -> tuple[Comparison, ...]:
    """The pools that the policy asks for; nothing where it asks for none."""
    assert case.policy.statistics is not None
    return pooling.compare(_pools(case, standings), rules, case.policy.statistics.pool_pity, _ill(case))


def _ill(case: Case) -> frozenset[str]:
    """The pools of this stage that the last sign-off called worse; another stage's have the same names."""
    mine = f"{case.stage.name}/"
    return frozenset(
        name.removeprefix(mine) for name in (case.basis.regressed if case.basis else ()) if name.startswith(mine)
    )


def _pools(case: Case, standings: Sequence[Standing]) -> list[Pool]:
    """Of the tests that judge informing clauses only: one of a required clause is decided there.

    A test with a failure that is waived is somebody's decision already, and in no pool.
    """
    wanted = case.policy.statistics
    kinds = [kind for kind in pooling.KINDS if wanted and kind in wanted.pools]
    if not kinds:
        return []
    informing = {item.clause.id for item in standings if not item.required}
    waived = {(item.clause.id, waiver.test) for item in standings for waiver in item.used}
    clauses = {
        test: mine
        for test, mine in clauses_of_tests(case.records).items()
        if mine <= informing and not any((clause, name) in waived for clause in mine for name in ("", test))
    }
    known = case.basis.tests if case.basis else {}
    return pooling.pools(counts_of_tests(case.records, case.aside), clauses, known, kinds, _ill(case))


def findings(case: Case, standings: Sequence[Standing], compared: Sequence[Comparison]) -> Iterable[Finding]:
    """Pools that became worse, and of every other one how small a drop it would have shown."""
    wanted = case.policy.statistics
    if wanted is None or not wanted.pools or case.basis is None:
        return
    if not case.basis.tests:
        text = f"The last sign-off ({case.basis.run}) recorded no single tests, so none are compared together."
        yield Finding.of(Verdict.PASS, text, "From the next sign-off on there is something to compare with.")
    pools = {pool.name: pool for pool in _pools(case, standings)}
    for item in (item for item in compared if item.is_pool):
        if item.call in statistics.WORSE:
            told, remedy = _worse(case, item, pools[item.clause])
            yield Finding.of(Verdict.FAIL if wanted.blocks else Verdict.PASS, told, remedy)
        else:
            drop = "no drop at all" if item.detectable is None else f"a drop of {item.detectable:g} points"
            text = f"The {len(pools[item.clause].strata)} tests of {item.clause} together would have shown {drop}"
            remedy = "More runs see smaller drops: repeat in the policy's [statistics]."
            yield Finding.of(Verdict.PASS, f"{text}; none was seen.", remedy)


def _worse(case: Case, item: Comparison, pool: Pool) -> tuple[str, str]:
    """What is told of a pool that became worse, and what to do."""
    since = f"at the last sign-off ({case.basis.run if case.basis else ''})"
    if not pool.strata:
        text = f"The tests of {pool.name} together were worse than {since} before, and none of them ran now."
        return text, "Run them: nothing says that they are better."
    again = "still do" if item.call == statistics.STILL else "do"
    clauses = clauses_of_tests(case.records)
    worse = [f"{_short(test)} ({', '.join(sorted(clauses[test]))})" for test in pooling.worst(pool)]
    more = f" and {len(worse) - 5} more" if len(worse) > 5 else ""
    text = (
        f"The {len(pool.strata)} tests of {pool.name} together {again} worse than {since}: {item.failures} of "
        f"{item.runs} runs fail now, {pool.expected:.3g} were to be expected (one-sided p {item.p:g}, "
        f"{item.adjusted:g} after control of false discoveries). Worse are {', '.join(worse[:5])}{more}."
    )
    return text, "Find what changed since that sign-off; what must ship as it is needs a waiver for each of these."


def _short(test: str) -> str:
    return test.rpartition("::")[2]
