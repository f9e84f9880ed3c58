"""A stage or publish that is asked for again with exactly one argument changed, and what must not come of it."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.leaks import mounts_below
from fixtures.subjects.csi.requests import block, changed, messages, mount
from reports.model import ClauseViolation, NotApplicable

OTHERS = {"flags": mount(flags=["noexec"]), "access mode": mount("SINGLE_NODE_READER_ONLY"), "access type": block()}
CONFLICT = ("ALREADY_EXISTS", "FAILED_PRECONDITION")


def volume_for(csi: Bench, *capabilities: Any) -> Any:
    """A volume that may be used in each of these ways. NotApplicable: the driver makes no such volume."""
    request = csi.creation(*capabilities)
    answer = csi.client.answer(request)
    if answer.code in ("INVALID_ARGUMENT", "FAILED_PRECONDITION"):
        raise NotApplicable(f"the driver makes no volume for these capabilities: {answer.details}")
    return answer.response.volume if answer.is_ok else csi.client.call(request).volume


def served(what: str) -> tuple[Any, ...]:
    """What the volume is made for: the other access type is no choice of a volume, the others are."""
    return (mount(),) if what == "access type" else (mount(), OTHERS[what])


def codes(what: str, *usual: str) -> tuple[str, ...]:
    """The refusals that may come: a volume for mounts may also be said not to be a device at all."""
    return (*usual, "FAILED_PRECONDITION", "INVALID_ARGUMENT") if what == "access type" else usual


@pytest.mark.clause("csi.node-stage.one-other-argument-conflicts")
@pytest.mark.parametrize("what", OTHERS)
def test_staged_volume_with_one_other_argument_conflicts(csi: Bench, what: str) -> None:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    volume = volume_for(csi, *served(what))
    request = csi.staging(volume, mount(), csi.attach(volume, mount()))
    csi.client.call(request)
    other = changed(request, volume_capability=OTHERS[what])
    csi.client.require_refusal(other, *codes(what, "ALREADY_EXISTS"), because=f"it is staged there with other {what}")


@pytest.mark.clause("csi.node-publish.one-other-argument-conflicts")
@pytest.mark.parametrize("what", OTHERS)
def test_published_volume_with_one_other_argument_conflicts(csi: Bench, what: str) -> None:
    use = csi.bring_up(volume_for(csi, *served(what)))
    other = changed(csi.publishing(use), volume_capability=OTHERS[what])
    csi.client.require_refusal(other, *codes(what, *CONFLICT), because=f"it is published there with other {what}")


@pytest.mark.clause("csi.node-publish.conflict-changes-nothing")
def test_conflicting_publish_leaves_the_volume_as_it_was(csi: Bench, rng: Random) -> None:
    use = csi.bring_up(csi.create())
    content, before = write_files(use.target, rng), mounts_below(csi.folder)
    csi.client.answer(changed(csi.publishing(use), readonly=True))
    if mounts_below(csi.folder) != before:
        raise ClauseViolation("a refused publish changed mounts", expected=before, actual=mounts_below(csi.folder))
    require_files(use.target, content, "a publish that was refused")
    write_files(use.target, rng, "later")
    csi.take_down(use)


@pytest.mark.clause("csi.node-publish.writer-has-one-target")
@pytest.mark.parametrize("readonly", [False, True], ids=["same arguments", "other readonly"])
def test_single_node_writer_volume_has_one_target(csi: Bench, readonly: bool) -> None:
    use = csi.bring_up(csi.create())
    second = csi.publishing(replace(use, target=csi.folder / "second"), readonly)
    csi.client.require_refusal(second, "FAILED_PRECONDITION", because="the volume is published at another path")


@pytest.mark.clause("csi.node-publish.readonly-holds-for-one-target")
def test_readonly_at_a_second_target_leaves_the_first_writable(csi: Bench, rng: Random) -> None:
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    capability = mount("SINGLE_NODE_MULTI_WRITER")
    first = csi.bring_up(volume_for(csi, capability), capability)
    second = replace(first, target=csi.folder / "second")
    csi.client.call(csi.publishing(second, readonly=True))
    require_files(second.target, write_files(first.target, rng), "a read-only publish at a second path")
    try:
        (second.target / "written").write_text("x")
    except OSError:
        return
    raise ClauseViolation("the read-only target was written to", expected="EROFS", actual="the write succeeded")


def require_unsupported(csi: Bench, volume: Any, capability: Any) -> None:
    """NotApplicable if the driver confirms that this volume has the capability after all."""
    request = messages().ValidateVolumeCapabilitiesRequest(
        volume_id=volume.volume_id, volume_capabilities=[capability], volume_context=volume.volume_context
    )
    answer = csi.client.answer(request)
    if answer.is_ok and answer.response.HasField("confirmed"):
        raise NotApplicable("a volume of this driver is served as a device and as a file system")


@pytest.mark.clause("csi.node-stage.exceeded-capability-is-refused")
def test_stage_beyond_the_capabilities_of_the_volume_is_refused(csi: Bench) -> None:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    volume = csi.create(block())
    require_unsupported(csi, volume, mount())
    request = csi.staging(volume, mount(), csi.attach(volume, block()))
    csi.client.require_refusal(request, "FAILED_PRECONDITION", because="the volume was made to be a device only")


@pytest.mark.clause("csi.node-publish.exceeded-capability-is-refused")
def test_publish_beyond_the_capabilities_of_the_volume_is_refused(csi: Bench) -> None:
    use = csi.prepare(csi.create(block()), block())
    require_unsupported(csi, use.volume, mount())
    request = changed(csi.publishing(use), volume_capability=mount())
    csi.client.require_refusal(request, "FAILED_PRECONDITION", because="the volume was made to be a device only")
