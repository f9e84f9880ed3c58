"""Waivers: who lets which failing clause by, for which component, why and until when."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from pipelines.candidate import COMPONENTS
from pipelines.configuration import Table, read
from pipelines.names import Names
from reports.spelling import nearest

DEFAULT = Path(__file__).parent / "waivers" / "default.toml"
_ENDING = ("<", "<=", "==", "===", "~=")
AHEAD = 10
"""Minor releases: a range that goes on for so many has an end on paper only. So has one that holds another major."""


@dataclass(frozen=True)
class Waiver:
    """One waiver. It lets by a `fail` of exactly this clause (and test, if given) through the day `expires` (UTC).

    It is for versions named one by one, or for a range as packaging.specifiers has it (">=1.9,<1.10").
    """

    id: str
    clause: str
    component: str
    versions: tuple[str, ...]
    owner: str
    reason: str
    link: str
    expires: datetime.date
    test: str = ""
    range: str = ""

    def covers(self, version: str) -> bool:
        """Whether it is for this version. A version that has no order (PEP 440) is in no range."""
        if not self.range:
            return version in self.versions
        try:
            return SpecifierSet(self.range).contains(Version(version), prereleases=True)
        except InvalidVersion:
            return False

    def beyond(self, version: str) -> str:
        """A version far ahead of this one that the range still lets by, though nobody has seen it; "" where it ends
        before: within the same major release, and less than AHEAD minor ones on."""
        if not self.range or not self.covers(version):
            return ""
        major, minor = (*Version(version).release, 0)[:2]
        later = [f"{major}.{minor + AHEAD + more}" for more in (0, 1)]
        later += [f"{major + more}.{point}" for more in (1, 2, 1000) for point in (0, 1)]
        # A range without any end, of whatever holes, goes on for ever.
        endless = not any(item.operator in _ENDING for item in SpecifierSet(self.range))
        return next(filter(self.covers, later), later[0] if endless else "")

    @property
    def from_the_first(self) -> bool:
        """Whether the range holds every version that there was before."""
        return bool(self.range) and self.covers("0")

    @property
    def version(self) -> str:
        """The versions that it is for, in words."""
        return self.range or ", ".join(self.versions)

    def expired(self, now: datetime.datetime) -> bool:
        return now.astimezone(datetime.UTC).date() > self.expires

    def shown(self) -> dict[str, Any]:
        """As run.json lists it."""
        return {
            "id": self.id,
            "clause": self.clause,
            "component": self.component,
            "version": self.version,
            "owner": self.owner,
            "reason": self.reason,
            "link": self.link,
            "expires": self.expires.isoformat(),
            "test": self.test,
        }


def load(path: Path = DEFAULT, names: Names | None = None) -> tuple[Waiver, ...]:
    """Read a waiver file. Misconfigured: every mistake in it, with file, line and field.

    names: the clauses and tests that it may name; without, that is left to the gate.
    """
    document = read(path)
    root = document.root()
    waivers: list[Waiver] = []
    for table in root.tables("waiver"):
        waiver = _waiver(table)
        if waiver.id and waiver.id in {item.id for item in waivers}:
            table.problem("id", f'the waiver "{waiver.id}" is already there. Give each its own id.')
        if names:
            names.check_clauses(table, "clause", [waiver.clause] if waiver.clause else [])
            names.check_test(table, "test", waiver.test)
        waivers.append(waiver)
    root.finish()
    document.require_clean()
    return tuple(waivers)


def _waiver(table: Table) -> Waiver:
    component = table.text("component", required=True)
    if component and component not in COMPONENTS:
        table.problem("component", f'there is no component "{component}". {nearest(component, tuple(COMPONENTS))}')
    clause = table.text("clause", required=True)
    if "*" in clause:
        table.problem("clause", "a waiver names one clause exactly; write one waiver for each.")
    link = table.text("link", required=True)
    if link and not link.startswith(("https://", "http://")):
        table.problem("link", "must be an address (https://...) where the problem is being worked on.")
    waiver = Waiver(
        id=table.text("id", required=True),
        clause=clause,
        component=component,
        versions=table.texts("versions"),
        owner=table.text("owner", required=True),
        reason=table.text("reason", required=True),
        link=link,
        expires=table.date("expires") or datetime.date.min,
        test=table.text("test"),
        range=_range(table),
    )
    table.finish()
    return waiver


def _range(table: Table) -> str:
    given = table.text("version-range").strip()
    if given and table.data.get("versions"):
        table.problem("version-range", "stands beside versions. Write one of the two.")
    if not given and not table.data.get("versions"):
        table.problem("", 'names no version. Add versions = ["1.9.1"], or version-range = ">=1.9,<1.10".')
    try:
        SpecifierSet(given)
    except InvalidSpecifier:
        table.problem("version-range", f'"{given}" is no range of versions. Write it as in ">=1.9,<1.10".')
        return ""
    return given
