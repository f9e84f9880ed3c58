"""What happened to an object before a kill is known after it: its copies, its sources, its changes, its end."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.groups import GROUPS, grouping, make_group, ungrouping
from fixtures.subjects.csi.requests import changed, messages, mount, span
from fixtures.wait import wait_until
from reports.model import ClauseViolation, NotApplicable
from suites.csi.resilience.histories import HISTORIES
from suites.csi.resilience.repeated import facts
from suites.csi.resilience.test_kill_during_call import require_owned
from suites.csi.resilience.test_rules_after_restart import ASK, built
from suites.csi.volumes.descriptions import LIST
from suites.csi.volumes.growth import EXPAND, expanding
from suites.csi.volumes.pages import all_entries
from suites.csi.volumes.test_attachment import ATTACH, LARGEST_LIMIT, READONLY, detaching
from suites.csi.volumes.test_capacity import question


def answered(csi: Bench, request: Any) -> Any:
    """What is answered in the end, without the words of an explanation. UNAVAILABLE: a snapshot is not ready again."""
    answer = wait_until(
        "the pending operation is over", lambda: csi.client.answer(request), csi.options.ready_limit,
        accept=lambda answer: answer.code not in ("ABORTED", "UNAVAILABLE"),
    )  # fmt: skip
    if not answer.is_ok:
        return answer.code
    return {key: value for key, value in facts(answer.response).items() if key != "message"}


def listed_volumes(csi: Bench) -> dict[str, Any]:
    """The entries of ListVolumes by their ids; none where the driver does not list."""
    if LIST not in csi.capabilities:
        return {}
    return {entry.volume.volume_id: facts(entry) for entry in all_entries(csi, messages().ListVolumesRequest())}


@pytest.mark.clause("csi.restart.past-is-kept")
def test_killed_driver_knows_the_past_of_its_objects(csi: Bench) -> None:
    require_owned(csi)
    old = set(listed_volumes(csi))
    pasts = built(csi, HISTORIES)
    before = {name: [answered(csi, request) for request in requests] for name, requests in pasts.items()}
    in_list = {name: entry for name, entry in listed_volumes(csi).items() if name not in old}
    csi.restart()
    after = listed_volumes(csi)
    for name, entry in in_list.items():
        if after.get(name) != entry:
            raise ClauseViolation(
                "a kill of the driver changed a listed volume", expected=entry, actual=after.get(name), question=ASK
            )
    for name, requests in pasts.items():
        for request, expected in zip(requests, before[name], strict=True):
            actual = answered(csi, request)
            if actual != expected:
                raise ClauseViolation(
                    f"a kill of the driver changed what {type(request).__name__} says of {name}", expected=expected,
                    actual=actual, question=ASK,
                )  # fmt: skip


@pytest.mark.clause("csi.restart.deleted-stays-deleted")
def test_name_of_what_was_deleted_before_a_kill_is_free(csi: Bench) -> None:
    require_owned(csi)
    kept, gone, later = csi.create(), csi.creation(), csi.create()
    others = {kept.volume_id, later.volume_id}
    deletions = [csi.deletion(csi.client.call(gone).volume.volume_id)]
    if "controller.CREATE_DELETE_SNAPSHOT" in csi.capabilities:
        again = csi.snapshotting(kept.volume_id)
        deletions.append(csi.unsnapshotting(csi.wait_until_ready(again).snapshot.snapshot_id))
        others.add(csi.snapshot(kept).snapshot_id)
    if GROUPS in csi.capabilities:
        together = grouping(csi, kept)
        deletions.append(ungrouping(make_group(csi, together)))
    for request in deletions:
        csi.client.call(request)
    csi.restart()
    made = [csi.client.call(gone).volume.volume_id, csi.create().volume_id]
    if "controller.CREATE_DELETE_SNAPSHOT" in csi.capabilities:
        other = changed(again, source_volume_id=later.volume_id)  # the name is free, for another volume too
        made += [csi.wait_until_ready(other).snapshot.snapshot_id, csi.snapshot(later).snapshot_id]
    if GROUPS in csi.capabilities:
        make_group(csi, changed(together, source_volume_ids=[later.volume_id]))
    if others & set(made) or len(set(made)) != len(made):
        raise ClauseViolation("after a kill an id was given twice", expected="new ids", actual=[*others, *made])


@pytest.mark.clause("csi.restart.attachments-are-kept")
def test_volume_detached_before_a_kill_is_free_after_it(csi: Bench) -> None:
    require_owned(csi)
    csi.require(ATTACH, READONLY)
    volume = csi.create()
    csi.attach(volume, mount())
    csi.client.call(csi.detaching(volume))
    csi.restart()
    csi.client.call(csi.attaching(volume, mount(), readonly=True))


@pytest.mark.clause("csi.controller-publish.attach-limit-is-kept")
def test_full_node_is_full_after_a_kill(csi: Bench) -> None:
    require_owned(csi)
    csi.require(ATTACH)
    limit = csi.capabilities.max_volumes
    if not 0 < limit <= LARGEST_LIMIT:
        raise NotApplicable(f"the node states a limit of {limit or 'none'}")
    requests = [csi.attaching(csi.create(), mount()) for _ in range(limit + 1)]
    for request in requests[:-1]:
        csi.client.call(request)
    csi.restart()
    csi.client.require_refusal(
        requests[-1], "RESOURCE_EXHAUSTED", because=f"{limit} volumes were attached to the node before a kill", ask=ASK
    )
    csi.client.call(detaching(requests[0]))
    csi.client.call(requests[-1])


@pytest.mark.clause("csi.restart.answers-are-the-same")
def test_killed_driver_has_no_more_room_than_before(csi: Bench) -> None:
    require_owned(csi)
    plain, size = question(csi), 64 * csi.options.capacity

    def room() -> int:
        return int(csi.client.call(plain).available_capacity)

    at_first = room()
    if at_first < 8 * size:
        raise NotApplicable(f"the driver has {at_first} bytes, too few for a few large volumes")
    volume = csi.create(capacity=span(size))
    steps = [room()]
    if "controller.CREATE_DELETE_SNAPSHOT" in csi.capabilities:
        csi.snapshot(volume)
        steps.append(room())
    if EXPAND in csi.capabilities and csi.client.answer(expanding(volume, 2 * size)).is_ok:
        steps.append(room())
    csi.restart()
    after = room()
    if after > steps[-1] + size // 2:  # the room of a file system moves a little by itself
        raise ClauseViolation(
            "a kill of the driver gave it room", expected=f"about {steps[-1]} bytes", actual=after, question=ASK
        )


@pytest.mark.parametrize(
    "rpc", [
        pytest.param("ListVolumes", marks=pytest.mark.clause("csi.list-volumes.pages-are-complete")),
        pytest.param("ListSnapshots", marks=pytest.mark.clause("csi.list-snapshots.pages-are-complete")),
    ],
)  # fmt: skip
def test_token_of_before_a_kill_goes_on_or_is_refused(csi: Bench, rpc: str) -> None:
    require_owned(csi)
    csi.require("controller.LIST_VOLUMES" if rpc == "ListVolumes" else "controller.LIST_SNAPSHOTS")
    volumes = [csi.create() for _ in range(4 if rpc == "ListVolumes" else 1)]
    ours = {volume.volume_id for volume in volumes}
    request = messages().ListVolumesRequest(max_entries=2)
    if rpc == "ListSnapshots":
        ours = {csi.snapshot(volumes[0]).snapshot_id for _ in range(4)}
        request = messages().ListSnapshotsRequest(max_entries=2, source_volume_id=volumes[0].volume_id)
    first = csi.client.call(request)
    if not first.next_token:
        raise ClauseViolation("a page of two is the last one, of four objects", expected="a token", actual="none")
    csi.restart()
    answer = csi.client.answer(changed(request, max_entries=0, starting_token=first.next_token))
    if answer.code == "ABORTED":
        return
    if not answer.is_ok:
        raise ClauseViolation("a token of before a kill", expected="the next page, or ABORTED", actual=str(answer))
    found = [_id(entry) for page in (first, answer.response) for entry in page.entries]
    if not ours <= set(found) or len(set(found)) != len(found):
        raise ClauseViolation("the pages of before and after a kill do not fit", expected=sorted(ours), actual=found)


def _id(entry: Any) -> str:
    """Of the volume or the snapshot of an entry."""
    return str(entry.volume.volume_id if hasattr(entry, "volume") else entry.snapshot.snapshot_id)
