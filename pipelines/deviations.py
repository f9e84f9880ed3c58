"""Deviations: what is known to be wrong with one version of a component (suites/*/deviations.toml).

They explain a failure and excuse nothing. They are strict both ways: the gate also points out a declared
deviation that is not there any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.configuration import Misconfigured, read
from reports.model import to_json

SUITES = Path(__file__).parent.parent / "suites"


@dataclass(frozen=True)
class Deviation:
    """One known fault: this version of this component breaks this clause. test: only this one, if given."""

    component: str
    version: str
    clause: str
    summary: str
    link: str = ""
    test: str = ""
    file: str = ""

    def shown(self) -> dict[str, Any]:
        """As run.json lists it."""
        return dict(to_json(self))


def load(files: Iterable[Path] | None = None) -> tuple[Deviation, ...]:
    """Read deviation files (default: every suite's). Misconfigured: every mistake in all of them."""
    found: list[Deviation] = []
    problems: list[str] = []
    for path in sorted(SUITES.glob("*/deviations.toml") if files is None else files):
        try:
            found += _read(path)
        except Misconfigured as error:
            problems += error.problems
    if problems:
        raise Misconfigured(problems)
    return tuple(found)


def _read(path: Path) -> list[Deviation]:
    document = read(path)
    root = document.root()
    found = []
    for table in root.tables("deviation"):
        deviation = Deviation(
            component=table.text("component", required=True),
            version=table.text("version", required=True),
            clause=table.text("clause", required=True),
            summary=table.text("summary", required=True),
            link=table.text("link"),
            test=table.text("test"),
            file=f"{path.parent.name}/{path.name}",
        )
        table.finish()
        found.append(deviation)
    root.finish()
    document.require_clean()
    return found
