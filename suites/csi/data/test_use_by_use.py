"""Data through uses of every sort: written without a flush, used with other capabilities, in many small files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import BLOCK_BYTES, Content, device_bytes, require_files, usable, write_files
from fixtures.subjects.csi.requests import from_snapshot, from_volume, mount, span
from reports.model import ClauseViolation, NotApplicable
from suites.csi.data.kinds import KINDS, Kind
from suites.csi.data.test_lineage import cloned, remounted, restored, size_of
from suites.csi.node.test_node_conflicts import volume_for
from suites.csi.resilience.test_kill_during_call import require_owned

MANY = 200
OTHERS = {
    "reader": mount("SINGLE_NODE_READER_ONLY"), "ro": mount(flags=["ro"]), "flag": mount(flags=["noexec"]),
    "group": mount(group="61234"), "several": mount("SINGLE_NODE_MULTI_WRITER"),
}  # fmt: skip
NEEDS = {"group": "node.VOLUME_MOUNT_GROUP", "several": "node.SINGLE_NODE_MULTI_WRITER"}


@usable("written to")
def write_loosely(here: Kind, use: InUse, rng: Random) -> Content:
    """Write and close, without a flush: the kernel may still have all of it in memory."""
    digests = {}
    for name in ("0", str(device_bytes(use.target) - BLOCK_BYTES)) if here.is_block else ("loose-1", "loose-2"):
        data = rng.randbytes(BLOCK_BYTES)
        with (use.target if here.is_block else use.target / name).open("r+b" if here.is_block else "wb") as stream:
            stream.seek(int(name) if here.is_block else 0)
            stream.write(data)
        digests[name] = hashlib.sha256(data).hexdigest()
    return Content(digests)


def published_again(csi: Bench, use: InUse) -> InUse:
    csi.client.call(csi.unpublishing(use))
    csi.client.call(csi.publishing(use))
    return use


def taken_down_and(copied: Any) -> Any:
    """The step that takes the volume down before it is copied."""

    def step(csi: Bench, use: InUse) -> InUse:
        csi.take_down(use)
        return copied(csi, use)  # type: ignore[no-any-return]

    return step


WAYS = {
    "published again": published_again, "brought up again": remounted, "taken down and cloned": taken_down_and(cloned),
    "taken down and restored": taken_down_and(restored),
}  # fmt: skip


@pytest.mark.clause("csi.data.take-down-flushes")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["ext4", "block"])
def test_data_written_without_a_flush_is_there_after_a_take_down(csi: Bench, rng: Random, kind: str, way: str) -> None:
    here = KINDS[kind]
    use = here.bring_up(csi)
    content = write_loosely(here, use, rng)
    here.require(WAYS[way](csi, use), content, f"it was written without a flush, and the volume {way}")


@pytest.mark.clause("csi.data.every-use-keeps-the-data")
@pytest.mark.parametrize("other", OTHERS)
def test_volume_used_with_another_capability_keeps_its_data(csi: Bench, rng: Random, other: str) -> None:
    csi.require(*filter(None, [NEEDS.get(other)]))
    plain, capability = mount(), OTHERS[other]
    use = csi.bring_up(volume_for(csi, plain, capability), plain)
    content = write_files(use.target, rng)
    for turn in (capability, plain):
        csi.take_down(use)
        use = csi.bring_up(use.volume, turn, readonly=turn is capability and other == "reader")
        require_files(use.target, content, f"a use with another capability ({other})")
    require_files(use.target, write_files(use.target, rng, "later"), f"a write after a use for {other}")


def names_in(root: Path) -> set[str]:
    with usable("read"):
        return {
            str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and "lost+found" not in path.parts
        }


@pytest.mark.clause("csi.data.many-files-fit")
@pytest.mark.parametrize("kind", ["ext4", "shared"])
def test_volume_with_many_files_is_copied_with_all_of_them(csi: Bench, kind: str) -> None:
    use = KINDS[kind].bring_up(csi)
    with usable("written to"):
        for number in range(MANY):
            folder = use.target / f".{number % 7}" / f"{number % 3}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:->200}").write_text("x")
        (use.target / ".hidden").write_text("x")
    names = names_in(use.target)
    assert len(names) == MANY + 1, f"of {MANY + 1} files {len(names)} are to be seen"
    use = remounted(csi, use)
    copies = [use] + [cloned(csi, use)] * ("controller.CLONE_VOLUME" in csi.capabilities)
    if "controller.CREATE_DELETE_SNAPSHOT" in csi.capabilities:
        copies.append(restored(csi, use))
    for copy in copies:
        lost = names - names_in(copy.target)
        if lost:
            raise ClauseViolation(
                "files are lost", expected=f"{len(names)} files", actual=f"without {sorted(lost)[:3]}"
            )


@pytest.mark.clause("csi.restart.copies-are-kept")
@pytest.mark.parametrize("kind", ["ext4", "block", "shared"])
def test_copies_made_before_a_kill_are_brought_up_after_it(csi: Bench, rng: Random, kind: str) -> None:
    require_owned(csi)
    here = KINDS[kind]
    use = here.bring_up(csi)
    content = here.write(use, rng)
    sources = []
    if "controller.CLONE_VOLUME" in csi.capabilities:
        sources.append(from_volume(use.volume.volume_id))
    if "controller.CREATE_DELETE_SNAPSHOT" in csi.capabilities:
        sources.append(from_snapshot(csi.snapshot(use.volume).snapshot_id))
    if not sources:
        raise NotApplicable("the driver makes no copies")
    size = span(size_of(csi, use))
    copies = [csi.create(use.capability, source=source, capacity=size) for source in sources]
    csi.restart()
    for copy in copies:
        here.require(csi.bring_up(copy, use.capability), content, "a kill between a copy and its first use")
