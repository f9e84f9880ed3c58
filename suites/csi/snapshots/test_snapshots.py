"""Snapshots as objects: made, asked for again, conflicting. What is in them: suites/csi/data."""

from __future__ import annotations

import time
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.requests import changed, from_snapshot, messages
from reports.model import ClauseViolation
from suites.csi.snapshots.descriptions import let_the_source_go_on, require_same_snapshot

CLOCK_TOLERANCE = 300.0  # seconds; the driver's backend may have a clock of its own
MAKE = "controller.CREATE_DELETE_SNAPSHOT"


@pytest.mark.clause("csi.create-snapshot.is-described")
def test_snapshot_states_id_source_and_time(csi: Bench) -> None:
    csi.require(MAKE)
    volume = csi.create()
    snapshot = csi.snapshot(volume)
    assert snapshot.snapshot_id, "the snapshot has no id"
    assert snapshot.source_volume_id == volume.volume_id, "the snapshot names another source volume"
    assert snapshot.HasField("creation_time"), "the snapshot has no creation time"
    age = time.time() - snapshot.creation_time.ToNanoseconds() / 1e9
    if abs(age) > CLOCK_TOLERANCE:
        raise ClauseViolation("the snapshot was not taken now", expected="about now", actual=f"{age:.0f} s ago")


@pytest.mark.clause("csi.create-snapshot.time-follows-order")
def test_snapshots_taken_one_after_the_other_have_times_in_order(csi: Bench) -> None:
    csi.require(MAKE)
    volume = csi.create()
    times = [csi.snapshot(volume).creation_time.ToNanoseconds() for _ in range(3)]
    if times != sorted(times):
        raise ClauseViolation("a later snapshot has an earlier time", expected="ascending", actual=times)


@pytest.mark.clause("csi.create-snapshot.is-idempotent")
def test_same_snapshot_again_is_the_same(csi: Bench) -> None:
    csi.require(MAKE)
    request = csi.snapshotting(csi.create().volume_id)
    first, second = (csi.wait_until_ready(request).snapshot for _ in range(2))
    if facts(first) != facts(second):
        raise ClauseViolation(
            "the same CreateSnapshot again answered another", expected=facts(first), actual=facts(second)
        )


def facts(snapshot: object) -> tuple[object, ...]:
    """What of a snapshot can never change."""
    time_taken = snapshot.creation_time.ToNanoseconds()  # type: ignore[attr-defined]
    return snapshot.snapshot_id, snapshot.source_volume_id, time_taken  # type: ignore[attr-defined]


@pytest.mark.clause("csi.create-snapshot.is-idempotent")
def test_same_snapshot_again_after_its_volume_was_expanded_is_the_same(csi: Bench) -> None:
    csi.require(MAKE)
    volume = csi.create()
    request = csi.snapshotting(volume.volume_id)
    first = csi.wait_until_ready(request).snapshot
    let_the_source_go_on(csi, volume, "its volume was expanded")
    require_same_snapshot(csi.wait_until_ready(request).snapshot, first, "the same CreateSnapshot again")


@pytest.mark.clause("csi.create-snapshot.becomes-ready")
@pytest.mark.parametrize("rpc", ["GetSnapshot", "ListSnapshots"])
def test_restored_snapshot_is_told_as_before(csi: Bench, rpc: str) -> None:
    csi.require(MAKE, "controller.GET_SNAPSHOT" if rpc == "GetSnapshot" else "controller.LIST_SNAPSHOTS")
    made = csi.snapshot(csi.create())
    csi.create(source=from_snapshot(made.snapshot_id))
    if rpc == "GetSnapshot":
        found = csi.client.call(messages().GetSnapshotRequest(snapshot_id=made.snapshot_id)).snapshot
    else:
        listing = csi.client.call(messages().ListSnapshotsRequest(snapshot_id=made.snapshot_id))
        assert listing.entries, "a snapshot is not listed any more, after a volume was made of it"
        found = listing.entries[0].snapshot
    require_same_snapshot(found, made, f"{rpc}, after a volume was made of it,")


@pytest.mark.clause("csi.create-snapshot.other-source-conflicts")
@pytest.mark.parametrize("source", ["there", "deleted"])
def test_same_snapshot_name_of_another_volume_conflicts(csi: Bench, source: str) -> None:
    csi.require(MAKE)
    volume = csi.create()
    request = csi.snapshotting(volume.volume_id)
    first = csi.wait_until_ready(request).snapshot
    if source == "deleted":
        let_the_source_go_on(csi, volume, "its volume was deleted")
    other = changed(request, source_volume_id=csi.create().volume_id)
    csi.client.require_refusal(other, "ALREADY_EXISTS", because="the name is taken by a snapshot of another volume")
    if source == "deleted":
        return
    again = csi.client.call(request).snapshot
    if facts(first) != facts(again):
        raise ClauseViolation("a refused request changed the snapshot", expected=facts(first), actual=facts(again))


