"""What a file system and a device promise beyond file contents is still there after the volume was taken down."""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from pathlib import Path
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import (
    BLOCK_BYTES,
    device_bytes,
    read_block,
    require_files,
    usable,
    write_block,
    write_files,
)
from fixtures.subjects.csi.requests import block, from_snapshot, from_volume, mount
from reports.model import ClauseViolation
from suites.csi.node.test_node_conflicts import volume_for

SPARSE = 1 << 20
# An access list as the kernel takes it: version 2, then (tag, rights, id); user 1234 may read.
# Source: linux/posix_acl_xattr.h
ENTRIES = ((1, 6, -1), (2, 4, 1234), (4, 4, -1), (16, 4, -1), (32, 0, -1))
ACL = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in ENTRIES)
ATTRIBUTES = (
    ("file", "user.seatrial"), ("empty folder", "user.seatrial"), ("file", "system.posix_acl_access"),
    ("empty folder", "system.posix_acl_default"),
)  # fmt: skip


@usable("written to")
def make_properties(root: Path) -> None:
    """Files with what an archive would keep. A kind that this file system does not know is left out."""
    (root / "file").write_text("x")
    for make in (
        lambda: (root / "symlink").symlink_to("file"),
        lambda: (root / "hardlink").hardlink_to(root / "file"),
        lambda: os.mkfifo(root / "fifo"),
        lambda: os.chown(root / "file", 1234, 4321),
        lambda: (root / "file").chmod(0o4751),
        lambda: os.setxattr(root / "file", "user.seatrial", b"kept"),
        lambda: (root / "empty folder").mkdir(mode=0o1700),
        lambda: (root / "sparse").write_bytes(b""),
        lambda: os.truncate(root / "sparse", SPARSE),
        lambda: os.mknod(root / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3)),
        lambda: os.setxattr(root / "file", "system.posix_acl_access", ACL),
        lambda: os.setxattr(root / "empty folder", "system.posix_acl_default", ACL),
        lambda: os.setxattr(root / "empty folder", "user.seatrial", b"of a folder"),
        lambda: os.chown(root, 1234, 4321),
        lambda: root.chmod(0o2770),
    ):
        with contextlib.suppress(OSError):
            make()
    for name in ("file", "empty folder"):
        os.utime(root / name, (1_000_000_000, 1_000_000_000))


def properties(root: Path) -> dict[str, object]:
    """What is to be seen of them."""
    found: dict[str, object] = {}
    for name in ("file", "symlink", "hardlink", "fifo", "device", "empty folder", "sparse", "."):
        with contextlib.suppress(FileNotFoundError):
            status = (root / name).lstat()
            size = 0 if name in ("empty folder", "fifo", ".") else status.st_size
            found[name] = (status.st_mode, status.st_uid, status.st_gid, status.st_nlink, size)
    for name, attribute in ATTRIBUTES:
        with contextlib.suppress(OSError):
            found[f"{attribute} of {name}"] = os.getxattr(root / name, attribute)
    for name in ("file", "empty folder"):
        with contextlib.suppress(OSError):
            found[f"time of {name}"] = int((root / name).stat().st_mtime)
    with contextlib.suppress(OSError):
        found["link"] = str((root / "symlink").readlink())
    return found


@pytest.mark.clause("csi.data.file-properties-survive")
def test_file_properties_survive_a_remount(csi: Bench) -> None:
    use = csi.bring_up(csi.create())
    make_properties(use.target)
    before = properties(use.target)
    csi.take_down(use)
    after = properties(csi.bring_up(use.volume).target)
    lost = {name: after.get(name) for name in before if before[name] != after.get(name)}
    if lost:
        raise ClauseViolation("a remount changed files", expected={name: before[name] for name in lost}, actual=lost)


@pytest.mark.clause("csi.data.block-is-whole")
def test_first_and_last_bytes_of_a_block_volume_survive(csi: Bench, rng: Random) -> None:
    use = csi.bring_up(csi.create(block()), block())
    last = device_bytes(use.target) - BLOCK_BYTES
    written = [write_block(use.target, rng, offset) for offset in (0, last)]
    csi.take_down(use)
    again = csi.bring_up(use.volume, block()).target
    if [read_block(again, offset) for offset in (0, last)] != written:
        raise ClauseViolation("a block volume lost its first or last bytes", expected=written, actual="other bytes")


@pytest.mark.clause("csi.data.survives-restage")
def test_data_survives_a_stage_without_detach(csi: Bench, rng: Random) -> None:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    csi.client.call(csi.unpublishing(use))
    csi.client.call(csi.unstaging(use))
    csi.client.call(csi.staging(use.volume, use.capability, use.context, use.staging))
    csi.client.call(csi.publishing(use))
    require_files(use.target, content, "an unstage and a stage", "Is it formatted again at each stage?")


@pytest.mark.clause("csi.data.survives-restage")
def test_restored_volume_keeps_what_was_written_since(csi: Bench, rng: Random) -> None:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    first = csi.bring_up(csi.create())
    write_files(first.target, rng)
    use = csi.bring_up(csi.create(source=from_snapshot(csi.snapshot(first.volume).snapshot_id)))
    content = write_files(use.target, rng, "since")
    csi.take_down(use)
    require_files(csi.bring_up(use.volume).target, content, "a restored volume was taken down and brought up")


@pytest.mark.clause("csi.data.volumes-stay-apart")
@pytest.mark.parametrize("order", ["same", "reversed"])
def test_two_volumes_brought_up_again_are_not_mixed(csi: Bench, rng: Random, order: str) -> None:
    uses = [csi.bring_up(csi.create()) for _ in range(2)]
    contents = [write_files(use.target, rng, f"of-{number}") for number, use in enumerate(uses)]
    for use in uses:
        csi.take_down(use)
    pairs = list(zip(uses, contents, strict=True))
    for use, content in pairs if order == "same" else reversed(pairs):
        require_files(csi.bring_up(use.volume).target, content, "two volumes were brought up again")


@pytest.mark.clause("csi.data.copies-keep-file-properties")
@pytest.mark.parametrize("kind", ["mount", "shared"])
@pytest.mark.parametrize("copied", ["clone", "restore"])
def test_file_properties_are_those_of_the_source(csi: Bench, kind: str, copied: str) -> None:
    csi.require("controller.CLONE_VOLUME" if copied == "clone" else "controller.CREATE_DELETE_SNAPSHOT")
    capability = mount("MULTI_NODE_MULTI_WRITER") if kind == "shared" else mount()
    use = csi.bring_up(volume_for(csi, capability), capability)
    make_properties(use.target)
    before = properties(use.target)
    volume_id = use.volume.volume_id
    source = from_volume(volume_id) if copied == "clone" else from_snapshot(csi.snapshot(use.volume).snapshot_id)
    after = properties(csi.bring_up(csi.create(capability, source=source), capability).target)
    lost = {name: after.get(name) for name in before if before[name] != after.get(name)}
    if lost:
        raise ClauseViolation(
            f"a {copied} has other files", expected={name: before[name] for name in lost}, actual=lost
        )
