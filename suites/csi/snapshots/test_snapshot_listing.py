"""Snapshots listed and described. Only our own are looked at; others may come and go meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import messages
from reports.model import ClauseViolation
from suites.csi.resilience.repeated import facts
from suites.csi.snapshots.descriptions import MEANWHILE, let_the_source_go_on, require_same_snapshot
from suites.csi.volumes.pages import all_entries

MAKE, LIST, GET = "controller.CREATE_DELETE_SNAPSHOT", "controller.LIST_SNAPSHOTS", "controller.GET_SNAPSHOT"
PAGES = 1000  # a listing that needs more does not end


def pages(csi: Bench, **fields: object) -> list[list[Any]]:
    """The snapshots that ListSnapshots answers, page by page to the end. ClauseViolation: it does not end."""
    csi.require(LIST)
    request, found = messages().ListSnapshotsRequest(**fields), list[list[Any]]()
    for _ in range(PAGES):
        answer = csi.client.call(request)
        found.append([entry.snapshot for entry in answer.entries])
        request.starting_token = answer.next_token
        if not answer.next_token:
            return found
    raise ClauseViolation("the pages of ListSnapshots do not end", expected="a page without token", actual=PAGES)


def listed(csi: Bench, **fields: object) -> list[str]:
    """The snapshot ids that ListSnapshots answers to a request with these fields."""
    return sorted(snapshot.snapshot_id for page in pages(csi, **fields) for snapshot in page)


def require_listed(actual: Iterable[str], expected: Iterable[str], what: str) -> None:
    """ClauseViolation unless exactly the expected snapshots were listed."""
    if sorted(actual) != sorted(expected):
        raise ClauseViolation(f"ListSnapshots by {what} answers wrong ones", expected=expected, actual=actual)


@pytest.mark.clause("csi.list-snapshots.id-filter-is-obeyed")
def test_snapshots_listed_by_id_are_that_one(csi: Bench) -> None:
    volume = csi.create()
    _older, wanted, _newer = (csi.snapshot(volume) for _ in range(3))
    require_listed(listed(csi, snapshot_id=wanted.snapshot_id), [wanted.snapshot_id], "id")


@pytest.mark.clause("csi.list-snapshots.source-filter-is-obeyed")
@pytest.mark.parametrize("most", [0, 1, 2])
def test_snapshots_listed_by_source_are_all_of_it(csi: Bench, most: int) -> None:
    csi.require(LIST)
    volume, other = csi.create(), csi.create()
    ours = list[str]()
    for _ in range(3):  # in turn, so that every page has one of the other volume to leave out
        ours.append(csi.snapshot(volume).snapshot_id)
        csi.snapshot(other)
    found = listed(csi, source_volume_id=volume.volume_id, max_entries=most)
    require_listed(found, ours, f"source volume, in pages of {most or 'any length'}")


@pytest.mark.parametrize(
    "by", [
        pytest.param("source", marks=pytest.mark.clause("csi.list-snapshots.source-filter-is-obeyed")),
        pytest.param("nothing", marks=pytest.mark.clause("csi.list-snapshots.all-are-listed")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_snapshots_of_a_volume_that_went_on_are_listed(csi: Bench, by: str, meanwhile: str) -> None:
    csi.require(LIST)
    volume = csi.create()
    ours = {csi.snapshot(volume).snapshot_id for _ in range(2)}
    let_the_source_go_on(csi, volume, meanwhile)
    found = listed(csi, **({"source_volume_id": volume.volume_id} if by == "source" else {}))
    missing = ours - set(found)
    if missing:
        raise ClauseViolation(f"snapshots are not listed, where {meanwhile} happened", expected=ours, actual=found)


@pytest.mark.clause("csi.list-snapshots.id-filter-is-obeyed")
@pytest.mark.parametrize("which", [0, 1, 2], ids=["oldest", "middle", "newest"])
def test_page_of_one_snapshot_by_its_id_is_the_only_one(csi: Bench, which: int) -> None:
    volume = csi.create()
    wanted = [csi.snapshot(volume).snapshot_id for _ in range(3)][which]
    require_listed(listed(csi, snapshot_id=wanted, max_entries=1), [wanted], "id, in pages of one")


@pytest.mark.clause("csi.list-snapshots.pages-are-complete")
@pytest.mark.parametrize("most", [1000, (1 << 31) - 1])
def test_page_that_has_room_for_all_snapshots_is_complete(csi: Bench, most: int) -> None:
    csi.require(LIST)
    volume = csi.create()
    ours = [csi.snapshot(volume).snapshot_id for _ in range(2)]
    require_listed(listed(csi, max_entries=most, source_volume_id=volume.volume_id), ours, f"pages of {most}")


@pytest.mark.clause("csi.list-snapshots.negative-length-is-refused")
def test_page_of_snapshots_of_negative_length_is_invalid(csi: Bench) -> None:
    csi.require(LIST)
    request = messages().ListSnapshotsRequest(max_entries=-1)
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="a page cannot have -1 entries")


@pytest.mark.clause("csi.list-snapshots.filters-are-combined")
def test_snapshots_listed_by_id_and_source_are_of_both(csi: Bench) -> None:
    csi.require(LIST)
    volume, other = csi.create(), csi.create()
    ours = csi.snapshot(volume).snapshot_id
    both = {"snapshot_id": ours, "source_volume_id": volume.volume_id}
    require_listed(listed(csi, **both), [ours], "id and source volume")
    both["source_volume_id"] = other.volume_id
    require_listed(listed(csi, **both), [], "id and the id of another volume")


@pytest.mark.clause("csi.list-snapshots.absent-filter-is-empty")
@pytest.mark.parametrize("field", ["snapshot_id", "source_volume_id"])
def test_snapshots_listed_by_an_absent_id_are_none(csi: Bench, field: str) -> None:
    csi.require(MAKE)
    csi.snapshot(csi.create())
    require_listed(listed(csi, **{field: csi.absent_id()}), [], f"an absent {field}")


@pytest.mark.clause("csi.list-snapshots.all-are-listed")
def test_snapshots_of_several_volumes_are_all_listed(csi: Bench) -> None:
    csi.require(LIST)
    ours = {csi.snapshot(volume).snapshot_id for volume in (csi.create(), csi.create())}
    missing = ours - set(listed(csi))
    if missing:
        raise ClauseViolation("the list of all snapshots lacks some", expected=sorted(ours), actual=sorted(missing))


@pytest.mark.clause("csi.list-snapshots.entries-are-described")
@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_listed_snapshot_agrees_with_its_creation(csi: Bench, meanwhile: str) -> None:
    csi.require(LIST)
    volume = csi.create()
    made = csi.snapshot(volume)
    let_the_source_go_on(csi, volume, meanwhile)
    found = [snapshot for page in pages(csi, snapshot_id=made.snapshot_id) for snapshot in page]
    require_listed([snapshot.snapshot_id for snapshot in found], [made.snapshot_id], "id")
    require_same_snapshot(found[0], made, "ListSnapshots")
    assert found[0].size_bytes >= 0, f"the listed size is {found[0].size_bytes} bytes"


@pytest.mark.clause("csi.list-snapshots.pages-are-complete")
@pytest.mark.parametrize("most", [1, 2, 3])
def test_pages_of_snapshots_are_complete(csi: Bench, most: int) -> None:
    csi.require(LIST)
    volume = csi.create()
    ours = [csi.snapshot(volume).snapshot_id for _ in range(3)]
    found = pages(csi, max_entries=most, source_volume_id=volume.volume_id)
    require_listed([snapshot.snapshot_id for page in found for snapshot in page], ours, f"pages of {most}")


@pytest.mark.clause("csi.list-snapshots.page-is-not-longer")
def test_page_of_snapshots_is_not_longer_than_asked(csi: Bench) -> None:
    csi.require(LIST)
    volume = csi.create()
    for _ in range(3):
        csi.snapshot(volume)
    for fields in ({}, {"source_volume_id": volume.volume_id}):
        answer = csi.client.call(messages().ListSnapshotsRequest(max_entries=2, **fields))
        if len(answer.entries) > 2 or not answer.next_token:
            what = f"{len(answer.entries)} entries, token {answer.next_token!r}"
            raise ClauseViolation("a first page of 2 of 3", expected="at most 2 and a token", actual=what)


@pytest.mark.clause("csi.list-snapshots.foreign-token-is-aborted")
@pytest.mark.parametrize("token", ["seatrial-no-token", "-5"])
def test_foreign_token_for_snapshots_is_aborted(csi: Bench, token: str) -> None:
    csi.require(LIST)
    request = messages().ListSnapshotsRequest(starting_token=token)
    csi.client.require_refusal(request, "ABORTED", because=f"the token {token!r} is not one of the driver's")


@pytest.mark.clause("csi.list-snapshots.token-outlives-a-deletion")
def test_token_is_understood_after_a_deletion(csi: Bench) -> None:
    csi.require(LIST)
    volume = csi.create()
    for _ in range(3):
        csi.snapshot(volume)
    request = messages().ListSnapshotsRequest(max_entries=1, source_volume_id=volume.volume_id)
    first = csi.client.call(request)
    csi.client.call(messages().DeleteSnapshotRequest(snapshot_id=first.entries[0].snapshot.snapshot_id))
    request.starting_token = first.next_token
    answer = csi.client.answer(request)
    if answer.code not in ("OK", "ABORTED"):
        raise ClauseViolation("a token fails after a deletion", expected="OK or ABORTED", actual=str(answer))


@pytest.mark.clause("csi.get-snapshot.made-snapshot-is-described")
@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_description_of_a_snapshot_agrees_with_its_creation(csi: Bench, meanwhile: str) -> None:
    csi.require(GET)
    volume = csi.create()
    snapshots = [csi.snapshot(volume) for _ in range(2)]
    let_the_source_go_on(csi, volume, meanwhile)
    for made in snapshots:
        found = csi.client.call(messages().GetSnapshotRequest(snapshot_id=made.snapshot_id)).snapshot
        require_same_snapshot(found, made, "GetSnapshot")


@pytest.mark.clause("csi.get-snapshot.absent-snapshot-is-not-found")
@pytest.mark.parametrize("before", ["described before", "never described"])
def test_description_of_an_absent_snapshot_is_not_found(csi: Bench, before: str) -> None:
    csi.require(GET)
    snapshot = csi.snapshot(csi.create())
    request = messages().GetSnapshotRequest(snapshot_id=snapshot.snapshot_id)
    if before == "described before":
        csi.client.call(request)
    csi.client.call(csi.unsnapshotting(snapshot.snapshot_id))
    csi.client.require_refusal(request, "NOT_FOUND", because="the snapshot is gone")


@pytest.mark.clause("csi.list-snapshots.pages-hold-whole-entries")
@pytest.mark.parametrize("filtered", [False, True], ids=["all", "of one volume"])
def test_entries_of_small_pages_of_snapshots_are_those_of_one_page(csi: Bench, filtered: bool) -> None:
    csi.require(LIST)
    volume, other = csi.create(), csi.create()
    ours = [csi.snapshot(one) for one in (volume, other, volume, other, volume)]
    ids = {made.snapshot_id for made in ours if not filtered or made.source_volume_id == volume.volume_id}
    wanted = {"source_volume_id": volume.volume_id} if filtered else {}

    def entries(most: int) -> dict[str, Any]:
        found = all_entries(csi, messages().ListSnapshotsRequest(max_entries=most, **wanted))
        return {entry.snapshot.snapshot_id: facts(entry) for entry in found if entry.snapshot.snapshot_id in ids}

    whole, paged = entries(0), entries(2)
    if whole != paged or set(whole) != ids:
        raise ClauseViolation("a snapshot is listed otherwise on a small page", expected=whole, actual=paged)
