"""The ledger of a test: whatever it made through a driver is given back, and nothing else is touched."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.csi.client import Answer, Call
from fixtures.subjects.csi.ledger import PAIRS, Ledger
from fixtures.subjects.csi.requests import create_volume, messages
from reports.model import ClauseViolation


class Asked:
    """A client that keeps the requests; what it answers comes from `answers`, by RPC name."""

    def __init__(self, **answers: Any) -> None:
        self.lost, self.requests, self.answers = "", list[Any](), answers

    def answer(self, request: Any) -> Answer:
        self.requests.append(request)
        rpc = request.DESCRIPTOR.name.removesuffix("Request")
        given = self.answers.get(rpc, "OK")
        if given is ClauseViolation:
            raise ClauseViolation("the driver hangs")
        return Answer(rpc, given, "", None) if isinstance(given, str) else Answer(rpc, "OK", "", given)


def noted(client: Any, *calls: Call) -> Ledger:
    """A ledger that saw the calls of that client."""
    ledger = Ledger()
    for call in calls:
        ledger.watching(client)(call)
    return ledger


def call_of(request: Any, code: str = "OK", response: Any = None) -> Call:
    """A call as the client would have kept it."""
    return Call(type(request).__name__.removesuffix("Request"), request, code, "", response, 0.001)


def made(name: str, volume_id: str) -> Call:
    """A CreateVolume that worked."""
    response = messages().CreateVolumeResponse(volume=messages().Volume(volume_id=volume_id))
    return call_of(create_volume(name), response=response)


def test_ledger_gives_a_group_snapshot_back_with_its_members_before_the_volumes() -> None:
    csi = messages()
    group = csi.VolumeGroupSnapshot(group_snapshot_id="g", snapshots=[csi.Snapshot(snapshot_id="s1")])
    request = csi.CreateVolumeGroupSnapshotRequest(name="group")
    answer = csi.CreateVolumeGroupSnapshotResponse(group_snapshot=group)
    client = Asked()
    assert noted(client, made("v", "v1"), call_of(request, response=answer)).give_back() == []
    first, second = client.requests
    assert (first.group_snapshot_id, list(first.snapshot_ids), second.volume_id) == ("g", ["s1"], "v1")


def test_ledger_asks_again_for_what_a_lost_call_may_have_made() -> None:
    response = messages().CreateVolumeResponse(volume=messages().Volume(volume_id="v7"))
    client = Asked(CreateVolume=response)
    assert noted(client, call_of(create_volume("half"), "lost")).give_back() == []
    assert [type(request).__name__ for request in client.requests] == ["CreateVolumeRequest", "DeleteVolumeRequest"]
    assert client.requests[1].volume_id == "v7"


def test_ledger_does_not_ask_again_for_what_a_retry_made() -> None:
    client = Asked()
    noted(client, call_of(create_volume("half"), "lost"), made("half", "v1")).give_back()
    assert [request.volume_id for request in client.requests] == ["v1"]


@pytest.mark.parametrize("refusal", ["INTERNAL", ClauseViolation])
def test_ledger_tells_what_it_cannot_give_back_and_goes_on(refusal: Any) -> None:
    client = Asked(DeleteSnapshot=refusal)
    snapshot = messages().CreateSnapshotResponse(snapshot=messages().Snapshot(snapshot_id="s1"))
    request = messages().CreateSnapshotRequest(name="s")
    left = noted(client, made("v", "v1"), call_of(request, response=snapshot)).give_back()
    assert [str(ending) for ending in left] == ["DeleteSnapshot s1"]
    assert len(client.requests) == 2


def test_ledger_ignores_calls_that_it_does_not_know() -> None:
    refused = call_of(create_volume("v"), "ALREADY_EXISTS")
    assert not noted(Asked(), call_of(messages().ProbeRequest()), refused).open


def test_every_pair_of_the_ledger_is_of_the_protocol() -> None:
    for pair in PAIRS:
        ending = getattr(messages(), f"{pair.ends}Request")(**dict.fromkeys(pair.names, "x"))
        assert hasattr(messages(), f"{pair.makes}Request"), pair
        assert [field.name for field, _ in ending.ListFields()], pair
