"""GetCapacity: what is answered agrees with what can be made."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import MIB, block, changed, messages, mount, span
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.growth import EXPAND, expanding
from suites.csi.volumes.topologies import foreign_segments, own_segments, requiring

UNLIKELY = [mount(fs_type="seatrialfs"), block(), mount("MULTI_NODE_MULTI_WRITER"), block("MULTI_NODE_MULTI_WRITER")]


def question(csi: Bench, **fields: Any) -> Any:
    """A GetCapacityRequest with the user's parameters."""
    csi.require("controller.GET_CAPACITY")
    return messages().GetCapacityRequest(**{"parameters": csi.options.parameters, **fields})


def most_of_the_room(csi: Bench) -> int:
    """Bytes of which the driver has once the room and not twice.

    NotApplicable: it does not tell its room, makes no volume as large, or is not ours alone.
    """
    request = question(csi, volume_capabilities=[mount()])
    if not csi.driver.owned:
        raise NotApplicable("others may make and delete volumes of this driver meanwhile")
    answer = csi.client.call(request)
    size = int(answer.available_capacity) * 2 // 3 // MIB * MIB
    if 0 < answer.maximum_volume_size.value < size:
        raise NotApplicable("no volume may be as large as most of the capacity")
    return size


def require_none(csi: Bench, request: Any, because: str) -> None:
    """ClauseViolation unless the answer is that there is no capacity, or a refusal as invalid."""
    answer = csi.client.answer(request)
    if answer.code == "INVALID_ARGUMENT" or (answer.is_ok and not answer.response.available_capacity):
        return
    actual = f"{answer.response.available_capacity} bytes" if answer.is_ok else str(answer)
    raise ClauseViolation(f"there is capacity where {because}", expected="0 or INVALID_ARGUMENT", actual=actual)


