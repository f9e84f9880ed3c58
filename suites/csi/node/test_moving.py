"""A volume for one node at a time, and two nodes that can reach it: who has it, and what it holds after a move."""

from __future__ import annotations

from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import mount
from reports.model import ClauseViolation, NotApplicable
from suites.csi.data.kinds import KINDS
from suites.csi.node.file_systems import brought_up
from suites.csi.node.moving import is_told_to_reach, movable
from suites.csi.volumes.confirmation import is_confirmed

ATTACH, STAGE = "controller.PUBLISH_UNPUBLISH_VOLUME", "node.STAGE_UNSTAGE_VOLUME"


@pytest.mark.clause("csi.multi-node.moves-with-its-data")
@pytest.mark.parametrize("kind", ["ext4", "xfs", "block"])
def test_volume_of_one_node_moves_to_another_and_back(csi: Bench, rng: Random, kind: str) -> None:
    here = KINDS[kind]
    second, volume = movable(csi, here.capability)
    first = brought_up(csi, volume, here.capability)
    contents = [here.write(first, rng, "first")]
    csi.take_down(first)
    there = second.bring_up(volume, here.capability)
    here.require(there, contents[0], f"a move to another node ({kind})")
    if not here.is_block:  # a device is written in the same places each time
        contents.append(here.write(there, rng, "second"))
    second.take_down(there)
    again = csi.bring_up(volume, here.capability)
    for content in contents:
        here.require(again, content, f"a move to another node and back ({kind})")


@pytest.mark.clause("csi.controller-publish.other-node-is-refused")
@pytest.mark.parametrize("readonly", [False, True], ids=["writable", "read-only"])
def test_volume_attached_to_one_node_is_not_attached_to_another(csi: Bench, readonly: bool) -> None:
    csi.require(ATTACH)
    if readonly:
        csi.require("controller.PUBLISH_READONLY")
    second, volume = movable(csi)
    csi.client.call(csi.attaching(volume, mount(), readonly))
    for asked in (False, readonly):
        csi.client.require_refusal(
            second.attaching(volume, mount(), asked), "FAILED_PRECONDITION",
            because="the volume is for one node, and attached to the first",
        )  # fmt: skip


@pytest.mark.clause("csi.controller-unpublish.other-node-stays")
def test_detach_from_a_node_that_never_had_the_volume_leaves_the_other(csi: Bench) -> None:
    csi.require(ATTACH)
    second, volume = movable(csi)
    csi.attach(volume, mount())
    answer = csi.client.answer(second.detaching(volume))
    if answer.code not in ("OK", "NOT_FOUND"):
        raise ClauseViolation("a detach from a node without the volume", expected="OK", actual=str(answer))
    csi.client.require_refusal(
        second.attaching(volume, mount()), "FAILED_PRECONDITION", because="the first node has the volume still"
    )


@pytest.mark.clause("csi.node-stage.second-node-is-refused")
def test_volume_staged_on_one_node_is_not_staged_on_another(csi: Bench) -> None:
    csi.require(STAGE)
    second, volume = movable(csi)
    if is_confirmed(csi, volume, mount("MULTI_NODE_MULTI_WRITER")):
        raise NotApplicable("the volume may be used on several nodes, so no harm comes of it")
    use = csi.prepare(volume)
    answer = second.client.answer(second.staging(volume, mount(), use.context))
    if answer.is_ok:
        raise ClauseViolation(
            "a volume for one node is staged on two at once", expected="FAILED_PRECONDITION", actual="OK",
            question="Would two nodes have mounted one file system now?",
        )  # fmt: skip


@pytest.mark.clause("csi.topology.told-nodes-can-reach")
def test_node_that_the_topology_names_can_use_the_volume(csi: Bench) -> None:
    second = csi.second_node()
    volume = csi.create()
    if not volume.accessible_topology or not is_told_to_reach(second, volume):
        raise NotApplicable("the volume's topology does not say that the second node can reach it")
    second.take_down(second.bring_up(volume))


@pytest.mark.clause("csi.topology.told-nodes-can-reach")
def test_node_that_the_topology_excludes_is_refused(csi: Bench) -> None:
    second = csi.second_node()
    volume = csi.create()
    if is_told_to_reach(second, volume):
        raise NotApplicable("the volume's topology says that the second node can reach it")
    request = second.attaching(volume, mount()) if ATTACH in csi.capabilities else second.staging(volume, mount(), {})
    answer = second.client.answer(request)
    if answer.is_ok:
        raise ClauseViolation("a node that cannot reach the volume gets it", expected="a refusal", actual="OK")
