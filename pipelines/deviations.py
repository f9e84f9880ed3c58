"""Deviations: what is known to be wrong with one version of a component (suites/*/deviations.toml).

They explain a failure and excuse nothing. They are strict both ways: the gate also points out a declared
deviation that is not there any more.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.candidate import Candidate
from pipelines.configuration import Table, read, read_all
from reports.model import to_json

SUITES = Path(__file__).parent.parent / "suites"


@dataclass(frozen=True)
class Deviation:
    """One known fault: these versions of this component break this clause. test: only this one, if given.

    expires: until when somebody should have looked at it again, "" for never; it excuses nothing before or after.
    """

    component: str
    versions: tuple[str, ...]
    clause: str
    reason: str
    link: str = ""
    test: str = ""
    expires: str = ""
    file: str = ""

    def shown(self) -> dict[str, Any]:
        """As run.json lists it; `from_shown` reads it back."""
        return {**to_json(self), "version": ", ".join(self.versions), "summary": self.reason}


def from_shown(data: Mapping[str, Any]) -> Deviation:
    """The deviation that run.json lists. KeyError or TypeError: it is none."""
    names = {item.name for item in dataclasses.fields(Deviation)}
    fields = {key: value for key, value in data.items() if key in names}
    return Deviation(**{**fields, "versions": tuple(data["versions"])})


def of_candidate(deviations: Iterable[Deviation], candidate: Candidate) -> Iterable[Deviation]:
    """Those that are about a component of this candidate, in the very version that it has."""
    for deviation in deviations:
        component = candidate.component(deviation.component)
        if component is not None and component.version in deviation.versions:
            yield deviation


def load(files: Iterable[Path] | None = None) -> tuple[Deviation, ...]:
    """Read deviation files (default: every suite's). Misconfigured: every mistake in all of them."""
    paths = sorted(SUITES.glob("*/deviations.toml") if files is None else files)
    return tuple(itertools.chain.from_iterable(read_all(functools.partial(_read, path) for path in paths)))


def _day(table: Table) -> str:
    day = table.date("expires") if "expires" in table.data else None
    return day.isoformat() if day else ""


def _read(path: Path) -> list[Deviation]:
    document = read(path)
    root = document.root()
    found = []
    for table in root.tables("deviation"):
        deviation = Deviation(
            component=table.text("component", required=True),
            versions=table.texts("versions", required=True),
            clause=table.text("clause", required=True),
            reason=table.text("reason", required=True),
            link=table.text("link"),
            test=table.text("test"),
            expires=_day(table),
            file=f"{path.parent.name}/{path.name}",
        )
        table.finish()
        found.append(deviation)
    root.finish()
    document.require_clean()
    return found
