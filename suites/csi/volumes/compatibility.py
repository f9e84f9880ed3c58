"""The same name with other arguments: either the volume that is there serves them, or the request is refused."""

from __future__ import annotations

from typing import Any

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import messages
from reports.model import ClauseViolation


def require_same_volume(first: str, second: str, after: str) -> None:
    """ClauseViolation unless both ids are one."""
    if first != second:
        raise ClauseViolation(f"{after} answered another volume", expected=first, actual=second)


def confirms(csi: Bench, volume: Any, request: Any) -> bool:
    """Whether the driver says that the volume serves the capabilities of a creation request."""
    question = messages().ValidateVolumeCapabilitiesRequest(
        volume_id=volume.volume_id, volume_context=volume.volume_context,
        volume_capabilities=request.volume_capabilities, parameters=request.parameters,
    )  # fmt: skip
    answer = csi.client.answer(question)
    return answer.is_ok and answer.response.HasField("confirmed")


def require_served_or_refused(csi: Bench, volume: Any, request: Any, *codes: str, what: str) -> None:
    """ClauseViolation unless the request answers this volume, and it serves what was asked for, or one of codes."""
    answer = csi.client.answer(request)
    if answer.is_ok:
        require_same_volume(volume.volume_id, answer.response.volume.volume_id, f"the same name with {what}")
        if confirms(csi, volume, request):
            return
    elif answer.code in codes:
        return
    raise ClauseViolation(
        f"a volume was answered for {what}, which it does not serve", expected=" or ".join(codes), actual=str(answer),
        question="Does the retry path return the volume of this name without looking at the arguments?",
    )  # fmt: skip
