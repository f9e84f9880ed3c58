"""NodePublishVolume and its inverse: paths, retries, order."""

from __future__ import annotations

from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, InUse, require_mounted
from fixtures.subjects.csi.content import listing, require_files, usable, user_files, write_files
from fixtures.subjects.csi.leaks import mounts_below
from fixtures.subjects.csi.requests import block, changed, messages, mount
from reports.model import ClauseViolation
from suites.csi.node.test_node_conflicts import volume_for


@pytest.mark.clause("csi.node-publish.volume-is-at-target")
def test_published_volume_is_mounted_at_its_target(csi: Bench) -> None:
    require_mounted(csi.bring_up(csi.create()).target)


@pytest.mark.clause("csi.node-publish.target-holds-only-the-volume")
def test_published_volume_shows_no_other_volume(csi: Bench, rng: Random) -> None:
    other = csi.bring_up(csi.create())
    write_files(other.target, rng, "other")
    use = csi.bring_up(csi.create())
    with usable("written to"):
        (use.target / "mine").write_text("mine")
    found = user_files(use.target)
    if found != ["mine"]:
        raise ClauseViolation("the target path shows more than the volume", expected=["mine"], actual=found[:8])


@pytest.mark.clause("csi.node-publish.is-idempotent")
@pytest.mark.parametrize("kind", ["mount", "block"])
@pytest.mark.parametrize("readonly", [False, True], ids=["writable", "read-only"])
def test_volume_published_twice_is_mounted_once(csi: Bench, kind: str, readonly: bool) -> None:
    capability = mount() if kind == "mount" else block()
    use = csi.bring_up(csi.create(capability), capability, readonly)
    before = mounts_below(csi.folder)
    csi.client.call(csi.publishing(use, readonly))
    after = mounts_below(csi.folder)
    if after != before:
        raise ClauseViolation("a second publish mounted something on top", expected=before, actual=after)


@pytest.mark.clause("csi.node-publish.other-readonly-conflicts")
def test_published_volume_with_other_readonly_conflicts(csi: Bench) -> None:
    use = csi.bring_up(csi.create())
    request = changed(csi.publishing(use), readonly=True)
    csi.client.require_refusal(request, "ALREADY_EXISTS", because="the volume is published there for writing")


@pytest.mark.clause("csi.node-publish.absent-volume-is-not-found")
def test_publish_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    volume_id = csi.absent_id()
    staging = csi.path("stage") if "node.STAGE_UNSTAGE_VOLUME" in csi.capabilities else ""
    use = InUse(messages().Volume(volume_id=volume_id), mount(), staging, csi.folder / "target", {})
    csi.client.require_refusal(csi.publishing(use), "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.node-publish.unstaged-volume-is-refused")
def test_publish_of_an_unstaged_volume_is_refused(csi: Bench) -> None:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    volume = csi.create()
    context = csi.attach(volume, mount())
    staging = csi.staging(volume, mount(), context).staging_target_path  # made, and never staged
    answer = csi.client.answer(csi.publishing(InUse(volume, mount(), staging, csi.folder / "target", context)))
    if answer.is_ok:
        raise ClauseViolation("a volume that was not staged is published", expected="a refusal", actual="OK")


@pytest.mark.clause("csi.node-unpublish.target-is-removed")
def test_unpublished_target_is_gone(csi: Bench) -> None:
    use = csi.bring_up(csi.create())
    csi.client.call(csi.unpublishing(use))
    if use.target.exists():
        raise ClauseViolation("the target path is left", expected="nothing there", actual=listing(use.target.parent))


@pytest.mark.clause("csi.node-unpublish.is-idempotent")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_volume_unpublished_twice_is_fine(csi: Bench, kind: str) -> None:
    capability = mount() if kind == "mount" else block()
    use = csi.bring_up(csi.create(capability), capability)
    csi.client.call(csi.unpublishing(use))
    csi.client.call(csi.unpublishing(use))


@pytest.mark.clause("csi.node-unpublish.absent-volume-is-not-found")
def test_unpublish_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    request = messages().NodeUnpublishVolumeRequest(volume_id=csi.absent_id(), target_path=csi.path("target"))
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.node-unpublish.data-is-kept")
@pytest.mark.parametrize("publishes", [1, 2])
def test_unpublished_volume_keeps_its_data(csi: Bench, rng: Random, publishes: int) -> None:
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    for _ in range(publishes - 1):  # a retry may have stacked a mount, of which an unpublish removes one
        csi.client.call(csi.publishing(use))
    csi.client.call(csi.unpublishing(use))
    csi.client.call(csi.publishing(use))
    require_files(use.target, content, "an unpublish", "Is the target removed as a tree while it is mounted?")


@pytest.mark.clause("csi.node-unpublish.other-target-stays")
def test_unpublish_of_one_target_leaves_the_other(csi: Bench, rng: Random) -> None:
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    capability = mount("SINGLE_NODE_MULTI_WRITER")
    first = csi.bring_up(volume_for(csi, capability), capability)
    content = write_files(first.target, rng)
    second = InUse(first.volume, capability, first.staging, csi.folder / "second", first.context)
    csi.client.call(csi.publishing(second))
    csi.client.call(csi.unpublishing(first))
    require_mounted(second.target)
    require_files(second.target, content, "an unpublish of its other target path")
