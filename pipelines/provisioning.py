"""Fetches and builds a candidate's parts in a process of its own, while stages whose parts are there already run.

The process is `python -m pipelines provision --json`, which writes one JSON object a line: {"progress": text},
{"part": ...} or {"error": text, "verdict": ...}. A process, not a thread, so that it can be stopped at any moment.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines import children
from pipelines.candidate import Candidate, narrowed
from pipelines.findings import Finding
from pipelines.interrupts import Interrupts
from pipelines.pipeline import Stage
from pipelines.screen import Screen
from reports.model import Component, Part, Verdict, part_from_json

GRACE = 10.0
"""Seconds that a build has to end after SIGTERM."""


class NotProvided(Exception):
    """A part could not be provided. `finding` says why and what to do."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.reason.text)
        self.finding = finding


def wanted(stages: Sequence[Stage], candidate: Candidate) -> tuple[list[Component], dict[str, int]]:
    """The components in order of need, each with only the packages its stage's profile needs, and for each stage
    how many of the first of them it waits for."""
    order: list[Component] = []
    until: dict[str, int] = {}
    for stage in stages:
        for name in stage.components(candidate):
            component = candidate.component(name)
            if component is None:
                continue
            component = narrowed(component, stage.files.get(stage.profile, {}))
            if component not in order:
                order.append(component)
        until[stage.name] = len(order)
    return order, until


class Provisioning:
    """The running process, and what it has provided so far."""

    def __init__(self, order: Sequence[Component], until: Mapping[str, int], screen: Screen, log: Path) -> None:
        self.order = tuple(order)
        self.until = dict(until)
        self.screen = screen
        self.log = log
        self.parts: list[Part] = []
        self.failed: Finding | None = None
        self.doing = ""
        self.is_in_front = True
        self.finished = threading.Event()
        self._changed = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._begun = time.monotonic()

    def start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start `python -m pipelines provision --json` with these arguments."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "pipelines", "provision", "--json", *arguments]
            self._process = children.start(command, environment, out=subprocess.PIPE, err=log)
        threading.Thread(target=self._read, name="provisioning", daemon=True).start()

    def whole(
        self, stage: Stage, arguments: Sequence[str], environment: Mapping[str, str], interrupts: Interrupts
    ) -> list[Part]:
        """Start, and wait for everything. NotProvided: it will not come."""
        self.start(arguments, environment)
        try:
            self.wait_for(stage, interrupts)
            return self.newest()
        finally:
            self.stop()

    @property
    def is_done(self) -> bool:
        return self.finished.is_set()

    def ready(self, stage: Stage) -> bool:
        return len(self.parts) >= self.until[stage.name]

    def parts_for(self, stage: Stage) -> list[Part]:
        """The newest part of every component that the stage needs, of those that were there when it became ready."""
        newest = {part.component: part for part in self.parts[: self.until[stage.name]]}
        return [newest[name] for name in (*stage.needs, *stage.takes) if name in newest]

    def newest(self) -> list[Part]:
        """Every component's newest part."""
        return list({part.component: part for part in self.parts}.values())

    def wait_for(self, stage: Stage, interrupts: Interrupts) -> list[Part]:
        """Wait until the stage's parts are there. NotProvided: they will not come."""
        while not self.ready(stage):
            interrupts.check()
            if self.failed is not None:
                raise NotProvided(self.failed)
            with self._changed:
                self._changed.wait(0.2)
        return self.parts_for(stage)

    def stop(self) -> bool:
        """End the process and all it started; True if it was still at work. Half-made parts are never used."""
        process = self._process
        if process is None:
            return False
        self._stopping = True
        was_running = process.poll() is None
        children.signal_group(process, signal.SIGTERM)
        if not children.wait(process, GRACE):
            self.screen.event("the build does not end; killing it")
        # Also after a clean end: a compiler that outlived its parent must not go on.
        children.signal_group(process, signal.SIGKILL)
        process.wait()
        return was_running

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                self._fail(Verdict.INVALID, f"The build said something that cannot be read: {line[:100]!r} ({error}).")
        status = self._process.wait()
        if len(self.parts) < len(self.order) and self.failed is None and not self._stopping:
            self._fail(Verdict.INVALID, f"The build ended with exit status {status} before all parts were there.")
        self.doing = ""
        self.finished.set()
        self._notify()

    def _take(self, message: Mapping[str, object]) -> None:
        if "progress" in message:
            self.doing = " ".join(str(message["progress"]).split())
            if self.is_in_front:
                self.screen.status(f"{len(self.parts)} of {len(self.order)} parts | {self.doing}")
        elif "error" in message:
            remedy = str(message.get("remedy", ""))
            self._fail(Verdict(str(message.get("verdict", "INVALID"))), str(message["error"]), remedy)
        else:
            part = message["part"]
            assert isinstance(part, dict)
            self.parts.append(part_from_json(part))
            self._announce(self.parts[-1])
        self._notify()

    def _announce(self, part: Part) -> None:
        files = f"{len(part.files)} file{'s' if len(part.files) != 1 else ''}"
        self.screen.event(f"part {len(self.parts)}/{len(self.order)}: {part.component} {part.version} ({files})", "dim")

    def _fail(self, verdict: Verdict, text: str, remedy: str = "") -> None:
        remedy = (
            remedy or f"The log {self.log} has the details; python -m pipelines doctor says what this machine lacks."
        )
        self.failed = Finding.of(verdict, text, remedy)
        self._notify()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()
