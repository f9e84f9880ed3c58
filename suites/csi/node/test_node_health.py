"""NodeGetVolumeHealth and NodeGetStorageHealth (CSI 1.13)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.requests import block, messages, mount, without
from reports.model import ClauseViolation, NotApplicable
from suites.csi.node.test_reference_counting import unmount
from suites.csi.volumes.health import require_health, require_well_formed

VOLUME, STORAGE = "node.GET_VOLUME_HEALTH", "node.GET_STORAGE_HEALTH"
LONG = 128  # bytes of a path that every driver has to take


def asking(use: InUse) -> Any:
    """The complete NodeGetVolumeHealthRequest for a published volume."""
    return messages().NodeGetVolumeHealthRequest(
        volume_id=use.volume.volume_id, volume_publish_path=str(use.target), staging_target_path=use.staging
    )


@pytest.mark.clause("csi.node-health.names-the-volume")
def test_node_health_of_a_published_volume_names_it(csi: Bench) -> None:
    require_health(csi, VOLUME)
    csi.bring_up(csi.create())
    use = csi.bring_up(csi.create())
    told = csi.client.call(asking(use)).volume_health.volume_id
    assert told == use.volume.volume_id, (
        f"the health of {use.volume.volume_id} was asked for, that of {told!r} answered"
    )


@pytest.mark.clause("csi.node-health.paths-are-optional")
@pytest.mark.parametrize("field", ["volume_publish_path", "staging_target_path", "both"])
def test_node_health_without_paths_is_served(csi: Bench, field: str) -> None:
    require_health(csi, VOLUME)
    fields = ["volume_publish_path", "staging_target_path"] if field == "both" else [field]
    csi.client.call(without(asking(csi.bring_up(csi.create())), *fields))


@pytest.mark.clause("csi.node-health.published-volume-is-usable")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_node_health_of_a_published_volume_has_no_loss(csi: Bench, kind: str) -> None:
    require_health(csi, VOLUME)
    capability = mount() if kind == "mount" else block()
    kinds = messages().VolumeHealthErrorType
    bad = {kinds.Value("INACCESSIBLE"), kinds.Value("DATA_LOSS")}
    told = csi.client.call(asking(csi.bring_up(csi.create(capability), capability))).volume_health.health_statuses
    found = [str(entry) for entry in told if entry.status in bad]
    if found:
        raise ClauseViolation("a volume in use is told to be lost", expected="no such entry", actual=found)


@pytest.mark.clause("csi.node-health.absent-volume-is-not-found")
def test_node_health_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    require_health(csi, VOLUME)
    request = messages().NodeGetVolumeHealthRequest(volume_id=csi.absent_id())
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.node-storage-health.is-served")
def test_storage_health_is_answered(csi: Bench) -> None:
    require_health(csi, STORAGE)
    csi.client.call(messages().NodeGetStorageHealthRequest())


@pytest.mark.clause("csi.node-storage-health.conditions-are-well-formed")
def test_conditions_of_the_storage_are_well_formed(csi: Bench) -> None:
    require_health(csi, STORAGE)
    require_well_formed(csi.client.call(messages().NodeGetStorageHealthRequest()).backend_health)


@pytest.mark.clause("csi.node-health.long-path-is-served")
def test_node_health_at_a_path_of_128_bytes_is_served(csi: Bench) -> None:
    require_health(csi, VOLUME)
    name = "p" * (LONG - len(csi.path("").encode()))
    if not name:
        raise NotApplicable("the folder of the test has a longer name than this")
    use = csi.prepare(csi.create(), target=name)
    if not csi.client.answer(csi.publishing(use)).is_ok:
        raise NotApplicable("the volume is not published there; that is judged elsewhere")
    csi.client.call(asking(use))


@pytest.mark.clause("csi.node-health.fresh-volume-is-healthy")
@pytest.mark.parametrize("kind", ["mount", "block"])
@pytest.mark.parametrize("readonly", [False, True], ids=["writable", "read-only"])
def test_node_health_of_a_fresh_volume_in_use_is_good(csi: Bench, kind: str, readonly: bool) -> None:
    require_health(csi, VOLUME)
    capability = mount() if kind == "mount" else block()
    use = csi.bring_up(csi.create(capability), capability, readonly=readonly)
    told = csi.client.call(asking(use)).volume_health.health_statuses
    if told:
        raise ClauseViolation("a fresh volume in use is told to be ill", expected="nothing", actual=str(told[0]))


@pytest.mark.clause("csi.node-health.conditions-are-well-formed")
def test_node_health_of_a_volume_that_lost_two_mounts_is_well_formed(csi: Bench) -> None:
    require_health(csi, VOLUME)
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    capability = mount("SINGLE_NODE_MULTI_WRITER")
    first = csi.bring_up(csi.create(capability), capability)
    second = replace(first, target=csi.folder / "second")
    csi.client.call(csi.publishing(second))
    for use in (first, second):
        unmount(use.target)
    answer = csi.client.answer(asking(first))
    if not answer.is_ok:
        raise NotApplicable(f"the driver answers with an error where a mount is gone, as it may: {answer}")
    require_well_formed(answer.response.volume_health.health_statuses)


@pytest.mark.clause("csi.node-health.lost-mount-is-told")
def test_node_health_of_a_volume_whose_mount_is_gone_is_not_good(csi: Bench) -> None:
    require_health(csi, VOLUME)
    use = csi.bring_up(csi.create())
    unmount(use.target)
    answer = csi.client.answer(asking(use))
    if answer.is_ok and not answer.response.volume_health.health_statuses:
        raise ClauseViolation(
            "a volume that is not mounted any more is told to be well", expected="an entry", actual=[]
        )
