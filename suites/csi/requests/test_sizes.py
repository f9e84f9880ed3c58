"""Size limits both ways, fields that may be absent, and fields from a later version of the protocol."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import changed, messages, mount, without
from reports.model import ClauseViolation

LARGE = 4096  # bytes of a map, the most that everybody has to accept
OVERLONG = 5000  # bytes: above every limit, and an error text that repeats it still fits into a gRPC status
HARMLESS = ("OK", "INVALID_ARGUMENT", "NOT_FOUND", "OUT_OF_RANGE")
UNKNOWN_FIELD = b"\xfa\x93\x07\x08seatrial"  # field 14655, a text: far beyond every number in use


def map_of(size: int) -> dict[str, str]:
    """Texts of at most 128 bytes, size bytes in all."""
    filled = {f"seatrial-{number:03}": "v" * 116 for number in range(size // 128)}
    return {**filled, "seatrial-end": "v" * (size % 128)} if size % 128 else filled


def overlong(csi: Bench, what: str) -> Any:
    """A request with one field far beyond its limit."""
    text = "x" * OVERLONG
    creation = csi.creation()
    return {
        "name": lambda: changed(creation, name=f"{creation.name}{text}"),
        "parameters": lambda: changed(creation, parameters={"seatrial": text}),
        "secrets": lambda: changed(creation, secrets={**csi.options.secrets_of("CreateVolume"), "seatrial": text}),
        "fs-type": lambda: changed(creation, volume_capabilities=[mount(fs_type=text)]),
        "mount-flags": lambda: changed(creation, volume_capabilities=[mount(flags=["x" * 100] * 50)]),
        "volume-id": lambda: csi.deletion(text),
        "validated-id": lambda: messages().ValidateVolumeCapabilitiesRequest(
            volume_id=text, volume_capabilities=[mount()]
        ),
        "unpublished-id": lambda: messages().NodeUnpublishVolumeRequest(volume_id=text, target_path=csi.path("t")),
    }[what]()


@pytest.mark.clause("csi.sizes.largest-maps-are-accepted")
def test_secrets_of_4_kib_are_accepted(csi: Bench) -> None:
    request = csi.creation()
    needed = csi.options.secrets_of("CreateVolume")
    used = sum(len(key.encode()) + len(value.encode()) for key, value in needed.items())
    csi.client.call(changed(request, secrets={**needed, **map_of(LARGE - used)}))


@pytest.mark.clause("csi.sizes.overlong-requests-do-no-harm")
@pytest.mark.parametrize(
    "what",
    ["name", "parameters", "secrets", "fs-type", "mount-flags", "volume-id", "validated-id", "unpublished-id"],
)
def test_overlong_field_is_answered_and_survived(csi: Bench, what: str) -> None:
    answer = csi.client.answer(overlong(csi, what))
    if answer.code not in HARMLESS:
        raise ClauseViolation(
            f"an overlong {what} is answered like a fault of the driver", expected="INVALID_ARGUMENT or an answer",
            actual=f"{answer.code} ({answer.details[:120]})",
        )  # fmt: skip
    csi.client.call(messages().ProbeRequest())


@pytest.mark.clause("csi.requests.optional-fields-may-be-absent")
@pytest.mark.parametrize("lacking", ["capacity_range", "capacity_range.required_bytes"])
def test_create_volume_without_optional_fields_is_served(csi: Bench, lacking: str) -> None:
    request = csi.creation()
    request.capacity_range.limit_bytes = max(1 << 30, 64 * csi.options.capacity)
    csi.client.call(without(request, lacking))


@pytest.mark.clause("csi.requests.optional-fields-may-be-absent")
def test_get_capacity_without_any_field_is_served(csi: Bench) -> None:
    csi.require("controller.GET_CAPACITY")
    csi.client.call(messages().GetCapacityRequest())


@pytest.mark.clause("csi.requests.unknown-fields-are-ignored")
def test_request_with_an_unknown_field_is_served(csi: Bench) -> None:
    request = csi.creation()
    newer = type(request).FromString(request.SerializeToString() + UNKNOWN_FIELD)
    first, second = csi.client.call(newer).volume, csi.client.call(request).volume
    assert first.volume_id == second.volume_id, "an unknown field makes another volume of the same name"


@pytest.mark.clause("csi.create-volume.unknown-parameter-is-refused")
@pytest.mark.parametrize("parameters", [{"seatrial-unknown": "1"}, {"": ""}, {"size": "-1; \"'\n%s"}])
def test_unknown_parameter_is_refused_or_ignored(csi: Bench, parameters: dict[str, str]) -> None:
    request = csi.creation()
    answer = csi.client.answer(changed(request, parameters={**request.parameters, **parameters}))
    if answer.code not in ("OK", "INVALID_ARGUMENT"):
        raise ClauseViolation(
            "an unknown parameter is no invalid argument", expected="INVALID_ARGUMENT, or OK", actual=str(answer)
        )
