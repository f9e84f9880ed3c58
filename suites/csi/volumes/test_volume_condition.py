"""VOLUME_CONDITION (until CSI 1.12): the state of a volume in descriptions, listings and statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import block, messages, mount
from reports.model import ClauseViolation
from suites.csi.node.measuring import STATS, measuring
from suites.csi.node.test_reference_counting import unmount
from suites.csi.volumes.descriptions import description_of, entry_of
from suites.csi.volumes.health import damage
from suites.csi.volumes.of_any_kind import made


def described(csi: Bench) -> Any:
    """The message of ControllerGetVolume that holds the condition."""
    csi.require("controller.VOLUME_CONDITION", "controller.GET_VOLUME")
    return description_of(csi, csi.create()).status


def listed(csi: Bench) -> Any:
    """The message of ListVolumes that holds the condition."""
    csi.require("controller.VOLUME_CONDITION", "controller.LIST_VOLUMES")
    return entry_of(csi, csi.create()).status


def measured(csi: Bench) -> Any:
    """The response of NodeGetVolumeStats that holds the condition."""
    csi.require("node.VOLUME_CONDITION")
    use = csi.bring_up(csi.create())
    return csi.client.call(
        messages().NodeGetVolumeStatsRequest(
            volume_id=use.volume.volume_id, volume_path=str(use.target), staging_target_path=use.staging
        )
    )


SOURCES = {"get-volume": described, "list-volumes": listed, "node-stats": measured}


def each(obligation: str) -> list[Any]:
    """One case for each answer that holds a condition, with its clause."""
    return [
        pytest.param(ask, id=name, marks=pytest.mark.clause(f"csi.{name}.{obligation}"))
        for name, ask in SOURCES.items()
    ]


@pytest.mark.parametrize("ask", each("condition-is-given"))
def test_condition_of_a_volume_is_given_with_a_text(csi: Bench, ask: Callable[[Bench], Any]) -> None:
    csi.require_spec(until="1.12")
    holder = ask(csi)
    if not holder.HasField("volume_condition") or not holder.volume_condition.message:
        raise ClauseViolation("a volume has no condition", expected="a condition with a message", actual=str(holder))


@pytest.mark.parametrize("ask", each("fresh-volume-is-normal"))
def test_condition_of_a_fresh_volume_is_normal(csi: Bench, ask: Callable[[Bench], Any]) -> None:
    csi.require_spec(until="1.12")
    condition = ask(csi).volume_condition
    assert not condition.abnormal, f"a volume that was just made is abnormal: {condition.message}"


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(description_of, id="get-volume", marks=pytest.mark.clause("csi.get-volume.damage-is-told")),
        pytest.param(entry_of, id="list-volumes", marks=pytest.mark.clause("csi.list-volumes.damage-is-told")),
    ],
)
@pytest.mark.parametrize("kind", ["mount", "block", "shared"])
def test_condition_of_a_damaged_volume_is_abnormal(csi: Bench, ask: Callable[[Bench, Any], Any], kind: str) -> None:
    csi.require_spec(until="1.12")
    csi.require("controller.VOLUME_CONDITION")
    volume = made(csi, kind).volume
    damage(csi, volume)
    condition = ask(csi, volume).status.volume_condition
    assert condition.abnormal, f"a volume without its data is told to be normal: {condition.message}"


@pytest.mark.clause("csi.node-stats.fresh-volume-is-normal")
@pytest.mark.parametrize("kind", ["mount", "block"])
@pytest.mark.parametrize("readonly", [False, True], ids=["writable", "read-only"])
def test_condition_of_a_volume_in_use_is_normal(csi: Bench, kind: str, readonly: bool) -> None:
    csi.require_spec(until="1.12")
    csi.require("node.VOLUME_CONDITION", STATS)
    capability = block() if kind == "block" else mount()
    use = csi.bring_up(csi.create(capability), capability, readonly=readonly)
    condition = csi.client.call(measuring(use, use.target)).volume_condition
    assert not condition.abnormal, f"a volume in use is abnormal: {condition.message}"


@pytest.mark.clause("csi.node-stats.lost-mount-is-told")
def test_volume_whose_mount_is_gone_is_not_told_to_be_normal(csi: Bench) -> None:
    csi.require_spec(until="1.12")
    csi.require("node.VOLUME_CONDITION", STATS)
    use = csi.bring_up(csi.create())
    unmount(use.target)
    answer = csi.client.answer(measuring(use, use.target))
    if answer.is_ok and not answer.response.volume_condition.abnormal:
        raise ClauseViolation(
            "a volume that is not mounted any more is told to be normal", expected="abnormal, or NOT_FOUND",
            actual=answer.response.volume_condition.message,
        )  # fmt: skip
