"""How the driver says no: with a text, without details."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.unknown_fields import UnknownFieldSet

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.client import CONTROLLER_SIDE
from fixtures.subjects.csi.requests import changed, messages, mount, span, without
from reports.model import ClauseViolation

REFUSED = ("NodePublishVolume", "NodeUnpublishVolume", "CreateVolume", "DeleteVolume", "ValidateVolumeCapabilities")


def refused_requests(csi: Bench) -> list[Any]:
    """Requests that end in every common code: invalid, not found, out of range, in conflict."""
    absent, volume = f"absent-{csi.name()}", csi.creation()
    csi.client.call(volume)
    question = messages().ValidateVolumeCapabilitiesRequest(volume_id=absent, volume_capabilities=[mount()])
    return [
        *(getattr(messages(), f"{rpc}Request")() for rpc in REFUSED),
        without(csi.creation(), "volume_capabilities"),
        csi.creation(capacity=span(1 << 62)),
        csi.creation(capacity=span(2 * csi.options.capacity, csi.options.capacity)),
        changed(volume, capacity_range=span(8 * csi.options.capacity)),
        question,
    ]


@pytest.mark.clause("csi.errors.message-is-not-empty")
def test_refusal_has_a_text(csi: Bench) -> None:
    seen = set()
    for request in refused_requests(csi):
        answer = csi.client.answer(request)
        seen.add(answer.code)
        if not answer.is_ok and not answer.details.strip():
            raise ClauseViolation(
                f"{answer.rpc} was refused with {answer.code} and no text", expected="a text for a human",
                actual="an empty one",
            )  # fmt: skip
    assert seen != {"OK"}, "the driver refuses nothing, not even empty requests"


def status_details(csi: Bench, request: Any) -> bytes | None:
    """The details that a refusal carries beside its code and text; None if the request was not refused."""
    rpc = request.DESCRIPTOR.name.removesuffix("Request")
    services = messages().DESCRIPTOR.services_by_name.values()
    service = next(service.name for service in services if rpc in service.methods_by_name)
    endpoint = (csi.driver.controller_endpoint if service in CONTROLLER_SIDE else "") or csi.driver.endpoint
    with grpc.insecure_channel(endpoint.removeprefix("dns:///")) as channel:
        call = channel.unary_unary(f"/csi.v1.{service}/{rpc}", request_serializer=type(request).SerializeToString)
        try:
            call(request, timeout=20)
        except grpc.RpcError as error:
            found = dict(error.trailing_metadata() or ())
            return bytes(found.get("grpc-status-details-bin", b""))
    return None


def embedded(status: bytes) -> int:
    """How many details a serialised google.rpc.Status holds: its fields of number 3."""
    fields: Any = UnknownFieldSet(Empty.FromString(status))
    return sum(field.field_number == 3 for field in fields)


@pytest.mark.clause("csi.errors.details-are-empty")
def test_refusal_has_no_details(csi: Bench) -> None:
    for request in refused_requests(csi):
        details = status_details(csi, request)
        if details and embedded(details):
            raise ClauseViolation(
                f"a refused {request.DESCRIPTOR.name} carries status details", expected="none", actual=details[:200]
            )
