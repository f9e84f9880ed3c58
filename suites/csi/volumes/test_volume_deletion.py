"""DeleteVolume: gone is gone, and nothing of it comes back."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import user_files, write_files
from fixtures.subjects.csi.leaks import is_mounted
from fixtures.subjects.csi.requests import block, from_snapshot, messages, mount, span
from reports.model import ClauseViolation, NotApplicable


@pytest.mark.clause("csi.delete-volume.is-idempotent")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_volume_deleted_twice_is_fine(csi: Bench, kind: str) -> None:
    volume = csi.create(mount() if kind == "mount" else block())
    csi.delete(volume)
    csi.delete(volume)


FOREIGN = {
    "unknown": "seatrial-absent", "number": "0", "path": "../../seatrial-absent", "slash": "/", "dot": ".",
    "star": "*", "spaces": "  ", "script": "том-💾", "uuid": "00000000-0000-4000-8000-000000000000", "long": "x" * 128,
}  # fmt: skip


@pytest.mark.clause("csi.delete-volume.foreign-id-is-fine")
@pytest.mark.parametrize("form", [*FOREIGN, "beginning", "longer", "upper-case", "changed"])
def test_id_that_was_never_given_is_deleted_without_harm(csi: Bench, form: str) -> None:
    volume = csi.create()
    given = volume.volume_id
    variants = {
        "beginning": given[:-1], "longer": f"{given[:120]}x", "upper-case": given.upper(),
        "changed": given[:-1] + ("0" if given[-1] != "0" else "1"),
    }  # fmt: skip
    identity = {**FOREIGN, **variants}[form]
    if identity in ("", given):
        raise NotApplicable("the driver's ids have no such variant")
    answer = csi.client.answer(csi.deletion(identity))
    # An id that cannot be one of the driver's may be called invalid; of others it is known only that they are absent.
    allowed = ("OK",) if form in ("unknown", "changed") else ("OK", "INVALID_ARGUMENT")
    if answer.code not in allowed:
        raise ClauseViolation(
            f"deleting an id that names nothing ({form}) is an error", expected=" or ".join(allowed), actual=str(answer)
        )
    require_known(csi, volume)


def require_known(csi: Bench, volume: Any) -> None:
    """ClauseViolation unless the volume still serves."""
    question = messages().ValidateVolumeCapabilitiesRequest(
        volume_id=volume.volume_id, volume_context=volume.volume_context, volume_capabilities=[mount()]
    )
    answer = csi.client.answer(question)
    if not answer.is_ok or not answer.response.HasField("confirmed"):
        raise ClauseViolation("a volume went with another", expected="it serves as before", actual=str(answer))


@pytest.mark.clause("csi.delete-volume.others-stay")
def test_volume_of_a_similar_name_stays(csi: Bench) -> None:
    name = csi.name()
    first, *others = (csi.create(name=text) for text in (name, f"{name}-1", name[:-1]))
    csi.delete(first)
    for volume in others:
        require_known(csi, volume)


@pytest.mark.clause("csi.delete-volume.others-stay")
def test_snapshot_whose_id_is_taken_for_a_volume_stays(csi: Bench) -> None:
    snapshot = csi.snapshot(csi.create())
    csi.client.answer(csi.deletion(snapshot.snapshot_id))
    csi.create(source=from_snapshot(snapshot.snapshot_id))


@pytest.mark.clause("csi.delete-volume.volume-is-gone")
def test_deleted_volume_is_not_known(csi: Bench) -> None:
    volume_id = csi.absent_id()
    request = messages().ValidateVolumeCapabilitiesRequest(volume_id=volume_id, volume_capabilities=[mount()])
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume was deleted")


@pytest.mark.clause("csi.delete-volume.name-may-come-again")
@pytest.mark.parametrize("mode", ["SINGLE_NODE_WRITER", "MULTI_NODE_MULTI_WRITER"])
def test_name_of_a_deleted_volume_makes_an_empty_one(csi: Bench, rng: Random, mode: str) -> None:
    name, capability = csi.name(), mount(mode)
    first = csi.create(capability, name=name)
    use = csi.bring_up(first, capability)
    write_files(use.target, rng)
    csi.take_down(use)
    csi.delete(first)
    found = user_files(csi.bring_up(csi.create(capability, name=name), capability).target)
    if found:
        raise ClauseViolation("a volume made anew holds files of its namesake", expected="no files", actual=found)


@pytest.mark.clause("csi.delete-volume.name-may-come-again-otherwise")
@pytest.mark.parametrize("other", ["capacity", "access-type", "source"])
def test_name_of_a_deleted_volume_may_be_used_otherwise(csi: Bench, other: str) -> None:
    name = csi.name()
    csi.delete(csi.create(name=name))
    if other == "capacity":
        again = csi.create(name=name, capacity=span(2 * csi.options.capacity))
        capacity = again.capacity_bytes
        assert not 0 < capacity < 2 * csi.options.capacity, (
            f"the volume made anew has {capacity} bytes, as its namesake"
        )
    elif other == "access-type":
        again = csi.create(block(), name=name)
    else:
        again = csi.create(name=name, source=from_snapshot(csi.snapshot(csi.create()).snapshot_id))
    assert again.volume_id, "the volume of a name that was used before has no id"


@pytest.mark.clause("csi.delete-volume.in-use-is-refused")
def test_published_volume_is_not_deleted(csi: Bench) -> None:
    use = csi.bring_up(csi.create())
    request = csi.deletion(use.volume.volume_id)
    csi.client.require_refusal(request, "FAILED_PRECONDITION", because="the volume is published")
    assert is_mounted(use.target), "the refused deletion took the volume from its target path"


@pytest.mark.clause("csi.delete-volume.in-use-is-refused")
@pytest.mark.parametrize("readonly", [False, True], ids=["writable", "read-only"])
def test_attached_volume_is_not_deleted(csi: Bench, readonly: bool) -> None:
    csi.require("controller.PUBLISH_UNPUBLISH_VOLUME", *(["controller.PUBLISH_READONLY"] if readonly else []))
    volume = csi.create()
    csi.client.call(csi.attaching(volume, mount(), readonly))
    csi.client.require_refusal(
        csi.deletion(volume.volume_id), "FAILED_PRECONDITION", because="the volume is published to a node"
    )


@pytest.mark.clause("csi.delete-volume.snapshots-survive-or-forbid")
def test_volume_with_a_snapshot_is_kept_or_its_snapshot_is(csi: Bench) -> None:
    volume = csi.create()
    snapshot = csi.snapshot(volume)
    answer = csi.client.answer(csi.deletion(volume.volume_id))
    if answer.code not in ("OK", "FAILED_PRECONDITION"):
        raise ClauseViolation(
            "deleting a volume with a snapshot", expected="OK or FAILED_PRECONDITION", actual=str(answer)
        )
    if not answer.is_ok:
        require_known(csi, volume)
    if "controller.LIST_SNAPSHOTS" in csi.capabilities:
        listed = csi.client.call(messages().ListSnapshotsRequest(snapshot_id=snapshot.snapshot_id)).entries
        found = [entry.snapshot.snapshot_id for entry in listed]
        assert found == [snapshot.snapshot_id], f"the snapshot of a volume that was deleted is not listed: {found}"
    csi.create(source=from_snapshot(snapshot.snapshot_id))
