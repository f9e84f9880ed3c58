"""Two nodes of one system: what is done on one of them is not done on the other, and nothing is done twice."""

from __future__ import annotations

import contextlib
from functools import partial
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, require_mounted
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.requests import messages, mount
from reports.model import ClauseViolation, NotApplicable
from suites.csi.node.measuring import STATS, measuring
from suites.csi.node.test_two_nodes import ATTACH, SHARED, on_both, shared_volume
from suites.csi.resilience.interrupted import wait_until_settled
from suites.csi.resilience.test_concurrency import side_by_side

STAGE = "node.STAGE_UNSTAGE_VOLUME"


@pytest.mark.clause("csi.delete-volume.in-use-is-refused")
def test_volume_in_use_on_the_second_node_is_not_deleted(csi: Bench, rng: Random) -> None:
    second = csi.second_node()
    volume = shared_volume(csi, SHARED[0])
    use = second.bring_up(volume, mount(SHARED[0]))
    content = write_files(use.target, rng)
    csi.client.require_refusal(
        csi.deletion(volume.volume_id), "FAILED_PRECONDITION", because="the volume is published on the second node"
    )
    require_files(use.target, content, "a deletion that was refused")


@pytest.mark.clause("csi.delete-volume.in-use-is-refused")
def test_volume_that_one_of_two_nodes_let_go_is_not_deleted(csi: Bench, rng: Random) -> None:
    _, here, there = on_both(csi, SHARED[0])
    content = write_files(there.target, rng)
    csi.take_down(here)
    csi.client.require_refusal(
        csi.deletion(here.volume.volume_id), "FAILED_PRECONDITION", because="the other node has the volume still"
    )
    require_files(there.target, content, "a deletion that was refused")


@pytest.mark.clause("csi.multi-node.one-leaves-the-other")
@pytest.mark.parametrize("step", ["unpublish", "unstage"])
def test_step_back_on_one_node_leaves_the_other(csi: Bench, rng: Random, step: str) -> None:
    second, here, there = on_both(csi, SHARED[0])
    content = write_files(here.target, rng)
    csi.client.call(csi.unpublishing(here))
    if step == "unstage":
        csi.require(STAGE)
        csi.client.call(csi.unstaging(here))
    require_mounted(there.target)
    require_files(there.target, content, f"an {step} on the other node")
    second.client.call(second.unpublishing(there))
    second.client.call(second.publishing(there))
    require_files(there.target, content, f"an {step} on the other node, and a publish")


@pytest.mark.clause("csi.multi-node.one-leaves-the-other")
def test_unstage_on_a_node_that_never_staged_leaves_the_other(csi: Bench, rng: Random) -> None:
    csi.require(STAGE)
    second = csi.second_node()
    volume = shared_volume(csi, SHARED[0])
    use = csi.bring_up(volume, mount(SHARED[0]))
    content = write_files(use.target, rng)
    back = messages().NodeUnstageVolumeRequest(volume_id=volume.volume_id, staging_target_path=second.path("never"))
    answer = second.client.answer(back)
    if answer.code not in ("OK", "NOT_FOUND"):
        raise ClauseViolation("an unstage where nothing is staged", expected="OK or NOT_FOUND", actual=str(answer))
    require_files(use.target, content, "an unstage on a node that has not the volume")


@pytest.mark.clause("csi.node-stats.foreign-path-is-not-found")
def test_statistics_are_of_the_node_that_is_asked(csi: Bench) -> None:
    csi.require(STATS)
    second = csi.second_node()
    volume = shared_volume(csi, SHARED[0])
    here = csi.bring_up(volume, mount(SHARED[0]))
    second.client.require_refusal(
        measuring(here, second.folder / "never"), "NOT_FOUND", because="the volume is on the first node only"
    )
    csi.client.call(measuring(here, here.target))


@pytest.mark.clause("csi.controller-publish.other-node-is-refused")
def test_volume_attached_to_two_nodes_at_once_is_on_one(csi: Bench) -> None:
    csi.require(ATTACH)
    second = csi.second_node()
    for _ in range(3):
        volume = shared_volume(csi, SHARED[0], "SINGLE_NODE_WRITER")  # which both nodes can reach
        requests = [csi.attaching(volume, mount()), second.attaching(volume, mount())]
        answers = side_by_side([partial(wait_until_settled, csi, request) for request in requests])
        served = [answer.is_ok for answer in answers]
        if served.count(True) != 1:
            raise ClauseViolation(
                "a volume for one node was attached to two at once", expected="one OK, one FAILED_PRECONDITION",
                actual=[str(answer) for answer in answers],
            )  # fmt: skip


@pytest.mark.clause("csi.multi-node.single-writer-has-one-writer")
@pytest.mark.parametrize("order", ["first publishes first", "second publishes first"])
def test_volume_of_one_writer_takes_writes_of_one_node(csi: Bench, order: str) -> None:
    second = csi.second_node()
    volume = shared_volume(csi, "MULTI_NODE_SINGLE_WRITER")
    capability = mount("MULTI_NODE_SINGLE_WRITER")
    writers = []
    for bench in (csi, second) if order.startswith("first") else (second, csi):
        use = bench.prepare(volume, capability)
        if not bench.client.answer(bench.publishing(use)).is_ok:
            continue  # a refusal keeps the second writer out as well
        with contextlib.suppress(OSError):
            (use.target / f"of-{bench.capabilities.node_id}").write_text("x")
            writers.append(bench.capabilities.node_id)
    if len(writers) != 1:
        raise ClauseViolation("a volume with one writer is written to otherwise", expected="one node", actual=writers)


@pytest.mark.clause("csi.multi-node.one-leaves-the-other")
def test_restart_of_one_node_leaves_the_other(csi: Bench, rng: Random) -> None:
    if not csi.driver.owned:
        raise NotApplicable("the driver is not ours to kill")
    second = csi.second_node()
    volume = shared_volume(csi, SHARED[0])
    use = second.bring_up(volume, mount(SHARED[0]))
    content = write_files(use.target, rng)
    csi.restart()
    require_mounted(use.target)
    require_files(use.target, content, "a restart of the driver on the other node")
    second.client.call(second.publishing(use))
    require_files(use.target, content, "a restart of the driver on the other node, and a repeated publish")
