"""Calls to the controller side by side: sizes, room, names and objects that go while others come."""

from __future__ import annotations

import time
from functools import partial
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.client import Refused
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.groups import GROUPS, grouping
from fixtures.subjects.csi.requests import MIB, block, changed, from_snapshot, from_volume, messages, mount, span
from fixtures.wait import wait_until
from reports.model import ClauseViolation, NotApplicable
from suites.csi.resilience.interrupted import insist, wait_until_settled
from suites.csi.resilience.test_concurrency import ROUNDS, WORKERS, side_by_side
from suites.csi.volumes.growth import expanding


@pytest.mark.clause("csi.concurrency.parallel-expansions-keep-the-largest")
def test_expansions_at_once_keep_the_largest(csi: Bench) -> None:
    csi.require("controller.EXPAND_VOLUME")
    volume = csi.create()
    sizes = [volume.capacity_bytes + step * (1 << 20) for step in range(1, 7)]

    side_by_side([partial(insist, csi, expanding(volume, size)) for size in sizes])
    final = csi.client.call(expanding(volume, sizes[0])).capacity_bytes
    if final < sizes[-1]:
        raise ClauseViolation("expansions at once lost the largest", expected=sizes[-1], actual=final)


@pytest.mark.clause("csi.concurrency.restore-beside-snapshot-deletion-is-whole")
def test_restore_beside_the_deletion_of_its_snapshot_is_whole_or_refused(csi: Bench, rng: Random) -> None:
    csi.require("controller.CREATE_DELETE_SNAPSHOT")
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    for order in (1, -1, 1, -1):
        snapshot_id = csi.snapshot(use.volume).snapshot_id
        gone = messages().DeleteSnapshotRequest(
            snapshot_id=snapshot_id, secrets=csi.options.secrets_of("DeleteSnapshot")
        )
        deeds = [
            partial(wait_until_settled, csi, csi.creation(source=from_snapshot(snapshot_id))),
            partial(wait_until_settled, csi, gone),
        ]
        restored, _ = side_by_side(deeds[::order])[::order]
        if restored.is_ok:
            require_files(csi.bring_up(restored.response.volume).target, content, "a restore beside its deletion")
        elif restored.code not in ("NOT_FOUND", "FAILED_PRECONDITION"):
            raise ClauseViolation("a restore beside its deletion", expected="OK or NOT_FOUND", actual=str(restored))


@pytest.mark.clause("csi.concurrency.parallel-expansions-keep-the-largest")
@pytest.mark.parametrize("delay", [0.002, 0.01, 0.05])
@pytest.mark.parametrize("order", ["larger", "smaller"])
def test_of_two_expansions_that_overlap_the_larger_holds(csi: Bench, order: str, delay: float) -> None:
    csi.require("controller.EXPAND_VOLUME")
    volume = csi.create()
    large, small = (volume.capacity_bytes + step * MIB for step in (17, 4))
    first, second = (expanding(volume, size) for size in ((large, small) if order == "larger" else (small, large)))

    def come_later() -> None:
        time.sleep(delay)
        insist(csi, second)

    side_by_side([partial(insist, csi, first), come_later])
    final = csi.client.call(expanding(volume, small)).capacity_bytes
    if final < large:
        raise ClauseViolation(
            "an expansion that came at the same time took the room away again", expected=large, actual=final
        )


@pytest.mark.clause("csi.create-group-snapshot.same-names-at-once-make-one")
def test_same_group_name_at_once_makes_one_group(csi: Bench) -> None:
    csi.require(GROUPS)
    for _ in range(ROUNDS):
        request = grouping(csi, csi.create(), csi.create())
        answers = side_by_side([partial(insist, csi, request)] * WORKERS)
        made = {answer.group_snapshot.group_snapshot_id for answer in answers}
        if len(made) != 1:
            raise ClauseViolation("one name has several group snapshots", expected="one id", actual=sorted(made))


@pytest.mark.clause("csi.concurrency.room-is-given-once")
def test_creations_at_once_get_no_more_than_there_is(csi: Bench) -> None:
    csi.require("controller.GET_CAPACITY")
    if not csi.driver.owned:
        raise NotApplicable("others may make and delete volumes of this driver meanwhile")
    question = messages().GetCapacityRequest(parameters=csi.options.parameters, volume_capabilities=[mount()])
    size = csi.client.call(question).available_capacity * 2 // 5 // MIB * MIB
    requests = [csi.creation(capacity=span(size)) for _ in range(6)]
    answers = side_by_side([partial(wait_until_settled, csi, request) for request in requests])
    made = [answer.response.volume for answer in answers if answer.is_ok]
    for volume in made:
        csi.delete(volume)
    if len(made) > 2:
        raise ClauseViolation(
            "volumes of two fifths of the capacity each were made at once", expected="two at most", actual=len(made)
        )


