"""NodeGetVolumeStats: which paths are measured, and what is said of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import device_bytes
from fixtures.subjects.csi.requests import block, messages
from reports.model import ClauseViolation

STATS = "node.GET_VOLUME_STATS"


def measuring(use: InUse, path: Path | str, staging: str = "") -> Any:
    """The request for the statistics of a volume at a path."""
    return messages().NodeGetVolumeStatsRequest(
        volume_id=use.volume.volume_id, volume_path=str(path), staging_target_path=staging
    )


@pytest.mark.clause("csi.node-stats.units-come-once")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_statistics_name_each_unit_once(csi: Bench, kind: str) -> None:
    csi.require(STATS)
    capability = block() if kind == "block" else None
    use = csi.bring_up(csi.create(*filter(None, [capability])), capability)
    units = Counter(entry.unit for entry in csi.client.call(measuring(use, use.target)).usage)
    if units[messages().VolumeUsage.UNKNOWN] or any(count > 1 for count in units.values()):
        raise ClauseViolation("the statistics name a unit twice or none", expected="each once", actual=str(units))


@pytest.mark.clause("csi.node-stats.block-total-is-its-size")
def test_statistics_of_a_block_volume_tell_its_size(csi: Bench) -> None:
    csi.require(STATS)
    use = csi.bring_up(csi.create(block()), block())
    usage = csi.client.call(measuring(use, use.target)).usage
    totals = [entry.total for entry in usage if entry.unit == messages().VolumeUsage.BYTES]
    size = device_bytes(use.target)
    if totals and not size * 0.9 <= totals[0] <= size * 1.1:
        raise ClauseViolation("the statistics tell another size", expected=size, actual=totals[0])


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


@pytest.mark.clause("csi.node-stats.staging-path-is-optional")
def test_statistics_with_and_without_staging_path_are_served(csi: Bench) -> None:
    csi.require(STATS)
    use = csi.bring_up(csi.create())
    csi.client.call(measuring(use, use.target))
    csi.client.call(measuring(use, use.target, use.staging))
