"""Limits: asked for over the CRI, read back from the kernel."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from fixtures.subjects.cri import cgroups
from fixtures.subjects.cri.bench import Bench, Sandbox
from fixtures.subjects.cri.checks import require_equal, require_refusal
from fixtures.subjects.cri.client import CriClient, Refused
from reports.model import ClauseViolation

MIB = 1024 * 1024
# Fills memory in steps; its parent shell is what gets killed or sees it killed.
HUNGRY = ("sh", "-c", "x=0123456789abcdef; while :; do x=$x$x; done")


def limited(bench: Bench, **resources: Any) -> tuple[Sandbox, str]:
    """A running container with these LinuxContainerResources."""
    sandbox = bench.run_sandbox()
    return sandbox, bench.run(sandbox, resources=bench.messages.LinuxContainerResources(**resources))


def cgroup(controller: str, sandbox: Sandbox, container: str) -> Path:
    """The container's cgroup folder for a controller."""
    return cgroups.folder_of(controller, sandbox.config.linux.cgroup_parent, container)


@pytest.mark.clause("cri.resources.memory-limit")
def test_container_memory_limit_is_in_its_cgroup(bench: Bench) -> None:
    sandbox, container = limited(bench, memory_limit_in_bytes=96 * MIB)
    require_equal("the memory limit", cgroups.memory_limit(cgroup("memory", sandbox, container)), 96 * MIB)


@pytest.mark.clause("cri.resources.cpu-quota")
def test_container_cpu_quota_is_in_its_cgroup(bench: Bench) -> None:
    sandbox, container = limited(bench, cpu_quota=25000, cpu_period=50000)
    require_equal("quota and period", cgroups.cpu_quota(cgroup("cpu", sandbox, container)), (25000, 50000))


@pytest.mark.clause("cri.resources.cpu-shares")
def test_container_cpu_shares_are_in_its_cgroup(bench: Bench) -> None:
    low, high = (cgroups.cpu_shares(cgroup("cpu", *limited(bench, cpu_shares=shares))) for shares in (256, 2048))
    if not cgroups.is_unified():
        require_equal("the cpu shares", (low, high), (256, 2048))
    elif not low < high:
        raise ClauseViolation(
            "cpu shares do not make a difference", expected="weight(256) < weight(2048)", actual=(low, high)
        )


@pytest.mark.clause("cri.resources.oom-score-adj")
def test_container_oom_score_adj_is_set_on_its_process(bench: Bench) -> None:
    _, container = limited(bench, oom_score_adj=777)
    require_equal("oom_score_adj", bench.shell(container, "cat /proc/1/oom_score_adj"), "777")


@pytest.mark.clause("cri.container-status.oom-killed")
def test_container_over_its_memory_limit_is_oom_killed(bench: Bench) -> None:
    sandbox = bench.run_sandbox()
    limits = bench.messages.LinuxContainerResources(memory_limit_in_bytes=32 * MIB, memory_swap_limit_in_bytes=32 * MIB)
    status = bench.wait_until_exited(bench.run(sandbox, HUNGRY, resources=limits), 30)
    require_equal("reason and exit code", (status.reason, status.exit_code), ("OOMKilled", 137))


@pytest.mark.clause("cri.update-container-resources.applied")
def test_container_update_is_in_its_cgroup_on_return(bench: Bench, cri: CriClient) -> None:
    sandbox, container = limited(bench, memory_limit_in_bytes=64 * MIB, cpu_quota=20000, cpu_period=100000)
    changed = cri.messages.LinuxContainerResources(memory_limit_in_bytes=128 * MIB, cpu_quota=40000, cpu_period=100000)
    cri.call("UpdateContainerResources", container_id=container, linux=changed)
    seen = (
        cgroups.memory_limit(cgroup("memory", sandbox, container)),
        cgroups.cpu_quota(cgroup("cpu", sandbox, container)),
    )
    require_equal("memory limit and cpu quota", seen, (128 * MIB, (40000, 100000)))


@pytest.mark.clause("cri.update-container-resources.in-status")
def test_container_update_is_in_its_status(bench: Bench, cri: CriClient) -> None:
    _, container = limited(bench, memory_limit_in_bytes=64 * MIB, cpu_shares=256)
    changed = cri.messages.LinuxContainerResources(memory_limit_in_bytes=128 * MIB, cpu_shares=512)
    cri.call("UpdateContainerResources", container_id=container, linux=changed)
    seen = bench.status(container).resources.linux
    require_equal(
        "memory limit and cpu shares in the status", (seen.memory_limit_in_bytes, seen.cpu_shares), (128 * MIB, 512)
    )


def impossible(cri: CriClient) -> Any:
    """Resources of which the memory limit can be set and the cpu period (beyond the kernel's 1 s) cannot."""
    return cri.messages.LinuxContainerResources(memory_limit_in_bytes=128 * MIB, cpu_quota=40000, cpu_period=5000000)


@pytest.mark.clause("cri.update-container-resources.failure-is-error")
def test_container_update_that_the_kernel_refuses_is_an_error(bench: Bench, cri: CriClient) -> None:
    _, container = limited(bench, memory_limit_in_bytes=64 * MIB, cpu_quota=20000, cpu_period=100000)
    require_refusal(
        "an update with a cpu period of 5 s",
        lambda: cri.call("UpdateContainerResources", container_id=container, linux=impossible(cri)),
    )


@pytest.mark.clause("cri.update-container-resources.all-or-nothing")
def test_container_update_that_fails_changes_nothing(bench: Bench, cri: CriClient) -> None:
    sandbox, container = limited(bench, memory_limit_in_bytes=64 * MIB, cpu_quota=20000, cpu_period=100000)
    with contextlib.suppress(Refused):
        cri.call("UpdateContainerResources", container_id=container, linux=impossible(cri))
    seen = cgroups.memory_limit(cgroup("memory", sandbox, container))
    require_equal("the memory limit after the refusal", seen, 64 * MIB, "Is what was done before the error undone?")


@pytest.mark.clause("cri.update-container-resources.absent-is-error")
def test_container_update_of_an_absent_id_is_an_error(cri: CriClient) -> None:
    limits = cri.messages.LinuxContainerResources(cpu_shares=512)
    require_refusal(
        "an update of a container that never was",
        lambda: cri.call("UpdateContainerResources", container_id="f" * 64, linux=limits),
    )


@pytest.mark.clause("cri.resources.cgroup-of-its-own")
def test_container_cgroup_is_below_the_pods_parent(bench: Bench) -> None:
    sandbox = bench.run_sandbox()
    first, second = bench.run(sandbox), bench.run(sandbox)
    folders = [cgroup("pids", sandbox, container) for container in (first, second)]
    members = [set((folder / "cgroup.procs").read_text().split()) for folder in folders]
    require_equal(
        "whether each has processes of its own", bool(members[0] and members[1] and not members[0] & members[1]), True
    )
