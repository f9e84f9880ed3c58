"""A policy: what a gate requires of a stage, read from TOML."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.configuration import read
from reports.model import Level


@dataclass(frozen=True)
class Policy:
    """levels: clauses of these levels are required. clauses: ids that are required whatever their level.
    capabilities: a subject that does not declare one of these fails. max_age: seconds until a record is stale.
    """

    name: str
    description: str = ""
    levels: frozenset[Level] = frozenset({Level.MUST})
    clauses: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()
    waivers: bool = True
    max_age: float = 86400.0


def load(path: Path) -> Policy:
    """Read a policy file. Misconfigured: every mistake in it, with file, line and field."""
    document = read(path)
    root = document.root()
    table = root.table("policy")
    levels = table.texts("required-levels", required=True)
    for level in levels:
        if level not in list(Level):
            table.problem("required-levels", f'"{level}" is not a level. Levels are {", ".join(Level)}.')
    policy = Policy(
        name=table.text("name", required=True),
        description=table.text("description"),
        levels=frozenset(Level(level) for level in levels if level in list(Level)),
        clauses=frozenset(table.texts("required-clauses")),
        capabilities=frozenset(table.texts("required-capabilities")),
        waivers=table.flag("waivers", True),
        max_age=3600 * table.number("max-age-hours", 24, least=0.01),
    )
    table.finish()
    root.finish()
    document.require_clean()
    return policy
