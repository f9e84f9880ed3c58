"""The volume that many checks share: it is made once, never blamed on the wrong check, and given back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.lease import Lease
from fixtures.subjects.csi.client import Client
from fixtures.subjects.csi.ledger import Ledger
from fixtures.subjects.csi.options import Options
from fixtures.subjects.csi.session import Node, Session
from fixtures.subjects.csi.standing import CLAUSE
from fixtures.subjects.csi.started import reference
from reports.model import ClauseViolation

pytestmark = pytest.mark.needs("root")


@pytest.fixture
def session(lease: Lease, tmp_path: Path) -> Iterator[Session]:
    """A session with our reference."""
    driver = reference(lease)
    session = Session(Node(driver, Client(driver.endpoint)), Options(), tmp_path)
    yield session
    session.close()
    driver.stop()


def test_checks_that_change_nothing_share_a_volume_until_the_end(session: Session) -> None:
    seen = []
    for _ in range(2):
        ledger = Ledger()
        bench = session.bench(ledger)
        bench.check_unchanged(lambda: seen.append(bench.create().volume_id))  # noqa: B023 - called at once
        assert bench.create().volume_id not in seen, "outside of the check a test has volumes of its own"
        assert session.give_back(ledger) == []
    assert seen[0] == seen[1]
    session.close()
    assert session.first.client.calls[-1].request.volume_id == seen[0]


def test_check_that_fails_with_a_fresh_volume_too_fails_as_it_is(session: Session) -> None:
    bench, seen = session.bench(Ledger()), []

    def check() -> None:
        seen.append(bench.create().volume_id)
        raise ClauseViolation("the check's own")

    with pytest.raises(ClauseViolation, match="the check's own"):
        bench.check_unchanged(check)
    assert len(set(seen)) == 2, "the second look was not at a fresh volume"


def test_lost_standing_volume_is_not_blamed_on_the_check_that_finds_it_gone(session: Session) -> None:
    bench = session.bench(Ledger())
    bench.check_unchanged(lambda: bench.delete(bench.create()))

    def check() -> None:
        bench.client.call(bench.attaching(bench.create(), bench.creation().volume_capabilities[0]))

    with pytest.raises(ClauseViolation) as found:
        bench.check_unchanged(check)
    assert found.value.clause == CLAUSE


def test_volume_that_another_process_of_the_driver_made_is_not_shared(session: Session) -> None:
    bench, seen = session.bench(Ledger()), []
    bench.check_unchanged(lambda: seen.append(bench.create().volume_id))
    bench.restart()
    bench.check_unchanged(lambda: seen.append(bench.create().volume_id))
    assert seen[0] != seen[1]
