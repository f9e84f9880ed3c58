"""Every kind of volume on every way that data takes: what was written is there at the end of it.

A way is a few steps one after the other, since what one step leaves behind shows in the next.
"""

from __future__ import annotations

from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.requests import from_snapshot, from_volume, span
from reports.model import NotApplicable
from suites.csi.data.kinds import KINDS
from suites.csi.volumes.growth import EXPAND, expanded_offline, node_expanding, require_room

kinds = pytest.mark.parametrize("kind", KINDS)


def size_of(csi: Bench, use: InUse) -> int:
    """Bytes that a copy has to be asked for: what the volume has, or what it was asked for where it does not say."""
    return int(use.volume.capacity_bytes) or csi.options.capacity


def remounted(csi: Bench, use: InUse) -> InUse:
    csi.take_down(use)
    return csi.bring_up(use.volume, use.capability)


def cloned(csi: Bench, use: InUse) -> InUse:
    csi.require("controller.CLONE_VOLUME")
    source = from_volume(use.volume.volume_id)
    return csi.bring_up(csi.create(use.capability, source=source, capacity=span(size_of(csi, use))), use.capability)


def restored(csi: Bench, use: InUse) -> InUse:
    source = from_snapshot(csi.snapshot(use.volume).snapshot_id)
    return csi.bring_up(csi.create(use.capability, source=source, capacity=span(size_of(csi, use))), use.capability)


def expanded(csi: Bench, use: InUse) -> InUse:
    csi.require(EXPAND)
    size = 2 * size_of(csi, use)
    grown, needs_node = expanded_offline(csi, use, size)
    if needs_node:
        csi.client.call(node_expanding(grown, size))
    require_room(grown.target, size, "an expansion")
    grown.volume.capacity_bytes = size
    return grown


def after_a_kill(csi: Bench, use: InUse) -> InUse:
    if not csi.driver.owned:
        raise NotApplicable("the driver is not ours to kill")
    csi.restart()
    return use


WAYS = {
    "remounted": (remounted, remounted),
    "cloned": (cloned, remounted),
    "restored": (restored, remounted),
    "expanded": (expanded, remounted),
    "clone-expanded": (cloned, expanded),
    "restore-expanded": (restored, expanded),
    "expanded-and-cloned": (expanded, cloned),
    "expanded-and-restored": (expanded, restored),
    "killed-and-cloned": (after_a_kill, cloned),
    "killed-and-restored": (after_a_kill, restored),
}


@pytest.mark.clause("csi.data.every-kind-keeps-its-data")
@pytest.mark.parametrize("way", WAYS)
@kinds
def test_volume_of_any_kind_on_any_way_keeps_its_data(csi: Bench, rng: Random, kind: str, way: str) -> None:
    here = KINDS[kind]
    use = here.bring_up(csi)
    content = here.write(use, rng)
    for step in WAYS[way]:
        use = step(csi, use)
        here.require(use, content, f"being {way.replace('-', ' ')} ({kind})")


@pytest.mark.clause("csi.data.copies-of-every-kind-are-independent")
@pytest.mark.parametrize("copied", [cloned, restored], ids=["cloned", "restored"])
@kinds
def test_copy_of_any_kind_and_its_source_share_no_writes(csi: Bench, rng: Random, kind: str, copied: object) -> None:
    here = KINDS[kind]
    source = here.bring_up(csi)
    old = here.write(source, rng)
    copy = copied(csi, source)  # type: ignore[operator]
    new = here.write(copy, rng)  # in the same places
    here.require(source, old, f"its copy was written to ({kind})")
    newest = here.write(source, rng)
    here.require(copy, new, f"its source was written to ({kind})")
    csi.take_down(source)
    csi.take_down(copy)
    here.require(csi.bring_up(source.volume, source.capability), newest, f"both were taken down ({kind})")
    here.require(csi.bring_up(copy.volume, copy.capability), new, f"both were taken down ({kind})")


@pytest.mark.clause("csi.snapshot.is-never-written-to")
@kinds
def test_snapshot_of_any_kind_stays_what_it_was(csi: Bench, rng: Random, kind: str) -> None:
    here = KINDS[kind]
    source = here.bring_up(csi)
    content = here.write(source, rng)
    size, snapshot = span(size_of(csi, source)), from_snapshot(csi.snapshot(source.volume).snapshot_id)
    here.write(source, rng)  # in the same places
    first = csi.bring_up(csi.create(source.capability, source=snapshot, capacity=size), source.capability)
    here.require(first, content, f"its source was written to after the snapshot ({kind})")
    here.write(first, rng)
    csi.take_down(first)
    csi.delete(first.volume)
    second = csi.bring_up(csi.create(source.capability, source=snapshot, capacity=size), source.capability)
    here.require(second, content, f"the snapshot was restored, and that volume written to and deleted ({kind})")


@pytest.mark.clause("csi.clone.is-of-its-moment")
@kinds
def test_clone_of_any_kind_holds_what_came_after_a_snapshot(csi: Bench, rng: Random, kind: str) -> None:
    here = KINDS[kind]
    source = here.bring_up(csi)
    here.write(source, rng)
    csi.snapshot(source.volume)
    newest = here.write(source, rng)  # in the same places
    here.require(cloned(csi, source), newest, f"a snapshot was taken before the last write ({kind})")
