"""CreateVolume and where the volume has to be accessible from."""

from __future__ import annotations

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import from_snapshot, from_volume
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.topologies import (
    CONSTRAINTS,
    NODES,
    Segments,
    agree,
    foreign_segments,
    own_segments,
    require_in_requisite,
    require_well_formed,
    requiring,
    two_places,
)

CLONE, SNAPSHOT = "controller.CLONE_VOLUME", "controller.CREATE_DELETE_SNAPSHOT"


def require_provisioning_in(csi: Bench, segments: Segments) -> None:
    """NotApplicable: the controller provisions for other nodes only, as one that runs on each node may."""
    answer = csi.client.answer(requiring(csi.creation(), [segments]))
    if answer.code == "RESOURCE_EXHAUSTED":
        raise NotApplicable(f"the controller provisions nothing there: {answer.details}")


@pytest.mark.clause("csi.create-volume.foreign-topology-is-refused")
@pytest.mark.parametrize("how", ["requisite", "both"])
def test_volume_for_a_foreign_topology_is_refused(csi: Bench, how: str) -> None:
    foreign = foreign_segments(csi)
    request = requiring(csi.creation(), [foreign], [foreign] if how == "both" else [])
    # A driver may take a place that it does not know for an invalid one.
    csi.client.require_refusal(
        request, "RESOURCE_EXHAUSTED", "INVALID_ARGUMENT", because="the driver has nothing in that topology"
    )


@pytest.mark.clause("csi.create-volume.foreign-topology-is-refused")
def test_volume_for_a_topology_that_is_foreign_in_one_segment_does_not_lie_elsewhere(csi: Bench) -> None:
    own, foreign = own_segments(csi), foreign_segments(csi)
    for key in own:
        requisite = [{**own, key: foreign[key]}]
        answer = csi.client.answer(requiring(csi.creation(), requisite))
        if answer.is_ok:  # fine where volumes do not depend on that segment
            require_in_requisite(answer.response.volume, requisite)
        elif answer.code not in ("RESOURCE_EXHAUSTED", "INVALID_ARGUMENT"):
            raise ClauseViolation(
                "a place that does not exist is not called one", expected="RESOURCE_EXHAUSTED", actual=str(answer)
            )


@pytest.mark.clause("csi.create-volume.topology-lies-in-requisite")
@pytest.mark.parametrize("place", ["alone", "first", "last"])
def test_volume_topology_is_one_that_was_required(csi: Bench, place: str) -> None:
    own, foreign = own_segments(csi), foreign_segments(csi)
    requisite = {"alone": [own], "first": [own, foreign], "last": [foreign, own]}[place]
    request = requiring(csi.creation(), requisite)
    answer = csi.client.answer(request)
    if answer.code == "INVALID_ARGUMENT" and place != "alone":
        raise NotApplicable(f"the driver takes no list with a place that it does not know: {answer.details}")
    require_in_requisite(csi.client.call(request).volume, requisite)


@pytest.mark.clause("csi.create-volume.topology-lies-in-requisite")
@pytest.mark.parametrize("node", NODES[1:])
def test_volume_for_another_node_lies_there(csi: Bench, node: str) -> None:
    elsewhere, _ = two_places(csi, node)
    require_provisioning_in(csi, elsewhere)
    require_in_requisite(csi.client.call(requiring(csi.creation(), [elsewhere])).volume, [elsewhere])


@pytest.mark.clause("csi.create-volume.topology-lies-in-requisite")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
@pytest.mark.parametrize("node", NODES)
def test_copy_lies_where_it_is_required(csi: Bench, kind: str, node: str) -> None:
    csi.require(SNAPSHOT if kind == "snapshot" else CLONE)
    wanted, home = two_places(csi, node)
    require_provisioning_in(csi, home)
    volume = csi.client.call(requiring(csi.creation(), [home])).volume
    source = from_snapshot(csi.snapshot(volume).snapshot_id) if kind == "snapshot" else from_volume(volume.volume_id)
    request = requiring(csi.creation(source=source), [wanted])
    answer = csi.client.answer(request)
    if answer.code in ("RESOURCE_EXHAUSTED", "INVALID_ARGUMENT"):
        raise NotApplicable(f"the driver makes copies where their source is only: {answer.details}")
    require_in_requisite(csi.client.call(request).volume, [wanted])


