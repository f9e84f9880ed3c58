"""A writer that goes on while a snapshot is taken, and what a copy of its files says about the moment."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from fixtures.wait import wait_until
from reports.model import ClauseViolation

WIDTH = 8  # bytes of one number


class Writer:
    """Writes one growing number to several files, each time to all in order, each write on disk before the next.

    reached: the last number that all files hold. Used as `with Writer([...]) as writer`.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.reached = 0
        self._files = files
        self._stop = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._write, daemon=True)

    def _write(self) -> None:
        descriptors: list[int] = []
        try:
            for path in self._files:
                descriptors.append(os.open(path, os.O_CREAT | os.O_WRONLY))
            while not self._stop.is_set():
                number = (self.reached + 1).to_bytes(WIDTH, "big")
                for descriptor in descriptors:
                    os.pwrite(descriptor, number, 0)
                    os.fdatasync(descriptor)
                self.reached += 1
        except OSError as error:
            self._failure = error
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def __enter__(self) -> Writer:
        self._thread.start()
        wait_until("the writer has begun", lambda: self.reached > 1 or self._failure, 30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(30)
        if self._failure is not None and error is None:
            raise ClauseViolation(
                "the volume could not be written to while a snapshot was taken", expected="writes go on",
                actual=str(self._failure),
            )  # fmt: skip


def number_in(path: Path) -> int:
    """The number that a copy of one of the files holds."""
    return int.from_bytes(path.read_bytes()[:WIDTH], "big") if path.is_file() else 0
