"""GetCapacity: what a deleted thing took is there again, whatever it was and in whatever order it went."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.groups import GROUPS, grouping, make_group, ungrouping
from fixtures.subjects.csi.requests import from_snapshot, from_volume, messages, span
from fixtures.wait import wait_until
from reports.model import NotApplicable
from suites.csi.volumes.growth import EXPAND, expanding
from suites.csi.volumes.test_capacity import question

SNAPSHOT, CLONE = "controller.CREATE_DELETE_SNAPSHOT", "controller.CLONE_VOLUME"
Ending = list[Callable[[], object]]  # the steps that give it back


def large(csi: Bench) -> int:
    """Bytes of a volume that shows in the capacity."""
    return 16 * csi.options.capacity


def expanded_volume(csi: Bench) -> Ending:
    csi.require(EXPAND)
    volume = csi.create()
    csi.client.call(expanding(volume, large(csi)))
    return [partial(csi.delete, volume)]


def cloned_volume(csi: Bench) -> Ending:
    csi.require(CLONE)
    volume = csi.create(capacity=span(large(csi)))
    clone = csi.create(source=from_volume(volume.volume_id), capacity=span(large(csi)))
    return [partial(csi.delete, volume), partial(csi.delete, clone)]


def snapshot_and_its_volume(csi: Bench) -> Ending:
    csi.require(SNAPSHOT)
    volume = csi.create(capacity=span(large(csi)))
    snapshot = csi.snapshot(volume)
    gone = messages().DeleteSnapshotRequest(snapshot_id=snapshot.snapshot_id)
    return [partial(csi.client.call, gone), partial(csi.delete, volume)]


def restored_volume_and_its_snapshot(csi: Bench) -> Ending:
    csi.require(SNAPSHOT)
    volume = csi.create(capacity=span(large(csi)))
    snapshot = csi.snapshot(volume)
    restored = csi.create(source=from_snapshot(snapshot.snapshot_id), capacity=span(large(csi)))
    gone = messages().DeleteSnapshotRequest(snapshot_id=snapshot.snapshot_id)
    return [partial(csi.delete, restored), partial(csi.client.call, gone), partial(csi.delete, volume)]


def group_of_three_volumes(csi: Bench) -> Ending:
    csi.require(GROUPS)
    volumes = [csi.create(capacity=span(large(csi))) for _ in range(3)]
    group = make_group(csi, grouping(csi, *volumes))
    return [partial(csi.client.call, ungrouping(group)), *(partial(csi.delete, volume) for volume in volumes)]


def published_volume(csi: Bench) -> Ending:
    use = csi.bring_up(csi.create(capacity=span(large(csi))))
    return [partial(csi.take_down, use), partial(csi.delete, use.volume)]


MADE = [
    expanded_volume, cloned_volume, snapshot_and_its_volume, restored_volume_and_its_snapshot, group_of_three_volumes,
    published_volume,
]  # fmt: skip


@pytest.mark.clause("csi.get-capacity.goes-down-with-a-volume")
@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__.replace("_", "-"))
def test_capacity_that_a_deleted_thing_took_is_there_again(csi: Bench, make: Callable[[Bench], Ending]) -> None:
    request = question(csi)
    if not csi.driver.owned:
        raise NotApplicable("others may make and delete volumes of this driver meanwhile")
    before = csi.client.call(request).available_capacity
    steps = make(csi)
    taken = before - csi.client.call(request).available_capacity
    if taken < large(csi) // 2:
        raise NotApplicable("this takes nothing of the available capacity")
    for step in steps:
        step()
    # A driver may free it later, and what else is on its disk may change a little meanwhile.
    wait_until(
        f"the {taken} bytes that were taken are available again",
        lambda: before - csi.client.call(request).available_capacity, accept=lambda missing: missing < large(csi) // 4,
    )  # fmt: skip
