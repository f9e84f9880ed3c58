"""One session with a driver: the version it speaks, the second node, the variants of our reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.lease import Lease
from fixtures.protocols.definitions import CSI_SPEC
from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.client import Client
from fixtures.subjects.csi.drivers import Driver, foreign
from fixtures.subjects.csi.ledger import Ledger
from fixtures.subjects.csi.options import Options
from fixtures.subjects.csi.session import Node, Session
from fixtures.subjects.csi.started import reference
from reports.model import NotApplicable


@pytest.mark.parametrize(
    ("spoken", "since", "until", "applies"),
    [("1.12", "1.13", "", False), ("1.13", "1.13", "", True), ("1.13", "", "1.12", False), ("1.12", "", "1.12", True)],
)
def test_csi_test_of_another_version_is_not_applicable(
    monkeypatch: pytest.MonkeyPatch, spoken: str, since: str, until: str, applies: bool
) -> None:
    monkeypatch.setenv(CSI_SPEC, spoken)
    bench = Bench(None, None, None, Options(), None, Path())  # type: ignore[arg-type]
    if applies:
        bench.require_spec(since, until)
        return
    with pytest.raises(NotApplicable, match=f"speaks {spoken}"):
        bench.require_spec(since, until)


def test_csi_driver_without_a_second_endpoint_has_no_second_node(tmp_path: Path) -> None:
    with pytest.raises(NotApplicable, match="--csi-second-endpoint"):
        Driver(f"unix://{tmp_path}/s.sock").second_node()


@pytest.mark.needs("root")
def test_csi_second_node_shares_the_controller_and_has_its_own_id(lease: Lease, tmp_path: Path) -> None:
    driver = reference(lease)
    session, ledger = Session(Node(driver, Client(driver.endpoint)), Options(), tmp_path), Ledger()
    try:
        bench = session.bench(ledger)
        second = bench.second_node()
        volume = second.create()
        assert second.capabilities.node_id != bench.capabilities.node_id
        assert {call.node for call in bench.client.calls if call.rpc == "NodeGetInfo"} == {"", "second"}
        assert foreign(driver.endpoint, "", second.client.endpoint).second_node().endpoint == second.client.endpoint
        assert ledger.give_back() == []
        assert volume.volume_id in str(bench.client.calls[-1].request)
    finally:
        session.close()
        driver.stop()


@pytest.mark.needs("root")
def test_csi_volumes_are_given_back_where_a_test_ends_between_kill_and_start(lease: Lease, tmp_path: Path) -> None:
    driver = reference(lease)
    session, ledger = Session(Node(driver, Client(driver.endpoint)), Options(), tmp_path), Ledger()
    try:
        session.bench(ledger).create()
        driver.kill()
        assert session.give_back(ledger) == []
        assert driver.is_running
    finally:
        session.close()
        driver.stop()
