"""Health of a volume as CSI 1.13 tells it: asked for, and looked at entry by entry."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import messages
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.pages import all_entries

GET, LIST = "controller.GET_VOLUME_HEALTH", "controller.LIST_VOLUME_HEALTH"
CAMEL = re.compile(r"([A-Z][a-z0-9]*)+")


def require_health(csi: Bench, *capabilities: str) -> None:
    """NotApplicable before CSI 1.13, and where the driver does not declare the capabilities."""
    csi.require_spec(since="1.13")
    csi.require(*capabilities)


def health_of(csi: Bench, volume: Any) -> Any:
    """What the controller tells of one volume's health."""
    require_health(csi, GET)
    return csi.client.call(messages().ControllerGetVolumeHealthRequest(volume_id=volume.volume_id)).volume_health


def listed_health(csi: Bench, volume: Any) -> list[Any]:
    """The entries of ControllerListVolumeHealth for one volume; a healthy one has usually none."""
    require_health(csi, LIST)
    entries = all_entries(csi, messages().ControllerListVolumeHealthRequest())
    return [entry for entry in entries if entry.volume_id == volume.volume_id]


def require_well_formed(conditions: Any) -> None:
    """ClauseViolation unless each condition has a status and a CamelCase reason, and no two are the same.

    NotApplicable: there is none to look at. A status of a newer version is nobody's fault.
    """
    if not conditions:
        raise NotApplicable("the driver knows of no adverse condition")
    for condition in conditions:
        if condition.status == 0 or not CAMEL.fullmatch(condition.reason):
            raise ClauseViolation(
                "a condition has no status or no CamelCase reason",
                expected="a status, CamelCase",
                actual=str(condition),
            )
    pairs = Counter(_identity(condition) for condition in conditions)
    if max(pairs.values()) > 1:
        raise ClauseViolation("a condition is told twice", expected="once", actual=str(pairs.most_common(1)[0][0]))


def _identity(condition: Any) -> tuple[int, str, str]:
    return condition.status, condition.reason, str(getattr(condition, "volume_capability", ""))


def damage(csi: Bench, volume: Any) -> None:
    """Take the data of a volume away behind the driver's back. NotApplicable: the driver is not our reference."""
    if csi.driver.state is None or not getattr(csi.driver, "is_ours", False):
        raise NotApplicable("only a volume of our own reference driver may be damaged")
    folder = csi.driver.state / "volumes" / volume.volume_id
    data = next((path for path in (folder / "data.img", folder / "data") if path.exists()), None)
    if data is None:
        raise NotApplicable("the driver keeps the data of a volume where we do not find it")
    data.rename(folder / "lost")
