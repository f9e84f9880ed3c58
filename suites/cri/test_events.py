"""Container events: what happened to a container, in order."""

from __future__ import annotations

import threading

import pytest

from fixtures.subjects.cri.bench import Bench, Sandbox
from fixtures.subjects.cri.checks import require_equal
from fixtures.subjects.cri.client import CriClient
from fixtures.wait import WaitTimeout, wait_until
from reports.model import ClauseViolation


class Listener:
    """Collects container events in the background."""

    def __init__(self, cri: CriClient) -> None:
        self.events: list[tuple[str, int]] = []
        self._stream = cri.stream("GetContainerEvents", deadline=60)
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        try:
            for event in self._stream:
                self.events.append((event.container_id, event.container_event_type))
        except ClauseViolation as error:
            self.events.append((f"the stream ended: {error}", -1))

    def kinds_of(self, container: str) -> list[int]:
        """The kinds of events of one container, in order of arrival."""
        return [kind for owner, kind in self.events if owner == container]

    def close(self) -> None:
        """Stop listening."""
        self._stream.close()
        self._thread.join(5)


@pytest.mark.clause("cri.get-container-events.order")
def test_container_events_come_once_each_in_order(bench: Bench, cri: CriClient) -> None:
    listener = Listener(cri)
    try:
        sandbox = wait_until("the event stream delivers", lambda: _heard_of(bench, listener), 10)
        assert sandbox is not None
        container = bench.run(sandbox)
        bench.stop(container)
        cri.call("RemoveContainer", container_id=container)
        wanted = [
            getattr(cri.messages, f"CONTAINER_{word}_EVENT") for word in ("CREATED", "STARTED", "STOPPED", "DELETED")
        ]
        wait_until("its last event", lambda: listener.kinds_of(container), 10, accept=lambda seen: wanted[-1] in seen)
        require_equal("the kinds of its events", listener.kinds_of(container), wanted, "Is one lost or sent twice?")
    finally:
        listener.close()


def _heard_of(bench: Bench, listener: Listener) -> Sandbox | None:
    """A sandbox whose events arrive: the opening of a stream is not acknowledged, so the first may be missed."""
    sandbox = bench.run_sandbox()
    try:
        wait_until("its events", lambda: listener.kinds_of(sandbox.id), 1)
    except WaitTimeout:
        return None
    return sandbox