@pytest.mark.clause("csi.create-volume.preference-is-followed")
@pytest.mark.parametrize("node", NODES)
def test_volume_lies_in_the_preferred_topology(csi: Bench, node: str) -> None:
    wanted, other = two_places(csi, node)
    require_provisioning_in(csi, wanted)
    volume = csi.client.call(requiring(csi.creation(), [other, wanted], [wanted, other])).volume
    found = [dict(entry.segments) for entry in volume.accessible_topology]
    if found and not any(agree(entry, wanted) for entry in found):
        raise ClauseViolation("the volume is not where it was preferred", expected=wanted, actual=found)


@pytest.mark.clause("csi.create-volume.preference-is-followed")
@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("how", ["second preference", "no requisite"])
def test_volume_lies_in_the_best_preference_that_can_be_had(csi: Bench, node: str, how: str) -> None:
    (wanted, other), foreign = two_places(csi, node), foreign_segments(csi)
    require_provisioning_in(csi, wanted)
    if how == "no requisite":
        request = requiring(csi.creation(), [], [wanted])
    else:
        request = requiring(csi.creation(), [foreign, other, wanted], [foreign, wanted])
    answer = csi.client.answer(request)
    if answer.code == "INVALID_ARGUMENT" and how != "no requisite":
        raise NotApplicable(f"the driver takes no list with a place that it does not know: {answer.details}")
    found = [dict(entry.segments) for entry in csi.client.call(request).volume.accessible_topology]
    if found and not any(agree(entry, wanted) for entry in found):
        raise ClauseViolation(f"the volume is not where it was preferred ({how})", expected=wanted, actual=found)


@pytest.mark.clause("csi.create-volume.preference-alone-does-not-bind")
def test_volume_is_made_where_the_first_preference_cannot_be_had(csi: Bench) -> None:
    own, foreign = own_segments(csi), foreign_segments(csi)
    request = requiring(csi.creation(), [foreign, own], [foreign, own])
    answer = csi.client.answer(request)
    if answer.code == "INVALID_ARGUMENT":
        raise NotApplicable(f"the driver takes no list with a place that it does not know: {answer.details}")
    require_in_requisite(csi.client.call(request).volume, [own, foreign])


@pytest.mark.clause("csi.create-volume.topology-lies-in-requisite")
def test_volume_with_a_preference_outside_of_what_is_required_lies_inside(csi: Bench) -> None:
    own, elsewhere = own_segments(csi), own_segments(csi.second_node())
    request = requiring(csi.creation(), [own], [elsewhere])  # which an orchestrator should not ask
    answer = csi.client.answer(request)
    if answer.is_ok:
        require_in_requisite(answer.response.volume, [own])
    elif answer.code not in ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"):
        raise ClauseViolation(
            "a preference outside of what is required", expected="INVALID_ARGUMENT, or a volume inside",
            actual=str(answer),
        )  # fmt: skip


@pytest.mark.clause("csi.create-volume.topology-is-declared")
def test_volume_with_a_topology_comes_from_a_driver_that_declares_it(csi: Bench) -> None:
    volume = csi.create()
    if volume.accessible_topology and CONSTRAINTS not in csi.capabilities:
        raise ClauseViolation(
            "a volume states a topology and the driver declares none", expected=CONSTRAINTS, actual="not declared"
        )


@pytest.mark.clause("csi.topology.keys-and-values-are-well-formed")
def test_topologies_of_node_and_volume_are_well_formed(csi: Bench) -> None:
    own = own_segments(csi)
    volume = csi.create()
    require_well_formed([own, *(dict(entry.segments) for entry in volume.accessible_topology)])


@pytest.mark.clause("csi.topology.volume-is-where-its-node-is")
def test_volume_names_places_by_the_keys_of_nodes(csi: Bench) -> None:
    own = own_segments(csi)
    found = [dict(entry.segments) for entry in csi.create().accessible_topology]
    if found and not any(entry.keys() <= own.keys() for entry in found):
        raise ClauseViolation(
            "no node can reach the volume: its topology has keys that nodes lack", expected=sorted(own), actual=found
        )
