"""A snapshot is one moment of its volume: which one, whatever is written meanwhile and afterwards."""

from __future__ import annotations

import os
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, require_mounted
from fixtures.subjects.csi.content import read_block, require_files, user_files, write_block, write_files
from fixtures.subjects.csi.requests import block, from_snapshot, from_volume
from fixtures.wait import wait_until
from reports.model import ClauseViolation
from suites.csi.data.writer import Writer, number_in

SNAPSHOT, CLONE = "controller.CREATE_DELETE_SNAPSHOT", "controller.CLONE_VOLUME"


@pytest.mark.clause("csi.snapshot.is-a-point-in-time")
def test_snapshot_lacks_what_came_later(csi: Bench, rng: Random) -> None:
    csi.require(SNAPSHOT)
    use = csi.bring_up(csi.create())
    before = write_files(use.target, rng, "before")
    source = from_snapshot(csi.snapshot(use.volume).snapshot_id)
    write_files(use.target, rng, "after")
    os.truncate(use.target / "before-1", 10)
    (use.target / "before-2").unlink()
    restored = csi.bring_up(csi.create(source=source))
    late = [name for name in user_files(restored.target) if "after" in name]
    if late:
        raise ClauseViolation("the snapshot holds what was written after it", expected="no later file", actual=late)
    require_files(restored.target, before, "a restore, while the live volume went on")


@pytest.mark.clause("csi.snapshot.is-a-point-in-time")
def test_block_snapshot_lacks_what_came_later(csi: Bench, rng: Random) -> None:
    csi.require(SNAPSHOT)
    use = csi.bring_up(csi.create(block()), block())
    written = write_block(use.target, rng, offset=2 << 20)
    source = from_snapshot(csi.snapshot(use.volume).snapshot_id)
    write_block(use.target, rng, offset=2 << 20)
    restored = csi.bring_up(csi.create(block(), source=source), block())
    if read_block(restored.target, offset=2 << 20) != written:
        raise ClauseViolation("the snapshot lacks the bytes of its moment", expected=written, actual="other bytes")


@pytest.mark.clause("csi.create-snapshot.retry-cuts-nothing-new")
def test_snapshot_asked_for_again_keeps_its_moment(csi: Bench, rng: Random) -> None:
    csi.require(SNAPSHOT)
    use = csi.bring_up(csi.create())
    before = write_files(use.target, rng, "before")
    request = csi.snapshotting(use.volume.volume_id)
    csi.wait_until_ready(request)
    write_files(use.target, rng, "after")
    again = csi.wait_until_ready(request).snapshot
    restored = csi.bring_up(csi.create(source=from_snapshot(again.snapshot_id)))
    late = [name for name in user_files(restored.target) if "after" in name]
    if late:
        raise ClauseViolation("a retry cut the snapshot anew", expected="the first moment", actual=late)
    require_files(restored.target, before, "the same CreateSnapshot again")


@pytest.mark.clause("csi.create-snapshot.is-cut-within-the-call")
def test_snapshot_of_a_volume_being_written_to_is_of_the_call(csi: Bench) -> None:
    csi.require(SNAPSHOT)
    use = csi.bring_up(csi.create())
    require_mounted(use.target)
    with Writer([use.target / "number"]) as writer:
        first = writer.reached
        answer = csi.client.call(csi.snapshotting(use.volume.volume_id)).snapshot
        last = writer.reached + 1
        wait_until("the writer goes on after the snapshot", lambda: writer.reached > last + 5, 30)
    request = csi.client.calls[-1].request
    csi.wait_until_ready(request)
    restored = csi.bring_up(csi.create(source=from_snapshot(answer.snapshot_id)))
    found = number_in(restored.target / "number")
    if not first <= found <= last:
        raise ClauseViolation(
            "the snapshot was not cut while CreateSnapshot ran", expected=f"a number from {first} to {last}",
            actual=found, question="Is it cut from an old state, or only after the answer?",
        )  # fmt: skip


@pytest.mark.clause("csi.snapshot.moments-differ")
def test_snapshots_of_two_moments_hold_each_its_own(csi: Bench, rng: Random) -> None:
    csi.require(SNAPSHOT)
    use = csi.bring_up(csi.create())
    one = write_files(use.target, rng, "one")
    first = csi.snapshot(use.volume)
    two = write_files(use.target, rng, "two")
    second = csi.snapshot(use.volume)
    newer = csi.bring_up(csi.create(source=from_snapshot(second.snapshot_id)))
    require_files(newer.target, one, "a second snapshot was taken")
    require_files(newer.target, two, "a second snapshot was taken")
    older = csi.bring_up(csi.create(source=from_snapshot(first.snapshot_id)))
    late = [name for name in user_files(older.target) if "two" in name]
    if late:
        raise ClauseViolation("the first snapshot holds what only the second may", expected="none", actual=late)


@pytest.mark.clause("csi.clone.is-a-point-in-time")
def test_clone_lacks_what_came_later(csi: Bench, rng: Random) -> None:
    csi.require(CLONE)
    use = csi.bring_up(csi.create())
    before = write_files(use.target, rng, "before")
    request = csi.creation(source=from_volume(use.volume.volume_id))
    csi.client.call(request)
    write_files(use.target, rng, "after")
    (use.target / "before-1").unlink()
    clone = csi.bring_up(csi.client.call(request).volume)
    late = [name for name in user_files(clone.target) if "after" in name]
    if late:
        raise ClauseViolation("the clone holds what was written after it", expected="no later file", actual=late)
    require_files(clone.target, before, "its source went on, and the same CreateVolume came again")
