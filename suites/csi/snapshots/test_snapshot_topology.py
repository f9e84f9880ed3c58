"""Where snapshots can be used from, which CSI 1.13 lets a driver say."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import from_snapshot, messages
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.topologies import agree, require_in_requisite, requiring

MAKE, CONSTRAINED = "controller.CREATE_DELETE_SNAPSHOT", "plugin.SNAPSHOT_ACCESSIBILITY_CONSTRAINTS"


def segments(topologies: Any) -> list[dict[str, str]]:
    """The segments of each topology."""
    return [dict(entry.segments) for entry in topologies]


def require_usable_in(csi: Bench, snapshot: Any, place: dict[str, str]) -> None:
    """ClauseViolation unless the snapshot says so, if anything, and a volume is made of it there."""
    stated = segments(snapshot.accessible_topology)
    if stated and not any(agree(entry, place) for entry in stated):
        raise ClauseViolation("the snapshot is not where it was wanted", expected=place, actual=stated)
    request = requiring(csi.creation(source=from_snapshot(snapshot.snapshot_id)), [place], [place])
    require_in_requisite(csi.client.call(request).volume, [place])


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
    place = dict(home(csi).segments)
    request = requiring(csi.snapshotting(csi.create().volume_id), [place], [place])
    require_usable_in(csi, csi.wait_until_ready(request).snapshot, place)


@pytest.mark.clause("csi.snapshot-topology.wanted-place-is-served")
@pytest.mark.parametrize("how", ["alone", "again", "preferred"])
def test_snapshot_for_another_place_than_its_volume_s_is_usable_there(csi: Bench, how: str) -> None:
    csi.require_spec(since="1.13")
    csi.require(MAKE, CONSTRAINED)
    own, place = dict(home(csi).segments), dict(home(csi.distant_node()).segments)
    volume = csi.create()
    if any(agree(entry, place) for entry in segments(volume.accessible_topology)):
        raise NotApplicable("the volume can be had there as well")
    request = requiring(csi.snapshotting(volume.volume_id), [place], [place])
    answer = csi.client.answer(request)
    if answer.code in ("RESOURCE_EXHAUSTED", "INVALID_ARGUMENT"):
        raise NotApplicable(f"the driver makes no snapshot elsewhere than its volume is: {answer.details}")
    snapshot = csi.wait_until_ready(request).snapshot
    if how == "again":
        snapshot = csi.client.call(request).snapshot
    elif how == "preferred":
        request = requiring(csi.snapshotting(volume.volume_id), [own, place], [place])
        snapshot = csi.wait_until_ready(request).snapshot
    require_usable_in(csi, snapshot, place)


@pytest.mark.clause("csi.snapshot-topology.impossible-place-is-exhausted")
def test_snapshot_for_a_place_that_is_not_there_is_exhausted(csi: Bench) -> None:
    csi.require_spec(since="1.13")
    csi.require(MAKE, CONSTRAINED)
    elsewhere = messages().Topology(segments=dict.fromkeys(home(csi).segments, "seatrial-nowhere"))
    request = csi.snapshotting(csi.create().volume_id)
    request.accessibility_requirements.CopyFrom(messages().TopologyRequirement(requisite=[elsewhere]))
    codes = ("RESOURCE_EXHAUSTED", "INVALID_ARGUMENT")  # the latter for a driver that knows all of its places
    csi.client.require_refusal(request, *codes, because="no snapshot can be usable from that place")
