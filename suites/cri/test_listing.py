"""Lists and their filters: everything asked for, nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.cri.bench import Bench, Sandbox
from fixtures.subjects.cri.checks import require_equal
from fixtures.subjects.cri.client import CriClient, Refused
from reports.model import ClauseViolation, NotApplicable

TIERS = ("front", "back")


def listed_containers(cri: CriClient, **wanted: Any) -> set[str]:
    """Ids that ListContainers gives for a filter."""
    answer = cri.call("ListContainers", filter=cri.messages.ContainerFilter(**wanted))
    return {item.id for item in answer.containers}


def listed_sandboxes(cri: CriClient, **wanted: Any) -> set[str]:
    """Ids that ListPodSandbox gives for a filter."""
    answer = cri.call("ListPodSandbox", filter=cri.messages.PodSandboxFilter(**wanted))
    return {item.id for item in answer.items}


def two_pods(bench: Bench, app: str) -> list[Sandbox]:
    """Two sandboxes labelled app=<app> and tier=front or back; the second is stopped."""
    pods = [bench.run_sandbox(labels={"app": app, "tier": tier}) for tier in TIERS]
    bench.cri.call("StopPodSandbox", pod_sandbox_id=pods[1].id)
    return pods


@pytest.mark.clause("cri.list-pod-sandbox.filter-by-id")
def test_sandbox_list_by_id_gives_just_that_one(bench: Bench, cri: CriClient) -> None:
    first, second = two_pods(bench, bench.unique("app"))
    require_equal("the list by id", listed_sandboxes(cri, id=second.id), {second.id})
    require_equal("whether the whole list has both", {first.id, second.id} <= listed_sandboxes(cri), True)


@pytest.mark.clause("cri.list-pod-sandbox.filter-by-label")
def test_sandbox_list_by_label_gives_those_that_carry_it(bench: Bench, cri: CriClient) -> None:
    app = bench.unique("app")
    first, second = two_pods(bench, app)
    require_equal("the list by one label", listed_sandboxes(cri, label_selector={"app": app}), {first.id, second.id})
    both = listed_sandboxes(cri, label_selector={"app": app, "tier": "back"})
    require_equal("the list by two labels", both, {second.id}, "Are labels OR-ed?")


@pytest.mark.clause("cri.list-pod-sandbox.filter-by-state")
def test_sandbox_list_by_state_is_anded_with_labels(bench: Bench, cri: CriClient) -> None:
    app, m = bench.unique("app"), cri.messages
    first, second = two_pods(bench, app)
    for state, pod in ((m.SANDBOX_READY, first), (m.SANDBOX_NOTREADY, second)):
        wanted = {"state": m.PodSandboxStateValue(state=state), "label_selector": {"app": app}}
        require_equal(f"the list by state {state} and label", listed_sandboxes(cri, **wanted), {pod.id})


def four_containers(bench: Bench, app: str) -> dict[str, str]:
    """In one sandbox a created, a running and an exited container; in another a running one; all app=<app>."""
    here, there = bench.run_sandbox(), bench.run_sandbox()

    def labels(tier: str) -> dict[str, str]:
        return {"app": app, "tier": tier}

    made = {
        "created": bench.create(here, labels=labels("front")),
        "running": bench.run(here, labels=labels("back")),
        "exited": bench.run(here, ("true",), labels=labels("back")),
        "elsewhere": bench.run(there, labels=labels("back")),
    }
    bench.wait_until_exited(made["exited"])
    return made | {"here": here.id, "there": there.id}


@pytest.mark.clause("cri.list-containers.filter-by-state")
def test_container_list_by_state_gives_those_in_it(bench: Bench, cri: CriClient) -> None:
    app, m = bench.unique("app"), cri.messages
    made = four_containers(bench, app)
    expected = {
        m.CONTAINER_CREATED: {made["created"]},
        m.CONTAINER_RUNNING: {made["running"], made["elsewhere"]},
        m.CONTAINER_EXITED: {made["exited"]},
    }
    for state, ids in expected.items():
        wanted = {"state": m.ContainerStateValue(state=state), "label_selector": {"app": app}}
        require_equal(f"the list by state {m.ContainerState.Name(state)}", listed_containers(cri, **wanted), ids)


@pytest.mark.clause("cri.list-containers.filter-by-label")
def test_container_list_by_labels_gives_those_that_carry_all(bench: Bench, cri: CriClient) -> None:
    app = bench.unique("app")
    made = four_containers(bench, app)
    seen = listed_containers(cri, label_selector={"app": app, "tier": "front"})
    require_equal("the list by two labels", seen, {made["created"]}, "Is the selector ignored, or are labels OR-ed?")


@pytest.mark.clause("cri.list-containers.filter-by-sandbox")
def test_container_list_by_sandbox_gives_just_its_containers(bench: Bench, cri: CriClient) -> None:
    made = four_containers(bench, bench.unique("app"))
    require_equal("the list by sandbox", listed_containers(cri, pod_sandbox_id=made["there"]), {made["elsewhere"]})


@pytest.mark.clause("cri.list-containers.filters-anded")
def test_container_list_ands_sandbox_state_and_label(bench: Bench, cri: CriClient) -> None:
    app, m = bench.unique("app"), cri.messages
    made = four_containers(bench, app)
    seen = listed_containers(
        cri,
        pod_sandbox_id=made["here"],
        state=m.ContainerStateValue(state=m.CONTAINER_RUNNING),
        label_selector={"app": app, "tier": "back"},
    )
    require_equal("the list by all three", seen, {made["running"]}, "Are the conditions OR-ed?")


STREAMS = {
    "StreamPodSandboxes": ("pod_sandboxes", "id"),
    "StreamContainers": ("containers", "id"),
    "StreamImages": ("images", "id"),
}


@pytest.mark.clause("cri.stream-lists.each-item-once")
@pytest.mark.parametrize("method", sorted(STREAMS))
def test_streamed_list_holds_each_item_once(bench: Bench, cri: CriClient, method: str) -> None:
    collection, key = STREAMS[method]
    made = four_containers(bench, bench.unique("app"))
    stream = cri.stream(method, deadline=20)
    try:
        batches = [[getattr(item, key) for item in getattr(answer, collection)] for answer in stream]
    except Refused as refused:
        if refused.code == "UNIMPLEMENTED":
            raise NotApplicable(f"the runtime does not serve {method}") from refused
        raise
    seen = [item for batch in batches for item in batch]
    require_equal("the streamed ids", sorted(seen), sorted(set(seen)), "Is an item repeated where two batches meet?")
    if not all(batches):
        raise ClauseViolation("a batch of the stream is empty", expected="at least one item", actual=batches)
    own = {"StreamPodSandboxes": {made["here"], made["there"]}, "StreamContainers": {made["running"], made["exited"]}}
    require_equal("whether what was made is in it", own.get(method, set()) <= set(seen), True)
