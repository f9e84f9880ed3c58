"""ControllerPublishVolume and its inverse, with one node."""

from __future__ import annotations

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import changed, messages, mount
from reports.model import ClauseViolation

ATTACH = "controller.PUBLISH_UNPUBLISH_VOLUME"


@pytest.mark.clause("csi.controller-publish.is-idempotent")
def test_volume_attached_twice_answers_the_same_context(csi: Bench) -> None:
    csi.require(ATTACH)
    request = csi.attaching(csi.create(), mount())
    first, second = csi.client.call(request).publish_context, csi.client.call(request).publish_context
    if dict(first) != dict(second):
        raise ClauseViolation("a second attach answers another context", expected=dict(first), actual=dict(second))


@pytest.mark.clause("csi.controller-publish.other-arguments-conflict")
def test_attached_volume_with_other_readonly_conflicts(csi: Bench) -> None:
    csi.require(ATTACH, "controller.PUBLISH_READONLY")
    request = csi.attaching(csi.create(), mount())
    csi.client.call(request)
    csi.client.require_refusal(
        changed(request, readonly=True), "ALREADY_EXISTS", because="the volume is attached for writing"
    )


@pytest.mark.clause("csi.controller-publish.absent-volume-is-not-found")
def test_attach_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    csi.require(ATTACH)
    request = csi.attaching(messages().Volume(volume_id=csi.absent_id()), mount())
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.controller-publish.absent-node-is-not-found")
def test_attach_to_an_absent_node_is_not_found(csi: Bench) -> None:
    csi.require(ATTACH)
    request = changed(csi.attaching(csi.create(), mount()), node_id="seatrial-no-such-node")
    csi.client.require_refusal(request, "NOT_FOUND", because="there is no such node")


@pytest.mark.clause("csi.controller-unpublish.is-idempotent")
def test_volume_detached_twice_is_fine(csi: Bench) -> None:
    csi.require(ATTACH)
    volume = csi.create()
    csi.attach(volume, mount())
    csi.client.call(csi.detaching(volume))
    csi.client.call(csi.detaching(volume))


@pytest.mark.clause("csi.list-volumes.published-nodes-are-true")
def test_listed_nodes_are_those_the_volume_is_attached_to(csi: Bench) -> None:
    csi.require(ATTACH, "controller.LIST_VOLUMES_PUBLISHED_NODES")
    attached, free = csi.create(), csi.create()
    csi.attach(attached, mount())
    listed = {
        entry.volume.volume_id: list(entry.status.published_node_ids)
        for entry in csi.client.call(messages().ListVolumesRequest()).entries
    }
    expected = {attached.volume_id: [csi.capabilities.node_id], free.volume_id: []}
    actual = {name: listed.get(name) for name in expected}
    if actual != expected:
        raise ClauseViolation("ListVolumes names wrong nodes", expected=expected, actual=actual)
