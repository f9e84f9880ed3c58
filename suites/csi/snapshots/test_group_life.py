"""Group snapshots of several kinds of volumes, and after their volumes went on."""

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
    require_whole,
    ungrouping,
)
from fixtures.subjects.csi.requests import block, from_volume, messages, span
from reports.model import ClauseViolation
from suites.csi.resilience.repeated import facts
from suites.csi.snapshots.descriptions import MEANWHILE, let_the_source_go_on, require_same_snapshot
from suites.csi.volumes.pages import all_entries

LIST, GET = "controller.LIST_SNAPSHOTS", "controller.GET_SNAPSHOT"


def volumes_of(csi: Bench, kinds: str) -> list[Any]:
    """Two or three volumes that are not alike."""
    if kinds == "mount and block":
        return [csi.create(), csi.create(block())]
    if kinds == "of several sizes":
        return [csi.create(capacity=span(factor * csi.options.capacity)) for factor in (1, 3, 2)]
    csi.require("controller.CLONE_VOLUME")
    source = csi.create()
    return [source, csi.create(source=from_volume(source.volume_id)), csi.create()]


@pytest.mark.clause("csi.create-group-snapshot.has-all-members")
@pytest.mark.parametrize("kinds", ["mount and block", "of several sizes", "a volume and its clone"])
def test_group_snapshot_of_volumes_that_are_not_alike_is_whole(csi: Bench, kinds: str) -> None:
    csi.require(GROUPS)
    volumes = volumes_of(csi, kinds)
    group = make_group(csi, grouping(csi, *volumes))
    require_whole(group, volumes)
    for volume in volumes:
        size = next(one.size_bytes for one in group.snapshots if one.source_volume_id == volume.volume_id)
        if size > volume.capacity_bytes > 0:
            raise ClauseViolation(
                "a member is larger than its volume", expected=f"at most {volume.capacity_bytes}", actual=size
            )


@pytest.mark.clause("csi.get-group-snapshot.made-group-is-described")
@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_group_snapshot_is_what_it_was_after_its_volume_went_on(csi: Bench, meanwhile: str) -> None:
    csi.require(GROUPS)
    volumes = [csi.create(), csi.create()]
    group = make_group(csi, grouping(csi, *volumes))
    let_the_source_go_on(csi, volumes[1], meanwhile)
    found = csi.client.call(describing(group)).group_snapshot
    require_same_group(found, group, f"GetVolumeGroupSnapshot, where {meanwhile} happened,")
    made = {member.snapshot_id: member for member in group.snapshots}
    for member in found.snapshots:
        require_same_snapshot(member, made[member.snapshot_id], f"GetVolumeGroupSnapshot, where {meanwhile} happened,")


@pytest.mark.clause("csi.group-snapshot.members-are-snapshots")
@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_members_are_told_alike_after_their_volume_went_on(csi: Bench, meanwhile: str) -> None:
    csi.require(GROUPS)
    if GET not in csi.capabilities:
        csi.require(LIST)
    volumes = [csi.create(), csi.create()]
    group = make_group(csi, grouping(csi, *volumes))
    let_the_source_go_on(csi, volumes[0], meanwhile)
    for member in group.snapshots:
        if GET in csi.capabilities:
            request = messages().GetSnapshotRequest(snapshot_id=member.snapshot_id)
            require_same_snapshot(csi.client.call(request).snapshot, member, "GetSnapshot")
        if LIST in csi.capabilities:
            by_source = messages().ListSnapshotsRequest(source_volume_id=member.source_volume_id)
            found = {entry.snapshot.snapshot_id: entry.snapshot for entry in csi.client.call(by_source).entries}
            assert member.snapshot_id in found, f"a member is not listed by its volume, where {meanwhile} happened"
            require_same_snapshot(found[member.snapshot_id], member, "ListSnapshots")


@pytest.mark.clause("csi.delete-snapshot.group-member-is-refused")
def test_single_member_whose_volume_is_gone_is_not_deleted(csi: Bench) -> None:
    csi.require(GROUPS)
    volumes = [csi.create(), csi.create()]
    group = make_group(csi, grouping(csi, *volumes))
    let_the_source_go_on(csi, volumes[0], "its volume was deleted")
    for member in member_ids(group):
        csi.client.require_refusal(
            csi.unsnapshotting(member), "INVALID_ARGUMENT", because="the snapshot is a member of a group"
        )
    require_same_group(csi.client.call(describing(group)).group_snapshot, group, "GetVolumeGroupSnapshot")


@pytest.mark.clause("csi.delete-group-snapshot.others-are-kept")
def test_deletion_of_an_absent_group_keeps_the_snapshots_it_names(csi: Bench) -> None:
    csi.require(GROUPS, "controller.CREATE_DELETE_SNAPSHOT")
    volume = csi.create()
    alone = csi.snapshot(volume)
    gone, kept = (make_group(csi, grouping(csi, volume)) for _ in range(2))
    csi.client.call(ungrouping(gone))
    for members in (member_ids(kept), [alone.snapshot_id]):
        answer = csi.client.answer(ungrouping(gone, members))
        if answer.code not in ("OK", "INVALID_ARGUMENT", "NOT_FOUND"):
            raise ClauseViolation("the deletion of an absent group", expected="OK", actual=str(answer))
    require_same_group(csi.client.call(describing(kept)).group_snapshot, kept, "GetVolumeGroupSnapshot")
    csi.client.call(csi.snapshotting(volume.volume_id))
    if GET in csi.capabilities:
        csi.client.call(messages().GetSnapshotRequest(snapshot_id=alone.snapshot_id))


@pytest.mark.clause("csi.list-snapshots.pages-hold-whole-entries")
def test_members_on_small_pages_are_those_of_one_page(csi: Bench) -> None:
    csi.require(GROUPS, LIST)
    volume = csi.create()
    ids = {identity for _ in range(3) for identity in member_ids(make_group(csi, grouping(csi, volume)))}

    def entries(most: int) -> dict[str, Any]:
        found = all_entries(csi, messages().ListSnapshotsRequest(max_entries=most, source_volume_id=volume.volume_id))
        return {entry.snapshot.snapshot_id: facts(entry) for entry in found}

    whole, paged = entries(0), entries(1)
    if whole != paged or set(whole) != ids:
        raise ClauseViolation("a member is listed otherwise on a small page", expected=whole, actual=paged)
