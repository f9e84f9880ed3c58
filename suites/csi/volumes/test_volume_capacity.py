"""CreateVolume: the size is the one that was asked for, or the request is refused."""

from __future__ import annotations

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import MIB, span
from reports.model import ClauseViolation, NotApplicable


def bounds(csi: Bench, kind: str) -> tuple[int, int]:
    """A capacity range by its kind: what is required, and the limit."""
    usual = csi.options.capacity
    return {
        "both": (usual + MIB, 2 * usual),
        "required": (usual, 0),
        "limit": (0, 2 * usual),
        "equal": (usual, usual),
        "odd": (usual + 1, 0),
        "odd-with-limit": (usual + 1, 2 * usual - 1),
        "narrow": (usual + MIB // 2, usual + MIB),
    }[kind]


@pytest.mark.clause("csi.create-volume.capacity-is-honoured")
@pytest.mark.parametrize("kind", ["both", "required", "limit", "equal", "odd", "odd-with-limit", "narrow"])
def test_volume_capacity_lies_in_the_range(csi: Bench, kind: str) -> None:
    required, limit = bounds(csi, kind)
    request = csi.creation(capacity=span(required, limit))
    answer = csi.client.answer(request)
    if answer.code == "OUT_OF_RANGE" and kind not in ("both", "required", "odd"):
        raise NotApplicable(f"no size of the driver lies between {required} and {limit} bytes: {answer.details}")
    capacity = csi.client.call(request).volume.capacity_bytes
    if capacity and (capacity < required or (limit and capacity > limit)):
        raise ClauseViolation(
            "the volume's capacity is out of range", expected=f"{required} to {limit or 'any'}", actual=capacity,
            question="Is the size rounded down, or rounded up past the limit?",
        )  # fmt: skip


@pytest.mark.clause("csi.create-volume.capacity-is-not-negative")
@pytest.mark.parametrize("kind", ["asked-for", "left-open"])
def test_stated_capacity_is_not_negative(csi: Bench, kind: str) -> None:
    request = csi.creation()
    if kind == "left-open":
        request.ClearField("capacity_range")
    capacity = csi.client.call(request).volume.capacity_bytes
    assert capacity >= 0, f"the volume is said to have {capacity} bytes"


@pytest.mark.clause("csi.create-volume.negative-capacity-is-refused")
@pytest.mark.parametrize(("required", "limit"), [(-1, 0), (0, -1), (-(1 << 62), 1 << 30), (-2, -1)])
def test_volume_of_negative_capacity_is_refused(csi: Bench, required: int, limit: int) -> None:
    request = csi.creation(capacity=span(required, limit))
    csi.client.require_refusal(request, "INVALID_ARGUMENT", "OUT_OF_RANGE", because="a bound is negative")


@pytest.mark.clause("csi.create-volume.impossible-capacity-is-refused")
@pytest.mark.parametrize(("required", "limit"), [(1 << 62, 0), ((1 << 63) - 1, 0), (1 << 62, 1 << 62)])
def test_volume_of_an_impossible_size_is_out_of_range(csi: Bench, required: int, limit: int) -> None:
    request = csi.creation(capacity=span(required, limit))
    answer = csi.client.answer(request)
    if answer.is_ok and not answer.response.volume.capacity_bytes:
        raise NotApplicable("the driver does not say how large its volumes are")
    csi.client.require_refusal(request, "OUT_OF_RANGE", because="four exbibytes are asked for")


@pytest.mark.clause("csi.create-volume.limit-below-requirement-is-refused")
@pytest.mark.parametrize("by", [1, MIB])
def test_volume_with_limit_below_requirement_is_refused(csi: Bench, by: int) -> None:
    required = 2 * csi.options.capacity
    request = csi.creation(capacity=span(required, required - by))
    csi.client.require_refusal(request, "OUT_OF_RANGE", "INVALID_ARGUMENT", because="the limit is too low")
