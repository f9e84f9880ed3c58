"""What keeps the counts of the sign-off before: what became worse since, and what is waived. Pure.

Else the lower bar would be what the next sign-off is measured by.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines import pooling
from pipelines.counting import clauses_of_tests
from pipelines.statistics import WORSE
from reports.attempts import base_of
from reports.model import Comparison
from reports.run_folder import Stage


@dataclass(frozen=True)
class Held:
    clauses: frozenset[str]
    tests: frozenset[str]


def called(stages: Iterable[Stage]) -> list[Comparison]:
    """What the stages' decisions compared, each pool named by its stage: two stages may have pools of one name."""
    return [
        dataclasses.replace(item, clause=f"{stage.name}/{item.clause}") if item.is_pool else item
        for stage in stages
        if stage.decision
        for item in stage.decision.comparisons
    ]


def held(stages: Sequence[Stage]) -> Held:
    clauses: set[str] = set()
    tests: set[str] = set()
    for stage in stages:
        decision = stage.decision
        if decision is None:
            continue
        worse = {item.clause for item in decision.comparisons if item.call in WORSE}
        waived = [item for item in decision.standings if item.standing == "waived"]
        mine = clauses_of_tests(stage.records)
        pooled = {test for test in mine if worse & {pooling.pool_of(mine[test], kind) for kind in pooling.KINDS}}
        pooled |= {base_of(test) for item in waived for test in item.tests}
        clauses |= worse | {item.clause for item in waived} | {clause for test in pooled for clause in mine[test]}
        tests |= pooled
    return Held(frozenset(clauses), frozenset(tests))
