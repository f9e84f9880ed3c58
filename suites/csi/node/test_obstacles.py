"""A stage or publish that something stands in the way of, and the same call once that is gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, InUse, require_mounted
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.leaks import mounts_below
from fixtures.subjects.csi.requests import block, mount
from reports.model import ClauseViolation, NotApplicable

KINDS = {"mount": mount, "block": block}


def require_at_target(use: InUse) -> None:
    """ClauseViolation unless the volume is at its target path."""
    if use.capability.HasField("mount"):
        require_mounted(use.target)
    elif not use.target.is_block_device():
        raise ClauseViolation("no device is at the target path", expected="a block device", actual=str(use.target))


def require_kept(csi: Bench, rng: Random, use: InUse) -> None:
    """ClauseViolation unless files written at the target path are in the volume when it comes up again."""
    content = write_files(use.target, rng)
    csi.take_down(use)
    require_nothing_left(csi)
    require_files(csi.bring_up(use.volume).target, content, "a call that had a file in its way at first")


def require_nothing_left(csi: Bench) -> None:
    """ClauseViolation if something is still mounted below the test's folder."""
    left = mounts_below(csi.folder)
    if left:
        raise ClauseViolation("a call that failed at first left a mount", expected="none", actual=left)


@pytest.mark.clause("csi.node-publish.works-after-an-obstacle")
@pytest.mark.parametrize("kind", KINDS)
def test_publish_below_a_missing_folder_works_once_it_is_there(csi: Bench, kind: str) -> None:
    capability = KINDS[kind]()
    use = csi.prepare(csi.create(capability), capability)
    use = replace(use, target=csi.folder / "missing" / "target")
    before = mounts_below(csi.folder)
    if not csi.client.answer(csi.publishing(use)).is_ok:  # a driver may make the folder, and need not
        if mounts_below(csi.folder) != before:
            raise ClauseViolation("a failed publish left a mount", expected=before, actual=mounts_below(csi.folder))
        csi.place.make(str(use.target.parent))
        csi.client.call(csi.publishing(use))
    require_at_target(use)
    csi.take_down(use)
    require_nothing_left(csi)


@pytest.mark.clause("csi.node-publish.works-after-an-obstacle")
def test_publish_onto_a_file_works_once_it_is_gone(csi: Bench, rng: Random) -> None:
    use = csi.prepare(csi.create())
    use.target.write_text("in the way")
    if not csi.client.answer(csi.publishing(use)).is_ok:
        use.target.unlink(missing_ok=True)
        csi.client.call(csi.publishing(use))
    require_mounted(use.target)
    require_kept(csi, rng, use)


@pytest.mark.clause("csi.node-stage.works-after-an-obstacle")
def test_stage_onto_a_file_works_once_it_is_gone(csi: Bench, rng: Random) -> None:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    volume = csi.create()
    context = csi.attach(volume, mount())
    request = csi.staging(volume, mount(), context)
    staging = Path(request.staging_target_path)
    staging.rmdir()
    staging.write_text("in the way")
    if csi.client.answer(request).is_ok:
        raise NotApplicable("the driver stages without the folder, or puts one there itself")
    staging.unlink(missing_ok=True)
    csi.place.make(str(staging))
    csi.client.call(request)
    use = InUse(volume, mount(), str(staging), csi.folder / "target", context)
    csi.client.call(csi.publishing(use))
    require_mounted(use.target)
    require_kept(csi, rng, use)


UNFIT = {"flag": mount(flags=["seatrial-no-such-flag"]), "file system": mount(fs_type="xfs"), "block": block()}


@pytest.mark.clause("csi.node-stage.failed-stage-keeps-the-data")
@pytest.mark.parametrize("fault", UNFIT)
def test_stage_that_fails_leaves_the_data(csi: Bench, rng: Random, fault: str) -> None:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    csi.take_down(use)
    context = csi.attach(use.volume, mount())
    answer = csi.client.answer(csi.staging(use.volume, UNFIT[fault], context, use.staging))
    if answer.is_ok:  # a driver without file systems of its own has no use for the field
        csi.client.call(csi.unstaging(use))
    csi.client.call(csi.staging(use.volume, mount(), context, use.staging))
    csi.client.call(csi.publishing(use))
    require_files(use.target, content, f"a stage with an unfit {fault}", "Is a volume formatted that does not mount?")


@pytest.mark.clause("csi.node-unpublish.foreign-files-are-left")
def test_unpublish_leaves_files_that_lay_under_the_target(csi: Bench) -> None:
    use = csi.prepare(csi.create())
    csi.place.make(str(use.target))
    (use.target / "mine").write_text("mine")
    if not csi.client.answer(csi.publishing(use)).is_ok:
        raise NotApplicable("the driver publishes onto no folder that holds something")
    csi.client.answer(csi.unpublishing(use))  # it may say that it cannot remove the folder
    if not (use.target / "mine").is_file():
        raise ClauseViolation(
            "files were removed that lay under the target path before", expected="they stay", actual="they are gone",
            question="Is the target path removed as a tree?",
        )  # fmt: skip
    (use.target / "mine").unlink()
    csi.client.call(csi.unpublishing(use))
