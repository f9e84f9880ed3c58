"""A volume at several target paths: each of them is as good as the first."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from fixtures.protocols.definitions import csi_spec
from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.requests import block, messages, mount
from reports.model import ClauseViolation
from suites.csi.data.kinds import Kind
from suites.csi.node.measuring import STATS, measuring
from suites.csi.node.test_node_conflicts import volume_for
from suites.csi.resilience.test_kill_during_call import require_owned
from suites.csi.volumes.growth import NODE_EXPAND, node_expanding

MULTI = "SINGLE_NODE_MULTI_WRITER"
TARGETS = 3
CAPABILITIES = {"mount": mount(MULTI), "block": block(MULTI)}


def at_several(csi: Bench, kind: str) -> list[InUse]:
    """A volume that is published at several target paths."""
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    capability = CAPABILITIES[kind]
    first = csi.prepare(volume_for(csi, capability), capability)
    uses = [replace(first, target=csi.folder / f"target-{number}") for number in range(TARGETS)]
    for use in uses:
        csi.client.call(csi.publishing(use))
    return uses


@pytest.mark.clause("csi.node-publish.every-target-is-known")
@pytest.mark.parametrize("kind", CAPABILITIES)
def test_each_of_several_targets_is_known_to_every_call(csi: Bench, kind: str) -> None:
    for use in at_several(csi, kind):
        csi.client.call(csi.publishing(use))
        if STATS in csi.capabilities:
            csi.client.call(measuring(use, use.target, use.staging))
        if NODE_EXPAND in csi.capabilities:
            csi.client.call(node_expanding(use, csi.options.capacity))
        if csi_spec() != "1.12" and "node.GET_VOLUME_HEALTH" in csi.capabilities:
            request = messages().NodeGetVolumeHealthRequest(
                volume_id=use.volume.volume_id, volume_publish_path=str(use.target), staging_target_path=use.staging
            )
            csi.client.call(request)


@pytest.mark.clause("csi.node-publish.every-target-is-known")
@pytest.mark.parametrize("kind", CAPABILITIES)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)], ids=["oldest", "newest", "middle"])
def test_targets_end_one_by_one_in_any_order(csi: Bench, rng: Random, kind: str, order: tuple[int, ...]) -> None:
    require_independent_ends(csi, rng, at_several(csi, kind), order)


@pytest.mark.clause("csi.node-publish.every-target-is-known")
@pytest.mark.parametrize("kind", CAPABILITIES)
def test_targets_end_one_by_one_after_a_kill(csi: Bench, rng: Random, kind: str) -> None:
    require_owned(csi)
    uses = at_several(csi, kind)
    csi.restart()
    require_independent_ends(csi, rng, uses, (1, 0, 2))


def require_independent_ends(csi: Bench, rng: Random, uses: list[InUse], order: tuple[int, ...]) -> None:
    """ClauseViolation unless each unpublish takes one target path away, and the others go on."""
    here = Kind(uses[0].capability)
    content = here.write(uses[0], rng)
    left = dict(enumerate(uses))
    for number in order:
        gone = left.pop(number)
        csi.client.call(csi.unpublishing(gone))
        if gone.target.exists():
            raise ClauseViolation("the target path is left", expected="nothing there", actual=str(gone.target))
        for use in left.values():
            here.require(use, content, f"an unpublish of one of {TARGETS} target paths")
            content = here.write(use, rng)
