"""Ctrl-C and SIGTERM: stop cleanly at the first, at once at the second, and always clean up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SENDERS = {
    signal.SIGINT: "Ctrl-C (SIGINT)",
    signal.SIGTERM: "SIGTERM, from another process: a cancelled job, a time limit, a shutdown or kill",
    signal.SIGHUP: "SIGHUP: its terminal was closed",
}


class Interrupted(BaseException):
    """Somebody asked to stop; as text: who, as far as a signal tells. Not an Exception, so that no ordinary handler
    swallows it."""


class Interrupts:
    """Counts requests to stop. While a `forward` is set they go to it; else they raise Interrupted, but never
    inside `shielded` (clean-up must come to its end)."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.count = 0
        self._first = signal.SIGINT
        self._say = say
        self._forward: Callable[[int], None] | None = None
        self._shields = 0

    @contextmanager
    def installed(self) -> Iterator[Interrupts]:
        """Take the signals for the time of the block; the handlers before are put back after it."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def forwarded(self, forward: Callable[[int], None]) -> Iterator[None]:
        """Give requests to `forward(count)` in the block; raise Interrupted after it if there was one."""
        self._forward = forward
        try:
            yield
        finally:
            self._forward = None
        self.check()

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Only count requests in the block."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1

    def check(self) -> None:
        """Interrupted, if somebody has asked to stop."""
        if self.count:
            raise Interrupted(_SENDERS[self._first])

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._first = self._first if self.count else signal.Signals(number)
        self.count += 1
        if self._forward is not None:
            self._say("stopping the tests; once more stops at once" if self.count == 1 else "stopping at once")
            self._forward(self.count)
        elif self._shields:
            self._say("cleaning up, one moment")
        else:
            self._say("stopping")
            raise Interrupted(_SENDERS[self._first])
