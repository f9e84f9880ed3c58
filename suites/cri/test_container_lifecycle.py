"""Containers from creation to removal: states, times, exit codes, signals."""

from __future__ import annotations

import time

import pytest

from fixtures.subjects.cri.bench import OBEDIENT, Bench
from fixtures.subjects.cri.checks import require_equal, require_recent, require_refusal, require_same_map
from fixtures.subjects.cri.client import CriClient
from reports.model import ClauseViolation

STUBBORN = ("sh", "-c", "trap '' TERM; while :; do sleep 0.2; done")
ON_USR1 = ("sh", "-c", "trap 'exit 7' USR1; trap 'exit 8' TERM; echo armed; while :; do sleep 0.1; done")


@pytest.mark.clause("cri.create-container.created-not-running")
def test_container_created_has_not_run(bench: Bench) -> None:
    sandbox, witness = bench.run_sandbox(), bench.folder("witness")
    mount = bench.messages.Mount(container_path="/witness", host_path=str(witness))
    container = bench.create(sandbox, ("touch", "/witness/ran"), mounts=[mount])
    status = bench.status(container)
    require_equal("the state", status.state, bench.messages.CONTAINER_CREATED)
    require_equal("started_at", status.started_at, 0)
    require_equal("what its command wrote", list(witness.iterdir()), [], "Does CreateContainer start the process?")


@pytest.mark.clause("cri.start-container.running")
def test_container_started_is_running(bench: Bench) -> None:
    container = bench.run(bench.run_sandbox())
    require_equal("the state", bench.status(container).state, bench.messages.CONTAINER_RUNNING)
    require_equal("the answer of a command inside", bench.shell(container, "echo alive"), "alive")


@pytest.mark.clause("cri.container-status.times")
def test_container_times_are_nanoseconds_in_order(bench: Bench) -> None:
    began = time.time()
    status = bench.run_to_end(bench.run_sandbox(), ("sleep", "0.2"))
    for name in ("created_at", "started_at", "finished_at"):
        require_recent(f"ContainerStatus.{name}", getattr(status, name), began)
    times = [status.created_at, status.started_at, status.finished_at]
    require_equal("created, started, finished", times, sorted(times), "Is one of them taken at the wrong moment?")


@pytest.mark.clause("cri.container-status.exit-code")
def test_container_exit_code_is_that_of_its_process(bench: Bench) -> None:
    status = bench.run_to_end(bench.run_sandbox(), ("sh", "-c", "exit 42"))
    require_equal("the exit code", status.exit_code, 42)


@pytest.mark.clause("cri.container-status.killed-exit-code")
def test_container_killed_by_a_signal_exits_with_128_plus_signal(bench: Bench) -> None:
    m = bench.messages
    # In the pod's own pid namespace it is not PID 1, which would be deaf to its own signals.
    shared = m.LinuxContainerSecurityContext(namespace_options=m.NamespaceOption(pid=m.POD))
    status = bench.run_to_end(bench.run_sandbox(), ("sh", "-c", "kill -KILL $$"), security=shared)
    require_equal("the exit code of a process killed by signal 9", status.exit_code, 137)


@pytest.mark.clause("cri.container-status.metadata-identical")
def test_container_status_returns_metadata_labels_and_log_path(bench: Bench) -> None:
    sandbox = bench.run_sandbox()
    config = bench.container_config(labels={"role": "main", "example.com/x": ""})
    status = bench.status(bench.create(sandbox, config=config))
    require_equal("the metadata", status.metadata, config.metadata)
    require_same_map("the labels", status.labels, config.labels)
    require_equal("the log path", status.log_path, str(bench.log_file(sandbox, config.metadata.name)))


@pytest.mark.clause("cri.container-status.annotations-identical")
def test_container_annotations_in_status_are_identical(bench: Bench) -> None:
    wanted = {"a": "1", "example.com/blank": " \n ", "letters": "\u00fc"}
    container = bench.create(bench.run_sandbox(), annotations=wanted)
    require_same_map("the annotations in ContainerStatus", bench.status(container).annotations, wanted)