@pytest.mark.clause("csi.concurrency.deletions-at-once-are-fine")
@pytest.mark.parametrize("kind", ["volume", "snapshot"])
def test_same_deletion_at_once_is_fine(csi: Bench, kind: str) -> None:
    for _ in range(ROUNDS):
        volume = csi.create()
        if kind == "snapshot":
            request: Any = csi.unsnapshotting(csi.snapshot(volume).snapshot_id)
        else:
            request = csi.deletion(volume.volume_id)
        side_by_side([partial(insist, csi, request)] * WORKERS)


@pytest.mark.clause("csi.concurrency.snapshot-beside-deletion-is-whole")
def test_snapshot_beside_the_deletion_of_its_volume_is_whole_or_refused(csi: Bench, rng: Random) -> None:
    csi.require("controller.CREATE_DELETE_SNAPSHOT")
    for order in (1, -1, 1, -1):
        use = csi.bring_up(csi.create())
        content = write_files(use.target, rng)
        csi.take_down(use)
        deeds = [
            partial(wait_until_settled, csi, csi.snapshotting(use.volume.volume_id)),
            partial(wait_until_settled, csi, csi.deletion(use.volume.volume_id)),
        ]
        taken, _ = side_by_side(deeds[::order])[::order]
        if taken.is_ok:
            request = csi.creation(source=from_snapshot(taken.response.snapshot.snapshot_id))
            answer = wait_until(
                "the snapshot is ready to be restored", partial(csi.client.answer, request), csi.options.ready_limit,
                accept=lambda answer: answer.code not in ("UNAVAILABLE", "ABORTED"),
            )  # fmt: skip
            if not answer.is_ok:
                raise Refused(answer)
            restored = csi.bring_up(answer.response.volume)
            require_files(restored.target, content, "a snapshot beside the deletion of its volume")
        elif taken.code not in ("NOT_FOUND", "FAILED_PRECONDITION"):
            raise ClauseViolation("a snapshot beside a deletion", expected="OK or NOT_FOUND", actual=str(taken))


@pytest.mark.clause("csi.concurrency.attach-and-detach-end-in-order")
def test_attach_beside_detach_can_be_ended(csi: Bench) -> None:
    csi.require("controller.PUBLISH_UNPUBLISH_VOLUME")
    volume = csi.create()
    deeds = [
        partial(wait_until_settled, csi, csi.attaching(volume, mount())),
        partial(wait_until_settled, csi, csi.detaching(volume)),
    ]
    for order in (1, -1, -1, 1):
        side_by_side(deeds[::order])
    csi.client.call(csi.detaching(volume))
    csi.delete(volume)


@pytest.mark.clause("csi.create-snapshot.same-names-at-once-make-one")
def test_same_snapshot_name_of_two_volumes_at_once_makes_one_snapshot(csi: Bench) -> None:
    csi.require("controller.CREATE_DELETE_SNAPSHOT")
    volumes = [csi.create() for _ in range(2)]
    for _ in range(ROUNDS):
        name = csi.name("snapshot")
        requests = [csi.snapshotting(volume.volume_id, name) for volume in volumes]
        answers = side_by_side([partial(wait_until_settled, csi, request) for request in requests])
        served = [answer.response.snapshot.source_volume_id for answer in answers if answer.is_ok]
        refused = {answer.code for answer in answers if not answer.is_ok}
        if len(served) != 1 or refused != {"ALREADY_EXISTS"}:
            raise ClauseViolation(
                "one name for snapshots of two volumes at once does not end with one snapshot",
                expected="OK once, ALREADY_EXISTS once", actual=[str(answer) for answer in answers],
            )  # fmt: skip


@pytest.mark.clause("csi.create-volume.same-names-at-once-make-one")
@pytest.mark.parametrize("kind", ["source", "access type"])
def test_same_name_for_two_kinds_at_once_makes_one_volume(csi: Bench, kind: str) -> None:
    if kind == "access type":
        csi.create(block())  # NotApplicable where the driver serves no block volumes
        others: list[Any] = [csi.creation(mount()), csi.creation(block())]
    else:
        csi.require("controller.CLONE_VOLUME")
        others = [csi.creation(source=from_volume(csi.create().volume_id)) for _ in range(2)]
    for _ in range(ROUNDS):
        name = csi.name()
        requests = [changed(request, name=name) for request in others]
        answers = side_by_side([partial(wait_until_settled, csi, request) for request in requests])
        made = {answer.response.volume.volume_id for answer in answers if answer.is_ok}
        if len(made) != 1:
            raise ClauseViolation(
                f"one name with another {kind} at once does not end with one volume", expected="one id",
                actual=[str(answer) for answer in answers],
            )  # fmt: skip
