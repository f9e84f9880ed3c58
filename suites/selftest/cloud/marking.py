"""Marks of leases that end in so many hours, and the janitor as its user runs it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fixtures.clusters.tofu.policy import EXPIRES, LEASE, OWNER, WHEN

ROOT = Path(__file__).resolve().parents[3]


def marks(number: int, hours: float, owner: str = "team-a") -> dict[str, str]:
    """Of a lease whose time ends in so many hours."""
    until = (datetime.now(UTC) + timedelta(hours=hours)).strftime(WHEN)
    return {LEASE: f"seatrial-{number:08x}", OWNER: owner, EXPIRES: until}


def janitor(*words: str) -> tuple[int, str]:
    """Exit code and output of the command."""
    argv = [sys.executable, "-m", "pipelines", "janitor", *words]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr
