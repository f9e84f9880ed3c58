"""Names of snapshots and of group snapshots: any text is one, two that differ are two, control characters are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.groups import grouping, make_group
from reports.model import ClauseViolation
from suites.csi.volumes.test_volume_creation import DIFFERENCES, NAMES, like_names

MAKE = "controller.CREATE_DELETE_SNAPSHOT"


def snapshot_request(csi: Bench, volume: Any, name: str) -> Any:
    csi.require(MAKE)
    return csi.snapshotting(volume.volume_id, name)


def group_request(csi: Bench, volume: Any, name: str) -> Any:
    return grouping(csi, volume, name=name)


def id_of(csi: Bench, request: Any) -> str:
    """Make it; the id of the snapshot, or of the group snapshot."""
    if hasattr(request, "source_volume_ids"):
        return str(make_group(csi, request).group_snapshot_id)
    return str(csi.wait_until_ready(request).snapshot.snapshot_id)


def both(of_one: str, of_group: str) -> pytest.MarkDecorator:
    """One case for CreateSnapshot and one for CreateVolumeGroupSnapshot, each with its clause."""
    kinds = (("snapshot", of_one, snapshot_request), ("group", of_group, group_request))
    return pytest.mark.parametrize(
        "asking", [pytest.param(ask, id=kind, marks=pytest.mark.clause(clause)) for kind, clause, ask in kinds]
    )


Asking = Callable[[Bench, Any, str], Any]


@both("csi.create-snapshot.any-name-is-accepted", "csi.create-group-snapshot.any-name-is-accepted")
@pytest.mark.parametrize("kind", [*NAMES, "of full length"])
def test_snapshot_name_of_any_text_is_accepted(csi: Bench, asking: Asking, kind: str) -> None:
    name = csi.name("snapshot")
    name = name.ljust(128, "n") if kind == "of full length" else f"{NAMES[kind]}{name}"
    identity = id_of(csi, asking(csi, csi.create(), name))
    assert 0 < len(identity.encode()) <= 128, f"the id has {len(identity.encode())} bytes, not 1 to 128"


@both("csi.create-snapshot.names-are-told-apart", "csi.create-group-snapshot.names-are-told-apart")
@pytest.mark.parametrize("difference", DIFFERENCES)
def test_snapshot_names_that_differ_by_little_make_two(csi: Bench, asking: Asking, difference: str) -> None:
    volume = csi.create()
    ids = [id_of(csi, asking(csi, volume, name)) for name in like_names(csi.name("snapshot"))[difference]]
    if ids[0] == ids[1]:
        raise ClauseViolation(
            f"two names that differ by {difference} made one snapshot", expected="two ids", actual=ids[0],
            question="Is the name cut off, normalised, or its case ignored?",
        )  # fmt: skip


@both("csi.create-snapshot.banned-characters-are-refused", "csi.create-group-snapshot.banned-characters-are-refused")
@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x85"])
def test_snapshot_name_with_a_control_character_is_invalid(csi: Bench, asking: Asking, character: str) -> None:
    request = asking(csi, csi.create(), f"{csi.name('snapshot')}{character}x")
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="the name holds a control character")


@both("csi.create-snapshot.name-of-a-volume-is-free", "csi.create-group-snapshot.name-of-a-volume-is-free")
def test_name_of_a_volume_makes_a_snapshot(csi: Bench, asking: Asking) -> None:
    name = csi.name()
    volume = csi.create(name=name)
    assert id_of(csi, asking(csi, volume, name)), "a snapshot with the name of a volume has no id"


@pytest.mark.clause("csi.group-snapshot.names-are-not-snapshot-names")
def test_snapshot_may_have_the_name_of_a_group_snapshot(csi: Bench) -> None:
    volume, name = csi.create(), csi.name("group")
    group = id_of(csi, group_request(csi, volume, name))
    assert id_of(csi, snapshot_request(csi, volume, name)) != group, "a snapshot has the id of the group of its name"
