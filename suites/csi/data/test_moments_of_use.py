"""Copies of a volume in every state of use, and beside calls that change it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.requests import from_snapshot, from_volume, span
from suites.csi.data.kinds import KINDS
from suites.csi.data.test_lineage import cloned, restored, size_of
from suites.csi.resilience.interrupted import insist, wait_until_settled
from suites.csi.resilience.test_concurrency import side_by_side
from suites.csi.volumes.growth import NODE_EXPAND, node_expanding

STAGE = "node.STAGE_UNSTAGE_VOLUME"
COPIES = {"cloned": cloned, "restored": restored}


def staged(csi: Bench, use: InUse) -> None:
    csi.require(STAGE)
    csi.client.call(csi.unpublishing(use))


def attached(csi: Bench, use: InUse) -> None:
    csi.require("controller.PUBLISH_UNPUBLISH_VOLUME")
    csi.client.call(csi.unpublishing(use))
    if use.staging:
        csi.client.call(csi.unstaging(use))


def readonly(csi: Bench, use: InUse) -> None:
    csi.client.call(csi.unpublishing(use))
    csi.client.call(csi.publishing(use, readonly=True))


def published_anew(csi: Bench, use: InUse) -> None:
    csi.take_down(use)
    csi.bring_up(use.volume, use.capability)


MOMENTS: dict[str, Callable[[Bench, InUse], None]] = {
    "staged": staged, "attached": attached, "published read-only": readonly, "brought up again": published_anew,
}  # fmt: skip


@pytest.mark.clause("csi.data.copies-of-every-moment-are-whole")
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("kind", ["ext4", "block", "shared"])
def test_copy_of_a_volume_at_any_moment_of_its_use_is_whole(
    csi: Bench, rng: Random, kind: str, copied: str, moment: str
) -> None:
    here = KINDS[kind]
    use = here.bring_up(csi)
    content = here.write(use, rng)
    MOMENTS[moment](csi, use)
    here.require(COPIES[copied](csi, use), content, f"being {copied} while the source was {moment}")


@pytest.mark.clause("csi.data.copies-of-every-moment-are-whole")
@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("kind", ["ext4", "block"])
def test_copy_of_a_volume_that_was_never_used_is_usable(csi: Bench, rng: Random, kind: str, copied: str) -> None:
    here = KINDS[kind]
    use = InUse(csi.create(here.capability), here.capability, "", csi.folder / "none", {})
    copy = COPIES[copied](csi, use)
    here.require(copy, here.write(copy, rng), f"being {copied} of a volume that was never used")
    source = csi.bring_up(use.volume, here.capability)
    here.require(source, here.write(source, rng), f"being {copied} before its first use")


def _unpublish(csi: Bench, use: InUse) -> list[Any]:
    return [csi.unpublishing(use)]


def _take_down(csi: Bench, use: InUse) -> list[Any]:
    csi.require(STAGE)
    return [csi.unpublishing(use), csi.unstaging(use)]


def _expand(csi: Bench, use: InUse) -> list[Any]:
    csi.require(NODE_EXPAND)
    return [node_expanding(use, size_of(csi, use))]


BESIDE = {"unpublish": _unpublish, "take-down": _take_down, "expansion": _expand}


@pytest.mark.clause("csi.concurrency.copy-beside-a-node-call-is-whole")
@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize("kind", ["ext4", "block"])
def test_copies_beside_a_node_call_are_whole(csi: Bench, rng: Random, kind: str, beside: str) -> None:
    here = KINDS[kind]
    use = here.bring_up(csi)
    content, size = here.write(use, rng), span(size_of(csi, use))
    steps = BESIDE[beside](csi, use)

    def copy() -> list[Any]:
        made = []
        if "controller.CLONE_VOLUME" in csi.capabilities:
            source = from_volume(use.volume.volume_id)
            made.append(insist(csi, csi.creation(use.capability, source=source, capacity=size)).volume)
        if "controller.CREATE_DELETE_SNAPSHOT" in csi.capabilities:
            taken = csi.snapshot(use.volume)
            made.append(csi.create(use.capability, source=from_snapshot(taken.snapshot_id), capacity=size))
        return made

    def go_on() -> None:
        for step in steps:
            wait_until_settled(csi, step)

    copies, _ = side_by_side([copy, go_on])
    for made in copies:
        here.require(csi.bring_up(made, use.capability), content, f"a copy beside the {beside} of its source")
    csi.take_down(use)
    here.require(csi.bring_up(use.volume, use.capability), content, f"a copy beside its {beside}")
