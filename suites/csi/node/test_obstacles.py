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
