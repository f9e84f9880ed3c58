"""Containers as a cluster runs them: exec, logs, limits, restarts, endings, seen through the API and the node."""

from __future__ import annotations

import time
from typing import Any

import pytest

from fixtures.clusters.provider import NODE_EXEC, Cluster
from fixtures.clusters.workloads import Pod, Pods
from fixtures.evidence import EvidenceFolder
from fixtures.subjects.cri.checks import require_equal
from fixtures.wait import wait_until
from reports.model import ClauseViolation, EnvironmentUnfit

pytestmark = pytest.mark.cluster

SHELL = ("/bin/sh", "-c")
FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.2; done"


@pytest.fixture
def pods(api: Any, namespace: str) -> Pods:
    """Pods in this test's namespace."""
    return Pods(api, namespace)


def container_status(pods: Pods, pod: Pod) -> Any:
    """The status of the pod's one container, as the API has it now; None before there is one."""
    now = pods.get(pod)
    statuses = now.raw.status.container_statuses if now else None
    return statuses[0] if statuses else None


def wait_until_restarted(pods: Pods, pod: Pod, times: int = 1, timeout: float = 60) -> Any:
    """Wait until the container has been restarted that often; its status."""
    return wait_until(
        f"the container of {pod.name} was restarted {times} times",
        lambda: container_status(pods, pod),
        timeout,
        accept=lambda seen: seen is not None and seen.restart_count >= times,
    )


@pytest.mark.clause("cri.cluster-exec.output-and-exit-code")
def test_exec_through_the_api_returns_output_and_exit_code(pods: Pods) -> None:
    pod = pods.run("target", command=[*SHELL, FOREVER])
    answer = pods.exec(pod, [*SHELL, "echo out; echo err >&2; exit 7"])
    require_equal("stdout, stderr, exit code", (answer.stdout, answer.stderr, answer.returncode), ("out\n", "err\n", 7))


@pytest.mark.clause("cri.cluster-logs.what-was-written")
def test_logs_through_the_api_are_what_was_written(pods: Pods) -> None:
    pod = pods.run(
        "writer", command=[*SHELL, "seq 1 2000; head -c 20000 /dev/zero | tr '\\0' x; echo; printf end"], wait=False
    )
    finished = pods.wait_until_finished(pod)
    written = "".join(f"{number}\n" for number in range(1, 2001)) + "x" * 20000 + "\nend"
    require_equal("the log (length, whether equal)", _compared(pods.logs(finished), written), (len(written), True))


def _compared(seen: str, written: str) -> tuple[int, bool]:
    return len(seen), seen == written


@pytest.mark.clause("cri.cluster-limits.memory-enforced")
def test_container_over_its_memory_limit_is_oom_killed_in_its_status(pods: Pods) -> None:
    hungry = "x=0123456789abcdef; while :; do x=$x$x; done"
    pod = pods.run("hungry", command=[*SHELL, hungry], resources={"limits": {"memory": "32Mi"}}, wait=False)
    pods.wait_until_finished(pod)
    ended = container_status(pods, pod).state.terminated
    require_equal("reason and exit code", (ended.reason, ended.exit_code), ("OOMKilled", 137))


@pytest.mark.clause("cri.cluster-limits.in-cgroup")
def test_limits_of_the_specification_are_in_the_containers_cgroup(pods: Pods, cluster: Cluster) -> None:
    if NODE_EXEC not in cluster.capabilities:
        raise EnvironmentUnfit("the nodes of this cluster cannot be looked into")
    limits = {"cpu": "250m", "memory": "64Mi"}
    pod = pods.run("limited", command=[*SHELL, FOREVER], resources={"limits": limits})
    container = container_status(pods, pod).container_id.rpartition("/")[2]
    (node,) = [node for node in cluster.nodes() if node.name == pod.node]
    # The same question on cgroup v1 and v2; a cgroup's folder carries the container's id.
    script = (
        f"for f in $(find /sys/fs/cgroup -type d -name '*{container}*'); do cd $f; "
        "for n in memory.max memory.limit_in_bytes cpu.max cpu.cfs_quota_us cpu.cfs_period_us; do "
        "[ -f $n ] && echo $n $(cat $n); done; done; true"
    )
    lines = node.exec(["sh", "-c", script]).require_success("read the container's cgroup").splitlines()
    seen = dict(line.split(" ", 1) for line in lines)
    memory = seen.get("memory.max") or seen.get("memory.limit_in_bytes")
    require_equal("the memory limit in the cgroup", memory, str(64 * 1024 * 1024))
    cpu = seen.get("cpu.max") or f"{seen.get('cpu.cfs_quota_us')} {seen.get('cpu.cfs_period_us')}"
    quota, _, period = cpu.partition(" ")
    require_equal("the cpu quota as part of a core", int(quota) / int(period), 0.25)


