"""A volume's whole tree of files after removals, renames and cuts, and a life in which every call is sent twice."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import usable, write_files
from fixtures.subjects.csi.leaks import mounts_below
from reports.model import ClauseViolation
from suites.csi.data.kinds import KINDS
from suites.csi.data.test_lineage import cloned, expanded, remounted, restored

WAYS = {"remounted": remounted, "expanded": expanded, "cloned": cloned, "restored": restored}
Tree = dict[str, str]


@usable("read")
def tree(root: Path) -> Tree:
    """Every entry below root: what it is, or the sha256 of its bytes."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if not name.startswith("lost+found"):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return found


@usable("written to")
def rework(root: Path, rng: Random) -> None:
    """Remove, rename, cut, lengthen and replace; on disk when this returns."""
    (root / "file-1").unlink()
    (root / "deep" / "file-0").rename(root / "moved")
    (root / "deep").rmdir()
    os.truncate(root / "file-2", 1000)
    with (root / "moved").open("ab") as stream:
        stream.write(rng.randbytes(5000))
    (root / "new").write_bytes(rng.randbytes(9000))
    (root / "new").replace(root / "file-2")
    (root / "file-1").mkdir()  # a folder where a file was
    for path in (root / "moved", root / "file-2", root):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@pytest.mark.clause("csi.data.removals-last")
@pytest.mark.parametrize("earlier", ["nothing", "a snapshot", "a remount"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["ext4", "shared"])
def test_tree_of_files_is_what_it_was_reworked_to(csi: Bench, rng: Random, kind: str, way: str, earlier: str) -> None:
    use: InUse = KINDS[kind].bring_up(csi)
    write_files(use.target, rng)
    if earlier == "a snapshot":
        csi.snapshot(use.volume)
    elif earlier == "a remount":
        use = remounted(csi, use)
    rework(use.target, rng)
    before = tree(use.target)
    after = tree(WAYS[way](csi, use).target)
    if after != before:
        differing = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        raise ClauseViolation(
            f"the files of a volume are others after being {way}, with {earlier} before they were reworked",
            expected={name: before.get(name, "nothing")[:16] for name in differing[:4]},
            actual={name: after.get(name, "nothing")[:16] for name in differing[:4]},
            question="Does something keep, or copy, an earlier state of the volume?",
        )  # fmt: skip


def twice(csi: Bench, request: Any) -> None:
    for _ in range(2):
        csi.client.call(request)


@pytest.mark.clause("csi.data.retries-keep-it")
@pytest.mark.parametrize("kind", KINDS)
def test_volume_of_any_kind_whose_every_call_comes_twice_keeps_its_data(csi: Bench, rng: Random, kind: str) -> None:
    here = KINDS[kind]
    use = here.bring_up(csi)
    content = here.write(use, rng)
    back = [csi.unpublishing(use), *([csi.unstaging(use)] if use.staging else [])]
    attaches = "controller.PUBLISH_UNPUBLISH_VOLUME" in csi.capabilities
    for _ in range(2):
        for request in [*back, *([csi.detaching(use.volume)] if attaches else [])]:
            twice(csi, request)
        if mounts_below(csi.folder):
            raise ClauseViolation("a mount is left", expected="none", actual=mounts_below(csi.folder))
        if attaches:
            twice(csi, csi.attaching(use.volume, use.capability))
        if use.staging:
            twice(csi, csi.staging(use.volume, use.capability, use.context, use.staging))
        twice(csi, csi.publishing(use))
        here.require(use, content, f"a life in which every call comes twice ({kind})")
