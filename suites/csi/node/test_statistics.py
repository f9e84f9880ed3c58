"""NodeGetVolumeStats: which paths are measured, and which are not."""

from __future__ import annotations

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import messages
from reports.model import ClauseViolation
from suites.csi.node.measuring import STATS, measuring


@pytest.mark.clause("csi.node-stats.staging-path-is-served")
@pytest.mark.parametrize("published", [False, True], ids=["staged", "published"])
def test_statistics_at_the_staging_path_are_served(csi: Bench, published: bool) -> None:
    csi.require(STATS, "node.STAGE_UNSTAGE_VOLUME")
    volume = csi.create()
    use = csi.bring_up(volume) if published else csi.prepare(volume)
    csi.client.call(measuring(use, use.staging, use.staging))


@pytest.mark.clause("csi.node-stats.path-of-another-volume-is-not-found")
def test_statistics_at_the_path_of_another_volume_are_not_found(csi: Bench) -> None:
    csi.require(STATS)
    one, other = csi.bring_up(csi.create()), csi.bring_up(csi.create())
    csi.client.require_refusal(measuring(one, other.target), "NOT_FOUND", because="another volume is published there")


@pytest.mark.clause("csi.node-stats.unpublished-path-is-not-found")
def test_statistics_after_unpublish_are_not_found(csi: Bench) -> None:
    csi.require(STATS)
    use = csi.bring_up(csi.create())
    csi.client.call(csi.unpublishing(use))
    csi.client.require_refusal(measuring(use, use.target), "NOT_FOUND", because="the volume is not there any more")


@pytest.mark.clause("csi.node-stats.leaves-the-volume-alone")
def test_statistics_leave_the_volume_as_it_is(csi: Bench) -> None:
    csi.require(STATS)
    use = csi.bring_up(csi.create())
    before = sorted(path.name for path in use.target.iterdir())
    csi.client.call(measuring(use, use.target))
    after = sorted(path.name for path in use.target.iterdir())
    if after != before:
        raise ClauseViolation("statistics changed what is in the volume", expected=before, actual=after)


@pytest.mark.clause("csi.node-stats.staging-path-is-optional")
def test_statistics_with_and_without_staging_path_are_served(csi: Bench) -> None:
    csi.require(STATS)
    use = csi.bring_up(csi.create())
    csi.client.call(measuring(use, use.target))
    csi.client.call(measuring(use, use.target, use.staging))


@pytest.mark.clause("csi.node-stats.absent-volume-is-not-found")
def test_statistics_of_an_absent_volume_are_not_found(csi: Bench) -> None:
    csi.require(STATS)
    request = messages().NodeGetVolumeStatsRequest(volume_id=csi.absent_id(), volume_path=str(csi.folder))
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.node-stats.foreign-path-is-not-found")
def test_statistics_of_a_foreign_path_are_not_found(csi: Bench) -> None:
    csi.require(STATS)
    use = csi.bring_up(csi.create())
    csi.client.require_refusal(measuring(use, csi.folder), "NOT_FOUND", because="the volume is not published there")
