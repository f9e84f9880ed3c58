"""ControllerPublishVolume and its inverse, with one node."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.requests import block, changed, messages, mount, without
from reports.model import ClauseViolation, NotApplicable
from suites.csi.node.test_readonly import require_refused_write
from suites.csi.volumes.confirmation import unconfirmed

ATTACH, READONLY = "controller.PUBLISH_UNPUBLISH_VOLUME", "controller.PUBLISH_READONLY"
KINDS = {"mount": mount, "block": block}
LARGEST_LIMIT = 32  # volumes; a node that takes more is not filled up for a test


def attached(csi: Bench, readonly: bool = False) -> Any:
    """The request that attached a fresh volume to this node."""
    csi.require(ATTACH, *([READONLY] if readonly else []))
    request = csi.attaching(csi.create(), mount(), readonly)
    csi.client.call(request)
    return request


def detaching(request: Any, **fields: Any) -> Any:
    """The ControllerUnpublishVolumeRequest that undoes an attach, some fields replaced."""
    return changed(
        messages().ControllerUnpublishVolumeRequest(volume_id=request.volume_id, node_id=request.node_id), **fields
    )


def require_attached(csi: Bench, request: Any) -> None:
    """ClauseViolation unless the driver still knows the attachment: another readonly flag must conflict."""
    csi.require(READONLY)
    other = changed(request, readonly=not request.readonly)
    csi.client.require_refusal(other, "ALREADY_EXISTS", because="the volume is attached with the other readonly flag")


@pytest.mark.clause("csi.controller-publish.is-idempotent")
@pytest.mark.parametrize("kind", KINDS)
def test_volume_attached_twice_answers_the_same_context(csi: Bench, kind: str) -> None:
    csi.require(ATTACH)
    request = csi.attaching(csi.create(KINDS[kind]()), KINDS[kind]())
    first, second = csi.client.call(request).publish_context, csi.client.call(request).publish_context
    if dict(first) != dict(second):
        raise ClauseViolation("a second attach answers another context", expected=dict(first), actual=dict(second))


@pytest.mark.clause("csi.controller-publish.is-idempotent")
def test_volume_in_use_attached_again_answers_the_same_context(csi: Bench) -> None:
    csi.require(ATTACH)
    use = csi.bring_up(csi.create())
    again = csi.client.call(csi.attaching(use.volume, use.capability)).publish_context
    if dict(again) != dict(use.context):
        raise ClauseViolation("an attach of a volume in use changed its context", expected=use.context, actual=again)


@pytest.mark.clause("csi.controller-publish.other-arguments-conflict")
@pytest.mark.parametrize("first", [False, True], ids=["for writing", "readonly"])
def test_attached_volume_with_other_readonly_conflicts(csi: Bench, first: bool) -> None:
    csi.require(ATTACH, READONLY)
    require_attached(csi, attached(csi, readonly=first))


@pytest.mark.clause("csi.controller-publish.conflict-changes-nothing")
def test_refused_attach_leaves_the_first_as_it_was(csi: Bench) -> None:
    csi.require(ATTACH, READONLY)
    request = attached(csi)
    csi.client.answer(changed(request, readonly=True))
    csi.client.call(request)


@pytest.mark.clause("csi.controller-publish.other-capability-conflicts")
def test_attached_volume_with_other_access_mode_conflicts(csi: Bench) -> None:
    csi.require(ATTACH)
    modes = mount(), mount("SINGLE_NODE_READER_ONLY")
    request = csi.attaching(csi.create(*modes), modes[0])
    csi.client.call(request)
    csi.client.require_refusal(
        changed(request, volume_capability=modes[1]), "ALREADY_EXISTS", because="the volume is attached for writing"
    )


@pytest.mark.clause("csi.controller-publish.unusable-capability-is-refused")
def test_attach_for_a_capability_the_volume_lacks_is_refused(csi: Bench) -> None:
    csi.require(ATTACH)
    volume = csi.create(mount())
    answer = csi.client.answer(csi.attaching(volume, unconfirmed(csi, volume)))
    if answer.is_ok:
        raise ClauseViolation(
            "a volume is attached for a capability that the driver does not confirm", expected="a refusal", actual="OK"
        )


@pytest.mark.clause("csi.controller-publish.readonly-is-served")
@pytest.mark.parametrize("mode", ["SINGLE_NODE_WRITER", "SINGLE_NODE_READER_ONLY"])
@pytest.mark.parametrize("kind", KINDS)
def test_attach_for_reading_is_served(csi: Bench, kind: str, mode: str) -> None:
    csi.require(ATTACH, READONLY)
    capability = KINDS[kind](mode)
    csi.client.call(csi.attaching(csi.create(capability), capability, readonly=True))


@pytest.mark.clause("csi.controller-publish.absent-volume-is-not-found")
def test_attach_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    csi.require(ATTACH)
    request = csi.attaching(messages().Volume(volume_id=csi.absent_id()), mount())
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.controller-publish.absent-node-is-not-found")
@pytest.mark.parametrize("before", ["never attached", "attached"])
def test_attach_to_an_absent_node_is_not_found(csi: Bench, before: str) -> None:
    csi.require(ATTACH)
    proper = csi.attaching(csi.create(), mount())
    if before == "attached":
        csi.client.call(proper)
    request = changed(proper, node_id="seatrial-no-such-node")
    codes = ("NOT_FOUND", "FAILED_PRECONDITION") if before == "attached" else ("NOT_FOUND",)  # two faults at once
    csi.client.require_refusal(request, *codes, because="there is no such node")


@pytest.mark.clause("csi.controller-publish.attach-limit-is-kept")
def test_node_takes_no_more_volumes_than_it_states(csi: Bench) -> None:
    csi.require(ATTACH)
    limit = csi.capabilities.max_volumes
    if not 0 < limit <= LARGEST_LIMIT:
        raise NotApplicable(
            f"the node states {limit or 'no'} volumes as its limit; more than {LARGEST_LIMIT} cost too much"
        )
    requests = [csi.attaching(csi.create(), mount()) for _ in range(limit + 1)]
    for request in requests:
        answer = csi.client.answer(request)
        if not answer.is_ok:
            assert answer.code == "RESOURCE_EXHAUSTED", f"a node that is full answers {answer}, not RESOURCE_EXHAUSTED"
            csi.client.require_refusal(request, "RESOURCE_EXHAUSTED", because="the node is as full as before")
            break
    else:
        raise ClauseViolation("a node takes more volumes than it states", expected=limit, actual=limit + 1)
    csi.client.call(requests[0])  # it is there already, so it takes no place
    csi.client.call(detaching(requests[0]))
    csi.client.call(request)


@pytest.mark.clause("csi.controller-unpublish.is-idempotent")
def test_volume_detached_twice_is_fine(csi: Bench) -> None:
    request = attached(csi)
    csi.client.call(detaching(request))
    csi.client.call(detaching(request))


@pytest.mark.clause("csi.controller-unpublish.is-idempotent")
def test_detach_of_a_volume_never_attached_is_fine(csi: Bench) -> None:
    csi.require(ATTACH)
    csi.client.call(csi.detaching(csi.create()))


@pytest.mark.clause("csi.controller-unpublish.frees-the-volume")
def test_detached_volume_is_attached_anew_with_other_arguments(csi: Bench) -> None:
    csi.require(ATTACH, READONLY)
    request = attached(csi)
    csi.client.call(detaching(request))
    csi.client.call(changed(request, readonly=True))


@pytest.mark.clause("csi.controller-unpublish.frees-the-volume")
def test_volume_attached_readonly_before_is_written_to_when_it_is_attached_anew(csi: Bench, rng: Random) -> None:
    csi.require(ATTACH, READONLY)
    volume = csi.create()
    csi.client.call(csi.attaching(volume, mount(), readonly=True))
    csi.client.call(csi.detaching(volume))
    use = csi.bring_up(volume)
    require_files(use.target, write_files(use.target, rng), "an attachment for writing after a read-only one")


@pytest.mark.clause("csi.controller-unpublish.frees-the-volume")
def test_detached_volume_may_be_deleted(csi: Bench) -> None:
    request = attached(csi)
    csi.client.call(detaching(request))
    csi.client.call(csi.deletion(request.volume_id))


@pytest.mark.clause("csi.controller-unpublish.without-node-detaches-everywhere")
def test_detach_without_a_node_frees_the_volume(csi: Bench) -> None:
    csi.require(ATTACH, READONLY)
    request = attached(csi)
    csi.client.call(without(detaching(request), "node_id"))
    csi.client.call(changed(request, readonly=True))


@pytest.mark.clause("csi.controller-unpublish.without-node-detaches-everywhere")
def test_detach_without_a_node_of_a_detached_volume_is_fine(csi: Bench) -> None:
    request = attached(csi)
    csi.client.call(detaching(request))
    csi.client.call(without(detaching(request), "node_id"))


@pytest.mark.clause("csi.controller-unpublish.absent-volume-is-fine-or-not-found")
def test_detach_of_an_absent_volume_is_fine_or_not_found(csi: Bench) -> None:
    csi.require(ATTACH)
    request = csi.detaching(messages().Volume(volume_id=csi.absent_id()))
    csi.client.require_refusal(request, "OK", "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.controller-unpublish.absent-node-is-fine-or-not-found")
def test_detach_from_an_absent_node_is_fine_or_not_found(csi: Bench) -> None:
    csi.require(ATTACH)
    request = detaching(attached(csi), node_id="seatrial-no-such-node")
    csi.client.require_refusal(request, "OK", "NOT_FOUND", because="there is no such node")


@pytest.mark.clause("csi.controller-unpublish.other-node-stays")
def test_detach_from_an_absent_node_leaves_the_volume_attached(csi: Bench) -> None:
    csi.require(ATTACH, READONLY)
    request = attached(csi)
    csi.client.answer(detaching(request, node_id="seatrial-no-such-node"))
    require_attached(csi, request)


@pytest.mark.clause("csi.controller-publish.readonly-cannot-be-written")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_volume_attached_readonly_refuses_writes(csi: Bench, kind: str) -> None:
    csi.require(ATTACH, READONLY)
    capability = block() if kind == "block" else mount()
    use = csi.bring_up(csi.create(capability), capability)  # the first use formats it
    csi.take_down(use)
    context = csi.client.call(csi.attaching(use.volume, use.capability, readonly=True)).publish_context
    staged = csi.stage(use.volume, use.capability, context)
    published = InUse(use.volume, use.capability, staged, csi.folder / "readonly", context)
    if not csi.client.answer(csi.publishing(published)).is_ok:
        return  # refusing to publish it for writing is right as well
    require_refused_write(published.target, kind)
