"""Where snapshots can be used from, which CSI 1.13 lets a driver say."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import from_snapshot, messages
from reports.model import ClauseViolation, NotApplicable

MAKE, CONSTRAINED = "controller.CREATE_DELETE_SNAPSHOT", "plugin.SNAPSHOT_ACCESSIBILITY_CONSTRAINTS"


def segments(topologies: Any) -> list[dict[str, str]]:
    """The segments of each topology."""
    return [dict(entry.segments) for entry in topologies]


def home(csi: Bench) -> Any:
    """The topology of the node. NotApplicable: it has none."""
    if csi.capabilities.topology is None:
        raise NotApplicable("the node has no topology")
    return csi.capabilities.topology


@pytest.mark.clause("csi.snapshot-topology.only-if-declared")
def test_snapshot_states_a_topology_only_if_declared(csi: Bench) -> None:
    csi.require_spec(since="1.13")
    csi.require(MAKE)
    stated = segments(csi.snapshot(csi.create()).accessible_topology)
    if stated and CONSTRAINED not in csi.capabilities:
        raise ClauseViolation(f"the snapshot has a topology, {CONSTRAINED} is not declared", expected=[], actual=stated)


@pytest.mark.clause("csi.snapshot-topology.wanted-place-is-served")
def test_snapshot_for_the_place_of_its_volume_is_usable_there(csi: Bench) -> None:
    csi.require_spec(since="1.13")
    csi.require(MAKE, CONSTRAINED)
    wanted = messages().TopologyRequirement(requisite=[home(csi)], preferred=[home(csi)])
    request = csi.snapshotting(csi.create().volume_id)
    request.accessibility_requirements.CopyFrom(wanted)
    snapshot = csi.wait_until_ready(request).snapshot
    creation = csi.creation(source=from_snapshot(snapshot.snapshot_id))
    creation.accessibility_requirements.CopyFrom(wanted)
    csi.client.call(creation)


@pytest.mark.clause("csi.snapshot-topology.impossible-place-is-exhausted")
def test_snapshot_for_a_place_that_is_not_there_is_exhausted(csi: Bench) -> None:
    csi.require_spec(since="1.13")
    csi.require(MAKE, CONSTRAINED)
    elsewhere = messages().Topology(segments=dict.fromkeys(home(csi).segments, "seatrial-nowhere"))
    request = csi.snapshotting(csi.create().volume_id)
    request.accessibility_requirements.CopyFrom(messages().TopologyRequirement(requisite=[elsewhere]))
    codes = ("RESOURCE_EXHAUSTED", "INVALID_ARGUMENT")  # the latter for a driver that knows all of its places
    csi.client.require_refusal(request, *codes, because="no snapshot can be usable from that place")
