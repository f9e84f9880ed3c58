"""What a person sees while a pipeline runs: lines that stay, and one status line that is overwritten."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from reports import reasons
from reports.model import Decision, Verdict

COLOURS = {"PASS": "32", "FAIL": "31", "INCONCLUSIVE": "33", "INVALID": "35", "dim": "2", "bold": "1"}
QUIET_STEP = 20.0
"""Seconds between status lines where the output is not a terminal (a CI log)."""


class Screen:
    """Writes whole lines from any thread. On a terminal the status line is redrawn in place."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.is_terminal = self.stream.isatty()
        self.coloured = self.is_terminal and "NO_COLOR" not in os.environ
        self._lock = threading.Lock()
        self._shown = ""
        self._said = ("", 0.0)
        self._begun = time.monotonic()

    def paint(self, text: str, colour: str) -> str:
        return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if self.coloured and colour in COLOURS else text

    def line(self, text: str = "", colour: str = "") -> None:
        """A line that stays."""
        with self._lock:
            self._wipe()
            self._write("".join(self.paint(part, colour) + "\n" for part in text.split("\n")))

    def event(self, text: str, colour: str = "") -> None:
        """A line that stays, with the time since the start."""
        minutes, seconds = divmod(int(time.monotonic() - self._begun), 60)
        self.line(f"{self.paint(f'{minutes:3d}:{seconds:02d}', 'dim')}  {self.paint(text, colour)}")

    def status(self, text: str) -> None:
        """What goes on at this moment; replaces the last status."""
        with self._lock:
            if not self.is_terminal:
                if text and text != self._said[0] and time.monotonic() - self._said[1] > QUIET_STEP:
                    self._said = (text, time.monotonic())
                    self._write(f"       {text}\n")
                return
            self._wipe()
            self._shown = text[: shutil.get_terminal_size().columns - 1]
            self._write(self._shown)

    def _wipe(self) -> None:
        if self._shown:
            self._write("\r\x1b[2K")
            self._shown = ""

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except BrokenPipeError:
            # The reader has gone (| head). The run goes on: its record and report are files.
            self.stream = Path(os.devnull).open("w")  # noqa: SIM115


def show_decision(screen: Screen, decision: Decision, most: int = 12, notes: int = 5) -> None:
    """The decision with its reasons under their remedies, blocking ones first; the rest is in the report.

    most, notes: how many reasons and notes are shown.
    """
    tally: dict[str, int] = {}
    for standing in decision.standings:
        if standing.required:
            tally[standing.standing] = tally.get(standing.standing, 0) + 1
    counted = ", ".join(f"{number} {name}" for name, number in sorted(tally.items(), key=lambda item: -item[1]))
    told = f" (required clauses: {counted})" if counted else ""
    screen.event(f"{decision.stage}: {screen.paint(decision.verdict, decision.verdict)}{told}")
    blocking = reasons.blocking(decision)
    for group in blocking[:most]:
        for line in group.lines[:most]:
            screen.line(f"         {line}")
        if len(group.lines) > most:
            screen.line(f"         and {len(group.lines) - most} more with the same remedy.")
        if group.remedy:
            screen.line(screen.paint(f"           -> {group.remedy}", "dim"))
    if len(blocking) > most:
        screen.line(f"         and {len(blocking) - most} more; the report has all of them.")
    informing = [line for group in reasons.informing(decision) for line in group.lines]
    for line in informing[:notes]:
        screen.line(screen.paint(f"         note: {line}", "dim"))
    if len(informing) > notes:
        screen.line(screen.paint(f"         and {len(informing) - notes} more notes in the report.", "dim"))


def show_end(screen: Screen, verdict: Verdict, candidate: str, rows: Sequence[tuple[str, str]]) -> None:
    """The last screen: the verdict, and where everything is."""
    screen.line()
    screen.line(f"  {screen.paint(verdict, verdict)}  {candidate}")
    for name, value in rows:
        screen.line(f"    {name:<11}{value}")
