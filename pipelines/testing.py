"""Runs one stage's tests: pytest in a process group of its own, watched through the record it writes.

What pytest returns is not trusted; the record is. The record is also where progress is read from.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines import children
from pipelines.findings import Finding
from pipelines.interrupts import Interrupts
from pipelines.pipeline import Stage
from pipelines.screen import Screen
from reports.model import Verdict

GRACE = 30.0
"""Seconds that pytest has to take its fixtures down after the first request to stop."""
STEP = 0.25
SELECTING = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
"""Variables that would choose other tests or another subject than the stage does."""


@dataclass(frozen=True)
class Order:
    """What to run: the stage, its folder, the parts and what else pytest is told."""

    stage: Stage
    folder: Path
    log: Path
    parts: Path
    seed: int
    options: tuple[str, ...] = ()
    retries: int = 0

    def argv(self) -> list[str]:
        """The command, as the record will show it."""
        command = [sys.executable, "-m", "pytest", *(f"suites/{suite}" for suite in self.stage.suites)]
        command += ["--run-dir", str(self.folder), "--stage", self.stage.name, "--parts", str(self.parts)]
        command += ["--seed", str(self.seed), "-m", self.stage.marks, "-p", "no:cacheprovider", "--color=no", "-q"]
        if self.stage.workers:
            command += ["-n", str(self.stage.workers)]
        if self.retries:
            command += ["--retries", str(self.retries)]
        return [*command, *self.options]


class Progress:
    """Follows a record while it grows."""

    def __init__(self, record: Path, screen: Screen, stage: str) -> None:
        self.record = record
        self.screen = screen
        self.stage = stage
        self.planned = 0
        self.outcomes: Counter[str] = Counter()
        self.ended = False
        self._at = 0

    def follow(self, beside: str = "") -> None:
        """Read what is new; show every failure at once and the counts as the status."""
        try:
            with self.record.open("rb") as stream:
                stream.seek(self._at)
                data = stream.read()
        except FileNotFoundError:
            data = b""
        whole, newline, _ = data.rpartition(b"\n")
        self._at += len(whole) + len(newline)
        for line in whole.splitlines():
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                # Judged by the gate, which reads the whole record and says what is wrong with it.
                continue
        done = sum(self.outcomes.values())
        told = ", ".join(f"{number} {name}" for name, number in self.outcomes.most_common())
        behind = f" | meanwhile: {beside}" if beside else ""
        self.screen.status(f"{self.stage}: {done} of {self.planned or '?'} tests{': ' + told if told else ''}{behind}")

    def _take(self, line: Mapping[str, object]) -> None:
        if line["kind"] == "planned":
            tests = line["tests"]
            self.planned = len(tests) if isinstance(tests, dict) else 0
        elif line["kind"] == "end":
            self.ended = True
        elif line["kind"] == "result":
            outcome = "error" if line.get("harness_error") else str(line["outcome"])
            self.outcomes[outcome] += 1
            if outcome in ("fail", "error"):
                name = str(line["test"]).removeprefix("suites/")
                self.screen.event(f"{outcome}  {name}: {line.get('summary') or ''}"[:160], "FAIL")


def run(
    order: Order,
    *,
    screen: Screen,
    interrupts: Interrupts,
    environment: Mapping[str, str],
    beside: object = None,
) -> list[Finding]:
    """Run the tests to their end. Returns what went wrong outside the tests. Interrupted: somebody asked to stop.

    beside: an object whose `doing` says what else goes on (the build), shown behind the counts.
    """
    order.folder.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in environment.items() if name not in SELECTING}
    progress = Progress(order.folder / "record.jsonl", screen, order.stage.name)
    with order.log.open("ab") as log:
        process = children.start(order.argv(), environment, out=log, err=subprocess.STDOUT)
    findings: list[Finding] = []
    stop_at = [0.0]

    def stop(count: int) -> None:
        if count > 1:
            children.signal_group(process, signal.SIGKILL)
        elif not stop_at[0]:
            # Only the controller: it tells its workers, which would otherwise die with their fixtures standing.
            process.send_signal(signal.SIGINT)
            stop_at[0] = time.monotonic()

    begun = time.monotonic()
    try:
        with interrupts.forwarded(stop):
            while process.poll() is None:
                progress.follow(str(getattr(beside, "doing", "") or ""))
                if time.monotonic() - begun > order.stage.time_limit and not stop_at[0]:
                    findings.append(_too_long(order.stage))
                    screen.event(findings[-1].reason.text, "INCONCLUSIVE")
                    stop(1)
                if stop_at[0] and time.monotonic() - stop_at[0] > GRACE:
                    screen.event("the tests do not stop; killing them")
                    children.signal_group(process, signal.SIGKILL)
                children.wait(process, STEP)
    finally:
        children.signal_group(process, signal.SIGKILL)
        process.wait()
        progress.follow()
        screen.status("")
    findings += _exit(order, process.returncode, bool(stop_at[0]))
    if not findings and not stop_at[0] and progress.planned and not progress.ended:
        findings.append(_lost_end(order, process.returncode))
    return findings


def _too_long(stage: Stage) -> Finding:
    text = f"The tests of {stage.name} took longer than {stage.time_limit / 60:g} minutes and were stopped."
    return Finding.of(Verdict.INCONCLUSIVE, text, "See which test hangs in the log, or raise time-limit-minutes.")


def _lost_end(order: Order, status: int) -> Finding:
    text = f"pytest came to its end (status {status}), and the record did not: its last lines were lost."
    return Finding.of(Verdict.INVALID, text, f"See whether the disk is full; {order.log} says what went wrong.")


def _exit(order: Order, status: int, was_stopped: bool) -> list[Finding]:
    """A status that no record explains. 0: passed, 1: tests failed, 5: no test; the record tells those."""
    if status in (0, 1, 5) or was_stopped:
        return []
    tail = order.log.read_text(errors="replace").strip().splitlines()[-3:]
    text = f"pytest ended with status {status}: {' / '.join(line.strip() for line in tail)}"
    return [Finding.of(Verdict.INVALID, text, f"This is not the component's fault; {order.log} says more.")]
