"""Read-only publishes: every way to write at the target path, the reader's mode, and the end of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.client import Refused
from fixtures.subjects.csi.content import BLOCK_BYTES, put_block, require_files, write_block, write_files
from fixtures.subjects.csi.requests import block, mount
from reports.model import ClauseViolation
from suites.csi.node.test_node_conflicts import volume_for
from suites.csi.volumes.growth import NODE_EXPAND, node_expanding

WAYS: dict[str, Callable[[Path], object]] = {
    "make a file": lambda root: (root / "new").write_text("x"),
    "make a folder": lambda root: (root / "folder").mkdir(),
    "overwrite": lambda root: (root / "file-1").write_text("x"),
    "append": lambda root: (root / "file-1").open("a"),
    "cut": lambda root: os.truncate(root / "file-1", 1),
    "remove": lambda root: (root / "file-1").unlink(),
    "rename": lambda root: (root / "file-1").rename(root / "other"),
    "change the mode": lambda root: (root / "file-1").chmod(0o600),
    "change the owner": lambda root: os.chown(root / "file-1", 12345, -1),
    "write in a folder of it": lambda root: (root / "deep" / "new").write_text("x"),
}


def require_refused(way: str, act: Callable[[], object]) -> None:
    """ClauseViolation unless the act fails. Not every file system knows every act, so any error will do."""
    try:
        act()
    except OSError:
        return
    raise ClauseViolation("a read-only volume was changed", expected="EROFS", actual=f"it was possible to {way}")


def require_refused_write(path: Path, kind: str) -> None:
    """ClauseViolation if the volume at path can be written to."""
    if kind == "block":
        require_refused("write to the device", lambda: put_block(path, bytes(BLOCK_BYTES)))
    else:
        require_refused("make a file", lambda: (path / "new").write_text("x"))


@pytest.mark.clause("csi.node-publish.readonly-cannot-be-written")
def test_reader_only_volume_refuses_writes(csi: Bench) -> None:
    capability = mount("SINGLE_NODE_READER_ONLY")
    require_refused_write(csi.bring_up(volume_for(csi, capability), capability, readonly=True).target, "mount")


@pytest.mark.clause("csi.node-publish.readonly-cannot-be-written")
def test_readonly_volume_with_a_mount_flag_refuses_writes(csi: Bench) -> None:
    capability = mount(flags=["noatime"])
    require_refused_write(csi.bring_up(volume_for(csi, capability), capability, readonly=True).target, "mount")


@pytest.mark.clause("csi.node-publish.mount-flags-are-applied")
@pytest.mark.parametrize(("flag", "bit"), [("noexec", os.ST_NOEXEC), ("nosuid", os.ST_NOSUID)])
def test_readonly_volume_keeps_its_mount_flags(csi: Bench, flag: str, bit: int) -> None:
    capability = mount(flags=[flag])
    use = csi.bring_up(volume_for(csi, capability), capability, readonly=True)
    if not os.statvfs(use.target).f_flag & bit:
        raise ClauseViolation("a read-only publish loses a mount flag", expected=flag, actual="not set")


@pytest.mark.clause("csi.node-publish.readonly-cannot-be-written")
def test_readonly_volume_refuses_writes_after_a_node_expansion(csi: Bench) -> None:
    csi.require(NODE_EXPAND)
    use = csi.bring_up(csi.create(), readonly=True)
    csi.client.answer(node_expanding(use, use.volume.capacity_bytes or csi.options.capacity))  # there is nothing to do
    require_refused_write(use.target, "mount")


@pytest.mark.clause("csi.node-publish.readonly-block-cannot-be-written")
def test_readonly_block_volume_refuses_writes(csi: Bench) -> None:
    require_refused_write(csi.bring_up(csi.create(block()), block(), readonly=True).target, "block")


@pytest.mark.clause("csi.node-publish.readonly-cannot-be-written")
def test_readonly_volume_refuses_every_change(csi: Bench, rng: Random) -> None:
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    csi.client.call(csi.unpublishing(use))
    csi.client.call(csi.publishing(use, readonly=True))
    for way, act in WAYS.items():
        require_refused(way, lambda act=act: act(use.target))  # type: ignore[misc]
    require_files(use.target, content, "attempts to change a read-only volume")


@pytest.mark.clause("csi.node-publish.reader-only-mode-cannot-be-written")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_volume_of_a_readers_mode_refuses_writes_without_the_flag(csi: Bench, kind: str) -> None:
    capability = (mount if kind == "mount" else block)("SINGLE_NODE_READER_ONLY")
    volume = volume_for(csi, capability)
    try:
        use = csi.bring_up(volume, capability)
    except Refused:
        return  # that protects the volume as well
    require_refused_write(use.target, kind)


@pytest.mark.clause("csi.node-publish.readonly-ends-with-unpublish")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_volume_published_readonly_is_writable_afterwards(csi: Bench, rng: Random, kind: str) -> None:
    capability = mount() if kind == "mount" else block()
    use = csi.bring_up(csi.create(capability), capability, readonly=True)
    csi.client.call(csi.unpublishing(use))
    csi.client.call(csi.publishing(use))
    if kind == "block":
        write_block(use.target, rng)
    else:
        require_files(use.target, write_files(use.target, rng), "a write after a read-only publish")
