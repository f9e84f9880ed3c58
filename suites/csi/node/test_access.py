"""What may be done at the target path: writes, flags, groups, block, number of writers."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import (
    BLOCK_BYTES,
    device_bytes,
    read_block,
    require_files,
    write_block,
    write_files,
)
from fixtures.subjects.csi.requests import block, mount
from reports.model import ClauseViolation
from suites.csi.node.test_node_conflicts import volume_for

GROUP = 123_456  # more than 16 bits hold


@pytest.mark.clause("csi.node-publish.writable-can-be-written")
@pytest.mark.parametrize("mode", ["SINGLE_NODE_WRITER", "SINGLE_NODE_SINGLE_WRITER", "SINGLE_NODE_MULTI_WRITER"])
def test_writable_volume_takes_writes(csi: Bench, rng: Random, mode: str) -> None:
    if mode != "SINGLE_NODE_WRITER":
        csi.require("node.SINGLE_NODE_MULTI_WRITER")
    use = csi.bring_up(volume_for(csi, mount(mode)), mount(mode))
    require_files(use.target, write_files(use.target, rng), "a write")


@pytest.mark.clause("csi.node-publish.mount-flags-are-applied")
@pytest.mark.parametrize("flag", ["noatime", "noexec", "nosuid", "nodev", "ro"])
def test_mount_flag_takes_effect(csi: Bench, flag: str) -> None:
    capability = mount(flags=[flag])
    use = csi.bring_up(csi.create(capability), capability)
    bits = {
        "noatime": os.ST_NOATIME, "noexec": os.ST_NOEXEC, "nosuid": os.ST_NOSUID, "nodev": os.ST_NODEV,
        "ro": os.ST_RDONLY,
    }[flag]  # fmt: skip
    if not os.statvfs(use.target).f_flag & bits:
        raise ClauseViolation("a mount flag has no effect", expected=flag, actual=hex(os.statvfs(use.target).f_flag))


@pytest.mark.clause("csi.node-publish.mount-flags-are-applied")
def test_two_mount_flags_take_effect(csi: Bench) -> None:
    capability = mount(flags=["noatime", "noexec"])
    use = csi.bring_up(csi.create(capability), capability)
    both, found = os.ST_NOATIME | os.ST_NOEXEC, os.statvfs(use.target).f_flag
    if found & both != both:
        raise ClauseViolation("one of two mount flags has no effect", expected=hex(both), actual=hex(found))


@pytest.mark.clause("csi.node-publish.mount-group-owns-the-volume")
def test_mount_group_may_write(csi: Bench) -> None:
    csi.require("node.VOLUME_MOUNT_GROUP")
    capability = mount(group=str(GROUP))
    status = csi.bring_up(csi.create(capability), capability).target.stat()
    expected, actual = (GROUP, True), (status.st_gid, bool(status.st_mode & 0o020))
    if actual != expected:
        raise ClauseViolation("the mount group has no effect", expected=expected, actual=actual)


@pytest.mark.clause("csi.node-publish.block-device-is-at-target")
def test_block_volume_is_a_device_of_its_size(csi: Bench) -> None:
    use = csi.bring_up(csi.create(block()), block())
    if not use.target.is_block_device():
        raise ClauseViolation("no block device is at the target path", expected="a block device", actual=use.target)
    size, capacity = device_bytes(use.target), use.volume.capacity_bytes
    assert size >= capacity, f"the device has {size} bytes, the volume {capacity}"


def second_target(csi: Bench, mode: str, readonly: bool = False) -> tuple[InUse, InUse]:
    """A published volume of that access mode, and the same volume about to be published at a second path."""
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    capability = mount(mode)
    first = csi.bring_up(volume_for(csi, capability), capability, readonly)
    return first, InUse(first.volume, capability, first.staging, csi.folder / "second", first.context)


@pytest.mark.clause("csi.node-publish.single-writer-has-one-target")
@pytest.mark.parametrize("readonly", [False, True], ids=["writable", "read-only"])
@pytest.mark.parametrize("first", [False, True], ids=["beside a writable one", "beside a read-only one"])
def test_single_writer_volume_has_one_target(csi: Bench, readonly: bool, first: bool) -> None:
    _, second = second_target(csi, "SINGLE_NODE_SINGLE_WRITER", first)
    request = csi.publishing(second, readonly)
    csi.client.require_refusal(request, "FAILED_PRECONDITION", because="the one writer is there already")


@pytest.mark.clause("csi.node-publish.multi-writer-has-many-targets")
def test_multi_writer_volume_shows_one_content_at_two_targets(csi: Bench, rng: Random) -> None:
    first, second = second_target(csi, "SINGLE_NODE_MULTI_WRITER")
    csi.client.call(csi.publishing(second))
    require_files(second.target, write_files(first.target, rng), "a publish at a second path")


@pytest.mark.clause("csi.data.block-survives-remount")
def test_block_data_survives_a_remount(csi: Bench, rng: Random) -> None:
    use = csi.bring_up(csi.create(block()), block())
    written = write_block(use.target, rng)
    csi.take_down(use)
    if read_block(csi.bring_up(use.volume, block()).target) != written:
        raise ClauseViolation("a block volume lost its data", expected=written, actual="other bytes")


@pytest.mark.clause("csi.node-publish.block-targets-show-one-content")
def test_block_volume_at_two_targets_shows_one_content(csi: Bench, rng: Random) -> None:
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    capability = block("SINGLE_NODE_MULTI_WRITER")
    first = csi.bring_up(volume_for(csi, capability), capability)
    second = replace(first, target=csi.folder / "second")
    csi.client.call(csi.publishing(second))
    for use, other in ((first, second), (second, first)):
        with other.target.open("rb", buffering=0) as reader:  # open, so that what was read once may be kept
            reader.read(BLOCK_BYTES)
            written = write_block(use.target, rng)
            reader.seek(0)
            found = hashlib.sha256(reader.read(BLOCK_BYTES)).hexdigest()
        if found != written:
            raise ClauseViolation(
                "what is written at one target path of a block volume is not read at the other", expected=written,
                actual="other bytes", question="Has each target a device, and so a cache, of its own?",
            )  # fmt: skip
