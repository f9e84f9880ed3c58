"""Names that were used before: what is made anew has nothing of its namesake."""

from __future__ import annotations

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.groups import GROUPS, describing, grouping, make_group, member_ids, require_whole, ungrouping
from fixtures.subjects.csi.requests import changed
from reports.model import ClauseViolation
from suites.csi.volumes.test_modification import has, modifying, readable


@pytest.mark.clause("csi.create-snapshot.name-is-free-after-deletion")
def test_name_of_a_deleted_snapshot_makes_one_of_another_volume(csi: Bench) -> None:
    csi.require("controller.CREATE_DELETE_SNAPSHOT")
    volumes = [csi.create(), csi.create()]
    request = csi.snapshotting(volumes[0].volume_id)
    first = csi.wait_until_ready(request).snapshot
    csi.client.call(csi.unsnapshotting(first.snapshot_id))
    between = csi.snapshot(volumes[1])
    again = csi.wait_until_ready(changed(request, source_volume_id=volumes[1].volume_id)).snapshot
    if again.source_volume_id != volumes[1].volume_id:
        raise ClauseViolation(
            "a snapshot is of the volume of its namesake", expected=volumes[1].volume_id, actual=again
        )
    times = [one.creation_time.ToNanoseconds() for one in (between, again)]
    assert times[0] <= times[1], (
        f"a snapshot is dated {(times[0] - times[1]) / 1e9:g} s before one that was taken first"
    )


@pytest.mark.clause("csi.create-group-snapshot.name-is-free-after-deletion")
def test_name_of_a_deleted_group_makes_one_of_other_volumes(csi: Bench) -> None:
    csi.require(GROUPS)
    volumes = [csi.create() for _ in range(4)]
    request = grouping(csi, *volumes[:2])
    first = make_group(csi, request)
    csi.client.call(ungrouping(first))
    again = make_group(csi, changed(request, source_volume_ids=[volume.volume_id for volume in volumes[1:]]))
    require_whole(again, volumes[1:])
    require_whole(csi.client.call(describing(again)).group_snapshot, volumes[1:])
    assert not set(member_ids(first)) & set(member_ids(again)), "a group has members of its deleted namesake"


@pytest.mark.clause("csi.delete-volume.name-may-come-again-otherwise")
def test_volume_of_a_deleted_name_has_none_of_its_mutable_parameters(csi: Bench) -> None:
    _, first, second = readable(csi)
    name = csi.name()
    for values in (second, first):
        made = csi.client.call(changed(csi.creation(name=name), mutable_parameters=values)).volume
        assert has(csi, made, values), f"a volume has not the mutable parameters it was made with: {values}"
        csi.client.call(modifying(made, second))
        csi.delete(made)
    plain = csi.create(name=name)
    if has(csi, plain, second) and not has(csi, csi.create(), second):
        raise ClauseViolation("a volume has the mutable parameters of its namesake", expected="none", actual=second)
