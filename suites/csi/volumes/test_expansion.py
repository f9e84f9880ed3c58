"""ControllerExpandVolume: sizes, retries, refusals."""

from __future__ import annotations

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import MIB, changed, messages, mount, span, without
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.confirmation import unconfirmed
from suites.csi.volumes.descriptions import stated_capacity
from suites.csi.volumes.growth import EXPAND, expanding
from suites.csi.volumes.test_capacity import most_of_the_room


@pytest.mark.clause("csi.controller-expand.capacity-grows")
def test_expanded_volume_has_the_required_capacity(csi: Bench) -> None:
    csi.require(EXPAND)
    size = 2 * csi.options.capacity
    capacity = csi.client.call(expanding(csi.create(), size)).capacity_bytes
    if capacity < size:
        raise ClauseViolation("the expanded volume is too small", expected=f"at least {size}", actual=capacity)


@pytest.mark.clause("csi.controller-expand.limit-is-kept")
@pytest.mark.parametrize("limit", ["equal", "larger", "only", "narrow"])
def test_expanded_volume_keeps_within_its_limit(csi: Bench, limit: str) -> None:
    csi.require(EXPAND)
    volume, size = csi.create(), 2 * csi.options.capacity + 3 * 4096  # no round number of anything large
    span_of = {"equal": (size, size), "larger": (size, 2 * size), "only": (0, 2 * size), "narrow": (size, size + MIB)}
    required, most = span_of[limit]
    answer = csi.client.answer(expanding(volume, required, most))
    if answer.code == "OUT_OF_RANGE" and limit != "larger":
        raise NotApplicable(f"the driver has no size for this range: {answer.details}")
    capacity = csi.client.call(expanding(volume, required, most)).capacity_bytes
    least = max(required, volume.capacity_bytes)
    if not least <= capacity <= most:
        raise ClauseViolation("the new capacity is outside the range", expected=f"{least} to {most}", actual=capacity)


@pytest.mark.clause("csi.controller-expand.is-idempotent")
def test_expansion_asked_for_twice_is_fine(csi: Bench) -> None:
    csi.require(EXPAND)
    request = expanding(csi.create(), 2 * csi.options.capacity)
    first, second = csi.client.call(request).capacity_bytes, csi.client.call(request).capacity_bytes
    if first != second:
        raise ClauseViolation("a second expansion to the same size changed the size", expected=first, actual=second)


@pytest.mark.clause("csi.controller-expand.is-idempotent")
def test_expansion_asked_for_twice_needs_no_room_twice(csi: Bench) -> None:
    csi.require(EXPAND)
    request = expanding(csi.create(), most_of_the_room(csi))
    answer = csi.client.answer(request)
    if not answer.is_ok:
        raise NotApplicable(f"a volume is not expanded to most of the capacity: {answer}")
    csi.client.call(request)


@pytest.mark.clause("csi.controller-expand.goes-on-growing")
def test_expanded_volume_is_expanded_further(csi: Bench) -> None:
    csi.require(EXPAND)
    volume, size = csi.create(), 2 * csi.options.capacity
    csi.client.call(expanding(volume, size))
    capacity = csi.client.call(expanding(volume, 2 * size)).capacity_bytes
    assert capacity >= 2 * size, f"a second expansion to {2 * size} bytes answered {capacity}"


@pytest.mark.clause("csi.controller-expand.capability-is-optional")
def test_expansion_without_a_capability_is_served(csi: Bench) -> None:
    csi.require(EXPAND)
    request = expanding(csi.create(), 2 * csi.options.capacity)
    csi.client.call(without(request, "volume_capability"))


@pytest.mark.clause("csi.controller-expand.smaller-size-is-fine")
def test_expansion_to_a_size_already_there_is_fine(csi: Bench) -> None:
    csi.require(EXPAND)
    csi.client.call(expanding(csi.create(), csi.options.capacity // 2))


@pytest.mark.clause("csi.controller-expand.never-shrinks")
def test_expansion_to_a_smaller_size_does_not_shrink(csi: Bench) -> None:
    csi.require(EXPAND)
    volume = csi.create()
    grown = csi.client.call(expanding(volume, 4 * csi.options.capacity)).capacity_bytes
    answer = csi.client.answer(expanding(volume, csi.options.capacity))
    if answer.is_ok and answer.response.capacity_bytes < grown:
        raise ClauseViolation("an expansion shrank", expected=grown, actual=answer.response.capacity_bytes)
    if {"controller.GET_VOLUME", "controller.LIST_VOLUMES"} & csi.capabilities.declared:
        assert stated_capacity(csi, volume) >= grown, f"the volume shrank below {grown} bytes"


@pytest.mark.clause("csi.controller-expand.absent-volume-is-not-found")
def test_expansion_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    csi.require(EXPAND)
    request = expanding(messages().Volume(volume_id=csi.absent_id()), 2 * csi.options.capacity)
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.controller-expand.impossible-capacity-is-refused")
def test_expansion_beyond_all_room_is_out_of_range(csi: Bench) -> None:
    csi.require(EXPAND)
    request = expanding(csi.create(), 1 << 62)
    csi.client.require_refusal(request, "OUT_OF_RANGE", because="four exbibytes are asked for")


@pytest.mark.clause("csi.controller-expand.limit-below-capacity-is-refused")
def test_expansion_with_a_limit_below_the_capacity_is_refused(csi: Bench) -> None:
    csi.require(EXPAND)
    volume = csi.create()
    request = changed(expanding(volume), capacity_range=span(limit=csi.options.capacity // 2))
    csi.client.require_refusal(
        request, "OUT_OF_RANGE", "INVALID_ARGUMENT", because="the volume is larger than the limit already"
    )


@pytest.mark.clause("csi.controller-expand.limit-below-requirement-is-refused")
@pytest.mark.parametrize("fault", ["limit below", "negative required", "negative limit"])
def test_expansion_to_an_impossible_range_changes_nothing(csi: Bench, fault: str) -> None:
    csi.require(EXPAND)
    volume, size = csi.create(), 4 * csi.options.capacity
    wrong = {"limit below": (size, size // 2), "negative required": (-1, size), "negative limit": (size, -1)}
    csi.client.require_refusal(
        expanding(volume, *wrong[fault]), "OUT_OF_RANGE", "INVALID_ARGUMENT", because=f"the range has a {fault}"
    )
    if {"controller.GET_VOLUME", "controller.LIST_VOLUMES"} & csi.capabilities.declared:
        stated = stated_capacity(csi, volume)
        assert stated == volume.capacity_bytes, f"a refused expansion changed {volume.capacity_bytes} to {stated} bytes"


@pytest.mark.clause("csi.controller-expand.unsupported-capability-is-refused")
def test_expansion_for_a_capability_the_volume_lacks_is_invalid(csi: Bench) -> None:
    csi.require(EXPAND)
    volume = csi.create(mount())
    request = expanding(volume, 2 * csi.options.capacity, capability=unconfirmed(csi, volume))
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="the driver itself does not confirm the capability")
