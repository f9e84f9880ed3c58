"""Snapshots as objects: made, listed, deleted. What is in them: test_copies.py."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import changed, messages
from fixtures.wait import wait_until
from reports.model import ClauseViolation

CLOCK_TOLERANCE = 300.0  # seconds; the driver's backend may have a clock of its own
READY_LIMIT = 120.0  # seconds
MAKE, LIST = "controller.CREATE_DELETE_SNAPSHOT", "controller.LIST_SNAPSHOTS"


@pytest.mark.clause("csi.create-snapshot.is-described")
def test_snapshot_states_id_source_and_time(csi: Bench) -> None:
    csi.require(MAKE)
    volume = csi.create()
    snapshot = csi.snapshot(volume)
    assert snapshot.snapshot_id, "the snapshot has no id"
    assert snapshot.source_volume_id == volume.volume_id, "the snapshot names another source volume"
    age = time.time() - snapshot.creation_time.ToNanoseconds() / 1e9
    if abs(age) > CLOCK_TOLERANCE:
        raise ClauseViolation("the snapshot was not taken now", expected="about now", actual=f"{age:.0f} s ago")


@pytest.mark.clause("csi.create-snapshot.is-idempotent")
def test_same_snapshot_again_is_the_same(csi: Bench) -> None:
    csi.require(MAKE)
    request = csi.snapshotting(csi.create().volume_id)
    first, second = (csi.client.call(request).snapshot for _ in range(2))
    expected = (first.snapshot_id, first.creation_time.ToNanoseconds())
    actual = (second.snapshot_id, second.creation_time.ToNanoseconds())
    if expected != actual:
        raise ClauseViolation("the same CreateSnapshot again answered another", expected=expected, actual=actual)


@pytest.mark.clause("csi.create-snapshot.other-source-conflicts")
def test_same_snapshot_name_of_another_volume_conflicts(csi: Bench) -> None:
    csi.require(MAKE)
    request = csi.snapshotting(csi.create().volume_id)
    csi.client.call(request)
    other = changed(request, source_volume_id=csi.create().volume_id)
    csi.client.require_refusal(other, "ALREADY_EXISTS", because="the name is taken by a snapshot of another volume")


@pytest.mark.clause("csi.create-snapshot.absent-volume-is-not-found")
def test_snapshot_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    csi.require(MAKE)
    csi.client.require_refusal(csi.snapshotting(csi.absent_id()), "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.create-snapshot.becomes-ready")
def test_snapshot_becomes_and_stays_ready(csi: Bench) -> None:
    csi.require(MAKE)
    request = csi.snapshotting(csi.create().volume_id)
    wait_until("the snapshot is ready to use", lambda: csi.client.call(request).snapshot.ready_to_use, READY_LIMIT)
    assert csi.client.call(request).snapshot.ready_to_use, "a snapshot that was ready is not any more"


@pytest.mark.clause("csi.create-snapshot.size-is-not-negative")
def test_snapshot_size_is_not_negative(csi: Bench) -> None:
    csi.require(MAKE)
    request = csi.snapshotting(csi.create().volume_id)
    sizes = [csi.client.call(request).snapshot.size_bytes for _ in range(2)]
    assert min(sizes) >= 0, f"the snapshot's size is {min(sizes)} bytes"


@pytest.mark.clause("csi.delete-snapshot.is-idempotent")
def test_snapshot_deleted_twice_is_fine(csi: Bench) -> None:
    request = messages().DeleteSnapshotRequest(snapshot_id=csi.snapshot(csi.create()).snapshot_id)
    csi.client.call(request)
    csi.client.call(request)


def listed(csi: Bench, **fields: object) -> list[str]:
    """The snapshot ids that ListSnapshots answers to a request with these fields."""
    csi.require(LIST)
    answer = csi.client.call(messages().ListSnapshotsRequest(**fields))
    return sorted(entry.snapshot.snapshot_id for entry in answer.entries)


def require_listed(actual: Iterable[str], expected: Iterable[str], what: str) -> None:
    """ClauseViolation unless exactly the expected snapshots were listed."""
    if sorted(actual) != sorted(expected):
        raise ClauseViolation(f"ListSnapshots by {what} answers wrong ones", expected=expected, actual=actual)


@pytest.mark.clause("csi.delete-snapshot.snapshot-is-gone")
def test_deleted_snapshot_is_not_listed(csi: Bench) -> None:
    snapshot = csi.snapshot(csi.create())
    csi.client.call(messages().DeleteSnapshotRequest(snapshot_id=snapshot.snapshot_id))
    require_listed(listed(csi, snapshot_id=snapshot.snapshot_id), [], "the id of a deleted one")


@pytest.mark.clause("csi.list-snapshots.id-filter-is-obeyed")
def test_snapshots_listed_by_id_are_that_one(csi: Bench) -> None:
    volume = csi.create()
    wanted, _other = csi.snapshot(volume), csi.snapshot(volume)
    require_listed(listed(csi, snapshot_id=wanted.snapshot_id), [wanted.snapshot_id], "id")


@pytest.mark.clause("csi.list-snapshots.source-filter-is-obeyed")
def test_snapshots_listed_by_source_are_all_of_it(csi: Bench) -> None:
    volume, other = csi.create(), csi.create()
    ours = [csi.snapshot(volume).snapshot_id for _ in range(2)]
    csi.snapshot(other)
    require_listed(listed(csi, source_volume_id=volume.volume_id), ours, "source volume")


@pytest.mark.clause("csi.list-snapshots.absent-filter-is-empty")
@pytest.mark.parametrize("field", ["snapshot_id", "source_volume_id"])
def test_snapshots_listed_by_an_absent_id_are_none(csi: Bench, field: str) -> None:
    csi.require(MAKE)
    csi.snapshot(csi.create())
    require_listed(listed(csi, **{field: csi.absent_id()}), [], f"an absent {field}")


@pytest.mark.clause("csi.list-snapshots.pages-are-complete")
def test_pages_of_snapshots_are_complete(csi: Bench) -> None:
    csi.require(LIST)
    volume = csi.create()
    ours = [csi.snapshot(volume).snapshot_id for _ in range(5)]
    request, seen = messages().ListSnapshotsRequest(max_entries=2, source_volume_id=volume.volume_id), list[str]()
    while len(seen) <= len(ours):
        answer = csi.client.call(request)
        seen += [entry.snapshot.snapshot_id for entry in answer.entries]
        request.starting_token = answer.next_token
        if not answer.next_token:
            break
    require_listed(seen, ours, "pages of two")


@pytest.mark.clause("csi.list-snapshots.foreign-token-is-aborted")
@pytest.mark.parametrize("token", ["seatrial-no-token", "-5"])
def test_foreign_token_for_snapshots_is_aborted(csi: Bench, token: str) -> None:
    csi.require(LIST)
    request = messages().ListSnapshotsRequest(starting_token=token)
    csi.client.require_refusal(request, "ABORTED", because=f"the token {token!r} is not one of the driver's")


@pytest.mark.clause("csi.get-snapshot.made-snapshot-is-described")
def test_description_of_a_snapshot_agrees_with_its_creation(csi: Bench) -> None:
    csi.require("controller.GET_SNAPSHOT")
    snapshot = csi.snapshot(csi.create())
    found = csi.client.call(messages().GetSnapshotRequest(snapshot_id=snapshot.snapshot_id)).snapshot
    if found != snapshot:
        raise ClauseViolation("GetSnapshot describes another snapshot", expected=str(snapshot), actual=str(found))


@pytest.mark.clause("csi.get-snapshot.absent-snapshot-is-not-found")
def test_description_of_an_absent_snapshot_is_not_found(csi: Bench) -> None:
    csi.require("controller.GET_SNAPSHOT")
    snapshot = csi.snapshot(csi.create())
    csi.client.call(messages().DeleteSnapshotRequest(snapshot_id=snapshot.snapshot_id))
    request = messages().GetSnapshotRequest(snapshot_id=snapshot.snapshot_id)
    csi.client.require_refusal(request, "NOT_FOUND", because="the snapshot is gone")
