"""What gates would say of the policies themselves, told before a run starts, with file and line."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipelines import demands, policy
from pipelines.configuration import Document, Misconfigured, read
from pipelines.pipeline import Stage
from pipelines.policy import Policy
from reports.catalogue import Catalogue

Judges = Sequence[tuple[Stage, Policy]]


def judges(stages: Iterable[Stage], policy_file: Path | None = None) -> list[tuple[Stage, Policy]]:
    """Each stage with its policy, or this one. One that cannot be read judges nothing; who needs it tells why."""
    found = []
    for stage in stages:
        with contextlib.suppress(Misconfigured):
            found.append((stage, policy.load(policy_file or stage.policy)))
    return found


def require_judged(stage: Stage, stages: Iterable[Stage], catalogue: Catalogue) -> None:
    """Misconfigured: the stage's policy asks for what no stage of the pipeline would judge.

    stages: all of the pipeline's, also those that were not asked for: a later run goes through them.
    """
    mine, everybody = policy.load(stage.policy), judges(stages)
    document = read(stage.policy)
    if stage.kind == "sign-off":
        judged = {other.name: its for other, its in everybody if other.name in stage.requires}
        for where, without in demands.unapplied(mine, judged).items():
            document.problem(where, demands.unapplied_problem(stage, without))
    else:
        for name in demands.unjudged(stage, mine, catalogue, everybody):
            text = f'"{name}": {demands.not_judged(catalogue, name)}. Add such a stage, or take the clause out here.'
            document.problem(("policy", "required-clauses"), text)
        _note_key_tests(document, mine, everybody)
    document.require_clean()


def _note_key_tests(document: Document, mine: Policy, everybody: Judges) -> None:
    for pattern in sorted(mine.key_tests):
        suite = re.match(r"suites/(\w+)/", pattern)
        if suite and not any(suite[1] in stage.suites and pattern in its.key_tests for stage, its in everybody):
            text = f'"{pattern}": no stage with this key test runs the suite {suite[1]}, so nobody would look at it. '
            document.problem(("policy", "key-tests"), text + "Add the suite to a stage, or take the key test out here.")
