"""Several target paths, of one volume and of several, published and unpublished side by side."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, require_mounted
from fixtures.subjects.csi.content import require_files, user_files, write_files
from fixtures.subjects.csi.leaks import is_mounted, mounts_below
from fixtures.subjects.csi.requests import mount
from reports.model import ClauseViolation
from suites.csi.node.test_node_conflicts import volume_for
from suites.csi.resilience.interrupted import insist
from suites.csi.resilience.test_concurrency import side_by_side

ROUNDS, TARGETS = 3, 6


@pytest.mark.clause("csi.concurrency.volumes-at-once-do-not-mix")
def test_targets_of_a_volume_at_once_are_each_served(csi: Bench, rng: Random) -> None:
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    capability = mount("SINGLE_NODE_MULTI_WRITER")
    use = csi.prepare(volume_for(csi, capability), capability)
    uses = [replace(use, target=csi.folder / f"at-once-{number}") for number in range(TARGETS)]
    for _ in range(ROUNDS):
        side_by_side([partial(insist, csi, csi.publishing(one)) for one in uses])
        for one in uses:
            require_mounted(one.target)
        content = write_files(uses[0].target, rng)
        for one in uses:
            require_files(one.target, content, "it was written to at another target path")
        side_by_side([partial(insist, csi, csi.unpublishing(one)) for one in uses])
        left = [str(one.target) for one in uses if is_mounted(one.target)]
        if left:
            raise ClauseViolation("targets unpublished at once are still mounted", expected="none", actual=left)


@pytest.mark.clause("csi.concurrency.volumes-at-once-do-not-mix")
def test_volumes_published_at_once_are_each_at_their_target(csi: Bench, rng: Random) -> None:
    uses = [csi.bring_up(csi.create()) for _ in range(TARGETS)]
    contents = [write_files(use.target, rng, f"volume-{number}") for number, use in enumerate(uses)]
    for _ in range(ROUNDS):
        side_by_side([partial(insist, csi, csi.unpublishing(use)) for use in uses])
        side_by_side([partial(insist, csi, csi.publishing(use)) for use in uses])
        for use, content in zip(uses, contents, strict=True):
            found = user_files(use.target)
            if found != sorted(content.digests):
                raise ClauseViolation(
                    "a target published beside others shows another volume",
                    expected=sorted(content.digests), actual=found[:8],
                )  # fmt: skip


@pytest.mark.clause("csi.concurrency.volumes-at-once-do-not-mix")
def test_volumes_brought_up_at_once_do_not_mix(csi: Bench, rng: Random) -> None:
    volumes = [csi.create() for _ in range(4)]
    uses = side_by_side([partial(csi.bring_up, volume) for volume in volumes])
    contents = [write_files(use.target, rng, f"v{number}") for number, use in enumerate(uses)]
    for use, content in zip(uses, contents, strict=True):
        require_files(use.target, content, "bringing up several volumes at once")
    side_by_side([partial(csi.take_down, use) for use in uses])
    assert not mounts_below(csi.folder), "volumes taken down at once left mounts"
