"""Raw block volumes: each shows its own data and nobody else's, at every path where it is."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import read_block, write_block
from fixtures.subjects.csi.requests import block
from reports.model import ClauseViolation
from suites.csi.node.test_node_conflicts import volume_for


@pytest.mark.clause("csi.node-publish.block-device-is-its-own")
@pytest.mark.parametrize("order", ["same", "reversed"])
def test_two_block_volumes_show_their_own_data(csi: Bench, rng: Random, order: str) -> None:
    uses = [csi.bring_up(csi.create(block()), block()) for _ in range(2)]
    written = [write_block(use.target, rng) for use in uses]
    if [read_block(use.target) for use in uses] != written:
        raise ClauseViolation("two block volumes show one device", expected=written, actual="the same bytes")
    for use in uses:
        csi.take_down(use)
    pairs = list(zip(uses, written, strict=True))
    again = [(csi.bring_up(use.volume, block()), data) for use, data in (pairs if order == "same" else pairs[::-1])]
    for use, data in again:
        if read_block(use.target) != data:
            raise ClauseViolation("a block volume shows other data", expected=data, actual=read_block(use.target))


@pytest.mark.clause("csi.node-publish.multi-writer-has-many-targets")
def test_multi_writer_block_volume_shows_one_content_at_two_targets(csi: Bench, rng: Random) -> None:
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    capability = block("SINGLE_NODE_MULTI_WRITER")
    first = csi.bring_up(volume_for(csi, capability), capability)
    second = replace(first, target=csi.folder / "second")
    csi.client.call(csi.publishing(second))
    written = write_block(first.target, rng)
    if read_block(second.target) != written:
        raise ClauseViolation("a second path shows another device", expected=written, actual="other bytes")
