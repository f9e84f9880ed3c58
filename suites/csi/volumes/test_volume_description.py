"""ControllerGetVolume, and whether it and ListVolumes follow what happens to a volume."""

from __future__ import annotations

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import from_volume, messages
from reports.model import ClauseViolation
from suites.csi.volumes.descriptions import GET, description_of, entry_of, require_agreement
from suites.csi.volumes.growth import EXPAND, expanding


@pytest.mark.clause("csi.get-volume.made-volume-is-described")
def test_description_of_a_volume_agrees_with_its_creation(csi: Bench) -> None:
    csi.require(GET)
    csi.create()
    volume = csi.create()
    require_agreement(volume, description_of(csi, volume).volume, "ControllerGetVolume")


@pytest.mark.clause("csi.get-volume.made-volume-is-described")
def test_description_of_a_clone_agrees_with_its_creation(csi: Bench) -> None:
    csi.require(GET, "controller.CLONE_VOLUME")
    volume = csi.create(source=from_volume(csi.create().volume_id))
    require_agreement(volume, description_of(csi, volume).volume, "ControllerGetVolume")


@pytest.mark.clause("csi.get-volume.status-is-given")
def test_description_of_a_volume_has_a_status(csi: Bench) -> None:
    csi.require(GET)
    answer = description_of(csi, csi.create())
    if not answer.HasField("status"):
        raise ClauseViolation("ControllerGetVolume gives no status", expected="a status, maybe empty", actual="none")


@pytest.mark.clause("csi.get-volume.absent-volume-is-not-found")
def test_description_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    csi.require(GET)
    request = messages().ControllerGetVolumeRequest(volume_id=csi.absent_id())
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.get-volume.follows-expansion")
def test_description_of_an_expanded_volume_has_its_new_capacity(csi: Bench) -> None:
    csi.require(GET, EXPAND)
    volume = csi.create()
    grown = csi.client.call(expanding(volume, 2 * csi.options.capacity)).capacity_bytes
    told = description_of(csi, volume).volume.capacity_bytes
    assert told in (0, grown), f"ControllerGetVolume tells {told} bytes after an expansion to {grown}"


@pytest.mark.clause("csi.list-volumes.follows-expansion")
def test_listing_of_an_expanded_volume_has_its_new_capacity(csi: Bench) -> None:
    csi.require("controller.LIST_VOLUMES", EXPAND)
    volume = csi.create()
    grown = csi.client.call(expanding(volume, 2 * csi.options.capacity)).capacity_bytes
    told = entry_of(csi, volume).volume.capacity_bytes
    assert told in (0, grown), f"ListVolumes tells {told} bytes after an expansion to {grown}"