@pytest.mark.clause("csi.create-snapshot.absent-volume-is-not-found")
def test_snapshot_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    csi.require(MAKE)
    csi.client.require_refusal(csi.snapshotting(csi.absent_id()), "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.create-snapshot.ids-are-unique")
def test_snapshots_of_one_volume_have_ids_of_their_own(csi: Bench) -> None:
    csi.require(MAKE)
    volume = csi.create()
    ids = [csi.snapshot(volume).snapshot_id for _ in range(3)]
    if len(set(ids)) != len(ids):
        raise ClauseViolation("two snapshots share an id", expected="3 ids", actual=ids)


@pytest.mark.clause("csi.create-snapshot.names-are-told-apart")
@pytest.mark.parametrize(
    "ends", [("1", "2"), ("a", "A"), ("/", "-"), (".", "_")],
    ids=["last character", "letter case", "slash and dash", "dot and low line"],
)  # fmt: skip
def test_snapshot_names_of_full_length_are_told_apart(csi: Bench, ends: tuple[str, str]) -> None:
    csi.require(MAKE)
    volume = csi.create()
    stem = csi.name("snapshot").ljust(127, "x")
    ids = [csi.snapshot(volume, stem + end).snapshot_id for end in ends]
    if len(set(ids)) != len(ids):
        raise ClauseViolation(
            f"names that end in {ends[0]!r} and {ends[1]!r} made one snapshot", expected="two", actual=ids,
            question="Is the name cut off, its case ignored, or a character replaced?",
        )  # fmt: skip


@pytest.mark.clause("csi.create-snapshot.name-is-free-after-deletion")
def test_name_of_a_deleted_snapshot_may_be_used_again(csi: Bench) -> None:
    csi.require(MAKE)
    request = csi.snapshotting(csi.create().volume_id)
    first = csi.wait_until_ready(request).snapshot
    csi.client.call(messages().DeleteSnapshotRequest(snapshot_id=first.snapshot_id))
    other = csi.create()
    again = csi.wait_until_ready(changed(request, source_volume_id=other.volume_id)).snapshot
    assert again.source_volume_id == other.volume_id, "the deleted snapshot came back with its old source"


@pytest.mark.clause("csi.create-snapshot.becomes-ready")
def test_snapshot_becomes_and_stays_ready(csi: Bench) -> None:
    csi.require(MAKE)
    request = csi.snapshotting(csi.create().volume_id)
    csi.wait_until_ready(request)
    assert csi.client.call(request).snapshot.ready_to_use, "a snapshot that was ready is not any more"


@pytest.mark.clause("csi.create-snapshot.size-is-not-negative")
def test_snapshot_size_is_not_negative(csi: Bench) -> None:
    csi.require(MAKE)
    request = csi.snapshotting(csi.create().volume_id)
    sizes = [csi.wait_until_ready(request).snapshot.size_bytes for _ in range(2)]
    assert min(sizes) >= 0, f"the snapshot's size is {min(sizes)} bytes"


@pytest.mark.clause("csi.create-snapshot.source-is-left-alone")
def test_source_of_a_snapshot_is_the_same_volume_afterwards(csi: Bench) -> None:
    csi.require(MAKE)
    creation = csi.creation()
    volume = csi.client.call(creation).volume
    csi.snapshot(volume)
    after = csi.client.call(creation).volume
    expected, actual = ((found.volume_id, found.capacity_bytes) for found in (volume, after))
    if expected != actual:
        raise ClauseViolation("a snapshot changed its source volume", expected=expected, actual=actual)


@pytest.mark.clause("csi.create-snapshot.source-is-left-alone")
def test_source_in_use_is_usable_after_every_step_of_its_snapshot(csi: Bench, rng: Random) -> None:
    csi.require(MAKE)
    use = csi.bring_up(csi.create())
    request = csi.snapshotting(use.volume.volume_id)
    made = csi.wait_until_ready(request).snapshot
    for step, what in (
        (None, "a snapshot of it"),
        (request, "the same CreateSnapshot again"),
        (csi.creation(source=from_snapshot(made.snapshot_id)), "a restore of its snapshot"),
        (csi.unsnapshotting(made.snapshot_id), "the deletion of its snapshot"),
    ):
        if step is not None and csi.client.answer(step).code not in ("OK", "ABORTED", "FAILED_PRECONDITION"):
            csi.client.call(step)
        require_files(use.target, write_files(use.target, rng), what)
