"""The driver is killed between calls and started again over its old state. Only where we started it ourselves."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, require_mounted
from fixtures.subjects.csi.content import read_block, require_files, write_block, write_files
from fixtures.subjects.csi.leaks import force_unmount, mounts_below
from fixtures.subjects.csi.requests import block, changed, from_snapshot, messages, mount, span
from reports.model import ClauseViolation
from suites.csi.node.test_node_conflicts import volume_for
from suites.csi.resilience.test_kill_during_call import require_owned
from suites.csi.volumes.descriptions import stated_capacity
from suites.csi.volumes.test_volume_retry import KINDS, complete_creation

ASK = "What does the driver know only in memory?"


def require_same(what: str, before: Any, after: Any) -> None:
    """ClauseViolation unless a restart changed nothing."""
    if before != after:
        raise ClauseViolation(f"a restart changed {what}", expected=str(before), actual=str(after), question=ASK)


@pytest.mark.clause("csi.restart.serves-again")
def test_killed_driver_serves_again(csi: Bench) -> None:
    require_owned(csi)
    questions = [messages().GetPluginInfoRequest(), messages().NodeGetInfoRequest()]
    before = [csi.client.call(question) for question in questions]
    csi.restart()
    csi.client.call(messages().ProbeRequest())
    require_same("who the driver is", before, [csi.client.call(question) for question in questions])


@pytest.mark.clause("csi.restart.volumes-are-kept")
def test_killed_driver_knows_its_volumes(csi: Bench, rng: Random) -> None:
    require_owned(csi)
    request = csi.creation()
    use = csi.bring_up(csi.client.call(request).volume)
    content = write_files(use.target, rng)
    csi.take_down(use)
    csi.restart()
    require_same("a volume", use.volume, csi.client.call(request).volume)
    require_files(csi.bring_up(use.volume).target, content, "a kill of the driver")


@pytest.mark.clause("csi.restart.volumes-are-kept")
@pytest.mark.parametrize("kind", KINDS)
def test_creation_asked_for_again_after_a_kill_answers_the_same_volume(csi: Bench, kind: str) -> None:
    require_owned(csi)
    request = complete_creation(csi, kind)
    before = csi.client.call(request).volume
    csi.restart()
    require_same("a volume", before, csi.client.call(request).volume)


@pytest.mark.clause("csi.restart.volumes-are-kept")
def test_killed_driver_knows_the_size_of_an_expanded_volume(csi: Bench) -> None:
    require_owned(csi)
    csi.require("controller.EXPAND_VOLUME")
    volume = csi.create()
    request = messages().ControllerExpandVolumeRequest(
        volume_id=volume.volume_id, capacity_range=span(2 * volume.capacity_bytes), volume_capability=mount(),
        secrets=csi.options.secrets,
    )  # fmt: skip
    grown = csi.client.call(request).capacity_bytes
    csi.restart()
    if {"controller.GET_VOLUME", "controller.LIST_VOLUMES"} & csi.capabilities.declared:
        require_same("the size of a volume as it is told", grown, stated_capacity(csi, volume))
    require_same("the size of a volume", grown, csi.client.call(request).capacity_bytes)


@pytest.mark.clause("csi.restart.snapshots-are-kept")
def test_killed_driver_knows_its_snapshots(csi: Bench, rng: Random) -> None:
    require_owned(csi)
    csi.require("controller.CREATE_DELETE_SNAPSHOT")
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    request = csi.snapshotting(use.volume.volume_id)
    snapshot = csi.client.call(request).snapshot
    csi.restart()
    again = csi.wait_until_ready(request).snapshot
    require_same("a snapshot's id", snapshot.snapshot_id, again.snapshot_id)
    require_same("a snapshot's time", snapshot.creation_time, again.creation_time)
    restored = csi.bring_up(csi.create(source=from_snapshot(snapshot.snapshot_id)))
    require_files(restored.target, content, "a kill of the driver and a restore")


@pytest.mark.clause("csi.restart.attachments-are-kept")
@pytest.mark.parametrize("readonly", [False, True])
def test_killed_driver_knows_its_attachments(csi: Bench, readonly: bool) -> None:
    require_owned(csi)
    csi.require("controller.PUBLISH_UNPUBLISH_VOLUME", "controller.PUBLISH_READONLY")
    request = csi.attaching(csi.create(), mount(), readonly=readonly)
    context = csi.client.call(request).publish_context
    csi.restart()
    csi.client.require_refusal(
        changed(request, readonly=not readonly), "ALREADY_EXISTS",
        because=f"the volume is attached with readonly={readonly}", ask=ASK,
    )  # fmt: skip
    require_same("a publish context", dict(context), dict(csi.client.call(request).publish_context))


@pytest.mark.clause("csi.restart.published-volume-stays-usable")
def test_published_volume_outlives_the_driver(csi: Bench, rng: Random) -> None:
    require_owned(csi)
    use = csi.bring_up(csi.create())
    before = mounts_below(csi.folder)
    csi.driver.kill()
    content = write_files(use.target, rng)
    csi.restart()
    require_mounted(use.target)
    csi.client.call(csi.publishing(use))
    require_same("the mounts", before, mounts_below(csi.folder))
    require_files(use.target, content, "a kill of the driver")
    csi.take_down(use)
    assert not use.target.exists(), "after a restart the target path was not removed"


@pytest.mark.clause("csi.restart.published-volume-stays-usable")
def test_published_block_volume_outlives_the_driver(csi: Bench, rng: Random) -> None:
    require_owned(csi)
    use = csi.bring_up(csi.create(block()), block())
    csi.driver.kill()
    written = write_block(use.target, rng)
    csi.restart()
    require_same("a block volume", written, read_block(use.target))
    csi.take_down(use)
    require_same("a block volume", written, read_block(csi.bring_up(use.volume, block()).target))


@pytest.mark.clause("csi.restart.published-volume-stays-usable")
def test_volume_at_three_targets_outlives_the_driver_at_each(csi: Bench, rng: Random) -> None:
    require_owned(csi)
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    capability = mount("SINGLE_NODE_MULTI_WRITER")
    first = csi.bring_up(volume_for(csi, capability), capability)
    uses = [first, *(replace(first, target=csi.folder / name) for name in ("second", "third"))]
    for use in uses[1:]:
        csi.client.call(csi.publishing(use))
    content = write_files(first.target, rng)
    csi.restart()
    for use in uses:
        require_mounted(use.target)
        csi.client.call(csi.publishing(use))
        require_files(use.target, content, "a kill of the driver")
    for use in uses:
        csi.client.call(csi.unpublishing(use))
        assert not use.target.exists(), "after a restart a target path was not removed"


@pytest.mark.clause("csi.restart.readonly-stays-readonly")
def test_readonly_volume_stays_readonly_after_a_kill(csi: Bench) -> None:
    require_owned(csi)
    use = csi.bring_up(csi.create(), readonly=True)
    csi.restart()
    csi.client.call(csi.publishing(use, readonly=True))
    try:
        (use.target / "written").write_text("x")
    except OSError:
        return
    raise ClauseViolation("a read-only volume takes writes after a kill", expected="EROFS", actual="it was written")


@pytest.mark.clause("csi.restart.staged-volume-can-be-published")
def test_staged_volume_is_published_after_a_kill(csi: Bench, rng: Random) -> None:
    require_owned(csi)
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    use = csi.prepare(csi.create())
    csi.restart()
    csi.client.call(csi.publishing(use))
    require_files(use.target, write_files(use.target, rng), "a kill between stage and publish")


@pytest.mark.clause("csi.restart.deleted-stays-deleted")
def test_deleted_volume_stays_deleted_after_a_kill(csi: Bench) -> None:
    require_owned(csi)
    csi.require("controller.LIST_VOLUMES")
    volume = csi.create()
    csi.delete(volume)
    csi.restart()
    listed = [entry.volume.volume_id for entry in csi.client.call(messages().ListVolumesRequest()).entries]
    assert volume.volume_id not in listed, "a deleted volume is back after a kill"
    csi.delete(volume)


@pytest.mark.clause("csi.restart.reboot-is-noticed")
@pytest.mark.parametrize("kind", ["mount", "block"])
@pytest.mark.parametrize("twice", [False, True], ids=["taken down first", "brought up at once"])
def test_volume_is_brought_up_again_after_a_reboot(csi: Bench, rng: Random, kind: str, twice: bool) -> None:
    require_owned(csi)
    capability = mount() if kind == "mount" else block()
    use = csi.bring_up(csi.create(capability), capability)
    content = write_files(use.target, rng) if kind == "mount" else None
    written = write_block(use.target, rng) if kind == "block" else ""
    csi.driver.kill()
    force_unmount(csi.folder)  # what a reboot leaves of mounts: none
    csi.restart()
    if not twice:
        csi.client.call(csi.unpublishing(use))
        if use.staging:
            csi.client.call(csi.unstaging(use))
    if use.staging:
        csi.client.call(csi.staging(use.volume, capability, use.context, use.staging))
    csi.client.call(csi.publishing(use))
    if content is not None:
        require_mounted(use.target)
        require_files(use.target, content, "a reboot", ASK)
    else:
        require_same("a block volume", written, read_block(use.target))
    csi.take_down(use)
    assert not mounts_below(csi.folder), "after a reboot taking the volume down leaves a mount"
