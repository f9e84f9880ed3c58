"""Environments: where a candidate may run, and where it must have run before. Read from the pipeline's own file.

    [[environment]]
    name = "production-eu"
    after = ["staging"]        # it must have been promoted to each of these first

A file without them has one environment for each stage, in the stages' order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.configuration import Misconfigured, Table, read
from reports.spelling import nearest

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Environment:
    """One place for a candidate. after: environments that must have had this very candidate."""

    name: str
    after: tuple[str, ...] = ()


def in_order(stages: Sequence[str]) -> tuple[Environment, ...]:
    """One environment for each stage, each after the one before it."""
    return tuple(Environment(name, tuple(stages[max(place - 1, 0) : place])) for place, name in enumerate(stages))


def take(root: Table, stages: Sequence[str]) -> tuple[Environment, ...]:
    """The environments of a pipeline file; every mistake is noted in its document."""
    found: list[Environment] = []
    for table in root.tables("environment"):
        name, after = table.text("name", required=True), table.texts("after")
        known = [item.name for item in found]
        if name and not NAME.fullmatch(name):
            table.problem("name", f'"{name}" cannot name an environment: use lower-case letters, digits and hyphens.')
        if name in known:
            table.problem("name", f'there is already an environment "{name}". Give each its own name.')
        for earlier in after:
            if earlier not in known:
                hint = nearest(earlier, known) if known else "No environment comes before this one."
                table.problem("after", f'"{earlier}" is no environment above this one. {hint}')
        table.finish()
        found.append(Environment(name, after))
    return tuple(found) or in_order(stages)


def of_run(run: Path, stages: Sequence[str]) -> tuple[Environment, ...]:
    """The environments that a run's own copy of its pipeline file names. Misconfigured: they cannot be read."""
    path = run / "stages.toml"
    if not path.is_file():
        return in_order(stages)
    document = read(path)
    found = take(document.root(), stages)
    document.require_clean()
    return found


def before(order: Mapping[str, Sequence[str]], name: str) -> frozenset[str]:
    """Every environment that must have had a candidate before this one may. order: name -> those right before it."""
    found: set[str] = set()
    waiting = list(order.get(name, ()))
    while waiting:
        earlier = waiting.pop()
        if earlier not in found:
            found.add(earlier)
            waiting.extend(order.get(earlier, ()))
    return frozenset(found)


def require(found: Sequence[Environment], name: str) -> Environment:
    """The environment of this name. Misconfigured: there is none."""
    for environment in found:
        if environment.name == name:
            return environment
    known = [environment.name for environment in found]
    raise Misconfigured([f'there is no environment "{name}" in this run\'s pipeline. {nearest(name, known)}'])
