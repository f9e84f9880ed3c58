"""ValidateVolumeCapabilities as a question: what does the driver confirm of a volume?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import block, messages, mount
from reports.model import NotApplicable


def validating(volume: Any, capabilities: Sequence[Any]) -> Any:
    """A complete ValidateVolumeCapabilitiesRequest."""
    return messages().ValidateVolumeCapabilitiesRequest(
        volume_id=volume.volume_id, volume_capabilities=capabilities, volume_context=volume.volume_context
    )


def is_confirmed(csi: Bench, volume: Any, *capabilities: Any) -> bool:
    """Whether the driver confirms all of these. A confirmation without capabilities is none."""
    answer = csi.client.answer(validating(volume, capabilities))
    return answer.is_ok and bool(answer.response.confirmed.volume_capabilities)


def unconfirmed(csi: Bench, volume: Any) -> Any:
    """A well-formed capability that the driver does not confirm for a mount volume. NotApplicable: it confirms all."""
    if "plugin.CONTROLLER_SERVICE" not in csi.capabilities:
        raise NotApplicable("the driver has no controller service to ask")
    for capability in (block(), mount("MULTI_NODE_MULTI_WRITER")):
        if not is_confirmed(csi, volume, capability):
            return capability
    raise NotApplicable("the driver confirms block access and many nodes for every volume")
