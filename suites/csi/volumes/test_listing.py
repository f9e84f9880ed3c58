"""ListVolumes. Other people's volumes may be listed beside ours: they are judged and counted by nobody."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import from_volume, messages, mount
from fixtures.wait import wait_until
from reports.model import ClauseViolation, NotApplicable
from suites.csi.resilience.repeated import facts
from suites.csi.volumes.descriptions import LIST, entries_of, entry_of, require_agreement
from suites.csi.volumes.pages import all_entries, require_each_once

SETTLE = 3.0  # seconds that a listing may lag behind a deletion


def listed_ids(csi: Bench, size: int) -> list[str]:
    """The ids of all pages of that size, in order."""
    request = messages().ListVolumesRequest(max_entries=size)
    return [entry.volume.volume_id for entry in all_entries(csi, request)]


def page_size(csi: Bench, wanted: int) -> int:
    """wanted, or more where the system holds so many volumes of others that small pages would take for ever."""
    return max(wanted, len(all_entries(csi, messages().ListVolumesRequest())) // 500)


@pytest.mark.clause("csi.list-volumes.made-volume-is-listed")
def test_made_volume_is_listed_as_it_is(csi: Bench) -> None:
    csi.require(LIST)
    volume = csi.create()
    require_agreement(volume, entry_of(csi, volume).volume, "ListVolumes")


@pytest.mark.clause("csi.list-volumes.made-volume-is-listed")
def test_cloned_volume_is_listed_as_it_is(csi: Bench) -> None:
    csi.require(LIST, "controller.CLONE_VOLUME")
    volume = csi.create(source=from_volume(csi.create().volume_id))
    require_agreement(volume, entry_of(csi, volume).volume, "ListVolumes")


@pytest.mark.clause("csi.list-volumes.entries-have-ids")
def test_listed_entries_have_ids(csi: Bench) -> None:
    csi.require(LIST)
    csi.create()
    nameless = [entry for entry in all_entries(csi, messages().ListVolumesRequest()) if not entry.volume.volume_id]
    if nameless:
        raise ClauseViolation("an entry names no volume", expected="a volume id", actual=str(nameless[0]))


@pytest.mark.clause("csi.list-volumes.deleted-volume-is-gone")
def test_deleted_volume_is_not_listed(csi: Bench) -> None:
    csi.require(LIST)
    kept, gone = csi.create(), csi.create()
    csi.delete(gone)
    found = wait_until(
        "the deleted volume is no longer listed", lambda: set(entries_of(csi, kept, gone)), SETTLE,
        accept=lambda ids: gone.volume_id not in ids,
    )  # fmt: skip
    assert kept.volume_id in found, "the listing lost a volume that was not deleted"


@pytest.mark.clause("csi.list-volumes.pages-are-complete")
@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_of_volumes_are_complete(csi: Bench, size: int) -> None:
    csi.require(LIST)
    ours = [csi.create().volume_id for _ in range(3)]
    size = page_size(csi, size)
    require_each_once(lambda: listed_ids(csi, size), ours)


@pytest.mark.clause("csi.list-volumes.pages-are-complete")
@pytest.mark.parametrize("size", [1000, (1 << 31) - 1])
def test_page_that_has_room_for_all_volumes_is_complete(csi: Bench, size: int) -> None:
    csi.require(LIST)
    ours = [csi.create().volume_id for _ in range(2)]
    require_each_once(lambda: listed_ids(csi, size), ours)


@pytest.mark.clause("csi.list-volumes.pages-are-limited")
def test_page_of_volumes_is_no_longer_than_asked(csi: Bench) -> None:
    csi.require(LIST)
    for _ in range(3):
        csi.create()
    token = ""
    for _ in range(2):  # of three volumes and more
        answer = csi.client.call(messages().ListVolumesRequest(max_entries=1, starting_token=token))
        token = answer.next_token
        if len(answer.entries) > 1 or not token:
            raise ClauseViolation(
                "a page that cannot hold all volumes is not ended by a token", expected="one entry and a next_token",
                actual=f"{len(answer.entries)} entries, next_token {token!r}",
            )  # fmt: skip


@pytest.mark.clause("csi.list-volumes.pages-may-differ-in-length")
def test_next_page_of_another_length_goes_on_where_the_first_ended(csi: Bench) -> None:
    csi.require(LIST)
    ours = [csi.create().volume_id for _ in range(3)]

    def read() -> list[str]:
        first = csi.client.call(messages().ListVolumesRequest(max_entries=1))
        rest = messages().ListVolumesRequest(starting_token=first.next_token)
        return [entry.volume.volume_id for entry in [*first.entries, *all_entries(csi, rest)]]

    require_each_once(read, ours)


@pytest.mark.clause("csi.list-volumes.token-outlives-changes")
def test_token_of_a_listing_that_shrank_is_served_or_aborted(csi: Bench) -> None:
    csi.require(LIST)
    ours = [csi.create() for _ in range(3)]
    token = csi.client.call(messages().ListVolumesRequest(max_entries=2)).next_token
    for volume in ours:
        csi.delete(volume)
    answer = csi.client.answer(messages().ListVolumesRequest(max_entries=2, starting_token=token))
    if answer.code not in ("OK", "ABORTED"):
        raise ClauseViolation(
            "a token given before volumes were deleted is neither served nor refused as stale",
            expected="OK or ABORTED", actual=str(answer), question="Is the token an index that may now be too large?",
        )  # fmt: skip


def tampered(csi: Bench) -> str:
    """A token of the driver's with a character more."""
    for _ in range(2):
        csi.create()
    return f"{csi.client.call(messages().ListVolumesRequest(max_entries=1)).next_token}~"


@pytest.mark.clause("csi.list-volumes.foreign-token-is-aborted")
@pytest.mark.parametrize("token", ["seatrial-no-token", "-5", "1", "tampered"])
def test_foreign_token_for_volumes_is_aborted(csi: Bench, token: str) -> None:
    csi.require(LIST)
    csi.create()
    if token == "tampered":
        token = tampered(csi)
    request: Any = messages().ListVolumesRequest(starting_token=token)
    if token == "1" and csi.client.answer(request).is_ok:
        raise NotApplicable("this may be a token of the driver's own form")
    csi.client.require_refusal(request, "ABORTED", because=f"the token {token!r} is not one of the driver's")


@pytest.mark.clause("csi.list-volumes.negative-length-is-refused")
def test_page_of_negative_length_is_invalid(csi: Bench) -> None:
    csi.require(LIST)
    csi.create()
    request = messages().ListVolumesRequest(max_entries=-1)
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="a page cannot have -1 entries")


@pytest.mark.clause("csi.list-volumes.pages-hold-whole-entries")
@pytest.mark.parametrize("size", [1, 2])
def test_entries_of_small_pages_are_those_of_one_page(csi: Bench, size: int) -> None:
    csi.require(LIST)
    ours = [csi.create() for _ in range(3)]
    ours.append(csi.bring_up(csi.create()).volume)  # attached, where the driver attaches
    for volume in ours[:2]:
        csi.attach(volume, mount())
    ids = {volume.volume_id for volume in ours}

    def entries(most: int) -> dict[str, Any]:
        found = all_entries(csi, messages().ListVolumesRequest(max_entries=most))
        return {entry.volume.volume_id: facts(entry) for entry in found if entry.volume.volume_id in ids}

    whole, paged = entries(0), entries(page_size(csi, size))
    if whole != paged:
        raise ClauseViolation(
            "a volume is listed otherwise on a small page", expected=whole, actual=paged,
            question="Is a page after the first one filled by other code?",
        )  # fmt: skip
