"""What a clone may be: a block device, of a clone, on its own when its source is gone."""

from __future__ import annotations

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
from fixtures.subjects.csi.requests import block, from_volume, messages, mount, span
from reports.model import ClauseViolation
from suites.csi.node.file_systems import in_use_with

CLONE = "controller.CLONE_VOLUME"


@pytest.mark.clause("csi.clone.block-holds-the-data")
@pytest.mark.parametrize("moment", ["published", "taken down"])
def test_block_clone_holds_the_data(csi: Bench, rng: Random, moment: str) -> None:
    csi.require(CLONE)
    use = csi.bring_up(csi.create(block()), block())
    written = write_block(use.target, rng, offset=1 << 20)
    if moment == "taken down":
        csi.take_down(use)
    clone = csi.bring_up(csi.create(block(), source=from_volume(use.volume.volume_id)), block())
    if read_block(clone.target, offset=1 << 20) != written:
        raise ClauseViolation(f"a clone of a {moment} block volume lacks its data", expected=written, actual="others")
    write_block(clone.target, rng, offset=1 << 20)
    again = use if moment == "published" else csi.bring_up(use.volume, block())
    if read_block(again.target, offset=1 << 20) != written:
        raise ClauseViolation("a write to a clone changed its source", expected=written, actual="other bytes")


@pytest.mark.clause("csi.clone.block-holds-the-data")
def test_block_clone_holds_the_first_and_last_bytes(csi: Bench, rng: Random) -> None:
    csi.require(CLONE)
    use = csi.bring_up(csi.create(block()), block())
    offsets = (0, device_bytes(use.target) - BLOCK_BYTES)
    written = [write_block(use.target, rng, offset) for offset in offsets]
    clone = csi.bring_up(csi.create(block(), source=from_volume(use.volume.volume_id)), block())
    if [read_block(clone.target, offset) for offset in offsets] != written:
        raise ClauseViolation("a clone lacks its first or last bytes", expected=written, actual="other bytes")


@pytest.mark.clause("csi.clone.of-a-clone-holds-the-data")
def test_clone_of_a_clone_holds_both_layers(csi: Bench, rng: Random) -> None:
    csi.require(CLONE)
    use = csi.bring_up(csi.create())
    lower = write_files(use.target, rng, "lower")
    middle = csi.bring_up(csi.create(source=from_volume(use.volume.volume_id)))
    upper = write_files(middle.target, rng, "upper")
    top = csi.bring_up(csi.create(source=from_volume(middle.volume.volume_id)))
    for content in (lower, upper):
        require_files(top.target, content, "a clone was cloned")
    mixed = [name for name in user_files(use.target) if "upper" in name]
    if mixed:
        raise ClauseViolation("a write to a clone appears in its source", expected="none", actual=mixed)


@pytest.mark.clause("csi.clone.outlives-its-source")
def test_clone_lives_without_its_source(csi: Bench, rng: Random) -> None:
    csi.require(CLONE)
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    clone = csi.create(source=from_volume(use.volume.volume_id))
    csi.take_down(use)
    answer = csi.client.answer(csi.deletion(use.volume.volume_id))  # may be refused while there is a clone
    if answer.code not in ("OK", "FAILED_PRECONDITION"):
        raise ClauseViolation("deleting a cloned volume", expected="OK or FAILED_PRECONDITION", actual=str(answer))
    require_files(csi.bring_up(clone).target, content, "its source was deleted")


@pytest.mark.clause("csi.clone.holds-the-data")
@pytest.mark.parametrize("fs_type", ["ext4", "xfs"])
def test_clone_beside_its_source_in_use_holds_the_data(csi: Bench, rng: Random, fs_type: str) -> None:
    csi.require(CLONE)
    capability = mount(fs_type=fs_type)
    use = in_use_with(csi, capability)
    content = write_files(use.target, rng)
    size = span(use.volume.capacity_bytes or csi.options.capacity)
    clone = csi.create(capability, capacity=size, source=from_volume(use.volume.volume_id))
    require_files(csi.bring_up(clone, capability).target, content, "a clone mounted beside its source")


@pytest.mark.clause("csi.clone.is-not-in-use-with-its-source")
def test_clone_of_a_volume_in_use_is_in_use_nowhere(csi: Bench) -> None:
    csi.require(CLONE)
    use = csi.bring_up(csi.create())
    clone = csi.create(source=from_volume(use.volume.volume_id))
    if "controller.LIST_VOLUMES_PUBLISHED_NODES" in csi.capabilities:
        entries = csi.client.call(messages().ListVolumesRequest()).entries
        told = [list(entry.status.published_node_ids) for entry in entries if entry.volume.volume_id == clone.volume_id]
        if any(told):
            raise ClauseViolation("a new clone is told to be on a node", expected=[], actual=told)
    csi.delete(clone)
