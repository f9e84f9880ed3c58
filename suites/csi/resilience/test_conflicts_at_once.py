"""Two node calls at once of which only one may be served: one is, and what is there afterwards is what it asked for."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.leaks import is_mounted
from fixtures.subjects.csi.requests import changed, mount
from reports.model import ClauseViolation
from suites.csi.node.test_node_conflicts import volume_for
from suites.csi.resilience.interrupted import insist, wait_until_settled
from suites.csi.resilience.test_concurrency import side_by_side

ROUNDS = 3


@pytest.mark.clause("csi.concurrency.one-of-two-publishes-wins")
def test_publishes_with_two_readonly_flags_at_once_are_not_both_served(csi: Bench) -> None:
    use = csi.prepare(csi.create())
    for number in range(ROUNDS):
        requests = [csi.publishing(use, readonly) for readonly in (False, True)]
        served = [one.is_ok for one in side_by_side([partial(wait_until_settled, csi, one) for one in requests])]
        if sum(served) != 1:
            raise ClauseViolation(
                "a target path was published for writing and read-only at once", expected="one OK, one ALREADY_EXISTS",
                actual=served, question="Is the conflict looked for before the volume is held?",
            )  # fmt: skip
        try:
            (use.target / f"written-{number}").write_text("x")
            written = True
        except OSError:
            written = False
        if written != served[0]:
            raise ClauseViolation(
                "the target is not as it was answered", expected=f"writable: {served[0]}", actual=written
            )
        insist(csi, csi.unpublishing(use))


@pytest.mark.clause("csi.concurrency.one-of-two-publishes-wins")
def test_targets_of_a_volume_of_one_writer_at_once_are_not_both_served(csi: Bench) -> None:
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    capability = mount("SINGLE_NODE_SINGLE_WRITER")
    use = csi.prepare(volume_for(csi, capability), capability)
    for _ in range(ROUNDS):
        uses = [replace(use, target=csi.folder / name) for name in ("one", "other")]
        calls = [partial(wait_until_settled, csi, csi.publishing(one)) for one in uses]
        served = [answer.is_ok for answer in side_by_side(calls)]
        there = [is_mounted(one.target) for one in uses]
        if sum(served) != 1 or there != served:
            raise ClauseViolation(
                "a volume of one writer was published at two paths at once", expected="one OK, one FAILED_PRECONDITION",
                actual={"served": served, "mounted": there},
            )  # fmt: skip
        for one in uses:
            insist(csi, csi.unpublishing(one))


@pytest.mark.clause("csi.concurrency.one-of-two-publishes-wins")
def test_stages_with_two_capabilities_at_once_are_not_both_served(csi: Bench) -> None:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    plain, flagged = mount(), mount(flags=["noexec"])
    volume = volume_for(csi, plain, flagged)
    request = csi.staging(volume, plain, csi.attach(volume, plain))
    for _ in range(ROUNDS):
        requests = [request, changed(request, volume_capability=flagged)]
        served = [one.is_ok for one in side_by_side([partial(wait_until_settled, csi, one) for one in requests])]
        if sum(served) != 1:
            raise ClauseViolation(
                "a volume was staged with two capabilities at once",
                expected="one OK, one ALREADY_EXISTS",
                actual=served,
            )
        insist(csi, csi.unstaging(InUse(volume, plain, request.staging_target_path, csi.folder / "none", {})))
