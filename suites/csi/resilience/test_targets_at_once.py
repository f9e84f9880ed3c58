"""Several target paths of one volume published and unpublished side by side."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, require_mounted
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.leaks import is_mounted
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
