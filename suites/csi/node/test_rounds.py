"""A volume that was used before, at this path or another one, or beside another volume."""

from __future__ import annotations

import os
from dataclasses import replace
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, require_mounted
from fixtures.subjects.csi.content import read_block, require_files, write_block, write_files
from fixtures.subjects.csi.leaks import is_mounted
from fixtures.subjects.csi.requests import block, mount
from reports.model import ClauseViolation
from suites.csi.node.test_node_conflicts import volume_for

STAGE, MULTI = "node.STAGE_UNSTAGE_VOLUME", "SINGLE_NODE_MULTI_WRITER"


@pytest.mark.clause("csi.node-publish.volume-is-at-target")
def test_volume_staged_at_another_path_than_before_is_published(csi: Bench, rng: Random) -> None:
    csi.require(STAGE)
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    csi.take_down(use)
    context = csi.attach(use.volume, mount())
    request = csi.staging(use.volume, mount(), context, csi.path("staged-elsewhere"))
    csi.client.call(request)
    again = replace(use, staging=str(request.staging_target_path), context=context)
    csi.client.call(csi.publishing(again))
    require_files(again.target, content, "it was staged at another path")


@pytest.mark.clause("csi.node-publish.volume-is-at-target")
def test_volume_published_again_at_its_old_target_is_there(csi: Bench, rng: Random) -> None:
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    csi.client.call(csi.unpublishing(use))
    csi.client.call(csi.publishing(use))
    require_mounted(use.target)
    require_files(use.target, content, "an unpublish and a publish at the same path")


@pytest.mark.clause("csi.node-publish.flags-are-not-invented")
def test_volume_used_after_one_with_flags_has_none(csi: Bench) -> None:
    flagged = mount(flags=["noexec"])
    csi.bring_up(volume_for(csi, flagged), flagged)
    plain = csi.bring_up(csi.create())
    found = os.statvfs(plain.target).f_flag & os.ST_NOEXEC
    if found:
        raise ClauseViolation("a volume has the flags of another one", expected="none", actual="noexec")


@pytest.mark.clause("csi.node-unpublish.target-is-removed")
def test_target_below_a_link_is_unpublished(csi: Bench) -> None:
    use = csi.prepare(csi.create())
    real = csi.folder / "real"
    real.mkdir()
    (csi.folder / "link").symlink_to(real)
    use = replace(use, target=csi.folder / "link" / "target")
    csi.client.call(csi.publishing(use))
    csi.client.call(csi.unpublishing(use))
    if is_mounted(real / "target") or use.target.exists():
        raise ClauseViolation("the target below a link is left", expected="nothing there", actual=str(real / "target"))


@pytest.mark.clause("csi.node-unpublish.data-is-kept")
def test_unpublish_while_a_file_is_open_keeps_the_data(csi: Bench, rng: Random) -> None:
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    with (use.target / "file-1").open("rb"):
        csi.client.answer(csi.unpublishing(use))  # may be refused, or done as soon as the file is closed
    csi.client.call(csi.unpublishing(use))
    csi.client.call(csi.publishing(use))
    require_files(use.target, content, "an unpublish while one of its files was open")


@pytest.mark.clause("csi.node-unpublish.foreign-files-are-left")
def test_unpublish_of_a_path_of_somebody_else_leaves_its_files(csi: Bench) -> None:
    use = csi.bring_up(csi.create())
    elsewhere = csi.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("mine")
    csi.client.answer(csi.unpublishing(replace(use, target=elsewhere)))
    if not (elsewhere / "mine").is_file():
        raise ClauseViolation("files were removed that are in no volume", expected="they stay", actual="they are gone")


@pytest.mark.clause("csi.node-unpublish.other-target-stays")
@pytest.mark.parametrize("ended", ["the older", "the newer", "the older read-only", "the newer read-only"])
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_unpublish_of_a_target_leaves_one_of_a_similar_path(csi: Bench, rng: Random, kind: str, ended: str) -> None:
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    capability = mount(MULTI) if kind == "mount" else block(MULTI)
    older = csi.prepare(volume_for(csi, capability), capability, target="pod")
    newer = replace(older, target=csi.folder / "pod-2")
    gone, kept = (older, newer) if ended.startswith("the older") else (newer, older)
    for use in (older, newer):
        csi.client.call(csi.publishing(use, readonly=use is gone and ended.endswith("read-only")))
    if kind == "block":
        written = write_block(kept.target, rng)
        csi.client.call(csi.unpublishing(gone))
        if read_block(kept.target) != written:
            raise ClauseViolation("an unpublish took the other path's device", expected=written, actual="other bytes")
        return
    content = write_files(kept.target, rng)
    csi.client.call(csi.unpublishing(gone))
    require_mounted(kept.target)
    require_files(kept.target, content, "an unpublish of a target with a similar path")


@pytest.mark.clause("csi.node-publish.single-writer-has-one-target")
def test_volume_of_a_single_writer_is_not_published_to_more_later(csi: Bench) -> None:
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    single, several = mount("SINGLE_NODE_SINGLE_WRITER"), mount(MULTI)
    first = csi.bring_up(volume_for(csi, single, several), single)
    second = replace(first, capability=several, target=csi.folder / "second")
    csi.client.require_refusal(csi.publishing(second), "FAILED_PRECONDITION", because="the one writer is there already")
