"""Unstage and unpublish: of the right path, of another one, of one that somebody else has taken away."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, require_mounted
from fixtures.subjects.csi.content import listing, read_block, require_files, write_block, write_files
from fixtures.subjects.csi.leaks import mounts_below
from fixtures.subjects.csi.requests import block, messages, mount
from reports.model import ClauseViolation, EnvironmentUnfit
from suites.csi.data.kinds import KINDS

STAGE = "node.STAGE_UNSTAGE_VOLUME"
_libc = ctypes.CDLL(None, use_errno=True)


def unmount(path: Path) -> None:
    """What an administrator does by hand. EnvironmentUnfit: the kernel does not let us."""
    if _libc.umount2(str(path).encode(), 0) != 0:
        raise EnvironmentUnfit(f"cannot unmount {path}")


@pytest.mark.clause("csi.node-unstage.other-path-is-left")
def test_unstage_of_another_path_leaves_the_volume(csi: Bench, rng: Random) -> None:
    csi.require(STAGE)
    use = csi.bring_up(csi.create())
    content, before = write_files(use.target, rng), mounts_below(csi.folder)
    request = messages().NodeUnstageVolumeRequest(
        volume_id=use.volume.volume_id, staging_target_path=csi.path("elsewhere")
    )
    csi.client.call(request)
    if mounts_below(csi.folder) != before:
        raise ClauseViolation("unstage of another path unmounted the volume", expected=before, actual="fewer mounts")
    require_files(use.target, content, "an unstage of another path")


@pytest.mark.clause("csi.node-unpublish.other-path-is-left")
def test_unpublish_of_another_path_leaves_the_volume(csi: Bench, rng: Random) -> None:
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    csi.client.call(csi.unpublishing(replace(use, target=csi.folder / "elsewhere")))
    require_mounted(use.target)
    require_files(use.target, content, "an unpublish of another path")


@pytest.mark.clause("csi.node-unstage.missing-path-is-fine")
def test_unstage_after_its_folder_was_removed_is_fine(csi: Bench) -> None:
    csi.require(STAGE)
    use = csi.prepare(csi.create())
    csi.client.call(csi.unstaging(use))
    staging = Path(use.staging)
    if staging.is_dir():
        staging.rmdir()
    csi.client.call(csi.unstaging(use))


@pytest.mark.clause("csi.node-unpublish.unmounted-target-is-fine")
@pytest.mark.parametrize("left", ["an empty folder", "nothing"])
def test_unpublish_of_a_target_unmounted_by_hand_is_fine(csi: Bench, left: str) -> None:
    use = csi.bring_up(csi.create())
    unmount(use.target)
    if left == "nothing":
        use.target.rmdir()
    csi.client.call(csi.unpublishing(use))
    if use.target.exists():
        raise ClauseViolation("the target path is left", expected="nothing there", actual=listing(use.target.parent))


@pytest.mark.clause("csi.node-publish.wrong-staging-path-shows-nothing-else")
def test_publish_with_another_staging_path_shows_the_volume_or_is_refused(csi: Bench, rng: Random) -> None:
    csi.require(STAGE)
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    csi.client.call(csi.unpublishing(use))
    other = replace(use, staging=csi.path("not-staged"))
    csi.place.make(other.staging)
    if csi.client.answer(csi.publishing(other)).is_ok:
        require_files(use.target, content, "a publish that named another staging path")


@pytest.mark.clause("csi.node-unstage.volume-can-be-staged-again")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_volume_brought_up_thrice_leaves_one_use(csi: Bench, rng: Random, kind: str) -> None:
    capability = mount() if kind == "mount" else block()
    use = csi.bring_up(csi.create(capability), capability)
    first = len(mounts_below(csi.folder))
    for _ in range(2):
        csi.take_down(use)
        use = csi.bring_up(use.volume, capability)
        if kind == "mount":
            require_files(use.target, write_files(use.target, rng), "being brought up again")
        else:
            write_block(use.target, rng)
    if len(mounts_below(csi.folder)) != first:
        raise ClauseViolation("each use leaves a mount", expected=first, actual=mounts_below(csi.folder))
    csi.take_down(use)
    if mounts_below(csi.folder):
        raise ClauseViolation("the last use leaves a mount", expected="none", actual=mounts_below(csi.folder))


@pytest.mark.clause("csi.node-unpublish.block-target-is-removed")
def test_unpublished_block_target_is_gone(csi: Bench) -> None:
    use = csi.bring_up(csi.create(block()), block())
    csi.client.call(csi.unpublishing(use))
    if use.target.exists():
        raise ClauseViolation("the block target is left", expected="nothing there", actual=listing(use.target.parent))


@pytest.mark.clause("csi.node-unpublish.parent-is-kept")
def test_unpublish_leaves_the_parent_folder(csi: Bench) -> None:
    use = csi.prepare(csi.create())
    csi.place.make(csi.path("parent"))
    use = replace(use, target=csi.folder / "parent" / "target")
    csi.client.call(csi.publishing(use))
    csi.client.call(csi.unpublishing(use))
    if not use.target.parent.is_dir():
        raise ClauseViolation("the parent of the target path is gone", expected="a folder", actual="nothing")


@pytest.mark.clause("csi.node-unstage.published-volume-stays-usable")
@pytest.mark.parametrize("kind", KINDS)
def test_unstage_of_a_published_volume_takes_nothing_from_its_target(csi: Bench, rng: Random, kind: str) -> None:
    csi.require(STAGE)
    here = KINDS[kind]
    use = here.bring_up(csi)
    content = here.write(use, rng)
    csi.client.answer(csi.unstaging(use))  # too early, which a driver should refuse
    here.require(use, content, "an unstage while it was published")
    csi.take_down(use)


@pytest.mark.clause("csi.node-unstage.published-volume-loses-nothing")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_unstage_of_a_published_volume_loses_nothing(csi: Bench, rng: Random, kind: str) -> None:
    csi.require(STAGE)
    capability = mount() if kind == "mount" else block()
    use = csi.bring_up(csi.create(capability), capability)
    content = write_files(use.target, rng) if kind == "mount" else None
    written = write_block(use.target, rng) if kind == "block" else ""
    csi.client.answer(csi.unstaging(use))  # too early, which a driver should refuse
    csi.take_down(use)
    again = csi.bring_up(use.volume, capability)
    if content is not None:
        require_files(again.target, content, "an unstage while the volume was published")
    elif read_block(again.target) != written:
        raise ClauseViolation("an early unstage lost data", expected=written, actual="other bytes")