@pytest.mark.clause("cri.cluster-restart.on-failure")
def test_container_that_fails_is_run_again_until_it_succeeds(pods: Pods) -> None:
    script = "[ -e /scratch/tried ] && exit 0; touch /scratch/tried; exit 3"
    pod = pods.run(
        "second-try",
        command=[*SHELL, script],
        volumes={"/scratch": {"emptyDir": {}}},
        spec={"restartPolicy": "OnFailure"},
        wait=False,
    )
    finished = pods.wait_until_finished(pod)
    status = container_status(pods, pod)
    require_equal("phase and restarts", (finished.phase, status.restart_count), ("Succeeded", 1))
    ended = status.last_state.terminated
    require_equal("the exit code of the first try", ended.exit_code if ended else None, 3)


@pytest.mark.clause("cri.cluster-probe.liveness-restarts")
def test_container_whose_liveness_probe_fails_is_restarted(pods: Pods) -> None:
    probe = {"exec": {"command": [*SHELL, "test ! -e /tmp/sick"]}, "periodSeconds": 1, "failureThreshold": 1}
    pod = pods.run(
        "patient",
        command=[*SHELL, f"mkdir -p /tmp; {FOREVER}"],
        container={"livenessProbe": probe},
        spec={"restartPolicy": "Always"},
    )
    require_equal("restarts while well", container_status(pods, pod).restart_count, 0)
    pods.exec(pod, [*SHELL, "touch /tmp/sick"]).require_success("make the probe fail")
    wait_until_restarted(pods, pod)


@pytest.mark.clause("cri.cluster-termination.message")
def test_termination_message_is_in_the_status(pods: Pods) -> None:
    script = "printf 'sprung a leak' > /dev/termination-log; exit 4"
    pod = pods.run("messenger", command=[*SHELL, script], wait=False)
    pods.wait_until_finished(pod)
    ended = container_status(pods, pod).state.terminated
    require_equal("message and exit code", (ended.message, ended.exit_code), ("sprung a leak", 4))


@pytest.mark.clause("cri.cluster-termination.grace")
def test_container_of_a_deleted_pod_gets_its_signal_and_its_grace(pods: Pods, evidence: EvidenceFolder) -> None:
    slow = "trap 'echo asked; sleep 2; echo done-with-it; exit 0' TERM; echo armed; while :; do sleep 0.1; done"
    pod = pods.run("slow", command=[*SHELL, slow], spec={"terminationGracePeriodSeconds": 20})
    wait_until("its trap is set", lambda: "armed" in pods.logs(pod))
    began = time.monotonic()
    pods.delete(pod, wait=False, grace=20)
    seen = ""

    def gone() -> bool:
        nonlocal seen
        log = _log_if_there(pods, pod)
        # The log goes with the pod, and a read that comes too late answers with the reason for that: keep the best.
        seen = log if "armed" in log else seen
        return pods.get(pod) is None

    wait_until(f"pod {pod.name} is gone", gone, 60, interval=0.1)
    took = time.monotonic() - began
    evidence.write("last-log.txt", seen)
    if "asked" not in seen or not 1.5 <= took < 19:
        raise ClauseViolation(
            "a deleted pod's container was not asked first, or not given its time",
            expected="the signal, then its own end after 2 s of 20",
            actual=f"gone after {took:.1f} s; last log: {seen!r}",
            question="Is it killed at once, or is the signal lost?",
        )


def _log_if_there(pods: Pods, pod: Pod) -> str:
    from kubernetes.client import ApiException

    try:
        return pods.logs(pod)
    except ApiException:  # it is gone, or its container is
        return ""
