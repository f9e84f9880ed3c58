"""Volumes of more bytes than 32 bits can count. They are mostly holes: nothing is written but a block at each end."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import BLOCK_BYTES, device_bytes, read_block, write_block
from fixtures.subjects.csi.requests import block, from_snapshot, from_volume, mount, span
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.descriptions import stated_capacity
from suites.csi.volumes.growth import EXPAND, expanding

LARGE = (4 << 30) + (3 << 20)


def large_volume(csi: Bench, capability: Any, size: int = LARGE, source: Any = None) -> Any:
    """A volume of that size. NotApplicable: there is no room for it, or the driver makes none of the kind."""
    request = csi.creation(capability, capacity=span(size), source=source)
    answer = csi.client.answer(request)
    if answer.code in ("OUT_OF_RANGE", "RESOURCE_EXHAUSTED", "INVALID_ARGUMENT"):
        raise NotApplicable(f"no volume of {size} bytes is made: {answer.details}")
    volume = answer.response.volume if answer.is_ok else csi.client.call(request).volume
    stated = volume.capacity_bytes
    if 0 < stated < size:
        raise ClauseViolation("a large volume is smaller than required", expected=f"at least {size}", actual=stated)
    return volume


@pytest.mark.clause("csi.create-volume.large-sizes-are-exact")
def test_large_volume_is_told_with_its_size(csi: Bench) -> None:
    volume = large_volume(csi, mount())
    told = stated_capacity(csi, volume)
    if told < LARGE:
        raise ClauseViolation("a large volume is told with another size", expected=f"at least {LARGE}", actual=told)


@pytest.mark.clause("csi.create-volume.large-sizes-are-exact")
def test_volume_expanded_beyond_32_bits_has_the_size(csi: Bench) -> None:
    csi.require(EXPAND)
    volume = large_volume(csi, mount(), 3 << 30)
    answer = csi.client.answer(expanding(volume, LARGE))
    if answer.code in ("OUT_OF_RANGE", "RESOURCE_EXHAUSTED"):
        raise NotApplicable(f"no volume grows to {LARGE} bytes: {answer.details}")
    size = csi.client.call(expanding(volume, LARGE)).capacity_bytes
    assert size >= LARGE, f"a volume expanded to {LARGE} bytes has {size}"


@pytest.mark.clause("csi.data.large-block-volume-is-whole")
@pytest.mark.parametrize("kind", ["itself", "clone", "restore"])
def test_large_block_volume_holds_its_last_bytes(csi: Bench, rng: Random, kind: str) -> None:
    csi.create(block())  # NotApplicable where the driver serves no block volumes
    use = csi.bring_up(large_volume(csi, block()), block())
    size = device_bytes(use.target)
    if size < LARGE:
        raise ClauseViolation("a large device is too small", expected=f"{LARGE} bytes", actual=size)
    offsets = [0, (4 << 30) - BLOCK_BYTES, 4 << 30, size - BLOCK_BYTES]
    written = [write_block(use.target, rng, offset) for offset in offsets]
    if kind == "restore":
        source = from_snapshot(csi.snapshot(use.volume).snapshot_id)
    elif kind == "clone":
        csi.require("controller.CLONE_VOLUME")
        source = from_volume(use.volume.volume_id)
    if kind == "itself":
        csi.take_down(use)
        use = csi.bring_up(use.volume, block())
    else:
        use = csi.bring_up(large_volume(csi, block(), size, source), block())
    for offset, digest in zip(offsets, written, strict=True):
        if read_block(use.target, offset) != digest:
            raise ClauseViolation(f"a large volume ({kind}) lost data", expected=f"what was written at {offset}",
                                  actual="other bytes")  # fmt: skip
