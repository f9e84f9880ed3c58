"""Objects with a past, and what is asked about them: each question has one answer, before a kill and after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.groups import describing, grouping, make_group, member_ids
from fixtures.subjects.csi.requests import MIB, block, changed, from_snapshot, from_volume, messages, mount, span
from reports.model import NotApplicable
from suites.csi.snapshots.descriptions import let_the_source_go_on
from suites.csi.volumes.confirmation import validating
from suites.csi.volumes.growth import EXPAND, expanding
from suites.csi.volumes.of_any_kind import SHARED, creation_of
from suites.csi.volumes.test_volume_creation import NAMES

ATTACH, MODIFY = "controller.PUBLISH_UNPUBLISH_VOLUME", "controller.MODIFY_VOLUME"
GONE = "its volume was deleted"


def of_volume(csi: Bench, volume: Any, *more: Any) -> list[Any]:
    """What is asked about a volume; more: requests that are answered the same each time."""
    kind = messages()
    questions = [validating(volume, [capability]) for capability in (mount(), block(), mount(SHARED))]
    if "controller.GET_VOLUME" in csi.capabilities:
        questions.append(kind.ControllerGetVolumeRequest(volume_id=volume.volume_id))
    return [*questions, *more]


def of_snapshot(csi: Bench, request: Any, snapshot: Any, *more: Any) -> list[Any]:
    """What is asked about a snapshot that a request made."""
    kind = messages()
    questions = [request, *more]
    if "controller.GET_SNAPSHOT" in csi.capabilities:
        questions.append(kind.GetSnapshotRequest(snapshot_id=snapshot.snapshot_id))
    if "controller.LIST_SNAPSHOTS" in csi.capabilities:
        questions.append(kind.ListSnapshotsRequest(snapshot_id=snapshot.snapshot_id))
        questions.append(kind.ListSnapshotsRequest(source_volume_id=snapshot.source_volume_id))
    return questions


def of_a_kind(kind: str) -> Callable[[Bench], list[Any]]:
    """A volume of one of KINDS, as its creation asked for again and with less in the request."""

    def history(csi: Bench) -> list[Any]:
        request, capability = creation_of(csi, kind)
        answer = csi.client.answer(request)
        if answer.code == "INVALID_ARGUMENT":
            raise NotApplicable(f"the driver makes no volume of this kind ({kind}): {answer.details}")
        volume = csi.client.call(request).volume
        other = changed(request, volume_capabilities=[mount() if capability.HasField("block") else block()])
        return of_volume(csi, volume, request, other, changed(request, capacity_range=span(64 * csi.options.capacity)))

    return history


def named(kind: str) -> Callable[[Bench], list[Any]]:
    """A volume and a snapshot with a name of odd text, asked for again."""

    def history(csi: Bench) -> list[Any]:
        name = csi.name().ljust(128, "n") if kind == "long" else f"{NAMES[kind]}{csi.name()}"
        request = csi.creation(name=name)
        volume = csi.client.call(request).volume
        if "controller.CREATE_DELETE_SNAPSHOT" not in csi.capabilities:
            return [request]
        again = csi.snapshotting(volume.volume_id, name)
        return [request, *of_snapshot(csi, again, csi.wait_until_ready(again).snapshot)]

    return history


def lone_snapshot(csi: Bench) -> list[Any]:
    """A snapshot whose volume is gone."""
    csi.require("controller.CREATE_DELETE_SNAPSHOT")
    volume = csi.create()
    request = csi.snapshotting(volume.volume_id)
    snapshot = csi.wait_until_ready(request).snapshot
    let_the_source_go_on(csi, volume, GONE)
    restore = csi.creation(source=from_snapshot(snapshot.snapshot_id))
    csi.client.call(restore)
    return of_snapshot(csi, request, snapshot, restore)


def lone_group(csi: Bench) -> list[Any]:
    """A group snapshot, one of whose volumes is gone."""
    volumes = [csi.create(), csi.create()]
    request = grouping(csi, *volumes)
    group = make_group(csi, request)
    let_the_source_go_on(csi, volumes[0], GONE)
    return [request, describing(group), *(csi.unsnapshotting(member) for member in member_ids(group))]


def lone_copy(kind: str) -> Callable[[Bench], list[Any]]:
    """A clone or a restored volume whose source is gone."""

    def history(csi: Bench) -> list[Any]:
        source = csi.create()
        if kind == "clone":
            csi.require("controller.CLONE_VOLUME")
            request = csi.creation(source=from_volume(source.volume_id))
            end: Any = csi.deletion(source.volume_id)
        else:
            snapshot = csi.snapshot(source)
            request = csi.creation(source=from_snapshot(snapshot.snapshot_id))
            end = csi.unsnapshotting(snapshot.snapshot_id)
        volume = csi.client.call(request).volume
        answer = csi.client.answer(end)
        if answer.code == "FAILED_PRECONDITION":
            raise NotApplicable(f"the driver keeps the source of a copy: {answer.details}")
        csi.client.call(end)
        return of_volume(csi, volume, request)

    return history


def expanded_twice(csi: Bench) -> list[Any]:
    csi.require(EXPAND)
    request = csi.creation()
    volume = csi.client.call(request).volume
    for size in (2, 3):
        answer = csi.client.answer(expanding(volume, size * max(volume.capacity_bytes, csi.options.capacity)))
        if answer.code in ("FAILED_PRECONDITION", "OUT_OF_RANGE"):
            raise NotApplicable(f"the driver does not expand it now: {answer.details}")
    return of_volume(csi, volume, request, expanding(volume, MIB))


def modified_twice(csi: Bench) -> list[Any]:
    csi.require(MODIFY)
    first, second = csi.mutable_parameters()
    volume = csi.create()
    for values in (first, second):
        csi.client.call(messages().ControllerModifyVolumeRequest(volume_id=volume.volume_id, mutable_parameters=values))
    asked = validating(volume, [mount()])
    return of_volume(csi, volume, *(changed(asked, mutable_parameters=values) for values in (first, second)))


def attached_elsewhere(csi: Bench) -> list[Any]:
    """A volume that another node has, which this one and a deletion must not get."""
    csi.require(ATTACH)
    second, options = csi.second_node(), csi.options
    request = changed(csi.creation(), parameters={**options.parameters, **options.two_node_parameters})
    volume = csi.client.call(request).volume
    wanted = second.attaching(volume, mount())
    answer = csi.client.answer(wanted)
    if not answer.is_ok:
        raise NotApplicable(f"the second node cannot reach it: {answer}")
    return of_volume(csi, volume, wanted, csi.attaching(volume, mount()), csi.deletion(volume.volume_id))


def attached_to_both(csi: Bench) -> list[Any]:
    csi.require(ATTACH)
    second, capability = csi.second_node(), mount(SHARED)
    volume = csi.create(capability)
    wanted = [node.attaching(volume, capability) for node in (csi, second)]
    for request in wanted:
        csi.client.call(request)
    return of_volume(csi, volume, csi.deletion(volume.volume_id), *wanted)


HISTORIES: dict[str, Callable[[Bench], list[Any]]] = {
    "a block volume": of_a_kind("block"), "a shared volume": of_a_kind("shared"), "a clone": of_a_kind("cloned"),
    "a restored volume": of_a_kind("restored"), "a volume for the second node": of_a_kind("on the second node"),
    **{f"a {kind} name": named(kind) for kind in ("script", "parent", "spaces", "percent", "long")},
    "a snapshot whose volume is gone": lone_snapshot, "a group whose volume is gone": lone_group,
    "a clone whose source is gone": lone_copy("clone"), "a restore whose snapshot is gone": lone_copy("restore"),
    "a volume that was expanded twice": expanded_twice, "a volume that was modified twice": modified_twice,
    "a volume that another node has": attached_elsewhere, "a volume that both nodes have": attached_to_both,
}  # fmt: skip
