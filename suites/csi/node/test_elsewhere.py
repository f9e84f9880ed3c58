"""Calls to the controller for a volume that another node has: they do not depend on where the controller is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.groups import GROUPS, grouping, make_group, require_whole
from fixtures.subjects.csi.requests import from_volume, messages, mount
from reports.model import ClauseViolation, NotApplicable
from suites.csi.node.moving import movable
from suites.csi.volumes.of_any_kind import ATTACH, CLONE, MODIFY, SNAPSHOT, made
from suites.csi.volumes.test_modification import modifying


def require_possible(csi: Bench, request: Any) -> None:
    """NotApplicable: the driver refuses it as not to be had, of volumes in use or in two places."""
    answer = csi.client.answer(request)
    if answer.code in ("FAILED_PRECONDITION", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"):
        raise NotApplicable(f"the driver does not, of such a volume: {answer.details}")


def snapshot(csi: Bench, volume: Any) -> None:
    csi.require(SNAPSHOT)
    request = csi.snapshotting(volume.volume_id)
    require_possible(csi, request)
    csi.client.call(csi.unsnapshotting(csi.wait_until_ready(request).snapshot.snapshot_id))


def clone(csi: Bench, volume: Any) -> None:
    csi.require(CLONE)
    request = csi.creation(source=from_volume(volume.volume_id))
    require_possible(csi, request)
    csi.client.call(request)


def modify(csi: Bench, volume: Any) -> None:
    csi.require(MODIFY)
    csi.client.call(modifying(volume, csi.mutable_parameters()[1]))


def group(csi: Bench, volume: Any) -> None:
    """With a volume of this node."""
    csi.require(GROUPS)
    here = csi.create()
    make_group(csi, grouping(csi, here))  # NotApplicable where it cannot
    request = grouping(csi, volume, here)
    require_possible(csi, request)
    require_whole(make_group(csi, request), [volume, here])


STEPS: dict[str, Callable[[Bench, Any], None]] = {
    "snapshot": snapshot, "clone": clone, "modification": modify, "group snapshot": group,
}  # fmt: skip


@pytest.mark.clause("csi.multi-node.controller-serves-every-node")
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("where", ["attached there", "lies there"])
def test_call_for_a_volume_of_another_node_is_served(csi: Bench, step: str, where: str) -> None:
    if where == "lies there":
        volume = made(csi, "on the second node").volume
    else:
        csi.require(ATTACH)
        second, volume = movable(csi)
        csi.client.call(second.attaching(volume, mount()))
    STEPS[step](csi, volume)


@pytest.mark.clause("csi.controller-unpublish.other-node-stays")
def test_detach_from_an_unknown_node_leaves_the_volume_where_it_is(csi: Bench) -> None:
    csi.require(ATTACH)
    second, volume = movable(csi)
    csi.attach(volume, mount())
    request = messages().ControllerUnpublishVolumeRequest(volume_id=volume.volume_id, node_id="seatrial-no-such-node")
    answer = csi.client.answer(request)
    if answer.code not in ("OK", "NOT_FOUND"):
        raise ClauseViolation("a detach from an unknown node", expected="OK or NOT_FOUND", actual=str(answer))
    csi.client.require_refusal(
        second.attaching(volume, mount()), "FAILED_PRECONDITION", because="the first node has the volume still"
    )
