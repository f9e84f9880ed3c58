"""Calls that fail on a path in use or an unfit argument: nothing of them is left, and the next one works."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.leaks import is_mounted, mounts_below
from fixtures.subjects.csi.requests import block, changed, mount
from reports.model import ClauseViolation, NotApplicable
from suites.csi.data.kinds import Kind
from suites.csi.node.test_node_conflicts import volume_for

STAGE = "node.STAGE_UNSTAGE_VOLUME"
CAPABILITIES = {"mount": mount(), "block": block()}


def require_unmounted(csi: Bench, path: Path, call: str) -> None:
    """ClauseViolation if the volume is still at a path that the driver says is free."""
    if is_mounted(path) or path.is_block_device():
        raise ClauseViolation(
            f"{call} is answered OK and the volume is still there", expected="nothing at the path", actual=str(path),
            question="Is the record removed although the unmount failed?",
        )  # fmt: skip


@pytest.mark.clause("csi.node-unpublish.busy-volume-is-released-later")
@pytest.mark.parametrize("kind", CAPABILITIES)
def test_target_that_was_busy_is_free_after_the_next_unpublish(csi: Bench, rng: Random, kind: str) -> None:
    here = Kind(CAPABILITIES[kind])
    use = csi.bring_up(csi.create(here.capability), here.capability)
    content = here.write(use, rng)
    descriptor = os.open(use.target, os.O_RDONLY)
    try:
        csi.client.answer(csi.unpublishing(use))  # may be refused, or done in spite of it
    finally:
        os.close(descriptor)
    csi.client.call(csi.unpublishing(use))
    require_unmounted(csi, use.target, "an unpublish")
    csi.client.call(csi.publishing(use))
    here.require(use, content, "an unpublish of a volume that was in use")


@pytest.mark.clause("csi.node-unstage.busy-volume-is-released-later")
def test_staging_path_that_was_busy_is_free_after_the_next_unstage(csi: Bench, rng: Random) -> None:
    csi.require(STAGE)
    here = Kind(mount())
    use = csi.bring_up(csi.create())
    content = here.write(use, rng)
    csi.client.call(csi.unpublishing(use))
    if not is_mounted(Path(use.staging)):
        raise NotApplicable("the volume is not mounted at its staging path")
    descriptor = os.open(use.staging, os.O_RDONLY)
    try:
        csi.client.answer(csi.unstaging(use))  # may be refused, or done in spite of it
    finally:
        os.close(descriptor)
    csi.client.call(csi.unstaging(use))
    require_unmounted(csi, Path(use.staging), "an unstage")
    here.require(csi.bring_up(use.volume), content, "an unstage of a volume that was in use")


@pytest.mark.clause("csi.node-publish.works-after-an-obstacle")
@pytest.mark.parametrize("fault", ["flag", "file system"])
def test_publish_that_failed_for_an_argument_leaves_nothing(csi: Bench, rng: Random, fault: str) -> None:
    unfit = mount(flags=["seatrial-no-such-flag"]) if fault == "flag" else mount(fs_type="seatrial-none")
    here, use = Kind(mount()), csi.prepare(csi.create())
    before = mounts_below(csi.folder)
    if csi.client.answer(changed(csi.publishing(use), volume_capability=unfit)).is_ok:
        raise NotApplicable(f"the driver publishes with any {fault}")
    if mounts_below(csi.folder) != before or (use.target.is_dir() and any(use.target.iterdir())):
        raise ClauseViolation("a failed publish left something", expected=before, actual=mounts_below(csi.folder))
    csi.client.call(csi.publishing(use))
    content = here.write(use, rng)
    csi.take_down(use)
    if mounts_below(csi.folder):
        raise ClauseViolation("a publish that failed at first left a mount", expected="none", actual=before)
    here.require(csi.bring_up(use.volume), content, f"a publish with an unfit {fault}")


@pytest.mark.clause("csi.node-unstage.published-volume-loses-nothing")
@pytest.mark.parametrize("kind", CAPABILITIES)
def test_unstage_with_one_of_two_targets_left_loses_nothing(csi: Bench, rng: Random, kind: str) -> None:
    csi.require(STAGE, "node.SINGLE_NODE_MULTI_WRITER")
    make = mount if kind == "mount" else block
    here = Kind(make("SINGLE_NODE_MULTI_WRITER"))
    first = csi.bring_up(volume_for(csi, here.capability), here.capability)
    second = replace(first, target=csi.folder / "second")
    csi.client.call(csi.publishing(second))
    content = here.write(second, rng)
    csi.client.call(csi.unpublishing(first))
    refused = not csi.client.answer(csi.unstaging(first)).is_ok  # too early, which a driver should refuse
    if refused:
        here.require(second, content, "an unstage that was refused")
    csi.client.call(csi.unpublishing(second))
    csi.client.call(csi.unstaging(first))
    here.require(csi.bring_up(first.volume, here.capability), content, "an unstage with one of two targets left")
