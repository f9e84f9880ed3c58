"""Snapshots, groups and clones at the same time as each other, and as the end of what they are made of."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.groups import GROUPS, grouping, make_group, require_whole
from fixtures.subjects.csi.requests import MIB, from_snapshot, from_volume, span
from reports.model import ClauseViolation, NotApplicable
from suites.csi.resilience.interrupted import insist, wait_until_settled
from suites.csi.resilience.test_concurrency import ROUNDS, side_by_side
from suites.csi.volumes.growth import EXPAND, expanding
from suites.csi.volumes.test_capacity import question

CLONE, SNAPSHOT = "controller.CLONE_VOLUME", "controller.CREATE_DELETE_SNAPSHOT"
GONE = ("NOT_FOUND", "FAILED_PRECONDITION")


@pytest.mark.clause("csi.concurrency.clone-beside-deletion-is-whole")
def test_clone_beside_the_deletion_of_its_source_is_whole_or_refused(csi: Bench, rng: Random) -> None:
    csi.require(CLONE)
    for order in (1, -1, 1, -1):
        use = csi.bring_up(csi.create())
        content = write_files(use.target, rng)
        csi.take_down(use)
        requests = [csi.creation(source=from_volume(use.volume.volume_id)), csi.deletion(use.volume.volume_id)]
        answers = side_by_side([partial(wait_until_settled, csi, request) for request in requests[::order]])
        cloned = answers[::order][0]
        if cloned.is_ok:
            require_files(csi.bring_up(cloned.response.volume).target, content, "a clone beside its source's deletion")
        elif cloned.code not in GONE:
            raise ClauseViolation("a clone beside a deletion", expected="OK or NOT_FOUND", actual=str(cloned))


@pytest.mark.clause("csi.concurrency.volumes-at-once-do-not-mix")
@pytest.mark.parametrize("kind", ["clones", "restores"])
def test_copies_of_one_source_at_once_are_as_many(csi: Bench, kind: str) -> None:
    volume = csi.create()
    if kind == "clones":
        csi.require(CLONE)
        source = from_volume(volume.volume_id)
    else:
        source = from_snapshot(csi.snapshot(volume).snapshot_id)
    requests = [csi.creation(source=source) for _ in range(6)]
    made = {answer.volume.volume_id for answer in side_by_side([partial(insist, csi, one) for one in requests])}
    assert len(made) == len(requests), f"{len(requests)} {kind} of one source at once have {len(made)} ids"


@pytest.mark.clause("csi.concurrency.snapshots-at-once-do-not-mix")
def test_snapshots_of_one_volume_at_once_are_as_many(csi: Bench) -> None:
    csi.require(SNAPSHOT)
    volume = csi.create()
    for _ in range(ROUNDS):
        requests = [csi.snapshotting(volume.volume_id) for _ in range(4)]
        made = {answer.snapshot.snapshot_id for answer in side_by_side([partial(insist, csi, one) for one in requests])}
        assert len(made) == len(requests), f"{len(requests)} snapshots of one volume at once have {len(made)} ids"


@pytest.mark.clause("csi.create-group-snapshot.same-names-at-once-make-one")
def test_group_name_of_two_sets_at_once_makes_one_group(csi: Bench) -> None:
    csi.require(GROUPS)
    volumes = [csi.create() for _ in range(2)]
    make_group(csi, grouping(csi, *volumes))  # NotApplicable where it cannot
    for _ in range(ROUNDS):
        name = csi.name("group")
        requests = [grouping(csi, volume, name=name) for volume in volumes]
        answers = side_by_side([partial(wait_until_settled, csi, request) for request in requests])
        wrong = [
            answer.response.group_snapshot.snapshots[0].source_volume_id != volume.volume_id
            for answer, volume in zip(answers, volumes, strict=True)
            if answer.is_ok
        ]
        if wrong != [False] or {answer.code for answer in answers} != {"OK", "ALREADY_EXISTS"}:
            raise ClauseViolation(
                "one name for groups of two volumes at once does not end with one group",
                expected="OK once, ALREADY_EXISTS once", actual=[str(answer) for answer in answers],
            )  # fmt: skip


@pytest.mark.clause("csi.concurrency.groups-at-once-are-taken")
def test_groups_of_the_same_volumes_at_once_are_all_taken(csi: Bench) -> None:
    csi.require(GROUPS)
    first, second, third = (csi.create() for _ in range(3))
    make_group(csi, grouping(csi, first, second, third))  # NotApplicable where it cannot
    orders = [(first, second), (second, first), (second, third), (third, first)]
    answers = side_by_side([partial(insist, csi, grouping(csi, *volumes)) for volumes in orders])
    for answer, volumes in zip(answers, orders, strict=True):
        require_whole(answer.group_snapshot, volumes)


@pytest.mark.clause("csi.concurrency.snapshot-beside-deletion-is-whole")
def test_group_beside_the_deletion_of_a_volume_is_whole_or_refused(csi: Bench) -> None:
    csi.require(GROUPS)
    kept = csi.create()
    make_group(csi, grouping(csi, kept))  # NotApplicable where it cannot
    for order in (1, -1, 1, -1):
        going = csi.create()
        requests = [grouping(csi, kept, going), csi.deletion(going.volume_id)]
        answers = side_by_side([partial(wait_until_settled, csi, request) for request in requests[::order]])
        taken = answers[::order][0]
        if taken.is_ok:
            require_whole(taken.response.group_snapshot, [kept, going])
        elif taken.code not in GONE:
            raise ClauseViolation("a group beside a deletion", expected="OK or NOT_FOUND", actual=str(taken))


@pytest.mark.clause("csi.concurrency.deletions-at-once-are-fine")
@pytest.mark.parametrize("kind", ["clone", "restore"])
def test_deletion_of_a_copy_and_of_its_source_at_once_is_fine(csi: Bench, kind: str) -> None:
    csi.require(CLONE if kind == "clone" else SNAPSHOT)
    for order in (1, -1, 1, -1):
        source = csi.create()
        if kind == "clone":
            origin, end = from_volume(source.volume_id), csi.deletion(source.volume_id)
        else:
            snapshot = csi.snapshot(source)
            origin, end = from_snapshot(snapshot.snapshot_id), csi.unsnapshotting(snapshot.snapshot_id)
        requests: list[Any] = [csi.deletion(csi.create(source=origin).volume_id), end]
        for answer in side_by_side([partial(wait_until_settled, csi, request) for request in requests[::order]]):
            if answer.code not in ("OK", "FAILED_PRECONDITION"):  # a source may be kept while it has a copy
                raise ClauseViolation("a copy and its source deleted at once", expected="OK", actual=str(answer))
        for request in requests:
            insist(csi, request)


def room(csi: Bench) -> int:
    """Bytes for a few large volumes. NotApplicable: there are none, or the driver is not ours alone."""
    if not csi.driver.owned:
        raise NotApplicable("others may make and delete volumes of this driver meanwhile")
    return int(csi.client.call(question(csi)).available_capacity)


def require_counted(csi: Bench, before: int, size: int) -> None:
    """NotApplicable: what was made takes no room of its own, so as many as one likes may be made."""
    if room(csi) > before - size // 2:
        raise NotApplicable("the driver counts no room for it")


@pytest.mark.clause("csi.concurrency.room-is-given-once")
def test_snapshots_at_once_get_no_more_than_there_is(csi: Bench) -> None:
    csi.require(SNAPSHOT)
    size = room(csi) // 8 // MIB * MIB
    volumes = [csi.create(capacity=span(size)) for _ in range(3)]
    before = room(csi)
    first = csi.snapshot(volumes[0])
    require_counted(csi, before, size)
    csi.client.call(csi.unsnapshotting(first.snapshot_id))
    csi.create(capacity=span((room(csi) - size * 3 // 2) // MIB * MIB))
    requests = [csi.snapshotting(volume.volume_id) for volume in volumes]
    answers = side_by_side([partial(wait_until_settled, csi, request) for request in requests])
    made = sum(answer.is_ok for answer in answers)
    assert made <= 1, f"there was room for one snapshot, and {made} were taken at once"


@pytest.mark.clause("csi.concurrency.room-is-given-once")
def test_expansions_at_once_get_no_more_than_there_is(csi: Bench) -> None:
    csi.require(EXPAND)
    before = room(csi)
    size = before * 2 // 5 // MIB * MIB
    volumes = [csi.create() for _ in range(5)]
    answer = csi.client.answer(expanding(volumes[0], size))
    if not answer.is_ok:
        raise NotApplicable(f"a single volume cannot be expanded so far: {answer}")
    require_counted(csi, before, size)
    requests = [expanding(volume, size) for volume in volumes]
    answers = side_by_side([partial(wait_until_settled, csi, request) for request in requests])
    made = sum(answer.is_ok for answer in answers)
    assert made <= 2, f"{made} volumes were expanded at once to two fifths of the capacity each"
