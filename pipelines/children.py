"""Starts and ends the two kinds of process a pipeline has: its tests and its build, each a group of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent


def start(
    argv: Sequence[str], environment: Mapping[str, str], *, out: IO[bytes] | int, err: IO[bytes] | int
) -> subprocess.Popen[bytes]:
    """Start argv in the checkout, away from the terminal's Ctrl-C, and dying when this process is killed."""
    # setpriv sets the parent-death signal after the fork; doing it here would need code between fork and exec.
    guard = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
    return subprocess.Popen(
        [*guard, *argv],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        env=dict(environment),
        cwd=ROOT,
        start_new_session=True,
    )


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a child and to everything it started that is still in its group."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def wait(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for the end for so long; whether it came."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
