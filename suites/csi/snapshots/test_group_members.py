"""Group snapshots described and deleted, and their members seen as ordinary snapshots."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.groups import (
    GROUPS,
    describing,
    grouping,
    make_group,
    member_ids,
    require_same_group,
    ungrouping,
)
from fixtures.subjects.csi.requests import from_snapshot, messages, span
from reports.model import ClauseViolation, NotApplicable
from suites.csi.snapshots.descriptions import require_same_snapshot

LIST, GET = "controller.LIST_SNAPSHOTS", "controller.GET_SNAPSHOT"
MISMATCHES = ["one less", "one more", "another one"]


def group_of_two(csi: Bench) -> Any:
    """A ready group snapshot of two new volumes."""
    csi.require(GROUPS)
    return make_group(csi, grouping(csi, csi.create(), csi.create()))


def mismatched(csi: Bench, group: Any, how: str) -> list[str]:
    """Snapshot ids that are not those of the group, though they exist."""
    one, two = member_ids(group)
    if how == "one less":
        return [one]
    other = member_ids(make_group(csi, grouping(csi, csi.create())))[0]
    return [one, two, other] if how == "one more" else [one, other]


@pytest.mark.clause("csi.get-group-snapshot.made-group-is-described")
def test_description_of_a_group_snapshot_agrees_with_its_creation(csi: Bench) -> None:
    group = group_of_two(csi)
    require_same_group(csi.client.call(describing(group)).group_snapshot, group, "GetVolumeGroupSnapshot")


@pytest.mark.clause("csi.group-snapshot.order-of-ids-is-free")
@pytest.mark.parametrize("rpc", ["GetVolumeGroupSnapshot", "DeleteVolumeGroupSnapshot"])
def test_members_of_a_group_snapshot_may_come_in_any_order(csi: Bench, rpc: str) -> None:
    group = group_of_two(csi)
    ids = member_ids(group)[::-1]
    csi.client.call(describing(group, ids) if rpc == "GetVolumeGroupSnapshot" else ungrouping(group, ids))


@pytest.mark.clause("csi.get-group-snapshot.absent-group-is-not-found")
@pytest.mark.parametrize("before", ["described before", "never described"])
def test_description_of_a_deleted_group_snapshot_is_not_found(csi: Bench, before: str) -> None:
    group = group_of_two(csi)
    if before == "described before":
        csi.client.call(describing(group))
    csi.client.call(ungrouping(group))
    csi.client.require_refusal(describing(group), "NOT_FOUND", because="the group snapshot is gone")


@pytest.mark.clause("csi.get-group-snapshot.mismatch-is-refused")
@pytest.mark.parametrize("how", MISMATCHES)
def test_description_with_other_members_is_refused(csi: Bench, how: str) -> None:
    group = group_of_two(csi)
    request = describing(group, mismatched(csi, group, how))
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because=f"snapshot_ids has {how}")


@pytest.mark.clause("csi.delete-group-snapshot.mismatch-is-refused")
@pytest.mark.parametrize("how", MISMATCHES)
def test_deletion_with_other_members_is_refused_and_deletes_nothing(csi: Bench, how: str) -> None:
    group = group_of_two(csi)
    request = ungrouping(group, mismatched(csi, group, how))
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because=f"snapshot_ids has {how}")
    found = csi.client.call(describing(group)).group_snapshot
    require_same_group(found, group, "GetVolumeGroupSnapshot, after a refused deletion,")


@pytest.mark.clause("csi.delete-group-snapshot.is-idempotent")
def test_group_snapshot_deleted_twice_is_fine(csi: Bench) -> None:
    request = ungrouping(group_of_two(csi))
    csi.client.call(request)
    csi.client.call(request)


@pytest.mark.clause("csi.delete-group-snapshot.members-are-gone")
@pytest.mark.parametrize("a_volume_is", ["there", "deleted"])
def test_members_of_a_deleted_group_snapshot_are_gone(csi: Bench, a_volume_is: str) -> None:
    group = group_of_two(csi)
    if a_volume_is == "deleted" and not csi.client.answer(csi.deletion(group.snapshots[0].source_volume_id)).is_ok:
        raise NotApplicable("the driver keeps volumes that have snapshots")
    csi.client.call(ungrouping(group))
    for member in group.snapshots:
        if LIST in csi.capabilities:
            left = csi.client.call(messages().ListSnapshotsRequest(snapshot_id=member.snapshot_id)).entries
            if left:
                raise ClauseViolation("a deleted group left a member", expected="none listed", actual=str(left[0]))
        if GET in csi.capabilities:
            gone = messages().GetSnapshotRequest(snapshot_id=member.snapshot_id)
            csi.client.require_refusal(gone, "NOT_FOUND", because="its group was deleted")
        restore = csi.creation(source=from_snapshot(member.snapshot_id))
        csi.client.require_refusal(restore, "NOT_FOUND", because="the group of its source was deleted")


@pytest.mark.clause("csi.delete-group-snapshot.others-are-kept")
def test_deletion_of_a_group_keeps_other_snapshots_of_the_volumes(csi: Bench) -> None:
    csi.require(GROUPS, "controller.CREATE_DELETE_SNAPSHOT")
    volumes = [csi.create(), csi.create()]
    alone = csi.snapshot(volumes[0])
    doomed, kept = (make_group(csi, grouping(csi, *volumes)) for _ in range(2))
    csi.client.call(ungrouping(doomed))
    require_same_group(csi.client.call(describing(kept)).group_snapshot, kept, "GetVolumeGroupSnapshot")
    csi.create(source=from_snapshot(alone.snapshot_id))


@pytest.mark.clause("csi.delete-group-snapshot.name-is-free")
def test_name_of_a_deleted_group_snapshot_may_be_used_again(csi: Bench) -> None:
    csi.require(GROUPS)
    request = grouping(csi, csi.create(), csi.create())
    csi.client.call(ungrouping(make_group(csi, request)))
    other = csi.create()
    again = make_group(csi, grouping(csi, other, name=request.name))
    sources = [member.source_volume_id for member in again.snapshots]
    if sources != [other.volume_id]:
        raise ClauseViolation("a deleted group came back", expected=[other.volume_id], actual=sources)


@pytest.mark.clause("csi.group-snapshot.members-are-snapshots")
@pytest.mark.parametrize("size", [1, 3])
def test_members_of_a_group_snapshot_are_listed_and_described(csi: Bench, size: int) -> None:
    csi.require(GROUPS)
    volumes = [csi.create(capacity=span(factor * csi.options.capacity)) for factor in range(1, size + 1)]
    group = make_group(csi, grouping(csi, *volumes))
    if LIST not in csi.capabilities and GET not in csi.capabilities:
        csi.require(LIST)
    for member in group.snapshots:
        by_calls = list[Any]()
        if LIST in csi.capabilities:
            for by in ({"snapshot_id": member.snapshot_id}, {"source_volume_id": member.source_volume_id}):
                entries = csi.client.call(messages().ListSnapshotsRequest(**by)).entries
                if not entries:
                    raise ClauseViolation("a member is not listed", expected=member.snapshot_id, actual=by)
                by_calls += [entry.snapshot for entry in entries]
        if GET in csi.capabilities:
            by_calls.append(csi.client.call(messages().GetSnapshotRequest(snapshot_id=member.snapshot_id)).snapshot)
        for found in by_calls:
            require_same_snapshot(found, member, "a call outside the group")


@pytest.mark.clause("csi.delete-snapshot.group-member-is-refused")
def test_deletion_of_a_single_member_is_refused_and_harmless(csi: Bench) -> None:
    group = group_of_two(csi)
    member = group.snapshots[0].snapshot_id
    request = messages().DeleteSnapshotRequest(snapshot_id=member)
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="the snapshot is a member of a group")
    require_same_group(csi.client.call(describing(group)).group_snapshot, group, "GetVolumeGroupSnapshot")


@pytest.mark.clause("csi.group-snapshot.in-use-is-refused-or-harmless")
def test_deletion_of_a_group_with_a_restored_member_is_refused_or_done(csi: Bench) -> None:
    group = group_of_two(csi)
    csi.create(source=from_snapshot(group.snapshots[0].snapshot_id))
    answer = csi.client.answer(ungrouping(group))
    if answer.code not in ("OK", "FAILED_PRECONDITION"):
        raise ClauseViolation("deleting a group in use", expected="OK or FAILED_PRECONDITION", actual=str(answer))
