"""Calls that are killed with their driver: for each RPC a request on its way, and what must hold after its retry."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from fixtures.subjects.csi.bench import Bench, InUse, require_mounted
from fixtures.subjects.csi.client import Answer, Client, Refused
from fixtures.subjects.csi.content import Content, require_files, write_files
from fixtures.subjects.csi.leaks import is_mounted, mounts_below
from fixtures.subjects.csi.requests import from_snapshot, from_volume, messages, mount, span
from fixtures.wait import wait_until
from reports.model import ClauseViolation, EnvironmentUnfit

PATIENCE = 30.0  # seconds until a pending operation has to be over
LONGEST = 0.15  # seconds that a call may be on its way before the kill
MIB = 1 << 20
AFTER = "a kill of the driver and a retry"


@dataclass(frozen=True)
class Interrupted:
    """request: what is on its way when the driver is killed. settled: checks the answer of the retry."""

    request: Any
    settled: Callable[[Any], None]


def wait_until_settled(csi: Bench, request: Any) -> Answer:
    """Send it until it is not ABORTED any more, as an orchestrator does; the answer."""
    return wait_until(
        "the pending operation is over", lambda: csi.client.answer(request), PATIENCE,
        accept=lambda answer: answer.code != "ABORTED",
    )  # fmt: skip


def insist(csi: Bench, request: Any) -> Any:
    """The response once the operation is not pending any more. Refused: another status than OK."""
    answer = wait_until_settled(csi, request)
    if not answer.is_ok:
        raise Refused(answer)
    return answer.response


def kill_during(csi: Bench, request: Any, rng: Random) -> Any:
    """Send it, kill the driver while it works, start the driver again and send it once more; that response."""
    # more often early, since most calls are short
    return _kill_after(csi, request, lambda worker: worker.join(LONGEST * rng.random() ** 2))


def kill_at_a_mount(csi: Bench, request: Any) -> Any:
    """As kill_during, at the moment when the first mount of the call is seen to come or go: work done, nothing told."""
    before = mounts_below(csi.folder)

    def watch(worker: threading.Thread) -> None:
        while worker.is_alive() and mounts_below(csi.folder) == before:
            worker.join(0.0005)

    return _kill_after(csi, request, watch)


def _kill_after(csi: Bench, request: Any, moment: Callable[[threading.Thread], None]) -> Any:
    """Send it in a thread, kill when moment returns, start again, send again."""

    def send() -> None:
        client = Client(csi.driver.endpoint, csi.driver.controller_endpoint)
        try:
            client.answer(request, deadline=5)
        except (ClauseViolation, EnvironmentUnfit):
            return  # the kill, which is ours
        finally:
            client.close()

    worker = threading.Thread(target=send)
    worker.start()
    moment(worker)
    csi.driver.kill()
    worker.join()
    csi.restart()
    return insist(csi, request)


def _filled(csi: Bench, rng: Random) -> tuple[InUse, Content]:
    use = csi.bring_up(csi.create())
    return use, write_files(use.target, rng)


def _listed(csi: Bench) -> set[str]:
    """The volumes of a driver that nobody else uses; nothing where its state may be shared or is not listed."""
    if "controller.LIST_VOLUMES" not in csi.capabilities or csi.driver.state is None:
        return set()
    return {entry.volume.volume_id for entry in csi.client.call(messages().ListVolumesRequest()).entries}


def _made_once(csi: Bench, request: Any, content: Content | None) -> Interrupted:
    """A creation: one volume more than before, and it holds what it has to."""
    before = _listed(csi)

    def settled(response: Any) -> None:
        more = _listed(csi) - before - {response.volume.volume_id}
        if more:
            raise ClauseViolation("a killed creation left a volume that nobody asked for", expected=[], actual=more)
        use = csi.bring_up(response.volume)
        require_files(use.target, content or Content({}), AFTER, "Is a volume recorded before its data is whole?")

    return Interrupted(request, settled)


def creation(csi: Bench, rng: Random) -> Interrupted:
    return _made_once(csi, csi.creation(), None)


def clone(csi: Bench, rng: Random) -> Interrupted:
    csi.require("controller.CLONE_VOLUME")
    use, content = _filled(csi, rng)
    return _made_once(csi, csi.creation(source=from_volume(use.volume.volume_id)), content)


def restore(csi: Bench, rng: Random) -> Interrupted:
    csi.require("controller.CREATE_DELETE_SNAPSHOT")
    use, content = _filled(csi, rng)
    return _made_once(csi, csi.creation(source=from_snapshot(csi.snapshot(use.volume).snapshot_id)), content)


def snapshot(csi: Bench, rng: Random) -> Interrupted:
    csi.require("controller.CREATE_DELETE_SNAPSHOT")
    use, content = _filled(csi, rng)

    def settled(response: Any) -> None:
        require_files(use.target, write_files(use.target, rng, "later"), AFTER)  # the volume takes writes again
        csi.wait_until_ready(request)
        restored = csi.bring_up(csi.create(source=from_snapshot(response.snapshot.snapshot_id)))
        require_files(restored.target, content, f"{AFTER}, restored")

    request = csi.snapshotting(use.volume.volume_id)
    return Interrupted(request, settled)


def snapshot_deletion(csi: Bench, rng: Random) -> Interrupted:
    made = csi.snapshot(csi.create())
    listing = "controller.LIST_SNAPSHOTS" in csi.capabilities

    def settled(_: Any) -> None:
        if not listing:
            return
        found = csi.client.call(messages().ListSnapshotsRequest(snapshot_id=made.snapshot_id)).entries
        if found:
            raise ClauseViolation("a deleted snapshot is listed", expected=[], actual=str(found[0]))

    return Interrupted(messages().DeleteSnapshotRequest(snapshot_id=made.snapshot_id), settled)


def deletion(csi: Bench, rng: Random) -> Interrupted:
    request = csi.creation()
    volume = csi.client.call(request).volume

    def settled(_: Any) -> None:
        if volume.volume_id in _listed(csi):
            raise ClauseViolation("a deleted volume is listed", expected="it is gone", actual=volume.volume_id)
        use = csi.bring_up(csi.client.call(request).volume)
        require_files(use.target, write_files(use.target, rng), "a deletion that was killed, and a new creation")

    return Interrupted(csi.deletion(volume.volume_id), settled)


def expansion(csi: Bench, rng: Random) -> Interrupted:
    csi.require("controller.EXPAND_VOLUME")
    use, content = _filled(csi, rng)
    csi.take_down(use)
    wanted = use.volume.capacity_bytes + 4 * MIB

    def settled(response: Any) -> None:
        if response.capacity_bytes < wanted:
            raise ClauseViolation("the volume is too small", expected=wanted, actual=response.capacity_bytes)
        require_files(csi.bring_up(use.volume).target, content, AFTER)

    request = messages().ControllerExpandVolumeRequest(
        volume_id=use.volume.volume_id, capacity_range=span(wanted), volume_capability=mount(),
        secrets=csi.options.secrets_of("ControllerExpandVolume"),
    )  # fmt: skip
    return Interrupted(request, settled)


def attachment(csi: Bench, rng: Random) -> Interrupted:
    csi.require("controller.PUBLISH_UNPUBLISH_VOLUME")
    volume = csi.create()
    return Interrupted(csi.attaching(volume, mount()), lambda _: require_mounted(csi.bring_up(volume).target))


def stage(csi: Bench, rng: Random) -> Interrupted:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    use, content = _filled(csi, rng)
    whole = len(mounts_below(csi.folder))
    csi.client.call(csi.unpublishing(use))
    csi.client.call(csi.unstaging(use))

    def settled(_: Any) -> None:
        csi.client.call(csi.publishing(use))
        require_files(use.target, content, AFTER, "Is a volume that has a file system formatted again?")
        mounted = len(mounts_below(csi.folder))
        if mounted != whole:
            raise ClauseViolation("a killed stage and its retry leave other mounts", expected=whole, actual=mounted)
        csi.take_down(use)
        if mounts_below(csi.folder):
            raise ClauseViolation("what a killed stage mounted stays", expected="no mount", actual="a mount")

    return Interrupted(csi.staging(use.volume, use.capability, use.context, use.staging), settled)


def publish(csi: Bench, rng: Random) -> Interrupted:
    use, content = _filled(csi, rng)
    csi.client.call(csi.unpublishing(use))
    before = len(mounts_below(csi.folder))

    def settled(_: Any) -> None:
        require_files(use.target, content, AFTER)
        stacked = len(mounts_below(csi.folder)) - before
        if stacked != 1:
            raise ClauseViolation("a killed publish and its retry are more than one mount", expected=1, actual=stacked)

    return Interrupted(csi.publishing(use), settled)


def unpublish(csi: Bench, rng: Random) -> Interrupted:
    use, content = _filled(csi, rng)

    def settled(_: Any) -> None:
        if use.target.exists():
            raise ClauseViolation("the target path is left", expected="nothing there", actual=str(use.target))
        csi.client.call(csi.publishing(use))
        require_files(use.target, content, AFTER, "Is the target removed as a tree while it is mounted?")

    return Interrupted(csi.unpublishing(use), settled)


def unstage(csi: Bench, rng: Random) -> Interrupted:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    use, content = _filled(csi, rng)
    csi.client.call(csi.unpublishing(use))

    def settled(_: Any) -> None:
        if is_mounted(Path(use.staging)):
            raise ClauseViolation("the staging path is still mounted", expected="nothing there", actual=use.staging)
        csi.client.call(csi.staging(use.volume, use.capability, use.context, use.staging))
        csi.client.call(csi.publishing(use))
        require_files(use.target, content, AFTER)

    return Interrupted(csi.unstaging(use), settled)


CALLS: Mapping[str, Callable[[Bench, Random], Interrupted]] = {
    "CreateVolume": creation, "CreateVolume from a volume": clone, "CreateVolume from a snapshot": restore,
    "DeleteVolume": deletion, "CreateSnapshot": snapshot, "DeleteSnapshot": snapshot_deletion,
    "ControllerExpandVolume": expansion, "ControllerPublishVolume": attachment, "NodeStageVolume": stage,
    "NodePublishVolume": publish, "NodeUnpublishVolume": unpublish, "NodeUnstageVolume": unstage,
}  # fmt: skip
