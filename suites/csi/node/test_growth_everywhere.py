"""An expansion in place of every kind of volume: at every target path, on any named path, with what it held."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.requests import MIB, block
from reports.model import ClauseViolation, NotApplicable
from suites.csi.data.kinds import KINDS
from suites.csi.data.test_lineage import size_of
from suites.csi.node.test_expansion_in_use import ONLINE
from suites.csi.node.test_node_conflicts import volume_for
from suites.csi.volumes.growth import EXPAND, expanding, node_expanding, require_room, room

MULTI = "SINGLE_NODE_MULTI_WRITER"


def grow(csi: Bench, use: InUse, path: str = "") -> int:
    """Expand a published volume to twice its size, the node at the path; the size.

    NotApplicable: the driver does not declare that it does so, and refuses.
    """
    csi.require(EXPAND)
    size = 2 * size_of(csi, use)
    request = expanding(use.volume, size, capability=use.capability)
    if ONLINE not in csi.capabilities and not csi.client.answer(request).is_ok:
        raise NotApplicable(f"the driver does not declare {ONLINE}, and refuses")
    if csi.client.call(request).node_expansion_required:
        stated = csi.client.call(node_expanding(use, size, path)).capacity_bytes
        most = 1.5 * max(size, room(use.target)) + MIB  # a file system keeps a part for itself
        if stated and not size <= stated <= most:
            raise ClauseViolation("NodeExpandVolume states another size", expected=f"0 or about {size}", actual=stated)
    return size


@pytest.mark.clause("csi.node-expand.every-target-grows")
@pytest.mark.parametrize("kind", ["xfs", "block", "shared"])
def test_volume_of_any_kind_expanded_in_place_has_room_and_data(csi: Bench, rng: Random, kind: str) -> None:
    here = KINDS[kind]
    use = here.bring_up(csi)
    content = here.write(use, rng)
    size = grow(csi, use)
    for step in ("an expansion in place", "being brought up again"):
        require_room(use.target, size, step)
        here.require(use, content, f"{step} ({kind})")
        csi.take_down(use)
        use = csi.bring_up(use.volume, use.capability)


@pytest.mark.clause("csi.node-expand.every-target-grows")
@pytest.mark.parametrize("readonly", ["none", "first", "second"])
def test_device_expanded_in_place_is_larger_at_every_target(csi: Bench, readonly: str) -> None:
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    capability: Any = block(MULTI)
    first = csi.bring_up(volume_for(csi, capability), capability, readonly == "first")
    second = replace(first, target=csi.folder / "second")
    csi.client.call(csi.publishing(second, readonly == "second"))
    size = grow(csi, first)
    for use in (first, second):
        require_room(use.target, size, "an expansion in place")
