"""ControllerGetVolumeHealth and ControllerListVolumeHealth (CSI 1.13). Only our own volumes are looked at."""

from __future__ import annotations

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import messages
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.health import GET, LIST, damage, health_of, listed_health, require_health, require_well_formed
from suites.csi.volumes.of_any_kind import made
from suites.csi.volumes.pages import all_entries, require_each_once


@pytest.mark.clause("csi.list-volume-health.comes-with-get")
def test_listing_of_health_comes_with_health_of_one_volume(csi: Bench) -> None:
    require_health(csi, LIST)
    assert GET in csi.capabilities, f"the driver declares {LIST} without {GET}"


@pytest.mark.clause("csi.get-volume-health.names-the-volume")
def test_health_of_a_volume_names_it(csi: Bench) -> None:
    require_health(csi, GET)
    csi.create()
    volume = csi.create()
    told = health_of(csi, volume).volume_id
    assert told == volume.volume_id, f"the health of {volume.volume_id} was asked for, that of {told!r} answered"


@pytest.mark.clause("csi.get-volume-health.fresh-volume-is-usable")
def test_health_of_a_fresh_volume_has_no_loss(csi: Bench) -> None:
    require_health(csi, GET)
    kinds = messages().VolumeHealthErrorType
    bad = {kinds.Value("INACCESSIBLE"), kinds.Value("DATA_LOSS")}
    found = [str(entry) for entry in health_of(csi, csi.create()).health_statuses if entry.status in bad]
    if found:
        raise ClauseViolation("a volume that was just made is told to be lost", expected="no such entry", actual=found)


@pytest.mark.clause("csi.get-volume-health.absent-volume-is-not-found")
def test_health_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    require_health(csi, GET)
    request = messages().ControllerGetVolumeHealthRequest(volume_id=csi.absent_id())
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.get-volume-health.conditions-are-well-formed")
def test_conditions_of_a_damaged_volume_are_well_formed(csi: Bench) -> None:
    require_health(csi, GET)
    volume = csi.create()
    damage(csi, volume)
    require_well_formed(health_of(csi, volume).health_statuses)


@pytest.mark.clause("csi.list-volume-health.agrees-with-get")
def test_listed_health_of_a_volume_is_that_asked_for(csi: Bench) -> None:
    require_health(csi, LIST, GET)
    volume = csi.create()
    entries = listed_health(csi, volume)
    listed = {(item.status, item.reason) for entry in entries for item in entry.health_statuses}
    asked = {(item.status, item.reason) for item in health_of(csi, volume).health_statuses}
    if listed != asked:
        raise ClauseViolation("two calls tell two healths of a volume", expected=asked, actual=listed)


@pytest.mark.clause("csi.list-volume-health.agrees-with-get")
@pytest.mark.parametrize("kind", ["mount", "block", "shared"])
def test_listed_health_of_a_damaged_volume_is_that_asked_for(csi: Bench, kind: str) -> None:
    require_health(csi, LIST, GET)
    volume = made(csi, kind).volume
    damage(csi, volume)
    entries = listed_health(csi, volume)
    listed = [(item.status, item.reason) for entry in entries for item in entry.health_statuses]
    asked = [(item.status, item.reason) for item in health_of(csi, volume).health_statuses]
    if listed != asked or not asked:
        raise ClauseViolation("the health of a volume without its data is told wrong", expected=asked, actual=listed)


@pytest.mark.clause("csi.list-volume-health.pages-are-complete")
def test_pages_of_health_are_complete(csi: Bench) -> None:
    require_health(csi, LIST)
    volumes = [csi.create() for _ in range(3)]
    for volume in volumes:
        damage(csi, volume)
    request = messages().ControllerListVolumeHealthRequest(max_entries=1)
    require_each_once(
        lambda: [entry.volume_id for entry in all_entries(csi, request)], [volume.volume_id for volume in volumes]
    )


@pytest.mark.clause("csi.list-volume-health.deleted-volume-is-gone")
def test_deleted_volume_has_no_listed_health(csi: Bench) -> None:
    require_health(csi, LIST)
    volume = csi.create()
    csi.delete(volume)
    entries = listed_health(csi, volume)
    assert not entries, f"a deleted volume is listed with its health: {entries}"


@pytest.mark.clause("csi.list-volume-health.pages-are-limited")
def test_page_of_health_is_no_longer_than_asked(csi: Bench) -> None:
    require_health(csi, LIST)
    for _ in range(2):
        damage(csi, csi.create())
    answer = csi.client.call(messages().ControllerListVolumeHealthRequest(max_entries=1))
    assert len(answer.entries) == 1, f"a page of one entry has {len(answer.entries)}"
    assert answer.next_token, "two volumes have conditions, one is listed, and there is no token for the other"


@pytest.mark.clause("csi.list-volume-health.foreign-token-is-aborted")
@pytest.mark.parametrize("token", ["seatrial-no-token", "-5", "1"])
def test_foreign_token_for_health_is_aborted(csi: Bench, token: str) -> None:
    require_health(csi, LIST)
    request = messages().ControllerListVolumeHealthRequest(starting_token=token)
    if token == "1" and csi.client.answer(request).is_ok:
        raise NotApplicable("this may be a token of the driver's own form")
    csi.client.require_refusal(request, "ABORTED", because=f"the token {token!r} is not one of the driver's")


@pytest.mark.clause("csi.list-volume-health.negative-length-is-refused")
def test_page_of_health_of_negative_length_is_invalid(csi: Bench) -> None:
    require_health(csi, LIST)
    request = messages().ControllerListVolumeHealthRequest(max_entries=-1)
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="a page cannot have -1 entries")
