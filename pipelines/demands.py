"""Demands of a policy that nobody would judge: told before a run with file and line, and by the gate. Pure.

A stage without suites judges nothing itself, so what its policy asks is met only where the stages that it requires
were judged by the same. A clause that a policy names must be one that some stage judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipelines.case import Case
from pipelines.findings import Finding
from pipelines.pipeline import Stage
from pipelines.policy import TABLES, Policy
from pipelines.settings import keys
from pipelines.standings import is_required
from reports.catalogue import Catalogue
from reports.model import Verdict

Where = tuple[str, ...]

OWN = frozenset(("policy", key) for key in ("name", "description", "max-age-hours", "sign-off-days"))
"""What a stage without suites applies itself."""
ANYWHERE = frozenset({"required-clauses", "required-suites", "required-imports", "required-capabilities", "key-tests"})
"""Lists of what must be there: each entry is judged where one of the required stages asks for it."""


def unapplied(policy: Policy, judged: Mapping[str, Policy]) -> dict[Where, list[str]]:
    """Keys of the policy of a stage without suites that would not be applied, with the stages that do not do so.

    judged: the policies of the stages that it requires, by stage. A key that has its default asks for nothing.
    """
    found: dict[Where, list[str]] = {}
    all_ = {stage: _values(other) for stage, other in judged.items()}
    for where, (value, default) in _values(policy).items():
        if where in OWN or (value == default and where[-1] != "required-levels"):
            continue
        others = {stage: values[where][0] for stage, values in all_.items()}
        if where[-1] in ANYWHERE or where == ("threshold",):
            met = bool(others) and set(value) <= set().union(*others.values())
            without = [] if met else list(others)
        elif where[-1] == "required-levels":
            without = [stage for stage, other in others.items() if not value <= other]
        else:
            without = [stage for stage, other in others.items() if value != other]
        if without:
            found[where] = without
    return found


def _values(policy: Policy) -> dict[Where, tuple[Any, Any]]:
    """Each key of a policy, by table and name: its value and its default."""
    empty = Policy("")
    found: dict[Where, tuple[Any, Any]] = {
        ("statistics",): (policy.statistics, empty.statistics),
        ("threshold",): (policy.thresholds, empty.thresholds),
    }
    held = {
        "policy": (policy, empty),
        "waivers": (policy.waiving, empty.waiving),
        "budgets": (policy.budgets, empty.budgets),
        "sample": (policy.sample, empty.sample),
        "quarantine": (policy.quarantining, empty.quarantining),
    }
    for table, kind in TABLES:
        if table not in held:
            continue  # statistics count as one: without the table nothing is compared
        for name, key, _ in keys(kind):
            ours, default = held[table]
            found[table, key.name] = (getattr(ours, name), getattr(default, name))
    return found


def unapplied_findings(stage: Stage, policy: Policy, judged: Mapping[str, Policy]) -> Iterable[Finding]:
    """judged: as unapplied() takes it; a stage that is missing there asks for no more than the defaults."""
    required = {name: judged.get(name, Policy("")) for name in stage.requires}
    for where, without in unapplied(policy, required).items():
        text = f"The policy {policy.name} of the stage {stage.name} sets {'.'.join(where)}, {_unlike(without)}."
        yield Finding.of(Verdict.INVALID, text, REMEDY)


def unapplied_problem(stage: Stage, without: Sequence[str]) -> str:
    """What is told of one such key where it stands."""
    return f'the stage "{stage.name}" runs no suite, so it does not apply this itself, {_unlike(without)}. {REMEDY}'


REMEDY = "Set the same in the policies of the stages with suites, or take it out of this one."


def _unlike(without: Sequence[str]) -> str:
    many = len(without) > 1
    return f"and the {'policies' if many else 'policy'} of {' and '.join(without)} {'do' if many else 'does'} not"


def unjudged(stage: Stage, policy: Policy, catalogue: Catalogue, others: Iterable[tuple[Stage, Policy]]) -> list[str]:
    """The clauses that the policy requires by name, and that neither this stage nor another judges as required.

    others: the other stages of the pipeline, with their policies. Names that the catalogue lacks are told elsewhere.
    """
    judges = [(stage, policy), *others]
    return [
        name
        for name in sorted(policy.clauses & set(catalogue.clauses))
        if not any(
            by.kind == "tests"
            and catalogue.clauses[name].suite in by.suites
            and catalogue.clauses[name].layer is by.layer
            and is_required(catalogue.clauses[name], its)
            for by, its in judges
        )
    ]


def unjudged_findings(case: Case, others: Iterable[tuple[Stage, Policy]]) -> Iterable[Finding]:
    for name in unjudged(case.stage, case.policy, case.catalogue, others):
        text = f"The policy {case.policy.name} requires {name}, and {not_judged(case.catalogue, name)}."
        remedy = "Add such a stage whose policy requires it, or take it out of required-clauses."
        yield Finding.of(Verdict.INCONCLUSIVE, text, remedy, clause=name)


def not_judged(catalogue: Catalogue, name: str) -> str:
    clause = catalogue.clauses[name]
    return f"no stage that requires it runs the suite {clause.suite} at the {clause.layer} level"