@pytest.mark.clause("csi.get-capacity.is-not-negative")
@pytest.mark.parametrize("kind", ["plain", "with-capability", "with-a-large-volume"])
def test_capacity_is_not_negative(csi: Bench, kind: str) -> None:
    request = question(csi, volume_capabilities=[mount()] if kind == "with-capability" else [])
    if kind == "with-a-large-volume":
        free = csi.client.call(request).available_capacity
        csi.client.answer(csi.creation(capacity=span(max(csi.options.capacity, free // 2))))
    available = csi.client.call(request).available_capacity
    assert available >= 0, f"{available} bytes are available"


@pytest.mark.clause("csi.get-capacity.sizes-are-consistent")
@pytest.mark.parametrize("capabilities", [[], [mount()]], ids=["plain", "with-capability"])
def test_stated_sizes_of_volumes_are_consistent(csi: Bench, capabilities: list[Any]) -> None:
    answer = csi.client.call(question(csi, volume_capabilities=capabilities))
    largest, smallest = answer.maximum_volume_size.value, answer.minimum_volume_size.value
    if largest < 0 or smallest < 0 or (answer.available_capacity and 0 < largest < smallest):
        raise ClauseViolation(
            "the stated sizes of volumes are inconsistent", expected="0 <= minimum <= maximum",
            actual=f"{smallest} to {largest}",
        )  # fmt: skip


@pytest.mark.clause("csi.get-capacity.foreign-topology-has-none")
def test_capacity_in_a_foreign_topology_is_none(csi: Bench) -> None:
    topology = messages().Topology(segments=foreign_segments(csi))
    require_none(csi, question(csi, accessible_topology=topology), "the driver serves no such topology")


@pytest.mark.clause("csi.get-capacity.foreign-topology-has-none")
def test_capacity_in_a_topology_that_is_foreign_in_one_segment_is_none(csi: Bench) -> None:
    own, foreign = own_segments(csi), foreign_segments(csi)
    for key in own:
        place = {**own, key: foreign[key]}
        request = question(csi, accessible_topology=messages().Topology(segments=place))
        if csi.client.answer(requiring(csi.creation(), [place])).code == "RESOURCE_EXHAUSTED":
            require_none(csi, request, f"no volume can be made, for want of {key}={foreign[key]}")


@pytest.mark.clause("csi.get-capacity.own-topology-is-answered")
def test_capacity_of_a_node_is_not_more_than_all(csi: Bench) -> None:
    here = question(csi, accessible_topology=messages().Topology(segments=own_segments(csi)))
    before, of_node = csi.client.call(question(csi)), csi.client.call(here).available_capacity
    whole = max(before.available_capacity, csi.client.call(question(csi)).available_capacity)
    assert of_node <= whole, f"a node has {of_node} bytes and all nodes together {whole}"


@pytest.mark.clause("csi.get-capacity.own-topology-is-answered")
def test_capacity_of_a_node_with_room_for_a_volume_is_not_none(csi: Bench) -> None:
    here = question(csi, accessible_topology=messages().Topology(segments=own_segments(csi)))
    csi.create()
    assert csi.client.call(here).available_capacity, "a volume was made where no capacity is said to be"


@pytest.mark.clause("csi.get-capacity.capabilities-are-considered")
def test_capacity_for_capabilities_that_no_volume_has_is_none(csi: Bench) -> None:
    csi.require("controller.GET_CAPACITY")
    refused = [
        capability
        for capability in UNLIKELY
        if csi.client.answer(changed(csi.creation(), volume_capabilities=[capability])).code == "INVALID_ARGUMENT"
    ]
    if not refused:
        raise NotApplicable("the driver makes volumes of every capability")
    for capability in refused:
        for listed in ([capability], [mount(), capability]):
            require_none(csi, question(csi, volume_capabilities=listed), "no volume of that capability can be made")


@pytest.mark.clause("csi.get-capacity.parameters-are-considered")
def test_capacity_for_parameters_that_make_no_volume_is_none(csi: Bench) -> None:
    strange = {**csi.options.parameters, "seatrial-unknown": "1"}
    request = question(csi, parameters=strange)
    if csi.client.answer(changed(csi.creation(), parameters=strange)).code != "INVALID_ARGUMENT":
        raise NotApplicable("the driver makes volumes with unknown parameters")
    require_none(csi, request, "no volume with those parameters can be made")


@pytest.mark.clause("csi.get-capacity.stated-minimum-is-kept")
def test_volume_below_the_stated_minimum_is_not_made(csi: Bench) -> None:
    smallest = csi.client.call(question(csi)).minimum_volume_size.value
    if smallest <= 1:
        raise NotApplicable("the driver states no minimum")
    request = csi.creation(capacity=span(0, smallest - 1))
    csi.client.require_refusal(request, "OUT_OF_RANGE", because=f"the stated minimum is {smallest} bytes")


@pytest.mark.clause("csi.get-capacity.more-than-there-is-is-not-made")
@pytest.mark.parametrize("volumes", ["one", "two"])
def test_volumes_larger_than_what_is_available_are_not_made(csi: Bench, volumes: str) -> None:
    if not csi.driver.owned:
        raise NotApplicable("others may make and delete volumes of this driver meanwhile")
    available = csi.client.call(question(csi, volume_capabilities=[mount()])).available_capacity
    if volumes == "two":
        half = csi.client.answer(csi.creation(capacity=span(available // 2)))
        if not half.is_ok:
            raise NotApplicable(f"no volume of half the capacity can be made: {half}")
        available = csi.client.call(question(csi, volume_capabilities=[mount()])).available_capacity
    request = csi.creation(capacity=span(available + (64 << 20)))
    csi.client.require_refusal(
        request, "OUT_OF_RANGE", "RESOURCE_EXHAUSTED", because=f"{available} bytes are said to be available"
    )


@pytest.mark.clause("csi.get-capacity.goes-down-with-a-volume")
def test_capacity_goes_down_with_a_volume_and_up_again(csi: Bench) -> None:
    request = question(csi)
    if not csi.driver.owned:
        raise NotApplicable("others may make and delete volumes of this driver meanwhile")
    before = csi.client.call(request).available_capacity
    volume = csi.create()
    during = csi.client.call(request).available_capacity
    csi.delete(volume)
    after = csi.client.call(request).available_capacity
    if not during < before or not during < after:
        raise ClauseViolation(
            "the available capacity does not follow the volumes", expected=f"less than {before}, then more again",
            actual=f"{during}, then {after}",
        )  # fmt: skip


@pytest.mark.clause("csi.get-capacity.stated-capacity-can-be-had")
@pytest.mark.parametrize("after", ["nothing", "a volume", "a snapshot", "an expansion"])
def test_volume_of_what_is_said_to_be_available_is_made(csi: Bench, after: str) -> None:
    if not csi.driver.owned:
        raise NotApplicable("others may make and delete volumes of this driver meanwhile")
    size = 64 * csi.options.capacity
    if after != "nothing":
        volume = csi.create(capacity=span(size))
    if after == "a snapshot":
        csi.snapshot(volume)
    elif after == "an expansion":
        csi.require(EXPAND)
        csi.client.call(expanding(volume, 2 * size))
    answer = csi.client.call(question(csi, volume_capabilities=[mount()]))
    wanted = min(answer.available_capacity, answer.maximum_volume_size.value or answer.available_capacity)
    wanted = wanted // MIB * MIB - 16 * MIB  # what a driver may need beside the volume
    made = csi.client.answer(csi.creation(capacity=span(wanted)))
    if made.code in ("OUT_OF_RANGE", "RESOURCE_EXHAUSTED"):
        raise ClauseViolation(
            f"after {after}, a volume of what is said to be available is not made", expected=f"{wanted} bytes",
            actual=str(made), question="Is what snapshots or expansions take counted?",
        )  # fmt: skip