@pytest.mark.clause("cri.list-containers.annotations-identical")
def test_container_annotations_in_list_are_identical(bench: Bench, cri: CriClient) -> None:
    wanted = {"a": "1", "example.com/blank": " \n ", "letters": "\u00fc"}
    container = bench.create(bench.run_sandbox(), annotations=wanted)
    (item,) = cri.call("ListContainers", filter=cri.messages.ContainerFilter(id=container)).containers
    require_same_map("the annotations in ListContainers", item.annotations, wanted)


@pytest.mark.clause("cri.container-status.absent-is-error")
def test_container_status_of_an_absent_id_is_an_error(cri: CriClient) -> None:
    require_refusal(
        "ContainerStatus of an id that never was", lambda: cri.call("ContainerStatus", container_id="f" * 64)
    )


@pytest.mark.clause("cri.container-status.info-only-verbose")
def test_container_status_gives_info_only_when_verbose(bench: Bench, cri: CriClient) -> None:
    container = bench.create(bench.run_sandbox())
    info = cri.call("ContainerStatus", container_id=container, verbose=False).info
    require_equal("ContainerStatus.info of a call that is not verbose", dict(info), {})


@pytest.mark.clause("cri.stop-container.kills-after-grace")
def test_container_that_ignores_the_stop_signal_is_killed_after_its_grace(bench: Bench) -> None:
    container = bench.run(bench.run_sandbox(), STUBBORN)
    began = time.monotonic()
    bench.stop(container, grace=2)
    status, took = bench.status(container), time.monotonic() - began
    require_equal("the state", status.state, bench.messages.CONTAINER_EXITED)
    require_equal("the exit code after SIGKILL", status.exit_code, 137)
    if not 1.5 <= took <= 12:
        raise ClauseViolation("the kill came at the wrong time", expected="after 2 s of grace", actual=f"{took:.1f} s")


@pytest.mark.clause("cri.stop-container.asks-first")
def test_container_that_obeys_the_stop_signal_ends_by_itself(bench: Bench) -> None:
    container = bench.run(bench.run_sandbox(), OBEDIENT)
    bench.shell(container, "sleep 0.3")  # its shell needs a moment to set the trap
    bench.stop(container, grace=10)
    require_equal("the exit code", bench.status(container).exit_code, 0, "Is it killed without being asked?")


@pytest.mark.clause("cri.stop-container.custom-signal")
def test_container_with_a_stop_signal_of_its_own_gets_that_one(bench: Bench) -> None:
    sandbox = bench.run_sandbox()
    config = bench.container_config(ON_USR1, stop_signal=bench.messages.SIGNAL_SIGUSR1)
    container = bench.start(bench.create(sandbox, config=config))
    bench.wait_until_logged(sandbox, config.metadata.name, "armed")
    require_equal("the signal in the status", bench.status(container).stop_signal, bench.messages.SIGNAL_SIGUSR1)
    bench.stop(container, grace=10)
    require_equal("the exit code of its SIGUSR1 trap", bench.status(container).exit_code, 7)


@pytest.mark.clause("cri.stop-container.idempotent")
def test_container_stopped_twice_answers_success(bench: Bench) -> None:
    container = bench.run(bench.run_sandbox())
    for _ in range(3):
        bench.stop(container)
    require_equal("the state", bench.status(container).state, bench.messages.CONTAINER_EXITED)


@pytest.mark.clause("cri.stop-container.exited-keeps-status")
def test_container_that_ended_keeps_its_exit_code_when_stopped(bench: Bench) -> None:
    sandbox = bench.run_sandbox()
    container = bench.run(sandbox, ("sh", "-c", "exit 3"))
    before = bench.wait_until_exited(container)
    bench.stop(container)
    after = bench.status(container)
    require_equal(
        "exit code and finish time", (after.exit_code, after.finished_at), (before.exit_code, before.finished_at)
    )


