"""ValidateVolumeCapabilities."""

from __future__ import annotations

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import block, changed, mount
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.confirmation import is_confirmed, unconfirmed, validating
from suites.csi.volumes.test_capacity import UNLIKELY

FOREIGN = {"seatrial.example/no-such-key": "no such value"}
SERVICE = "plugin.CONTROLLER_SERVICE"


@pytest.mark.clause("csi.validate.supported-is-confirmed")
@pytest.mark.parametrize("kind", ["mount", "block", "two modes"])
def test_capability_of_the_creation_is_confirmed(csi: Bench, kind: str) -> None:
    csi.require(SERVICE)
    kinds = {"mount": [mount()], "block": [block()], "two modes": [mount(), mount("SINGLE_NODE_READER_ONLY")]}
    volume = csi.create(*kinds[kind])
    answer = csi.client.call(validating(volume, kinds[kind]))
    lacking = [wanted for wanted in kinds[kind] if wanted not in answer.confirmed.volume_capabilities]
    if lacking:
        raise ClauseViolation(
            "the capability that the volume was made with is not confirmed", expected=str(lacking), actual=str(answer)
        )


@pytest.mark.clause("csi.validate.is-idempotent")
def test_validation_asked_for_twice_answers_the_same(csi: Bench) -> None:
    csi.require(SERVICE)
    volume = csi.create(mount())
    first, second = (csi.client.call(validating(volume, [mount()])).HasField("confirmed") for _ in range(2))
    assert first == second, f"the first validation confirmed: {first}, the second: {second}"


@pytest.mark.clause("csi.validate.unsupported-is-not-confirmed")
@pytest.mark.parametrize("fault", ["unknown file system", "block on mount"])
def test_capability_that_cannot_be_served_is_not_confirmed(csi: Bench, fault: str) -> None:
    csi.require(SERVICE)
    volume = csi.create(mount())
    wanted = block() if fault == "block on mount" else mount(fs_type="seatrialfs")
    confirmed = is_confirmed(csi, volume, wanted)
    if confirmed and fault == "block on mount":
        use = csi.prepare(volume, block())  # a driver whose volumes serve both may confirm: then it must do so
        csi.client.call(csi.publishing(use))
        if not use.target.is_block_device():
            raise ClauseViolation("block access is confirmed for a mount volume", expected="no", actual="confirmed")
    elif confirmed:
        if csi.client.answer(csi.creation(wanted)).is_ok:
            raise NotApplicable("the driver has no file systems of its own: it makes volumes whatever is asked for")
        raise ClauseViolation(f"a capability is confirmed with an {fault}", expected="no", actual="confirmed")


@pytest.mark.clause("csi.validate.unsupported-is-not-confirmed")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_validation_of_another_volume_decides_nothing_for_this_one(csi: Bench, kind: str) -> None:
    csi.require(SERVICE)
    wanted, lacking = (mount(), block()) if kind == "mount" else (block(), mount())
    other, volume = csi.create(wanted), csi.create(lacking)
    before = is_confirmed(csi, volume, wanted)
    is_confirmed(csi, other, wanted)
    after = is_confirmed(csi, volume, wanted)
    if before != after:
        raise ClauseViolation(
            "what is confirmed of a volume depends on what was asked of another", expected=f"confirmed: {before}",
            actual=f"confirmed: {after}", question="Is an answer kept without the volume that it is for?",
        )  # fmt: skip


@pytest.mark.clause("csi.validate.partly-supported-is-not-confirmed")
@pytest.mark.parametrize("place", ["first", "last"])
def test_capabilities_of_which_one_cannot_be_served_are_not_confirmed(csi: Bench, place: str) -> None:
    csi.require(SERVICE)
    volume = csi.create(mount())
    wrong = unconfirmed(csi, volume)
    asked = [wrong, mount()] if place == "first" else [mount(), wrong]
    if is_confirmed(csi, volume, *asked):
        raise ClauseViolation(
            "two capabilities are confirmed of which one alone is not", expected="not confirmed",
            actual=f"confirmed, with the unsupported one {place}", question="Is only one of the list looked at?",
        )  # fmt: skip


@pytest.mark.clause("csi.validate.foreign-values-are-not-confirmed")
@pytest.mark.parametrize("field", ["volume_context", "parameters", "mutable_parameters"])
def test_values_that_are_not_of_the_volume_are_not_confirmed(csi: Bench, field: str) -> None:
    csi.require(SERVICE)
    volume = csi.create(mount())
    answer = csi.client.answer(changed(validating(volume, [mount()]), **{field: FOREIGN}))
    if answer.is_ok and FOREIGN.items() <= dict(getattr(answer.response.confirmed, field)).items():
        raise ClauseViolation(
            f"a made-up {field} is confirmed as the volume's", expected="it is refused, or not named as validated",
            actual=dict(getattr(answer.response.confirmed, field)), question="Is the request echoed unread?",
        )  # fmt: skip


@pytest.mark.clause("csi.validate.unsupported-is-not-confirmed")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_capability_that_no_volume_is_made_with_is_not_confirmed(csi: Bench, kind: str) -> None:
    csi.require(SERVICE)
    volume = csi.create(mount() if kind == "mount" else block())
    refused = [
        capability
        for capability in UNLIKELY
        if csi.client.answer(changed(csi.creation(), volume_capabilities=[capability])).code == "INVALID_ARGUMENT"
    ]
    if not refused:
        raise NotApplicable("the driver makes volumes of every capability")
    for capability in refused:
        if is_confirmed(csi, volume, capability):
            raise ClauseViolation(
                f"a capability that no volume is made with is confirmed of a {kind} volume", expected="not confirmed",
                actual=str(capability),
            )  # fmt: skip


@pytest.mark.clause("csi.validate.unsupported-is-not-confirmed")
def test_mount_access_that_is_confirmed_of_a_block_volume_is_served(csi: Bench) -> None:
    csi.require(SERVICE)
    volume = csi.create(block())
    if not is_confirmed(csi, volume, mount()):
        return
    answer = csi.client.answer(csi.attaching(volume, mount()))
    if answer.code == "INVALID_ARGUMENT":
        raise ClauseViolation(
            "mount access is confirmed of a block volume and then refused", expected="both, or neither",
            actual=str(answer),
        )  # fmt: skip
    csi.bring_up(volume, mount())


@pytest.mark.clause("csi.validate.absent-volume-is-not-found")
def test_validation_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    csi.require(SERVICE)
    if "controller.CREATE_DELETE_VOLUME" not in csi.capabilities:
        raise NotApplicable("the driver makes no volumes")
    volume = csi.create()
    question = validating(volume, [mount()])
    csi.delete(volume)
    csi.client.require_refusal(question, "NOT_FOUND", because="the volume is gone")
