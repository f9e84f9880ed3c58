"""Quarantine: flaky tests that still run and do not block, for a while. Read from TOML; what an entry is worth is pure.

An entry sets a test aside, never a clause: a required clause still has to be shown by another test, or waived.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from pipelines.configuration import Table, read
from pipelines.names import Names
from pipelines.policy import Quarantining
from pipelines.settings import setting, take

DEFAULT = Path(__file__).parent / "quarantine.toml"


@dataclass(frozen=True)
class Entry:
    """One test in quarantine. failures of runs are what put it there; entered and deadline are days in UTC."""

    test: str = setting("", "test", "text", "the test, as the record names it", required=True)
    owner: str = setting("", "owner", "text", "who repairs it", required=True)
    reason: str = setting("", "reason", "text", "what is known of it", required=True)
    link: str = setting("", "link", "text", "where it is being worked on", required=True)
    failures: int = setting(0, "failures", "count", "in how many of the runs it failed", least=1, required=True)
    runs: int = setting(0, "runs", "count", "how many runs were looked at", least=1, required=True)
    entered: datetime.date = datetime.date.max
    deadline: datetime.date = datetime.date.min

    def ends(self, rules: Quarantining) -> datetime.date:
        """The last day on which it counts: its deadline, or the longest term that the policy allows."""
        try:
            return min(self.deadline, self.entered + datetime.timedelta(days=rules.longest))
        except OverflowError:
            return self.deadline

    def objection(self, rules: Quarantining, clean: int, now: datetime.datetime) -> str:
        """Why the entry does not count; "" while it does. clean: signed runs in a row without a failure."""
        today = now.astimezone(datetime.UTC).date()
        percent = 100 * self.failures / self.runs
        if not rules.allowed:
            return "the policy allows no quarantine"
        if self.entered > today:
            return f"it starts on {self.entered}"
        if today > self.ends(rules):
            return f"it ended with {self.ends(rules)}, and nobody has repaired the test"
        if self.failures < rules.failures or percent < rules.rate:
            wanted = f"{rules.failures} failures and {rules.rate:g} %"
            return f"{self.failures} failures of {self.runs} runs do not put a test there (the policy asks {wanted})"
        if clean >= rules.clean:
            return f"it ended by itself: {clean} signed runs in a row without a failure"
        return ""


def load(path: Path, names: Names | None = None) -> tuple[Entry, ...]:
    """Read a quarantine file. Misconfigured: every mistake in it, with file, line and field.

    names: the tests that it may name; without, none is looked at.
    """
    document = read(path)
    root = document.root()
    entries: list[Entry] = []
    for table in root.tables("quarantine"):
        entry = _entry(table)
        if entry.test in {item.test for item in entries}:
            table.problem("test", f'"{entry.test}" is already there. Give each test one entry.')
        if names:
            names.check_test(table, "test", entry.test)
        entries.append(entry)
    root.finish()
    document.require_clean()
    return tuple(entries)


def _entry(table: Table) -> Entry:
    entered = table.date("entered") or datetime.date.max
    deadline = table.date("deadline") or datetime.date.min
    entry = take(Entry, table, entered=entered, deadline=deadline)
    if entry.failures > entry.runs:
        table.problem("failures", f"{entry.failures} failures of {entry.runs} runs cannot be.")
    if "entered" in table.data and "deadline" in table.data and deadline < entered:
        table.problem("deadline", f"{deadline} is before it is entered ({entered}).")
    if entry.link and not entry.link.startswith(("https://", "http://")):
        table.problem("link", "must be an address (https://...) where the test is being worked on.")
    return entry
