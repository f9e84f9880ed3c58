"""ControllerModifyVolume. What a modification did is read back by asking whether the driver confirms the values."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.requests import changed, from_volume, messages, mount
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.confirmation import validating
from suites.csi.volumes.of_any_kind import KINDS, Made, live, made
from suites.csi.volumes.test_volume_sources import source_of

MODIFY = "controller.MODIFY_VOLUME"
FOREIGN = ("aaa-seatrial-no-such-key", "zzz-seatrial-no-such-key")


def modifying(volume: Any, parameters: Mapping[str, str]) -> Any:
    """A complete ControllerModifyVolumeRequest."""
    return messages().ControllerModifyVolumeRequest(volume_id=volume.volume_id, mutable_parameters=parameters)


def has(csi: Bench, volume: Any, parameters: Mapping[str, str]) -> bool:
    """Whether the driver confirms these as the volume's mutable parameters."""
    answer = csi.client.answer(changed(validating(volume, [mount()]), mutable_parameters=parameters))
    return answer.is_ok and parameters.items() <= dict(answer.response.confirmed.mutable_parameters).items()


def readable(csi: Bench) -> tuple[Any, Mapping[str, str], Mapping[str, str]]:
    """A volume with the first valid set, and both sets. NotApplicable: nobody can tell them apart."""
    csi.require(MODIFY)
    first, second = csi.mutable_parameters()
    volume = csi.client.call(changed(csi.creation(), mutable_parameters=first)).volume
    if not has(csi, volume, first) or has(csi, volume, second):
        raise NotApplicable("the driver does not let its mutable parameters be read by a validation")
    return volume, first, second


@pytest.mark.clause("csi.modify-volume.is-served")
def test_volume_is_modified_and_modified_back(csi: Bench) -> None:
    csi.require(MODIFY)
    first, second = csi.mutable_parameters()
    volume = csi.create()
    for parameters in (first, second, first):
        csi.client.call(modifying(volume, parameters))


@pytest.mark.clause("csi.modify-volume.is-idempotent")
def test_modification_asked_for_twice_is_fine(csi: Bench) -> None:
    csi.require(MODIFY)
    request = modifying(csi.create(), csi.mutable_parameters()[1])
    csi.client.call(request)
    csi.client.call(request)


@pytest.mark.clause("csi.modify-volume.takes-effect")
def test_modified_volume_has_the_new_values(csi: Bench) -> None:
    volume, first, second = readable(csi)
    csi.client.call(modifying(volume, second))
    if not has(csi, volume, second) or has(csi, volume, first):
        raise ClauseViolation("a modification was answered OK and has no effect", expected=second, actual=first)


@pytest.mark.clause("csi.modify-volume.takes-effect")
@pytest.mark.parametrize("state", ["attached", "published", "taken down"])
def test_volume_modified_where_it_is_in_use_has_the_new_values(csi: Bench, state: str) -> None:
    volume, first, second = readable(csi)
    if state == "attached":
        csi.attach(volume, mount())
    else:
        use = csi.bring_up(volume)
    if state == "taken down":
        csi.take_down(use)
    csi.client.call(modifying(volume, second))
    if not has(csi, volume, second) or has(csi, volume, first):
        raise ClauseViolation(f"a modification of a volume {state} has no effect", expected=second, actual=first)


def has_of(csi: Bench, one: Made, parameters: Mapping[str, str]) -> bool:
    """The same of a volume of any kind."""
    question = changed(validating(one.volume, [one.capability]), mutable_parameters=parameters)
    answer = csi.client.answer(question)
    return answer.is_ok and parameters.items() <= dict(answer.response.confirmed.mutable_parameters).items()


@pytest.mark.clause("csi.modify-volume.takes-effect")
@pytest.mark.parametrize("kind", KINDS)
def test_modified_volume_of_any_kind_keeps_its_values(csi: Bench, kind: str) -> None:
    readable(csi)
    first, second = csi.mutable_parameters()
    one = made(csi, kind, mutable_parameters=first)
    if not has_of(csi, one, first):
        raise ClauseViolation(
            f"a volume ({kind}) has not the mutable parameters it was made with", expected=first, actual="not confirmed"
        )
    for values in (second, first, second):
        csi.client.call(modifying(one.volume, values))
        assert has_of(csi, one, values), f"a modification to {values} had no effect ({kind})"

    def look(what: str) -> None:
        assert has_of(csi, one, second), f"the values of a volume ({kind}) are lost after {what}"

    live(csi, one, look)


@pytest.mark.clause("csi.modify-volume.takes-effect")
def test_modification_of_a_plain_volume_sets_every_value(csi: Bench) -> None:
    _, first, second = readable(csi)
    volume = csi.create()
    for values in (second, first):
        csi.client.call(modifying(volume, values))
        assert has(csi, volume, values), f"a modification to {values} had no effect on some of them"