@pytest.mark.clause("cri.remove-container.forces-running")
def test_container_removed_while_running_is_gone(bench: Bench, cri: CriClient) -> None:
    container = bench.run(bench.run_sandbox(), STUBBORN)
    cri.call("RemoveContainer", container_id=container)
    require_refusal("ContainerStatus after RemoveContainer", lambda: bench.status(container))


@pytest.mark.clause("cri.remove-container.idempotent")
def test_container_removed_twice_answers_success(bench: Bench, cri: CriClient) -> None:
    container = bench.create(bench.run_sandbox())
    for _ in range(2):
        cri.call("RemoveContainer", container_id=container)


@pytest.mark.clause("cri.create-container.metadata-unique")
def test_container_with_a_name_in_use_is_refused(bench: Bench) -> None:
    sandbox = bench.run_sandbox()
    config = bench.container_config()
    bench.create(sandbox, config=config)
    require_refusal("a second container with one name and attempt", lambda: bench.create(sandbox, config=config))


@pytest.mark.clause("cri.remove-container.name-free-again")
def test_container_name_can_be_used_again_after_removal(bench: Bench, cri: CriClient) -> None:
    sandbox = bench.run_sandbox()
    config = bench.container_config()
    cri.call("RemoveContainer", container_id=bench.create(sandbox, config=config))
    bench.create(sandbox, config=config)


@pytest.mark.clause("cri.create-container.unknown-image-refused")
def test_container_of_an_unknown_image_is_refused(bench: Bench) -> None:
    image = bench.messages.ImageSpec(image="seatrial.local/never-was:1")
    require_refusal(
        "CreateContainer of an image not on the node", lambda: bench.create(bench.run_sandbox(), image=image)
    )


@pytest.mark.clause("cri.create-container.stopped-sandbox-refused")
def test_container_in_a_stopped_sandbox_is_refused(bench: Bench, cri: CriClient) -> None:
    sandbox = bench.run_sandbox()
    cri.call("StopPodSandbox", pod_sandbox_id=sandbox.id)
    require_refusal("CreateContainer in a stopped sandbox", lambda: bench.create(sandbox))


@pytest.mark.clause("cri.start-container.missing-command-fails")
def test_container_whose_command_does_not_exist_fails_to_start(bench: Bench) -> None:
    container = bench.create(bench.run_sandbox(), ("/no/such/program",))
    require_refusal("StartContainer of a program that does not exist", lambda: bench.start(container))
    status = bench.wait_until_exited(container)
    if status.exit_code == 0:
        raise ClauseViolation("a container that could not start has exit code 0", expected="not 0", actual=0)


@pytest.mark.clause("cri.start-container.only-once")
def test_container_that_ended_cannot_be_started_again(bench: Bench) -> None:
    container = bench.run(bench.run_sandbox(), ("true",))
    bench.wait_until_exited(container)
    require_refusal("StartContainer of an exited container", lambda: bench.start(container))


@pytest.mark.clause("cri.create-container.shares-pod-network")
def test_containers_of_one_pod_share_network_and_host_name_not_processes(bench: Bench) -> None:
    m = bench.messages
    options = m.NamespaceOption(pid=m.CONTAINER)
    sandbox = bench.run_sandbox(security=m.LinuxSandboxSecurityContext(namespace_options=options))
    first, second = bench.run(sandbox), bench.run(sandbox)
    links = {kind: [bench.shell(c, f"readlink /proc/1/ns/{kind}") for c in (first, second)] for kind in ("net", "pid")}
    require_equal("the network namespaces", links["net"][0], links["net"][1])
    if links["pid"][0] == links["pid"][1]:
        raise ClauseViolation("two containers with pid mode CONTAINER share it", expected="two", actual=links["pid"])
