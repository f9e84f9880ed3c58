"""The driver is killed and started again over its old state. Only where we started it ourselves."""

from __future__ import annotations

import threading
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, require_mounted
from fixtures.subjects.csi.client import Client
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.requests import from_snapshot, messages, mount
from reports.model import ClauseViolation, EnvironmentUnfit, NotApplicable

CREATIONS = 6


def require_owned(csi: Bench) -> None:
    """NotApplicable unless we may kill the driver."""
    if not csi.driver.owned:
        raise NotApplicable("the driver was not started by us, so we do not kill it")


@pytest.mark.clause("csi.restart.serves-again")
def test_killed_driver_serves_again(csi: Bench) -> None:
    require_owned(csi)
    csi.restart()
    csi.client.call(messages().ProbeRequest())


@pytest.mark.clause("csi.restart.volumes-are-kept")
def test_killed_driver_knows_its_volumes(csi: Bench, rng: Random) -> None:
    require_owned(csi)
    request = csi.creation()
    use = csi.bring_up(csi.client.call(request).volume)
    content = write_files(use.target, rng)
    has_snapshots = "controller.CREATE_DELETE_SNAPSHOT" in csi.capabilities
    snapshot = csi.snapshot(use.volume) if has_snapshots else None
    csi.take_down(use)
    csi.restart()
    again = csi.client.call(request).volume
    assert again.volume_id == use.volume.volume_id, "after a restart the same request made another volume"
    require_files(csi.bring_up(use.volume).target, content, "a kill of the driver")
    if snapshot is not None:
        restored = csi.bring_up(csi.create(source=from_snapshot(snapshot.snapshot_id)))
        require_files(restored.target, content, "a kill of the driver and a restore")


@pytest.mark.clause("csi.restart.published-volume-stays-usable")
def test_published_volume_outlives_the_driver(csi: Bench, rng: Random) -> None:
    require_owned(csi)
    use = csi.bring_up(csi.create())
    csi.driver.kill()
    content = write_files(use.target, rng)
    csi.restart()
    require_mounted(use.target)
    csi.client.call(csi.publishing(use))
    require_files(use.target, content, "a kill of the driver")
    csi.take_down(use)
    assert not use.target.exists(), "after a restart the target path was not removed"


@pytest.mark.clause("csi.restart.killed-creation-leaves-nothing-half-made")
def test_creation_killed_halfway_is_whole_after_a_retry(csi: Bench, rng: Random) -> None:
    require_owned(csi)
    requests = [csi.creation(mount()) for _ in range(CREATIONS)]

    def create_all() -> None:
        client = Client(csi.driver.endpoint)
        for request in requests:
            try:
                client.answer(request, deadline=5)
            except (ClauseViolation, EnvironmentUnfit):  # the kill, which is ours
                break
        client.close()

    worker = threading.Thread(target=create_all)
    worker.start()
    worker.join(rng.uniform(0.0, 0.02))
    csi.driver.kill()
    worker.join()
    csi.restart()
    ids = [csi.client.call(request).volume.volume_id for request in requests]
    assert len(set(ids)) == CREATIONS, f"{CREATIONS} names have {len(set(ids))} volumes"
    for request, volume_id in zip(requests, ids, strict=True):
        assert csi.client.call(request).volume.volume_id == volume_id, "a retry after a kill answers another volume"
    use = csi.bring_up(csi.client.call(requests[0]).volume)
    require_files(use.target, write_files(use.target, rng), "a kill during its creation")
