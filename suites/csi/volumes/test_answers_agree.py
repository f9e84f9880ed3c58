"""What different calls say of one volume, snapshot or group is the same. Every other test is held to this as well, at
its end (fixtures/subjects/csi/agreement.py); here all the calls that describe something are sent."""

from __future__ import annotations

import pytest

from fixtures.subjects.csi.agreement import contradictions, require_none
from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.groups import GROUPS, describing, grouping, make_group
from fixtures.subjects.csi.requests import block, from_snapshot, from_volume, messages, mount, span
from suites.csi.volumes.pages import all_entries

SNAPSHOT, CLONE = "controller.CREATE_DELETE_SNAPSHOT", "controller.CLONE_VOLUME"
kinds = pytest.mark.parametrize("capability", [mount(), block()], ids=["mount", "block"])


def made_of(csi: Bench, capability: object) -> list[object]:
    """The creations of a volume and of its copies, which are made."""
    request = csi.creation(capability)
    volume = csi.create(capability, name=request.name)
    size, requests = span(int(volume.capacity_bytes) or csi.options.capacity), [request]
    if CLONE in csi.capabilities:
        requests.append(csi.creation(capability, source=from_volume(volume.volume_id), capacity=size))
    if SNAPSHOT in csi.capabilities:
        taken = csi.snapshotting(volume.volume_id)
        source = from_snapshot(csi.wait_until_ready(taken).snapshot.snapshot_id)
        requests += [taken, csi.creation(capability, source=source, capacity=size)]
    if GROUPS in csi.capabilities:
        group = grouping(csi, volume)
        described = describing(make_group(csi, group))
        requests += [group, described]
    return requests


def described_everywhere(csi: Bench) -> None:
    """Every volume and snapshot that the calls so far name, asked for in every way."""
    answers = [call.response for call in csi.client.calls if call.code == "OK"]
    volumes = {answer.volume.volume_id for answer in answers if hasattr(answer, "volume")}
    snapshots = {answer.snapshot.snapshot_id for answer in answers if hasattr(answer, "snapshot")}
    wanted = [
        ("controller.GET_VOLUME", [messages().ControllerGetVolumeRequest(volume_id=one) for one in volumes]),
        ("controller.GET_SNAPSHOT", [messages().GetSnapshotRequest(snapshot_id=one) for one in snapshots]),
    ]
    for capability, requests in wanted:
        for request in requests if capability in csi.capabilities else ():
            csi.client.call(request)
    listings = [
        ("controller.LIST_VOLUMES", messages().ListVolumesRequest()),
        ("controller.LIST_SNAPSHOTS", messages().ListSnapshotsRequest()),
        *(("controller.LIST_SNAPSHOTS", messages().ListSnapshotsRequest(snapshot_id=one)) for one in snapshots),
        *(("controller.LIST_SNAPSHOTS", messages().ListSnapshotsRequest(source_volume_id=one)) for one in volumes),
    ]
    for capability, request in listings:
        if capability in csi.capabilities:
            all_entries(csi, request)


@pytest.mark.clause("csi.answers.agree")
@kinds
def test_all_answers_about_one_object_agree(csi: Bench, capability: object) -> None:
    requests = made_of(csi, capability)
    for _ in range(2):  # made, and answered again
        for request in requests:
            csi.client.call(request)
        described_everywhere(csi)
    require_none(contradictions(csi.client.calls))
