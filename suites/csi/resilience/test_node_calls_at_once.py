"""Node calls of one volume that run into each other: what is left afterwards can be ended, and holds the data."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse, require_mounted
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.leaks import mounts_below
from reports.model import ClauseViolation
from suites.csi.node.measuring import STATS, measuring
from suites.csi.resilience.interrupted import insist, wait_until_settled
from suites.csi.resilience.test_concurrency import side_by_side
from suites.csi.volumes.growth import NODE_EXPAND, node_expanding

STAGE = "node.STAGE_UNSTAGE_VOLUME"
ORDERS = (1, -1, -1, 1)


def staging(csi: Bench, use: InUse) -> Any:
    return csi.staging(use.volume, use.capability, use.context, use.staging)


def publishing(csi: Bench, use: InUse) -> Any:
    return csi.publishing(use)


def unpublishing(csi: Bench, use: InUse) -> Any:
    return csi.unpublishing(use)


def unstaging(csi: Bench, use: InUse) -> Any:
    return csi.unstaging(use)


def asking(csi: Bench, use: InUse) -> Any:
    csi.require(STATS)
    return measuring(use, use.target)


def expanding(csi: Bench, use: InUse) -> Any:
    csi.require(NODE_EXPAND)
    return node_expanding(use, csi.options.capacity)


BACK = {"published": (), "staged": (unpublishing,), "bare": (unpublishing, unstaging)}  # from a published volume
PAIRS: dict[str, tuple[str, tuple[Callable[[Bench, InUse], Any], ...]]] = {
    "stage-unstage": ("staged", (staging, unstaging)), "stage-publish": ("bare", (staging, publishing)),
    "publish-unstage": ("staged", (publishing, unstaging)),
    "unpublish-unstage": ("published", (unpublishing, unstaging)),
    "unpublish-statistics": ("published", (unpublishing, asking)),
    "unpublish-expansion": ("published", (unpublishing, expanding)),
}  # fmt: skip


@pytest.mark.clause("csi.concurrency.node-calls-end-in-order")
@pytest.mark.parametrize("pair", PAIRS)
def test_node_calls_at_once_leave_what_can_be_ended(csi: Bench, rng: Random, pair: str) -> None:
    csi.require(STAGE)
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    state, calls = PAIRS[pair]
    requests = [build(csi, use) for build in calls]
    for order in ORDERS:
        for back in BACK[state]:
            insist(csi, back(csi, use))
        side_by_side([partial(wait_until_settled, csi, request) for request in requests[::order]])
        insist(csi, csi.unpublishing(use))
        insist(csi, csi.unstaging(use))
        if mounts_below(csi.folder):
            raise ClauseViolation(
                f"{pair} at once left a mount that no call takes away", expected="none", actual=mounts_below(csi.folder)
            )
        insist(csi, staging(csi, use))
        insist(csi, csi.publishing(use))
        require_mounted(use.target)
        require_files(use.target, content, f"{pair} at once")
