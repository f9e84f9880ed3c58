"""Usage figures: of running containers only, plausible, timed."""

from __future__ import annotations

import time

import pytest

from fixtures.subjects.cri.bench import Bench
from fixtures.subjects.cri.checks import require_equal, require_recent, require_refusal, require_same_map
from fixtures.subjects.cri.client import CriClient
from reports.model import ClauseViolation


@pytest.mark.clause("cri.list-container-stats.running-only")
def test_container_stats_list_holds_running_containers_only(bench: Bench, cri: CriClient) -> None:
    sandbox = bench.run_sandbox()
    running, exited = bench.run(sandbox), bench.run(sandbox, ("true",))
    bench.create(sandbox)
    bench.wait_until_exited(exited)
    wanted = cri.messages.ContainerStatsFilter(pod_sandbox_id=sandbox.id)
    seen = {item.attributes.id for item in cri.call("ListContainerStats", filter=wanted).stats}
    require_equal("the containers with stats", seen, {running}, "Are stopped containers listed with old figures?")


@pytest.mark.clause("cri.container-stats.plausible")
def test_container_stats_are_timed_and_not_zero(bench: Bench, cri: CriClient) -> None:
    began = time.time()
    container = bench.run(
        bench.run_sandbox(), ("sh", "-c", "n=0; while [ $n -lt 60000 ]; do n=$((n+1)); done; sleep 3600")
    )
    bench.shell(container, "sleep 0.3")
    stats = cri.call("ContainerStats", container_id=container).stats
    require_recent("cpu.timestamp", stats.cpu.timestamp, began)
    require_recent("memory.timestamp", stats.memory.timestamp, began)
    if not (stats.cpu.usage_core_nano_seconds.value > 0 and stats.memory.working_set_bytes.value > 0):
        raise ClauseViolation("a busy container uses no cpu or no memory", expected="both above 0", actual=str(stats))


@pytest.mark.clause("cri.container-stats.annotations-identical")
def test_container_stats_attributes_are_those_of_the_container(bench: Bench, cri: CriClient) -> None:
    annotations = {"a": " 1 ", "letters": "\u00fc"}
    container = bench.run(bench.run_sandbox(), annotations=annotations, labels={"role": "main"})
    attributes = cri.call("ContainerStats", container_id=container).stats.attributes
    require_same_map("the annotations in the stats", attributes.annotations, annotations)
    require_same_map("the labels in the stats", attributes.labels, {"role": "main"})


@pytest.mark.clause("cri.container-stats.absent-is-error")
def test_container_stats_of_an_absent_id_are_an_error(cri: CriClient) -> None:
    require_refusal("ContainerStats of an id that never was", lambda: cri.call("ContainerStats", container_id="f" * 64))


@pytest.mark.clause("cri.pod-sandbox-stats.absent-is-error")
def test_sandbox_stats_of_an_absent_id_are_an_error(cri: CriClient) -> None:
    require_refusal(
        "PodSandboxStats of an id that never was", lambda: cri.call("PodSandboxStats", pod_sandbox_id="f" * 64)
    )


@pytest.mark.clause("cri.pod-sandbox-stats.names-containers")
def test_sandbox_stats_hold_its_running_containers(bench: Bench, cri: CriClient) -> None:
    sandbox = bench.run_sandbox()
    container = bench.run(sandbox)
    stats = cri.call("PodSandboxStats", pod_sandbox_id=sandbox.id).stats
    require_equal("the sandbox", stats.attributes.id, sandbox.id)
    require_equal("its containers", {item.attributes.id for item in stats.linux.containers}, {container})
