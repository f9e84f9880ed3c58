"""Pod sandboxes: stopped and removed, again and again, with nothing left."""

from __future__ import annotations

import pytest

from fixtures.subjects.cri.bench import Bench
from fixtures.subjects.cri.checks import require_equal, require_refusal
from fixtures.subjects.cri.client import CriClient
from fixtures.subjects.cri.runtime import Runtime
from fixtures.wait import wait_until
from reports.model import ClauseViolation


@pytest.mark.clause("cri.stop-pod-sandbox.not-ready")
def test_sandbox_stopped_is_not_ready(bench: Bench, cri: CriClient) -> None:
    sandbox = bench.run_sandbox()
    cri.call("StopPodSandbox", pod_sandbox_id=sandbox.id)
    require_equal("the state after the stop", bench.sandbox_status(sandbox).state, cri.messages.SANDBOX_NOTREADY)


@pytest.mark.clause("cri.stop-pod-sandbox.idempotent")
def test_sandbox_stopped_twice_answers_success(bench: Bench, cri: CriClient) -> None:
    sandbox = bench.run_sandbox()
    for _ in range(3):
        cri.call("StopPodSandbox", pod_sandbox_id=sandbox.id)


@pytest.mark.clause("cri.stop-pod-sandbox.kills-containers")
def test_sandbox_stop_ends_its_running_containers(bench: Bench, cri: CriClient) -> None:
    sandbox = bench.run_sandbox()
    container = bench.run(sandbox)
    cri.call("StopPodSandbox", pod_sandbox_id=sandbox.id)
    require_equal("the container's state", bench.status(container).state, cri.messages.CONTAINER_EXITED)


@pytest.mark.clause("cri.stop-pod-sandbox.frees-address")
def test_sandbox_stop_gives_its_address_back(bench: Bench, cri: CriClient, cri_runtime: Runtime) -> None:
    private = cri_runtime.require_private("its address management")
    sandbox = bench.run_sandbox()
    lease_file = private.ipam / bench.sandbox_status(sandbox).network.ip
    if not lease_file.exists():
        raise ClauseViolation(
            "the pod's address is not from the configured network", expected=lease_file, actual="absent"
        )
    cri.call("StopPodSandbox", pod_sandbox_id=sandbox.id)
    if lease_file.exists():
        raise ClauseViolation(
            "the pod's address is still taken after StopPodSandbox",
            expected=f"{lease_file} gone",
            actual="still there",
            question="Is the network torn down at removal only, so that stopped pods use up the subnet?",
        )


@pytest.mark.clause("cri.remove-pod-sandbox.idempotent")
def test_sandbox_removed_twice_answers_success(bench: Bench, cri: CriClient) -> None:
    sandbox = bench.run_sandbox()
    cri.call("StopPodSandbox", pod_sandbox_id=sandbox.id)
    for _ in range(2):
        cri.call("RemovePodSandbox", pod_sandbox_id=sandbox.id)


@pytest.mark.clause("cri.remove-pod-sandbox.forces-containers")
def test_sandbox_removed_with_a_running_container_takes_it_along(bench: Bench, cri: CriClient) -> None:
    sandbox = bench.run_sandbox()
    container = bench.run(sandbox)
    cri.call("RemovePodSandbox", pod_sandbox_id=sandbox.id)
    wanted = cri.messages.ContainerFilter(id=container)
    require_equal("the list of its containers", list(cri.call("ListContainers", filter=wanted).containers), [])


@pytest.mark.clause("cri.remove-pod-sandbox.gone-from-list")
def test_sandbox_removed_is_not_listed(bench: Bench, cri: CriClient) -> None:
    sandbox = bench.run_sandbox()
    cri.call("StopPodSandbox", pod_sandbox_id=sandbox.id)
    cri.call("RemovePodSandbox", pod_sandbox_id=sandbox.id)
    wanted = cri.messages.PodSandboxFilter(id=sandbox.id)
    require_equal("the list after removal", list(cri.call("ListPodSandbox", filter=wanted).items), [])


@pytest.mark.clause("cri.remove-pod-sandbox.leaves-nothing")
def test_sandbox_removed_leaves_nothing_on_the_host(bench: Bench, cri: CriClient, cri_runtime: Runtime) -> None:
    cri_runtime.require_private("mounts, links, processes and cgroups")
    before = cri_runtime.stock()
    sandbox = bench.run_sandbox()
    bench.run(sandbox)
    bench.run_to_end(sandbox, ("true",))
    cri.call("StopPodSandbox", pod_sandbox_id=sandbox.id)
    cri.call("RemovePodSandbox", pod_sandbox_id=sandbox.id)
    left = cri_runtime.leaks_since(before, own=sandbox.config.metadata.name)
    require_equal("what is left", left, {}, "Which step of the removal gives up silently?")


@pytest.mark.clause("cri.remove-pod-sandbox.name-free-again")
def test_sandbox_metadata_can_be_used_again_after_removal(bench: Bench, cri: CriClient) -> None:
    sandbox = bench.run_sandbox()
    cri.call("StopPodSandbox", pod_sandbox_id=sandbox.id)
    cri.call("RemovePodSandbox", pod_sandbox_id=sandbox.id)
    bench.run_sandbox(sandbox.config)


@pytest.mark.clause("cri.pod-sandbox-status.absent-is-error")
def test_sandbox_status_of_an_absent_id_is_an_error(cri: CriClient) -> None:
    require_refusal(
        "PodSandboxStatus of an id that never was", lambda: cri.call("PodSandboxStatus", pod_sandbox_id="f" * 64)
    )


@pytest.mark.clause("cri.pod-sandbox-status.lost-process-not-ready")
def test_sandbox_whose_process_is_killed_becomes_not_ready(bench: Bench, cri: CriClient, cri_runtime: Runtime) -> None:
    private = cri_runtime.require_private("its processes")
    sandbox = bench.run_sandbox()
    private.kill_inside(sandbox.config.linux.cgroup_parent, sandbox.id)
    wait_until(
        "the sandbox is NOTREADY after its process was killed",
        lambda: bench.sandbox_status(sandbox).state,
        10,
        accept=lambda state: state == cri.messages.SANDBOX_NOTREADY,
    )
