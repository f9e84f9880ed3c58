"""DeleteVolume: gone is gone, and nothing of it comes back."""

from __future__ import annotations

from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import read_block, user_files, write_block, write_files
from fixtures.subjects.csi.leaks import is_mounted
from fixtures.subjects.csi.requests import block, messages, mount
from reports.model import ClauseViolation


@pytest.mark.clause("csi.delete-volume.is-idempotent")
def test_volume_deleted_twice_is_fine(csi: Bench) -> None:
    volume = csi.create()
    csi.delete(volume)
    csi.delete(volume)


@pytest.mark.clause("csi.delete-volume.volume-is-gone")
def test_deleted_volume_is_not_known(csi: Bench) -> None:
    volume_id = csi.absent_id()
    request = messages().ValidateVolumeCapabilitiesRequest(volume_id=volume_id, volume_capabilities=[mount()])
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume was deleted")


@pytest.mark.clause("csi.delete-volume.name-may-come-again")
def test_name_of_a_deleted_volume_makes_an_empty_one(csi: Bench, rng: Random) -> None:
    name = csi.name()
    first = csi.create(name=name)
    use = csi.bring_up(first)
    write_files(use.target, rng)
    csi.take_down(use)
    csi.delete(first)
    found = user_files(csi.bring_up(csi.create(name=name)).target)
    if found:
        raise ClauseViolation("a volume made anew holds files of its namesake", expected="no files", actual=found)


@pytest.mark.clause("csi.delete-volume.in-use-is-refused")
def test_published_volume_is_not_deleted(csi: Bench) -> None:
    use = csi.bring_up(csi.create())
    request = csi.deletion(use.volume.volume_id)
    csi.client.require_refusal(request, "FAILED_PRECONDITION", because="the volume is published")
    assert is_mounted(use.target), "the refused deletion took the volume from its target path"


@pytest.mark.clause("csi.delete-volume.data-is-not-handed-on")
def test_block_data_of_a_deleted_volume_is_not_readable_later(csi: Bench, rng: Random) -> None:
    first = csi.create(block())
    use = csi.bring_up(first, block())
    written = write_block(use.target, rng)
    csi.take_down(use)
    csi.delete(first)
    second = csi.bring_up(csi.create(block()), block())
    if read_block(second.target) == written:
        raise ClauseViolation(
            "a new volume shows what was written to a deleted one", expected="zeros", actual="the old data"
        )
