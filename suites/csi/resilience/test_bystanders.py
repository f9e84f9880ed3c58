"""What is done to one volume, snapshot or group changes nothing of any other, whatever ties them together."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.groups import GROUPS, grouping, make_group, ungrouping
from fixtures.subjects.csi.requests import block, changed, from_snapshot, from_volume, mount, span
from reports.model import NotApplicable
from suites.csi.requests.refusals import IMPOSSIBLE
from suites.csi.resilience.bystanders import ATTACH, CLONE, SNAPSHOT, Bystanders, standing_by
from suites.csi.resilience.test_kill_during_call import require_owned
from suites.csi.volumes.growth import EXPAND, expanding
from suites.csi.volumes.test_modification import MODIFY, modifying

Deed = Callable[[Bench, Bystanders], Any]


def a_volume_lives(csi: Bench, _: Bystanders) -> None:
    csi.delete(csi.create(name=csi.name()))


def a_raw_volume_lives_on_the_node(csi: Bench, _: Bystanders) -> None:
    use = csi.bring_up(csi.create(block()), block())
    csi.take_down(use)
    csi.delete(use.volume)


def a_clone_lives_on_the_node(csi: Bench, system: Bystanders) -> None:
    csi.require(CLONE)
    _lives_on_the_node(csi, system, from_volume(system.source.volume.volume_id))


def a_restored_volume_lives_on_the_node(csi: Bench, system: Bystanders) -> None:
    csi.require(SNAPSHOT)
    _lives_on_the_node(csi, system, from_snapshot(system.snapshot.snapshot_id))


def _lives_on_the_node(csi: Bench, system: Bystanders, source: Any) -> None:
    size = span(int(system.source.volume.capacity_bytes) or csi.options.capacity)
    use = csi.bring_up(csi.create(system.source.capability, source=source, capacity=size), system.source.capability)
    csi.take_down(use)
    csi.delete(use.volume)


def another_snapshot_is_deleted(csi: Bench, system: Bystanders) -> None:
    snapshot = csi.snapshot(system.source.volume)
    csi.client.call(csi.unsnapshotting(snapshot.snapshot_id))


def another_group_is_deleted(csi: Bench, system: Bystanders) -> None:
    csi.require(GROUPS)
    group = make_group(csi, grouping(csi, *(use.volume for _, use, _ in system.used)))
    csi.client.call(ungrouping(group))


def a_volume_is_expanded(csi: Bench, _: Bystanders) -> None:
    csi.require(EXPAND)
    volume = csi.create(name=csi.name())
    csi.client.call(expanding(volume, 2 * csi.options.capacity))


def a_volume_is_modified(csi: Bench, _: Bystanders) -> None:
    csi.require(MODIFY)
    csi.client.call(modifying(csi.create(name=csi.name()), csi.mutable_parameters()[1]))


def a_volume_is_attached_and_detached(csi: Bench, _: Bystanders) -> None:
    csi.require(ATTACH)
    volume = csi.create(name=csi.name())
    csi.attach(volume, mount())
    csi.client.call(csi.detaching(volume))


def a_volume_that_is_on_no_node_is_taken_down(csi: Bench, system: Bystanders) -> None:
    """As an orchestrator does that has forgotten what it did."""
    if not system.copies:
        raise NotApplicable("the driver makes no copies")
    volume = system.copies[0][1]
    if ATTACH in csi.capabilities:
        csi.client.call(csi.detaching(volume))


def a_creation_in_conflict_is_refused(csi: Bench, system: Bystanders) -> None:
    request = system.questions["the creation of the file system volume"]
    csi.client.answer(changed(request, capacity_range=span(8 * csi.options.capacity)))


def a_snapshot_in_conflict_is_refused(csi: Bench, system: Bystanders) -> None:
    csi.require(SNAPSHOT)
    other = csi.create(name=csi.name())
    csi.client.answer(changed(system.questions["the snapshot"], source_volume_id=other.volume_id))


def an_expansion_beyond_all_room_is_refused(csi: Bench, system: Bystanders) -> None:
    csi.require(EXPAND)
    csi.client.answer(expanding(system.source.volume, IMPOSSIBLE))


def an_attachment_to_no_node_is_refused(csi: Bench, system: Bystanders) -> None:
    csi.require(ATTACH)
    csi.client.answer(changed(system.questions["the attachment of the file system volume"], node_id="seatrial-absent"))


def a_publish_in_conflict_is_refused(csi: Bench, system: Bystanders) -> None:
    csi.client.answer(csi.publishing(system.source, readonly=True))


def the_driver_is_killed(csi: Bench, _: Bystanders) -> None:
    csi.restart()


FAMILIES: dict[str, list[Deed]] = {
    "lives": [
        a_volume_lives, a_raw_volume_lives_on_the_node, a_clone_lives_on_the_node, a_restored_volume_lives_on_the_node,
    ],
    "copies": [another_snapshot_is_deleted, another_group_is_deleted],
    "changes": [
        a_volume_is_expanded, a_volume_is_modified, a_volume_is_attached_and_detached,
        a_volume_that_is_on_no_node_is_taken_down,
    ],
    "refusals": [
        a_creation_in_conflict_is_refused, a_snapshot_in_conflict_is_refused, an_expansion_beyond_all_room_is_refused,
        an_attachment_to_no_node_is_refused, a_publish_in_conflict_is_refused,
    ],
}  # fmt: skip


def follow(csi: Bench, system: Bystanders, deeds: list[Deed]) -> None:
    """Do one after the other, and look at the bystanders after each. NotApplicable: the driver serves none of them."""
    before, done = system.picture(), 0
    for deed in deeds:
        try:
            deed(csi, system)
        except NotApplicable:
            continue
        system.require_unchanged(before, f"a step in which {deed.__name__.replace('_', ' ')}")
        done += 1
    if not done:
        raise NotApplicable("the driver serves none of these calls")


@pytest.mark.clause("csi.bystanders.stay-as-they-are")
@pytest.mark.parametrize("family", FAMILIES)
def test_deed_to_one_object_changes_no_other(csi: Bench, rng: Random, family: str) -> None:
    system = standing_by(csi, rng)
    follow(csi, system, FAMILIES[family])
    system.require_usable("what was done to others")


@pytest.mark.clause("csi.bystanders.outlive-a-kill")
def test_everything_is_as_it_was_after_a_kill(csi: Bench, rng: Random) -> None:
    require_owned(csi)
    system = standing_by(csi, rng)
    follow(csi, system, [the_driver_is_killed])
    system.require_usable("a kill of the driver")
