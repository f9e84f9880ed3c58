"""The reference driver that stops halfway while a file `halt` is in its state folder, so that a test can act meanwhile.

It stops before it copies a volume, and after a publish has mounted and not yet written down what it did. While it
stands still there is a file `halted`. Run as the reference is: `python -m suites.selftest.csi.halting_driver ...`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from fixtures.references.csi import backing, mounts
from fixtures.references.csi.command import main
from fixtures.wait import wait_until

LIMIT = 30.0  # seconds that a test may take


def halt_in(state: Path) -> None:
    """Stand still as long as the test wants."""
    halt, halted = state / "halt", state / "halted"
    if halt.exists():
        halted.touch()
        wait_until("the test lets the driver go on", lambda: not halt.exists(), LIMIT)


def halting(state: Path) -> None:
    """Put the halts into the reference driver."""
    copy, bind = backing.copy, mounts.bind

    def late_copy(source: Path, target: Path, backing: str, capacity: int) -> None:
        halt_in(state)
        copy(source, target, backing, capacity)

    def bind_and_halt(source: str, target: str, flags: Sequence[str] = (), readonly: bool = False) -> None:
        bind(source, target, flags, readonly)
        halt_in(state)

    backing.copy, mounts.bind = late_copy, bind_and_halt


if __name__ == "__main__":
    halting(Path(sys.argv[sys.argv.index("--state-dir") + 1]))
    main()
