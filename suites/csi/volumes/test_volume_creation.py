"""CreateVolume: names, ids, contexts and capabilities."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import user_files, write_files
from fixtures.subjects.csi.requests import block, changed, from_snapshot, from_volume, messages, mount
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.compatibility import confirms, require_same_volume

MULTI_NODE = ("MULTI_NODE_READER_ONLY", "MULTI_NODE_SINGLE_WRITER", "MULTI_NODE_MULTI_WRITER")


@pytest.mark.clause("csi.create-volume.id-is-given")
@pytest.mark.parametrize("name", ["short", "long"])
def test_volume_has_a_usable_id(csi: Bench, name: str) -> None:
    text = csi.name() if name == "short" else csi.name().ljust(128, "i")
    size = len(csi.create(name=text).volume_id.encode())
    assert 0 < size <= 128, f"the volume id has {size} bytes, not 1 to 128"


@pytest.mark.clause("csi.create-volume.long-name-is-accepted")
@pytest.mark.parametrize("letter", ["n", "ñ", "卷"])
def test_name_of_128_bytes_is_accepted(csi: Bench, letter: str) -> None:
    name = csi.name()
    name += letter * ((128 - len(name)) // len(letter.encode()))
    csi.create(name=name.ljust(128 - len(name.encode()) + len(name), "n"))


NAMES = {
    "slashes": "a/b/", "parent": "../../", "dot": ".", "spaces": " a  b ", "dash": "-rf ", "quotes": "a'b\"c`d",
    "script": "объём-ボリューム-💾-", "percent": "%s%n%d", "shell": "$(id);&|", "tab-and-newline": "a\tb\nc",
    "comma": "a,b=c:d@e#f",
}  # fmt: skip


@pytest.mark.clause("csi.create-volume.any-name-is-accepted")
@pytest.mark.parametrize("kind", NAMES)
def test_name_of_any_text_is_accepted(csi: Bench, kind: str) -> None:
    volume = csi.create(name=f"{NAMES[kind]}{csi.name()}")
    assert len(volume.volume_id.encode()) <= 128, f"the volume id has {len(volume.volume_id.encode())} bytes"


@pytest.mark.clause("csi.create-volume.banned-characters-are-refused")
@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x85"])
def test_name_with_a_control_character_is_invalid(csi: Bench, character: str) -> None:
    request = csi.creation(name=f"{csi.name()}{character}x")
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="the name holds a control character")


def like_names(base: str) -> dict[str, tuple[str, str]]:
    """Pairs of names that differ by little."""
    return {
        "last-byte": (base.ljust(127, "n") + "1", base.ljust(127, "n") + "2"),
        "case": (f"{base}-a", f"{base}-A"),
        "punctuation": (f"{base}/a", f"{base}_a"),
        "accent": (f"{base}-é", f"{base}-e"),
        "space": (f"{base}-a", f"{base}-a "),
        "extension": (base, f"{base}-1"),
        "composition": (f"{base}-\u00e9", f"{base}-e\u0301"),  # look the same, and are other code points
        "width": (f"{base}-a", f"{base}-\uff41"),
    }


DIFFERENCES = ["last-byte", "case", "punctuation", "accent", "space", "extension", "composition", "width"]


@pytest.mark.clause("csi.create-volume.different-names-make-different-volumes")
@pytest.mark.parametrize("difference", DIFFERENCES)
def test_names_that_differ_make_different_volumes(csi: Bench, difference: str) -> None:
    first, second = (csi.create(name=name) for name in like_names(csi.name())[difference])
    if first.volume_id == second.volume_id:
        raise ClauseViolation(
            f"two names that differ by {difference} made one volume", expected="two ids", actual=first.volume_id
        )


@pytest.mark.clause("csi.create-volume.different-names-make-different-volumes")
def test_name_that_is_the_id_of_a_volume_makes_another(csi: Bench) -> None:
    name = csi.name()
    first = csi.create(name=name)
    if first.volume_id == name:
        raise NotApplicable("the driver takes names for ids")
    second = csi.create(name=first.volume_id)
    assert second.volume_id != first.volume_id, "the id of a volume was taken for its name"


@pytest.mark.clause("csi.data.volumes-stay-apart")
def test_volumes_of_names_that_differ_by_little_share_no_data(csi: Bench, rng: Random) -> None:
    for difference, names in like_names(csi.name()).items():
        first, second = (csi.bring_up(csi.create(name=name)) for name in names)
        write_files(first.target, rng)
        csi.take_down(first)  # so that a cache hides nothing
        csi.take_down(second)
        found = user_files(csi.bring_up(second.volume).target)
        if found:
            raise ClauseViolation(
                f"two volumes whose names differ by {difference} share their data", expected="no files", actual=found
            )


@pytest.mark.clause("csi.create-volume.name-of-a-snapshot-is-free")
def test_name_of_a_snapshot_makes_a_volume(csi: Bench) -> None:
    csi.require("controller.CREATE_DELETE_SNAPSHOT")
    name = csi.name()
    first = csi.create()
    snapshot = csi.snapshot(first, name)
    second = csi.create(name=name)
    if second.volume_id in (first.volume_id, snapshot.snapshot_id):
        raise ClauseViolation(
            "the name of a snapshot made no new volume", expected="an id of its own", actual=second.volume_id
        )
    assert not second.HasField("content_source"), f"the volume of that name came from {second.content_source}"


@pytest.mark.clause("csi.create-volume.context-within-size-limit")
def test_volume_context_is_within_the_size_limit(csi: Bench) -> None:
    context = csi.create(name=csi.name().ljust(128, "c")).volume_context
    size = sum(len(key.encode()) + len(value.encode()) for key, value in context.items())
    assert size <= 4096, f"the volume context has {size} bytes, more than 4096"


def _reported(csi: Bench, request: Any, volume_id: str) -> dict[str, Any]:
    """The volume as each call reports it now."""
    found = {"CreateVolume again": csi.client.call(request).volume}
    if "controller.GET_VOLUME" in csi.capabilities:
        question = messages().ControllerGetVolumeRequest(volume_id=volume_id)
        found["ControllerGetVolume"] = csi.client.call(question).volume
    return found


@pytest.mark.clause("csi.create-volume.context-is-constant")
@pytest.mark.parametrize("after", ["creation", "attachment"])
def test_volume_context_is_the_same_each_time(csi: Bench, after: str) -> None:
    request = csi.creation()
    volume = csi.client.call(request).volume
    if after == "attachment":
        csi.require("controller.PUBLISH_UNPUBLISH_VOLUME")
        csi.attach(volume, mount())
    for call, again in _reported(csi, request, volume.volume_id).items():
        if dict(again.volume_context) != dict(volume.volume_context):
            raise ClauseViolation(
                f"{call} reports another volume context after its {after}", expected=dict(volume.volume_context),
                actual=dict(again.volume_context),
            )  # fmt: skip


@pytest.mark.clause("csi.create-volume.unsupported-capability-is-refused")
@pytest.mark.parametrize("position", ["only", "first", "last"])
def test_capability_of_an_unheard_mode_is_refused(csi: Bench, position: str) -> None:
    strange, usual = mount(), mount()
    strange.access_mode.mode = 999  # no version of the protocol has it
    listed = {"only": [strange], "first": [strange, usual], "last": [usual, strange]}[position]
    request = changed(csi.creation(), volume_capabilities=listed)
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="an access mode is one that nobody knows")


@pytest.mark.clause("csi.create-volume.unsupported-capability-is-refused")
def test_capability_refused_alone_is_refused_in_a_list(csi: Bench) -> None:
    candidates = [mount(fs_type="seatrialfs"), block(), *map(mount, MULTI_NODE), *map(block, MULTI_NODE)]
    unserved = [
        capability
        for capability in candidates
        if csi.client.answer(changed(csi.creation(), volume_capabilities=[capability])).code == "INVALID_ARGUMENT"
    ]
    if not unserved:
        raise NotApplicable("the driver serves every capability")
    for capability in unserved:
        for listed in ([mount(), capability], [capability, mount()]):
            request = changed(csi.creation(), volume_capabilities=listed)
            csi.client.require_refusal(request, "INVALID_ARGUMENT", because="one of two capabilities cannot be served")


@pytest.mark.clause("csi.create-volume.every-capability-is-satisfied")
@pytest.mark.parametrize("second", ["SINGLE_NODE_READER_ONLY", *MULTI_NODE])
def test_volume_for_two_modes_serves_both(csi: Bench, second: str) -> None:
    request = changed(csi.creation(), volume_capabilities=[mount(), mount(second)])
    answer = csi.client.answer(request)
    if answer.code == "INVALID_ARGUMENT":
        raise NotApplicable(f"the driver does not serve {second}: {answer.details}")
    volume = csi.client.call(request).volume
    if not confirms(csi, volume, request):
        raise ClauseViolation(
            f"a volume made for {second} too does not serve both modes",
            expected="both confirmed",
            actual="not confirmed",
        )


@pytest.mark.clause("csi.create-volume.every-capability-is-satisfied")
@pytest.mark.parametrize("first", ["mount", "block"])
def test_volume_for_mount_and_block_serves_both(csi: Bench, first: str) -> None:
    csi.create(block())  # NotApplicable where the driver serves no block volumes
    listed = [mount(), block()] if first == "mount" else [block(), mount()]
    request = changed(csi.creation(), volume_capabilities=listed)
    answer = csi.client.answer(request)
    if answer.code == "INVALID_ARGUMENT":
        raise NotApplicable(f"the driver makes no volume for both: {answer.details}")
    volume = csi.client.call(request).volume
    if not confirms(csi, volume, request):
        raise ClauseViolation(
            "a volume made for mount and block does not serve both", expected="both confirmed", actual="not confirmed"
        )


@pytest.mark.clause("csi.create-volume.mutable-parameters-are-accepted")
def test_volume_with_mutable_parameters_is_made(csi: Bench) -> None:
    csi.require("controller.MODIFY_VOLUME")
    request = changed(csi.creation(), mutable_parameters=csi.mutable_parameters()[0])
    csi.client.call(request)


@pytest.mark.clause("csi.create-volume.unknown-mutable-parameter-is-refused")
def test_volume_with_an_unknown_mutable_parameter_is_refused(csi: Bench) -> None:
    csi.require("controller.MODIFY_VOLUME")
    request = changed(csi.creation(), mutable_parameters={"seatrial-unknown": "1"})
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="a mutable parameter is unknown")


@pytest.mark.clause("csi.create-volume.refused-request-makes-nothing")
@pytest.mark.parametrize("fault", ["range", "mode", "capacity"])
def test_name_of_a_refused_request_is_still_free(csi: Bench, fault: str) -> None:
    request = csi.creation()
    span, capability = messages().CapacityRange, mount()
    capability.access_mode.mode = 999
    wrong = {
        "range": {"capacity_range": span(required_bytes=2 << 20, limit_bytes=1 << 20)},
        "mode": {"volume_capabilities": [capability]},
        "capacity": {"capacity_range": span(required_bytes=1 << 62)},
    }[fault]
    answer = csi.client.answer(changed(request, **wrong))
    if answer.is_ok:
        raise NotApplicable("the driver did not refuse it, which another clause judges")
    first, second = csi.client.call(request).volume, csi.client.call(request).volume
    require_same_volume(first.volume_id, second.volume_id, "the corrected request, sent twice,")


@pytest.mark.clause("csi.create-volume.refused-request-makes-nothing")
@pytest.mark.parametrize("source", ["snapshot", "volume"])
def test_name_of_a_creation_without_its_source_makes_another_volume(csi: Bench, source: str) -> None:
    csi.require("controller.CREATE_DELETE_SNAPSHOT" if source == "snapshot" else "controller.CLONE_VOLUME")
    gone = csi.absent_id()
    absent = from_volume(gone) if source == "volume" else from_snapshot(gone)
    request = csi.creation()
    if csi.client.answer(changed(request, volume_content_source=absent)).is_ok:
        raise NotApplicable("the driver did not refuse it, which another clause judges")
    larger = 4 * csi.options.capacity
    volume = csi.client.call(changed(request, capacity_range=messages().CapacityRange(required_bytes=larger))).volume
    if 0 < volume.capacity_bytes < larger:
        raise ClauseViolation(
            "a refused creation left a volume of its name", expected=f"at least {larger} bytes",
            actual=volume.capacity_bytes,
        )  # fmt: skip
