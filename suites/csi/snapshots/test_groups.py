"""Group snapshots as objects: all members or none, asked for again, conflicting."""

from __future__ import annotations

import time

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.groups import (
    GROUPS,
    describing,
    grouping,
    make_group,
    member_ids,
    member_of,
    require_same_group,
    require_whole,
)
from fixtures.subjects.csi.requests import changed, messages
from reports.model import ClauseViolation

CLOCK_TOLERANCE = 300.0  # seconds; the driver's backend may have a clock of its own


@pytest.mark.clause("csi.create-group-snapshot.has-all-members")
@pytest.mark.parametrize("size", [1, 2, 3])
def test_group_snapshot_has_one_member_for_each_volume(csi: Bench, size: int) -> None:
    csi.require(GROUPS)
    volumes = [csi.create() for _ in range(size)]
    require_whole(make_group(csi, grouping(csi, *volumes)), volumes)


@pytest.mark.clause("csi.create-group-snapshot.has-all-members")
def test_group_snapshot_with_a_name_of_128_bytes_is_made(csi: Bench) -> None:
    csi.require(GROUPS)
    volume = csi.create()
    require_whole(make_group(csi, grouping(csi, volume, name=csi.name("group").ljust(128, "g"))), [volume])


@pytest.mark.clause("csi.create-group-snapshot.members-name-the-group")
@pytest.mark.parametrize("size", [1, 2, 3])
def test_members_of_a_group_snapshot_name_it(csi: Bench, size: int) -> None:
    csi.require(GROUPS)
    request = grouping(csi, *(csi.create() for _ in range(size)))
    made = make_group(csi, request)
    for group in (made, csi.client.call(request).group_snapshot, csi.client.call(describing(made)).group_snapshot):
        named = [member.group_snapshot_id for member in group.snapshots]
        if set(named) != {made.group_snapshot_id}:
            raise ClauseViolation("members name another group", expected=made.group_snapshot_id, actual=named)


@pytest.mark.clause("csi.create-group-snapshot.time-is-stated")
def test_group_snapshot_and_members_were_taken_now(csi: Bench) -> None:
    csi.require(GROUPS)
    group = make_group(csi, grouping(csi, csi.create(), csi.create()))
    for made in (group, *group.snapshots):
        age = time.time() - made.creation_time.ToNanoseconds() / 1e9
        if not made.HasField("creation_time") or abs(age) > CLOCK_TOLERANCE:
            raise ClauseViolation("a group snapshot was not taken now", expected="about now", actual=f"{age:.0f} s ago")
        if getattr(made, "size_bytes", 0) < 0:
            raise ClauseViolation("a member has a negative size", expected="0 or more", actual=made.size_bytes)


@pytest.mark.clause("csi.create-group-snapshot.is-idempotent")
def test_same_group_snapshot_again_is_the_same(csi: Bench) -> None:
    csi.require(GROUPS)
    request = grouping(csi, csi.create(), csi.create())
    first = make_group(csi, request)
    second = csi.wait_until_ready(request).group_snapshot
    require_same_group(second, first, "the same CreateVolumeGroupSnapshot again")


@pytest.mark.clause("csi.group-snapshot.order-of-ids-is-free")
def test_sources_of_a_group_snapshot_may_come_in_any_order(csi: Bench) -> None:
    csi.require(GROUPS)
    request = grouping(csi, csi.create(), csi.create())
    first = make_group(csi, request)
    turned = changed(request, source_volume_ids=list(reversed(request.source_volume_ids)))
    second = csi.wait_until_ready(turned).group_snapshot
    require_same_group(second, first, "CreateVolumeGroupSnapshot of the same volumes in another order")


@pytest.mark.clause("csi.create-group-snapshot.volume-named-twice-is-one-member")
def test_volume_named_twice_is_refused_or_one_member(csi: Bench) -> None:
    csi.require(GROUPS)
    volume = csi.create()
    answer = csi.client.answer(grouping(csi, volume, volume))
    if not answer.is_ok and answer.code not in ("INVALID_ARGUMENT", "FAILED_PRECONDITION"):
        raise ClauseViolation("a volume named twice", expected="INVALID_ARGUMENT", actual=str(answer))
    if answer.is_ok:
        require_whole(answer.response.group_snapshot, [volume])


