"""Read-only publishes: every way to write at the target path, the reader's mode, and the end of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import BLOCK_BYTES, put_block, require_files, write_block, write_files
from fixtures.subjects.csi.requests import block, mount
from reports.model import ClauseViolation
from suites.csi.node.test_node_conflicts import volume_for

READ_ONLY = (errno.EROFS, errno.EPERM, errno.EACCES)
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
    """ClauseViolation unless the act fails because the volume is read-only."""
    try:
        act()
    except OSError as error:
        if error.errno in READ_ONLY:
            return
        raise
    raise ClauseViolation("a read-only volume was changed", expected="EROFS", actual=f"it was possible to {way}")


@pytest.mark.clause("csi.node-publish.readonly-cannot-be-written")
def test_readonly_volume_refuses_every_change(csi: Bench, rng: Random) -> None:
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    csi.client.call(csi.unpublishing(use))
    csi.client.call(csi.publishing(use, readonly=True))
    for way, act in WAYS.items():
        require_refused(way, lambda act=act: act(use.target))  # type: ignore[misc]
    require_files(use.target, content, "attempts to change a read-only volume")


def published_for_readers(csi: Bench, capability: object) -> InUse | None:
    """A volume of a reader's mode, published without the flag; None where the driver wants the flag."""
    use = csi.prepare(volume_for(csi, capability), capability)
    answer = csi.client.answer(csi.publishing(use))
    return use if answer.is_ok else None


@pytest.mark.clause("csi.node-publish.reader-only-mode-cannot-be-written")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_volume_of_a_readers_mode_refuses_writes_without_the_flag(csi: Bench, kind: str) -> None:
    make = mount if kind == "mount" else block
    use = published_for_readers(csi, make("SINGLE_NODE_READER_ONLY"))
    if use is None:
        return  # a refusal protects the volume as well
    if kind == "mount":
        require_refused("make a file", lambda: (use.target / "new").write_text("x"))
    else:
        require_refused("write", lambda: put_block(use.target, bytes(BLOCK_BYTES)))


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
