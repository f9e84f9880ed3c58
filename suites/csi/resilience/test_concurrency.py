"""Calls side by side. A driver may answer ABORTED while another call on the same object is pending; we ask again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, require_mounted
from fixtures.subjects.csi.client import Refused
from fixtures.subjects.csi.leaks import mounts_below
from fixtures.wait import wait_until
from reports.model import ClauseViolation

WORKERS = 12
PATIENCE = 30.0  # seconds until a pending operation has to be over


def insist(csi: Bench, request: Any) -> Any:
    """Send it until it is not ABORTED any more, as an orchestrator does; its response. Refused: another status."""
    answer = wait_until(
        "the pending operation is over", lambda: csi.client.answer(request), PATIENCE,
        accept=lambda answer: answer.code != "ABORTED",
    )  # fmt: skip
    if not answer.is_ok:
        raise Refused(answer)
    return answer.response


@pytest.mark.clause("csi.create-volume.same-names-at-once-make-one")
def test_same_name_at_once_makes_one_volume(csi: Bench) -> None:
    request = csi.creation()
    with ThreadPoolExecutor(WORKERS) as pool:
        volumes = list(pool.map(lambda _: insist(csi, request).volume.volume_id, range(WORKERS)))
    if len(set(volumes)) != 1:
        raise ClauseViolation("one name has several volumes", expected="one id", actual=sorted(set(volumes)))


@pytest.mark.clause("csi.concurrency.delete-and-create-do-not-mix")
def test_creations_and_deletions_side_by_side_do_not_mix(csi: Bench) -> None:
    old = [csi.create() for _ in range(WORKERS // 2)]
    new = [csi.creation() for _ in range(WORKERS // 2)]
    with ThreadPoolExecutor(WORKERS) as pool:
        deletions = [pool.submit(insist, csi, csi.deletion(volume.volume_id)) for volume in old]
        made = [pool.submit(insist, csi, request) for request in new]
        ids = [future.result().volume.volume_id for future in made]
        for future in deletions:
            future.result()
    assert len(set(ids)) == len(new), f"{len(new)} names have {len(set(ids))} volumes"
    again = [csi.client.call(request).volume.volume_id for request in new]
    if again != ids:
        raise ClauseViolation("a deletion beside a creation lost a volume", expected=ids, actual=again)


@pytest.mark.clause("csi.concurrency.parallel-publish-is-one")
def test_same_publish_at_once_mounts_once(csi: Bench) -> None:
    use = csi.prepare(csi.create())
    before = len(mounts_below(csi.folder))
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda _: insist(csi, csi.publishing(use)), range(WORKERS)))
    require_mounted(use.target)
    stacked = len(mounts_below(csi.folder)) - before
    if stacked != 1:
        raise ClauseViolation("the same publish at once mounted several times", expected=1, actual=stacked)
