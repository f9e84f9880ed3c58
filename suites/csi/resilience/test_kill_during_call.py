"""The driver is killed while a call is on its way, started again, and the call is sent once more."""

from __future__ import annotations

from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench
from reports.model import NotApplicable
from suites.csi.resilience.interrupted import CALLS, kill_at_a_mount, kill_during


def require_owned(csi: Bench) -> None:
    """NotApplicable unless we may kill the driver."""
    if not csi.driver.owned:
        raise NotApplicable("the driver was not started by us, so we do not kill it")


@pytest.mark.clause("csi.restart.killed-call-is-whole-after-a-retry")
@pytest.mark.parametrize("call", CALLS)
def test_call_killed_halfway_is_whole_after_a_retry(csi: Bench, rng: Random, call: str) -> None:
    require_owned(csi)
    interrupted = CALLS[call](csi, rng)
    interrupted.settled(kill_during(csi, interrupted.request, rng))


@pytest.mark.full
@pytest.mark.clause("csi.restart.killed-call-is-whole-after-a-retry")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("moment", range(8))
def test_call_killed_at_many_moments_is_whole_after_a_retry(csi: Bench, rng: Random, call: str, moment: int) -> None:
    require_owned(csi)
    interrupted = CALLS[call](csi, rng)
    interrupted.settled(kill_during(csi, interrupted.request, rng))


@pytest.mark.clause("csi.restart.killed-call-is-whole-after-a-retry")
@pytest.mark.parametrize("call", ["NodeStageVolume", "NodePublishVolume", "NodeUnpublishVolume", "NodeUnstageVolume"])
def test_call_killed_at_its_mount_is_whole_after_a_retry(csi: Bench, rng: Random, call: str) -> None:
    require_owned(csi)
    interrupted = CALLS[call](csi, rng)
    interrupted.settled(kill_at_a_mount(csi, interrupted.request))
