"""What is in a restored snapshot and in a clone."""

from __future__ import annotations

import os
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import (
    BLOCK_BYTES,
    device_bytes,
    read_block,
    require_files,
    user_files,
    write_block,
    write_files,
)
from fixtures.subjects.csi.requests import block, from_snapshot, from_volume, mount, span
from reports.model import ClauseViolation
from suites.csi.volumes.growth import EXPAND, expanded_offline, node_expanding

CLONE, SNAPSHOT = "controller.CLONE_VOLUME", "controller.CREATE_DELETE_SNAPSHOT"


@pytest.mark.clause("csi.restore.holds-the-data")
@pytest.mark.parametrize("moment", ["published", "taken down"])
def test_restored_snapshot_holds_the_data(csi: Bench, rng: Random, moment: str) -> None:
    csi.require(SNAPSHOT)
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    if moment == "taken down":
        csi.take_down(use)
    source = from_snapshot(csi.snapshot(use.volume).snapshot_id)
    restored = csi.bring_up(csi.create(source=source))
    require_files(restored.target, content, f"a restore of a snapshot that was made of a {moment} volume")


@pytest.mark.clause("csi.restore.holds-the-data")
def test_restored_block_snapshot_holds_the_data(csi: Bench, rng: Random) -> None:
    csi.require(SNAPSHOT)
    use = csi.bring_up(csi.create(block()), block())
    written = write_block(use.target, rng, offset=1 << 20)
    source = from_snapshot(csi.snapshot(use.volume).snapshot_id)
    restored = csi.bring_up(csi.create(block(), source=source), block())
    if read_block(restored.target, offset=1 << 20) != written:
        raise ClauseViolation("a restored block volume lacks the data", expected=written, actual="other bytes")


@pytest.mark.clause("csi.restore.states-its-source")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
def test_copy_states_its_source(csi: Bench, kind: str) -> None:
    csi.require(SNAPSHOT if kind == "snapshot" else CLONE)
    volume = csi.create()
    source = from_snapshot(csi.snapshot(volume).snapshot_id) if kind == "snapshot" else from_volume(volume.volume_id)
    stated = csi.create(source=source).content_source
    if stated != source:
        raise ClauseViolation("the copy states another source", expected=str(source), actual=str(stated))


@pytest.mark.clause("csi.restore.retry-answers-the-same")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
def test_copy_asked_for_twice_is_one(csi: Bench, kind: str) -> None:
    csi.require(SNAPSHOT if kind == "snapshot" else CLONE)
    volume = csi.create()
    source = from_snapshot(csi.snapshot(volume).snapshot_id) if kind == "snapshot" else from_volume(volume.volume_id)
    request = csi.creation(source=source)
    ids = {csi.client.call(request).volume.volume_id for _ in range(2)}
    assert len(ids) == 1, f"the same request made {len(ids)} volumes"


@pytest.mark.clause("csi.restore.smaller-than-source-is-refused")
def test_restore_into_less_room_is_refused(csi: Bench) -> None:
    csi.require(SNAPSHOT)
    size = 2 * csi.options.capacity
    source = from_snapshot(csi.snapshot(csi.create(capacity=span(size))).snapshot_id)
    request = csi.creation(source=source, capacity=span(csi.options.capacity // 2, csi.options.capacity))
    csi.client.require_refusal(request, "OUT_OF_RANGE", because="the snapshot needs more room")


@pytest.mark.clause("csi.snapshot.is-a-point-in-time")
def test_snapshot_of_an_expanded_block_volume_holds_its_new_end(csi: Bench, rng: Random) -> None:
    csi.require(SNAPSHOT, EXPAND)
    use = csi.bring_up(csi.create(block()), block())
    size = 4 * device_bytes(use.target)
    use, needs_node = expanded_offline(csi, use, size)
    if needs_node:
        csi.client.call(node_expanding(use, size))
    last = device_bytes(use.target) - BLOCK_BYTES
    written = write_block(use.target, rng, last)
    source = from_snapshot(csi.snapshot(use.volume).snapshot_id)
    restored = csi.bring_up(csi.create(block(), source=source, capacity=span(size)), block())
    if read_block(restored.target, last) != written:
        raise ClauseViolation("a snapshot lacks what an expansion added", expected=written, actual="other bytes")


@pytest.mark.clause("csi.clone.holds-the-data")
def test_clone_holds_the_data(csi: Bench, rng: Random) -> None:
    csi.require(CLONE)
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    clone = csi.bring_up(csi.create(source=from_volume(use.volume.volume_id)))
    require_files(clone.target, content, "a clone")


@pytest.mark.clause("csi.clone.is-independent")
def test_clone_and_source_do_not_share_writes(csi: Bench, rng: Random) -> None:
    csi.require(CLONE)
    use = csi.bring_up(csi.create())
    clone = csi.bring_up(csi.create(source=from_volume(use.volume.volume_id)))
    write_files(use.target, rng, "source")
    write_files(clone.target, rng, "clone")
    mixed = [name for name in user_files(use.target) if "clone" in name]
    mixed += [name for name in user_files(clone.target) if "source" in name]
    if mixed:
        raise ClauseViolation("a clone and its source share writes", expected="no shared file", actual=mixed)


@pytest.mark.clause("csi.clone.in-larger-size-is-larger")
def test_clone_in_a_larger_size_offers_the_room(csi: Bench, rng: Random) -> None:
    csi.require(CLONE)
    use = csi.bring_up(csi.create(capacity=span(csi.options.capacity)))
    content = write_files(use.target, rng)
    size = 3 * csi.options.capacity
    clone = csi.create(mount(), source=from_volume(use.volume.volume_id), capacity=span(size))
    assert clone.capacity_bytes == 0 or clone.capacity_bytes >= size, f"the clone has {clone.capacity_bytes} bytes"
    up = csi.bring_up(clone)
    status = os.statvfs(up.target)
    offered = status.f_blocks * status.f_frsize
    if offered < size * 0.75:
        raise ClauseViolation("the clone keeps the size of its source", expected=f"about {size}", actual=offered)
    require_files(up.target, content, "a clone into a larger volume")
