"""A volume with a file system that is asked for by name."""

from __future__ import annotations

from typing import Any

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.client import Refused
from reports.model import NotApplicable

REFUSED = ("INVALID_ARGUMENT", "FAILED_PRECONDITION")


def in_use_with(csi: Bench, capability: Any, capacity: Any = None) -> InUse:
    """A published volume. NotApplicable: the driver has no such file system, which it may say as late as at a stage."""
    request, name = csi.creation(capability, capacity=capacity), capability.mount.fs_type
    answer = csi.client.answer(request)
    if answer.code in REFUSED:
        raise NotApplicable(f"the driver makes no {name}: {answer.details}")
    volume = answer.response.volume if answer.is_ok else csi.client.call(request).volume
    return brought_up(csi, volume, capability)


def brought_up(csi: Bench, volume: Any, capability: Any, readonly: bool = False) -> InUse:
    """The volume, published. NotApplicable: the driver says now that it has no such file system."""
    try:
        return csi.bring_up(volume, capability, readonly)
    except Refused as refused:
        if refused.answer.code in REFUSED:
            name = capability.mount.fs_type or "such volume"
            raise NotApplicable(f"the driver brings no {name} up: {refused.answer.details}") from refused
        raise
