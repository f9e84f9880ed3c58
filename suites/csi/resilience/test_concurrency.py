"""Calls side by side. A driver may answer ABORTED while another call on the same object is pending; we ask again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, require_mounted
from fixtures.subjects.csi.client import Answer
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.leaks import is_mounted, mounts_below
from fixtures.subjects.csi.requests import from_snapshot, mount, span
from reports.model import ClauseViolation
from suites.csi.resilience.interrupted import insist, wait_until_settled

WORKERS, ROUNDS = 12, 4


def side_by_side(deeds: Sequence[Callable[[], Any]]) -> list[Any]:
    """Do them all at once; their results. The first error of one is raised when all have ended."""
    with ThreadPoolExecutor(len(deeds)) as pool:
        futures = [pool.submit(deed) for deed in deeds]
    return [future.result() for future in futures]


def volume_id_of(answer: Answer) -> str:
    return str(answer.response.volume.volume_id) if answer.is_ok else ""


@pytest.mark.clause("csi.create-volume.same-names-at-once-make-one")
@pytest.mark.parametrize("kind", ["empty", "of a snapshot"])
def test_same_name_at_once_makes_one_volume(csi: Bench, kind: str) -> None:
    source = from_snapshot(csi.snapshot(csi.create()).snapshot_id) if kind == "of a snapshot" else None
    for _ in range(ROUNDS):
        request = csi.creation(source=source)
        made = {answer.volume.volume_id for answer in side_by_side([partial(insist, csi, request)] * WORKERS)}
        if len(made) != 1:
            raise ClauseViolation("one name has several volumes", expected="one id", actual=sorted(made))


@pytest.mark.clause("csi.concurrency.one-of-two-sizes-wins")
def test_same_name_with_two_sizes_at_once_makes_one_volume(csi: Bench) -> None:
    name, sizes = csi.name(), [csi.options.capacity, 4 * csi.options.capacity]
    requests = [csi.creation(name=name, capacity=span(size, size)) for size in sizes]
    answers = side_by_side([partial(wait_until_settled, csi, request) for request in requests * 4])
    made = {answer.response.volume.volume_id for answer in answers if answer.is_ok}
    served = {size for size, answer in zip(sizes * 4, answers, strict=True) if answer.is_ok}
    refused = {answer.code for answer in answers if not answer.is_ok}
    if len(made) != 1 or len(served) != 1 or not refused <= {"ALREADY_EXISTS"}:
        raise ClauseViolation(
            "two sizes of one name at once do not end with one volume of one size",
            expected="one id for one size, ALREADY_EXISTS for the other",
            actual=f"{len(made)} ids for {len(served)} sizes, {sorted(refused)}",
        )  # fmt: skip


@pytest.mark.clause("csi.create-snapshot.same-names-at-once-make-one")
def test_same_snapshot_name_at_once_makes_one_snapshot(csi: Bench) -> None:
    csi.require("controller.CREATE_DELETE_SNAPSHOT")
    for _ in range(ROUNDS):
        request = csi.snapshotting(csi.create().volume_id)
        made = {answer.snapshot.snapshot_id for answer in side_by_side([partial(insist, csi, request)] * WORKERS)}
        if len(made) != 1:
            raise ClauseViolation("one name has several snapshots", expected="one id", actual=sorted(made))


@pytest.mark.clause("csi.concurrency.snapshots-at-once-do-not-mix")
def test_snapshots_of_several_volumes_at_once_are_each_of_its_own(csi: Bench, rng: Random) -> None:
    csi.require("controller.CREATE_DELETE_SNAPSHOT")
    uses = [csi.bring_up(csi.create()) for _ in range(4)]
    contents = [write_files(use.target, rng) for use in uses]
    snapshots = side_by_side([partial(csi.snapshot, use.volume) for use in uses])
    expected, actual = [use.volume.volume_id for use in uses], [made.source_volume_id for made in snapshots]
    if actual != expected or len({made.snapshot_id for made in snapshots}) != len(uses):
        raise ClauseViolation("snapshots at once are of other volumes", expected=expected, actual=actual)
    sources = [from_snapshot(made.snapshot_id) for made in snapshots]
    restored = side_by_side([partial(insist, csi, csi.creation(source=source)) for source in sources])
    for answer, content in zip(restored, contents, strict=True):
        require_files(csi.bring_up(answer.volume).target, content, "snapshots and restores of several volumes at once")


@pytest.mark.clause("csi.concurrency.delete-and-create-do-not-mix")
def test_creations_and_deletions_side_by_side_do_not_mix(csi: Bench) -> None:
    old = [csi.create() for _ in range(WORKERS // 2)]
    new = [csi.creation() for _ in range(WORKERS // 2)]
    deletions = [partial(insist, csi, csi.deletion(volume.volume_id)) for volume in old]
    creations = [partial(insist, csi, request) for request in new]
    ids = [made.volume.volume_id for made in side_by_side(deletions + creations)[len(old) :]]
    assert len(set(ids)) == len(new), f"{len(new)} names have {len(set(ids))} volumes"
    again = [csi.client.call(request).volume.volume_id for request in new]
    if again != ids:
        raise ClauseViolation("a deletion beside a creation lost a volume", expected=ids, actual=again)


@pytest.mark.clause("csi.concurrency.create-and-delete-of-one-name-end-in-order")
def test_creation_and_deletion_of_one_name_leave_a_usable_name(csi: Bench, rng: Random) -> None:
    request = csi.creation()

    def create_until_it_is_gone() -> str:
        """The id of the volume that is there after the deletion, or of the old one if the deletion is too slow."""
        answers = (wait_until_settled(csi, request) for _ in range(12))
        return next((made for answer in answers if (made := volume_id_of(answer)) not in ("", old)), old)

    for _ in range(3):
        old = csi.client.call(request).volume.volume_id
        new, _ = side_by_side([create_until_it_is_gone, partial(wait_until_settled, csi, csi.deletion(old))])
        again = csi.client.call(request).volume.volume_id
        if new not in (old, again):
            raise ClauseViolation("a volume of a name whose last one was deleted is gone", expected=new, actual=again)
    use = csi.bring_up(csi.client.call(request).volume)
    require_files(use.target, write_files(use.target, rng), "creations and deletions of its name at once")


@pytest.mark.clause("csi.concurrency.parallel-stage-is-one")
def test_same_stage_at_once_mounts_once(csi: Bench) -> None:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    volume = csi.create()
    request = csi.staging(volume, mount(), csi.attach(volume, mount()))
    side_by_side([partial(insist, csi, request)] * WORKERS)
    stacked = len(mounts_below(csi.folder))
    if stacked > 1:
        raise ClauseViolation("the same stage at once mounted several times", expected=1, actual=stacked)


@pytest.mark.clause("csi.concurrency.parallel-publish-is-one")
def test_same_publish_at_once_mounts_once(csi: Bench) -> None:
    use = csi.prepare(csi.create())
    before = len(mounts_below(csi.folder))
    side_by_side([partial(insist, csi, csi.publishing(use))] * WORKERS)
    require_mounted(use.target)
    stacked = len(mounts_below(csi.folder)) - before
    if stacked != 1:
        raise ClauseViolation("the same publish at once mounted several times", expected=1, actual=stacked)


@pytest.mark.clause("csi.concurrency.parallel-unpublish-keeps-data")
def test_same_unpublish_at_once_keeps_the_data(csi: Bench, rng: Random) -> None:
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    side_by_side([partial(insist, csi, csi.unpublishing(use))] * WORKERS)
    assert not use.target.exists(), "after unpublishes side by side the target path is left"
    csi.client.call(csi.publishing(use))
    require_files(use.target, content, "unpublishes side by side", "Does one remove what the other still has mounted?")


@pytest.mark.clause("csi.concurrency.publish-and-unpublish-end-in-order")
def test_publish_beside_unpublish_can_be_ended(csi: Bench, rng: Random) -> None:
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    deeds = [
        partial(wait_until_settled, csi, csi.publishing(use)),
        partial(wait_until_settled, csi, csi.unpublishing(use)),
    ]
    for order in (1, -1, -1, 1, -1):
        side_by_side(deeds[::order])
    csi.client.call(csi.unpublishing(use))
    assert not is_mounted(use.target), "a publish beside an unpublish left a mount that no unpublish takes away"
    csi.client.call(csi.publishing(use))
    require_files(use.target, content, "publishes beside unpublishes")
