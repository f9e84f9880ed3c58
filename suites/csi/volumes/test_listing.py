"""Listings and capacity. Other people's volumes may be listed beside ours: they are counted by nobody."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import messages
from reports.model import ClauseViolation, NotApplicable

PAGES_AT_MOST = 2000


def all_pages(csi: Bench, request: Any, ids: Any) -> Counter[str]:
    """How often each id comes when all pages are read. ClauseViolation: a page is too long, or there is no end."""
    seen: Counter[str] = Counter()
    for _ in range(PAGES_AT_MOST):
        answer = csi.client.call(request)
        if request.max_entries and len(answer.entries) > request.max_entries:
            raise ClauseViolation("a page is too long", expected=request.max_entries, actual=len(answer.entries))
        seen.update(ids(entry) for entry in answer.entries)
        if not answer.next_token:
            return seen
        request.starting_token = answer.next_token
    raise ClauseViolation("the listing has no end", expected="an empty next_token", actual=f"{PAGES_AT_MOST} pages")


def require_each_once(seen: Counter[str], ours: list[str]) -> None:
    """ClauseViolation unless each of our ids was listed exactly once."""
    wrong = {name: seen[name] for name in ours if seen[name] != 1}
    if wrong:
        raise ClauseViolation("the pages together are no complete listing", expected="each once", actual=wrong)


@pytest.mark.clause("csi.list-volumes.made-volume-is-listed")
def test_made_volume_is_listed_as_it_is(csi: Bench) -> None:
    csi.require("controller.LIST_VOLUMES")
    volume = csi.create()
    found = {entry.volume.volume_id: entry.volume for entry in csi.client.call(messages().ListVolumesRequest()).entries}
    if volume.volume_id not in found:
        raise ClauseViolation("a volume is not listed", expected=volume.volume_id, actual=f"{len(found)} others")
    capacity = found[volume.volume_id].capacity_bytes
    assert capacity in (0, volume.capacity_bytes), f"listed with {capacity} bytes, made with {volume.capacity_bytes}"


@pytest.mark.clause("csi.list-volumes.pages-are-complete")
def test_pages_of_volumes_are_complete(csi: Bench) -> None:
    csi.require("controller.LIST_VOLUMES")
    ours = [csi.create().volume_id for _ in range(5)]
    seen = all_pages(csi, messages().ListVolumesRequest(max_entries=2), lambda entry: entry.volume.volume_id)
    require_each_once(seen, ours)


@pytest.mark.clause("csi.list-volumes.foreign-token-is-aborted")
@pytest.mark.parametrize("token", ["seatrial-no-token", "-5", "1"])
def test_foreign_token_for_volumes_is_aborted(csi: Bench, token: str) -> None:
    csi.require("controller.LIST_VOLUMES")
    csi.create()
    request = messages().ListVolumesRequest(starting_token=token)
    if token == "1" and csi.client.answer(request).is_ok:
        raise NotApplicable("this may be a token of the driver's own form")
    csi.client.require_refusal(request, "ABORTED", because=f"the token {token!r} is not one of the driver's")


@pytest.mark.clause("csi.get-volume.made-volume-is-described")
def test_description_of_a_volume_agrees_with_its_creation(csi: Bench) -> None:
    csi.require("controller.GET_VOLUME")
    volume = csi.create()
    found = csi.client.call(messages().ControllerGetVolumeRequest(volume_id=volume.volume_id)).volume
    expected, actual = (volume.volume_id, volume.capacity_bytes), (found.volume_id, found.capacity_bytes)
    if expected != actual:
        raise ClauseViolation("ControllerGetVolume describes another volume", expected=expected, actual=actual)


@pytest.mark.clause("csi.get-volume.absent-volume-is-not-found")
def test_description_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    csi.require("controller.GET_VOLUME")
    request = messages().ControllerGetVolumeRequest(volume_id=csi.absent_id())
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.get-capacity.is-not-negative")
def test_capacity_is_not_negative(csi: Bench) -> None:
    csi.require("controller.GET_CAPACITY")
    request = messages().GetCapacityRequest(parameters=csi.options.parameters)
    available = csi.client.call(request).available_capacity
    assert available >= 0, f"the driver has {available} bytes available"


@pytest.mark.clause("csi.get-capacity.foreign-topology-has-none")
def test_capacity_of_a_foreign_topology_is_zero(csi: Bench) -> None:
    csi.require("controller.GET_CAPACITY", "plugin.VOLUME_ACCESSIBILITY_CONSTRAINTS")
    request = messages().GetCapacityRequest(parameters=csi.options.parameters)
    request.accessible_topology.segments.update(dict.fromkeys(csi.capabilities.topology.segments, "seatrial-nowhere"))
    answer = csi.client.answer(request)
    if answer.is_ok and answer.response.available_capacity:
        raise ClauseViolation(
            "there is capacity where the driver is not", expected=0, actual=answer.response.available_capacity
        )
