"""What is done to one volume, snapshot or group changes nothing of any other, whatever ties them together."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.groups import GROUPS, grouping, make_group, ungrouping
from fixtures.subjects.csi.requests import block, changed, from_snapshot, from_volume, messages, mount, span
from reports.model import NotApplicable
from suites.csi.requests.refusals import IMPOSSIBLE
from suites.csi.resilience.bystanders import ATTACH, CLONE, SNAPSHOT, Bystanders, standing_by
from suites.csi.resilience.test_kill_during_call import require_owned
from suites.csi.volumes.confirmation import validating
from suites.csi.volumes.growth import EXPAND, expanding
from suites.csi.volumes.pages import all_entries
from suites.csi.volumes.test_capacity import question
from suites.csi.volumes.test_modification import MODIFY, modifying

LIST_SNAPSHOTS = "controller.LIST_SNAPSHOTS"
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


def a_volume_is_validated(csi: Bench, system: Bystanders) -> None:
    for capability in (mount(), mount("MULTI_NODE_READER_ONLY"), block()):
        csi.client.answer(validating(system.source.volume, [capability]))


def the_capacity_is_asked_for(csi: Bench, _: Bystanders) -> None:
    csi.client.answer(question(csi))


def all_is_listed_by_single_entries(csi: Bench, _: Bystanders) -> None:
    for capability, request in (
        ("controller.LIST_VOLUMES", messages().ListVolumesRequest(max_entries=1)),
        (LIST_SNAPSHOTS, messages().ListSnapshotsRequest(max_entries=1)),
    ):
        if capability in csi.capabilities:
            all_entries(csi, request)


def the_driver_is_asked_what_it_is(csi: Bench, _: Bystanders) -> None:
    for kind in ("Probe", "GetPluginInfo", "GetPluginCapabilities", "NodeGetInfo", "NodeGetCapabilities"):
        csi.client.call(getattr(messages(), f"{kind}Request")())


def a_shared_volume_lives_on_the_other_node(csi: Bench, _: Bystanders) -> None:
    second = csi.second_node()
    shared = mount("MULTI_NODE_MULTI_WRITER")
    use = second.bring_up(csi.create(shared), shared)
    second.take_down(use)


def the_volume_is_detached_from_the_other_node(csi: Bench, system: Bystanders) -> None:
    csi.require(ATTACH)
    csi.client.answer(csi.second_node().detaching(system.source.volume))


def the_volume_is_taken_from_the_other_node(csi: Bench, system: Bystanders) -> None:
    """Whose orchestrator has forgotten that it never was there. Any answer will do."""
    second, volume = csi.second_node(), system.source.volume
    never = InUse(volume, system.source.capability, second.path("never-staged"), second.folder / "never", {})
    second.client.answer(second.unpublishing(never))
    if "node.STAGE_UNSTAGE_VOLUME" in csi.capabilities:
        second.client.answer(second.unstaging(never))


def the_other_node_is_killed(csi: Bench, _: Bystanders) -> None:
    second = csi.second_node()
    if not second.driver.owned:
        raise NotApplicable("the second driver was not started by us, so we do not kill it")
    second.restart()


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
    "questions": [
        a_volume_is_validated, the_capacity_is_asked_for, all_is_listed_by_single_entries,
        the_driver_is_asked_what_it_is,
    ],
    "other-node": [
        a_shared_volume_lives_on_the_other_node, the_volume_is_detached_from_the_other_node,
        the_volume_is_taken_from_the_other_node,
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
@pytest.mark.parametrize("killed", [the_driver_is_killed, the_other_node_is_killed], ids=["here", "on the other node"])
def test_everything_is_as_it_was_after_a_kill(csi: Bench, rng: Random, killed: Deed) -> None:
    require_owned(csi)
    system = standing_by(csi, rng)
    follow(csi, system, [killed])
    system.require_usable("a kill of the driver")