@pytest.mark.clause("csi.create-group-snapshot.other-sources-conflict")
@pytest.mark.parametrize("change", ["one more", "one less", "another one"])
def test_same_group_name_of_other_volumes_conflicts(csi: Bench, change: str) -> None:
    csi.require(GROUPS)
    request = grouping(csi, csi.create(), csi.create())
    made = make_group(csi, request)
    one, two = request.source_volume_ids
    other = "" if change == "one less" else csi.create().volume_id
    sources = {"one more": [one, two, other], "one less": [one], "another one": [one, other]}[change]
    wrong = changed(request, source_volume_ids=sources)
    csi.client.require_refusal(wrong, "ALREADY_EXISTS", because=f"the name is taken by a group of {change}")
    again = csi.wait_until_ready(request).group_snapshot
    require_same_group(again, made, "the request that was right, after a wrong one,")


@pytest.mark.clause("csi.create-group-snapshot.absent-volume-is-not-found")
def test_group_snapshot_with_an_absent_volume_is_not_found(csi: Bench) -> None:
    csi.require(GROUPS)
    gone = csi.create()
    request = grouping(csi, csi.create(), gone)
    csi.delete(gone)
    csi.client.require_refusal(request, "NOT_FOUND", because="one of its volumes is gone")


@pytest.mark.clause("csi.create-group-snapshot.leaves-nothing-of-a-failure")
def test_refused_group_snapshot_leaves_no_member(csi: Bench) -> None:
    csi.require(GROUPS, "controller.LIST_SNAPSHOTS")
    volume, gone = csi.create(), csi.create()
    request = grouping(csi, volume, gone)
    csi.delete(gone)
    if csi.client.answer(request).is_ok:
        raise ClauseViolation("a group snapshot of an absent volume was made", expected="a refusal", actual="OK")
    found = csi.client.call(messages().ListSnapshotsRequest(source_volume_id=volume.volume_id)).entries
    if found:
        raise ClauseViolation("a refused group snapshot left a member", expected="none", actual=str(found[0]))


@pytest.mark.clause("csi.create-group-snapshot.name-is-free-after-a-failure")
def test_name_of_a_refused_group_snapshot_is_free(csi: Bench) -> None:
    csi.require(GROUPS)
    volumes, gone = [csi.create(), csi.create()], csi.create()
    request = grouping(csi, *volumes, gone)
    csi.delete(gone)
    if csi.client.answer(request).is_ok:
        raise ClauseViolation("a group snapshot of an absent volume was made", expected="a refusal", actual="OK")
    require_whole(make_group(csi, grouping(csi, *volumes, name=request.name)), volumes)


@pytest.mark.clause("csi.create-group-snapshot.ids-are-unique")
def test_two_groups_of_the_same_volumes_share_no_id(csi: Bench) -> None:
    csi.require(GROUPS)
    volumes = [csi.create(), csi.create()]
    groups = [make_group(csi, grouping(csi, *volumes)) for _ in range(2)]
    ids = [group.group_snapshot_id for group in groups]
    members = [identity for group in groups for identity in member_ids(group)]
    if len(set(ids)) != 2 or len(set(members)) != 4:
        raise ClauseViolation("two groups share ids", expected="2 groups of 2 members", actual=(ids, members))


@pytest.mark.clause("csi.create-group-snapshot.ready-means-all")
def test_ready_group_snapshot_has_ready_members(csi: Bench) -> None:
    csi.require(GROUPS)
    request = grouping(csi, csi.create(), csi.create())
    made = make_group(csi, request)
    for group in (made, csi.client.call(request).group_snapshot, csi.client.call(describing(made)).group_snapshot):
        states = [member.ready_to_use for member in group.snapshots]
        if not group.ready_to_use or not all(states):
            raise ClauseViolation("a group that was ready is not", expected="all ready", actual=str(group))


@pytest.mark.clause("csi.group-snapshot.names-are-not-snapshot-names")
def test_group_snapshot_may_have_the_name_of_a_snapshot(csi: Bench) -> None:
    csi.require(GROUPS, "controller.CREATE_DELETE_SNAPSHOT")
    volume, name = csi.create(), csi.name("snapshot")
    csi.snapshot(volume, name)
    group = make_group(csi, grouping(csi, volume, name=name))
    require_whole(group, [volume])
    assert member_of(group, volume).group_snapshot_id == group.group_snapshot_id, "the member is not of the group"
