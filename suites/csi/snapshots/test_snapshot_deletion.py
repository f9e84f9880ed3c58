"""Snapshots deleted: gone for every call, and nothing else with them."""

from __future__ import annotations

import secrets
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import Content, require_files, write_files
from fixtures.subjects.csi.groups import describing, grouping, make_group, require_same_group
from fixtures.subjects.csi.requests import from_snapshot, from_volume, messages
from reports.model import ClauseViolation, NotApplicable

MAKE = "controller.CREATE_DELETE_SNAPSHOT"


def deleting(snapshot_id: str) -> Any:
    """A DeleteSnapshotRequest."""
    return messages().DeleteSnapshotRequest(snapshot_id=snapshot_id)


def never_given(known: str) -> str:
    """An id of the form of a known one. Random enough not to be a snapshot of somebody else."""
    if sum(char.isdigit() for char in known) < 8:
        return f"{known}-{secrets.token_hex(8)}"
    return "".join(str(secrets.randbelow(10)) if char.isdigit() else char for char in known)


@pytest.mark.clause("csi.delete-snapshot.is-idempotent")
def test_snapshot_deleted_twice_is_fine(csi: Bench) -> None:
    request = deleting(csi.snapshot(csi.create()).snapshot_id)
    csi.client.call(request)
    csi.client.call(request)


@pytest.mark.clause("csi.delete-snapshot.is-idempotent")
def test_snapshot_deleted_after_its_volume_is_fine(csi: Bench) -> None:
    volume = csi.create()
    snapshot = csi.snapshot(volume)
    csi.client.answer(csi.deletion(volume.volume_id))  # may be refused while there is a snapshot
    csi.client.call(deleting(snapshot.snapshot_id))


@pytest.mark.clause("csi.delete-snapshot.unknown-id-is-fine")
def test_deletion_of_a_snapshot_that_never_was_is_fine(csi: Bench) -> None:
    csi.require(MAKE)
    known = csi.snapshot(csi.create()).snapshot_id
    answer = csi.client.answer(deleting(never_given(known)))
    if not answer.is_ok:
        raise ClauseViolation("the deletion of what is not there fails", expected="OK", actual=str(answer))


@pytest.mark.clause("csi.delete-snapshot.snapshot-is-gone")
@pytest.mark.parametrize("before", ["listed before", "never listed"])
def test_deleted_snapshot_is_not_listed(csi: Bench, before: str) -> None:
    csi.require("controller.LIST_SNAPSHOTS")
    snapshot = csi.snapshot(csi.create())
    request = messages().ListSnapshotsRequest(snapshot_id=snapshot.snapshot_id)
    if before == "listed before":
        csi.client.call(request)
    csi.client.call(deleting(snapshot.snapshot_id))
    found = csi.client.call(request).entries
    if found:
        raise ClauseViolation("a deleted snapshot is listed", expected="none", actual=str(found[0]))


@pytest.mark.clause("csi.delete-snapshot.cannot-be-restored")
def test_deleted_snapshot_is_no_source_any_more(csi: Bench) -> None:
    snapshot = csi.snapshot(csi.create())
    csi.client.call(deleting(snapshot.snapshot_id))
    request = csi.creation(source=from_snapshot(snapshot.snapshot_id))
    csi.client.require_refusal(request, "NOT_FOUND", because="its source snapshot was deleted")


@pytest.mark.clause("csi.delete-snapshot.others-are-kept")
@pytest.mark.parametrize("kind", ["volume", "group"])
def test_id_of_another_kind_deleted_as_a_snapshot_stays(csi: Bench, kind: str) -> None:
    csi.require(MAKE)
    if not csi.driver.owned:
        raise NotApplicable("a driver that numbers its objects may have a snapshot of that id, and not ours")
    request = csi.creation()
    volume = csi.client.call(request).volume
    if kind == "volume":
        csi.client.answer(deleting(volume.volume_id))
        again = csi.client.call(request).volume.volume_id
        assert again == volume.volume_id, "a volume was deleted by its id as that of a snapshot"
    else:
        group = make_group(csi, grouping(csi, volume))
        csi.client.answer(deleting(group.group_snapshot_id))
        require_same_group(csi.client.call(describing(group)).group_snapshot, group, "GetVolumeGroupSnapshot")


@pytest.mark.clause("csi.delete-snapshot.others-are-kept")
def test_deletion_of_one_snapshot_keeps_the_other(csi: Bench, rng: Random) -> None:
    csi.require(MAKE)
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    doomed, kept = csi.snapshot(use.volume), csi.snapshot(use.volume)
    csi.client.call(deleting(doomed.snapshot_id))
    require_files(use.target, content, "the deletion of a snapshot of it")
    restored = csi.bring_up(csi.create(source=from_snapshot(kept.snapshot_id)))
    require_files(restored.target, content, "the deletion of another snapshot of the same volume")


@pytest.mark.clause("csi.delete-snapshot.others-are-kept")
@pytest.mark.parametrize("doomed", [(0,), (1,), (2,), (1, 0)], ids=["oldest", "middle", "newest", "two older ones"])
def test_deletion_of_snapshots_keeps_the_moments_of_the_others(csi: Bench, rng: Random, doomed: tuple[int]) -> None:
    csi.require(MAKE)
    use = csi.bring_up(csi.create())
    contents, snapshots = list[Content](), list[Any]()
    for _ in range(3):
        contents.append(write_files(use.target, rng))  # the same names each time, with other bytes
        snapshots.append(csi.snapshot(use.volume))
    for number in doomed:
        request = deleting(snapshots[number].snapshot_id)
        answer = csi.client.answer(request)
        if answer.code == "FAILED_PRECONDITION":
            raise NotApplicable(f"the driver keeps a snapshot that another one needs: {answer.details}")
        csi.client.call(request)
    require_files(use.target, contents[-1], "the deletion of snapshots of it")
    for number in {0, 1, 2} - set(doomed):
        restored = csi.bring_up(csi.create(source=from_snapshot(snapshots[number].snapshot_id)))
        require_files(restored.target, contents[number], "the deletion of an older or newer snapshot of its source")


@pytest.mark.clause("csi.delete-volume.others-stay")
def test_deletion_of_a_clone_keeps_the_snapshots_of_its_source(csi: Bench) -> None:
    csi.require(MAKE, "controller.CLONE_VOLUME")
    source = csi.create()
    snapshot = csi.snapshot(source)
    csi.delete(csi.create(source=from_volume(source.volume_id)))
    csi.create(source=from_snapshot(snapshot.snapshot_id))


@pytest.mark.clause("csi.delete-snapshot.restored-volume-lives")
def test_deletion_of_a_restored_snapshot_is_refused_or_harmless(csi: Bench, rng: Random) -> None:
    csi.require(MAKE)
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    snapshot = csi.snapshot(use.volume)
    restored = csi.create(source=from_snapshot(snapshot.snapshot_id))
    answer = csi.client.answer(deleting(snapshot.snapshot_id))
    if answer.code not in ("OK", "FAILED_PRECONDITION"):
        raise ClauseViolation(
            "deleting a snapshot that a volume came from", expected="OK or FAILED_PRECONDITION", actual=str(answer)
        )
    require_files(csi.bring_up(restored).target, content, "the snapshot that it came from was deleted")
