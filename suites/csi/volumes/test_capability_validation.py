"""ValidateVolumeCapabilities."""

from __future__ import annotations

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import block, messages, mount
from reports.model import ClauseViolation, NotApplicable


@pytest.mark.clause("csi.validate.supported-is-confirmed")
def test_capability_of_the_creation_is_confirmed(csi: Bench) -> None:
    volume = csi.create(mount())
    answer = csi.client.call(
        messages().ValidateVolumeCapabilitiesRequest(
            volume_id=volume.volume_id, volume_capabilities=[mount()], volume_context=volume.volume_context
        )
    )
    if list(answer.confirmed.volume_capabilities) != [mount()]:
        raise ClauseViolation(
            "the capability that the volume was made with is not confirmed", expected=str(mount()), actual=str(answer)
        )


@pytest.mark.clause("csi.validate.unsupported-is-not-confirmed")
@pytest.mark.parametrize("fault", ["unknown file system", "block on mount"])
def test_capability_that_cannot_be_served_is_not_confirmed(csi: Bench, fault: str) -> None:
    volume = csi.create(mount())
    wanted = block() if fault == "block on mount" else mount(fs_type="seatrialfs")
    question = messages().ValidateVolumeCapabilitiesRequest(volume_id=volume.volume_id, volume_capabilities=[wanted])
    confirmed = csi.client.call(question).HasField("confirmed")
    if confirmed and fault == "block on mount":
        use = csi.prepare(volume, block())  # a driver whose volumes serve both may confirm: then it must do so
        csi.client.call(csi.publishing(use))
        if not use.target.is_block_device():
            raise ClauseViolation("block access is confirmed for a mount volume", expected="no", actual="confirmed")
    elif confirmed and not csi.client.answer(csi.creation(wanted)).is_ok:  # a share has no file system to choose
        raise ClauseViolation(f"a capability is confirmed with an {fault}", expected="no", actual="confirmed")


@pytest.mark.clause("csi.validate.absent-volume-is-not-found")
def test_validation_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    if "controller.CREATE_DELETE_VOLUME" not in csi.capabilities:
        raise NotApplicable("the driver makes no volumes")
    question = messages().ValidateVolumeCapabilitiesRequest(volume_id=csi.absent_id(), volume_capabilities=[mount()])
    csi.client.require_refusal(question, "NOT_FOUND", because="the volume is gone")
