"""Waivers: who lets which failing clause by, for which component, why and until when."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.candidate import COMPONENTS
from pipelines.configuration import Table, nearest, read

DEFAULT = Path(__file__).parent / "waivers" / "default.toml"


@dataclass(frozen=True)
class Waiver:
    """One waiver. It lets by a `fail` of exactly this clause (and test, if given) through the day `expires` (UTC)."""

    id: str
    clause: str
    component: str
    versions: tuple[str, ...]
    owner: str
    reason: str
    link: str
    expires: datetime.date
    test: str = ""

    def expired(self, now: datetime.datetime) -> bool:
        return now.astimezone(datetime.UTC).date() > self.expires

    def shown(self) -> dict[str, Any]:
        """As run.json lists it."""
        return {
            "id": self.id,
            "clause": self.clause,
            "component": self.component,
            "version": ", ".join(self.versions),
            "owner": self.owner,
            "reason": self.reason,
            "link": self.link,
            "expires": self.expires.isoformat(),
        }


def load(path: Path = DEFAULT) -> tuple[Waiver, ...]:
    """Read a waiver file. Misconfigured: every mistake in it, with file, line and field."""
    document = read(path)
    root = document.root()
    waivers: list[Waiver] = []
    for table in root.tables("waiver"):
        waiver = _waiver(table)
        if waiver.id and waiver.id in {item.id for item in waivers}:
            table.problem("id", f'the waiver "{waiver.id}" is already there. Give each its own id.')
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
        versions=table.texts("versions", required=True),
        owner=table.text("owner", required=True),
        reason=table.text("reason", required=True),
        link=link,
        expires=table.date("expires") or datetime.date.min,
        test=table.text("test"),
    )
    table.finish()
    return waiver