@pytest.mark.clause("csi.modify-volume.absent-keys-change-nothing")
@pytest.mark.parametrize("other", ["another volume", "its clone", "its source"])
def test_modification_changes_no_other_volume(csi: Bench, other: str) -> None:
    kept, first, second = readable(csi)
    source = None
    if other != "another volume":
        csi.require("controller.CLONE_VOLUME")
        source = from_volume(kept.volume_id)
    changing = csi.client.call(changed(csi.creation(source=source), mutable_parameters=first)).volume
    if other == "its clone":
        kept, changing = changing, kept
    csi.client.call(modifying(changing, second))
    if not has(csi, kept, first) or has(csi, kept, second):
        raise ClauseViolation(f"a modification changed {other} as well", expected=first, actual=second)


@pytest.mark.clause("csi.create-volume.mutable-parameters-are-accepted")
@pytest.mark.parametrize("kind", ["snapshot", "volume"])
def test_copy_has_its_own_mutable_parameters(csi: Bench, kind: str) -> None:
    origin, first, second = readable(csi)
    csi.client.call(modifying(origin, second))
    source = source_of(csi, kind, origin)
    copy = csi.client.call(changed(csi.creation(source=source), mutable_parameters=first)).volume
    if not has(csi, copy, first) or has(csi, copy, second):
        raise ClauseViolation(f"a copy has the mutable parameters of its {kind}", expected=first, actual=second)


@pytest.mark.clause("csi.create-volume.other-mutable-parameters-conflict")
def test_same_name_with_mutable_parameters_of_a_plain_volume_is_served_or_refused(csi: Bench) -> None:
    _, first, _ = readable(csi)
    request = csi.creation()
    volume = csi.client.call(request).volume
    answer = csi.client.answer(changed(request, mutable_parameters=first))
    if answer.code != "ALREADY_EXISTS" and not (answer.is_ok and has(csi, volume, first)):
        raise ClauseViolation(
            "a volume was answered for mutable parameters that it has not", expected="ALREADY_EXISTS",
            actual=str(answer),
        )  # fmt: skip


@pytest.mark.clause("csi.modify-volume.unknown-parameter-is-refused")
@pytest.mark.parametrize("key", FOREIGN)
def test_modification_by_an_unknown_key_is_invalid(csi: Bench, key: str) -> None:
    csi.require(MODIFY)
    request = modifying(csi.create(), {key: "1"})
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because=f"there is no parameter {key}")


@pytest.mark.clause("csi.modify-volume.refusal-applies-nothing")
@pytest.mark.parametrize("key", FOREIGN)
def test_modification_refused_for_one_key_applies_no_other(csi: Bench, key: str) -> None:
    volume, first, second = readable(csi)
    csi.client.require_refusal(
        modifying(volume, {**second, key: "1"}), "INVALID_ARGUMENT", because=f"there is no parameter {key}"
    )
    if has(csi, volume, second) or not has(csi, volume, first):
        raise ClauseViolation(
            "a refused modification was applied in part", expected=first, actual=second,
            question="Is each value applied before the next one is checked?",
        )  # fmt: skip


@pytest.mark.clause("csi.modify-volume.absent-keys-change-nothing")
def test_modification_leaves_values_that_it_does_not_name(csi: Bench) -> None:
    csi.require(MODIFY)
    first, second = csi.mutable_parameters()
    kept = {key: text for key, text in first.items() if key not in second}
    if not kept:
        raise NotApplicable("the two known sets of mutable parameters have the same keys")
    volume = csi.client.call(changed(csi.creation(), mutable_parameters=first)).volume
    if not has(csi, volume, kept):
        raise NotApplicable("the driver does not let its mutable parameters be read by a validation")
    csi.client.call(modifying(volume, second))
    assert has(csi, volume, kept), f"a modification of {sorted(second)} changed {kept}"


@pytest.mark.clause("csi.modify-volume.absent-volume-is-not-found")
def test_modification_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    csi.require(MODIFY)
    parameters = csi.mutable_parameters()[1]
    request = modifying(messages().Volume(volume_id=csi.absent_id()), parameters)
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.modify-volume.data-is-kept")
def test_modified_volume_in_use_keeps_its_data(csi: Bench, rng: Random) -> None:
    csi.require(MODIFY)
    parameters = csi.mutable_parameters()[1]
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    csi.client.call(modifying(use.volume, parameters))
    require_files(use.target, content, "a modification")
    csi.take_down(use)
    require_files(csi.bring_up(use.volume).target, content, "a modification, and being taken down and brought up")


@pytest.mark.clause("csi.restart.volumes-are-kept")
def test_killed_driver_knows_the_modified_values(csi: Bench) -> None:
    if not csi.driver.owned:
        raise NotApplicable("the driver is not ours to kill")
    volume, first, second = readable(csi)
    csi.client.call(modifying(volume, second))
    csi.restart()
    if not has(csi, volume, second) or has(csi, volume, first):
        raise ClauseViolation(
            "a kill of the driver took a modification back", expected=second, actual=first,
            question="What does the driver know only in memory?",
        )  # fmt: skip
