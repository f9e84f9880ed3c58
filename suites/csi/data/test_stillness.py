"""A volume that is held still while it is copied goes on once the call is answered, whatever the answer."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from fixtures.reaping import thaw
from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.requests import changed, from_volume, messages, span
from reports.model import ClauseViolation
from suites.csi.data.kinds import KINDS
from suites.csi.data.test_lineage import size_of

SNAPSHOT, CLONE, GROUP = (
    "controller.CREATE_DELETE_SNAPSHOT",
    "controller.CLONE_VOLUME",
    "plugin.GROUP_CONTROLLER_SERVICE",
)


def snapshot(csi: Bench, use: InUse) -> None:
    csi.snapshot(use.volume)


def repeated_snapshot(csi: Bench, use: InUse) -> None:
    csi.require(SNAPSHOT)
    request = csi.snapshotting(use.volume.volume_id)
    for _ in range(2):
        csi.wait_until_ready(request)


def refused_snapshot(csi: Bench, use: InUse) -> None:
    name = csi.name("snapshot")
    csi.snapshot(csi.create(), name)
    csi.client.answer(csi.snapshotting(use.volume.volume_id, name))  # the name is another volume's


def clone(csi: Bench, use: InUse) -> None:
    csi.require(CLONE)
    csi.create(source=from_volume(use.volume.volume_id), capacity=span(size_of(csi, use)))


def refused_clone(csi: Bench, use: InUse) -> None:
    csi.require(CLONE)
    csi.client.answer(csi.creation(source=from_volume(use.volume.volume_id), capacity=span(4096, 8192)))


def refused_group(csi: Bench, use: InUse) -> None:
    csi.require(GROUP)
    request = messages().CreateVolumeGroupSnapshotRequest(name=csi.name("group"))
    csi.client.answer(changed(request, source_volume_ids=[use.volume.volume_id, csi.absent_id()]))


CALLS: dict[str, Callable[[Bench, InUse], None]] = {
    "a snapshot": snapshot, "a snapshot asked for twice": repeated_snapshot, "a refused snapshot": refused_snapshot,
    "a clone": clone, "a refused clone": refused_clone, "a refused group snapshot": refused_group,
}  # fmt: skip


@pytest.mark.clause("csi.leaks.nothing-stays-frozen")
@pytest.mark.parametrize("call", CALLS)
def test_volume_in_use_takes_writes_after_a_copy_is_answered(csi: Bench, rng: Random, call: str) -> None:
    use = KINDS["ext4"].bring_up(csi)
    CALLS[call](csi, use)
    if thaw(str(use.target)):  # asked first, since a write would wait for ever
        raise ClauseViolation(f"the file system is frozen after {call}", expected="it takes writes", actual="frozen")
    require_files(use.target, write_files(use.target, rng), call)
