"""Commands run in a container: ExecSync, and what Exec and Attach have to refuse."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.cri.bench import Bench
from fixtures.subjects.cri.checks import require_equal, require_refusal
from fixtures.subjects.cri.client import CriClient
from fixtures.wait import wait_until

CAP = 16 * 1024 * 1024


@pytest.mark.clause("cri.exec-sync.exit-code")
def test_exec_sync_returns_the_exit_code(bench: Bench) -> None:
    container = bench.run(bench.run_sandbox())
    seen = [bench.exec(container, "sh", "-c", f"exit {code}").exit_code for code in (0, 1, 123)]
    require_equal("the exit codes", seen, [0, 1, 123])


@pytest.mark.clause("cri.exec-sync.streams-apart")
def test_exec_sync_keeps_stdout_and_stderr_apart(bench: Bench) -> None:
    container = bench.run(bench.run_sandbox())
    answer = bench.exec(container, "sh", "-c", "printf out; printf err >&2; printf '\\000\\377'")
    require_equal("stdout and stderr", (answer.stdout, answer.stderr), (b"out\x00\xff", b"err"), "Are they merged?")


@pytest.mark.clause("cri.exec-sync.timeout")
def test_exec_sync_past_its_timeout_is_an_error_and_ends_the_command(bench: Bench) -> None:
    container = bench.run(bench.run_sandbox())
    require_refusal(
        "ExecSync of a command that outlives its timeout", lambda: bench.exec(container, "sleep", "777", timeout=1)
    )
    wait_until(
        "the command is gone after the timeout",
        lambda: bench.exec(container, "sh", "-c", "ps -o args | grep -c '^sleep 777'").stdout.strip(),
        5,
        accept=lambda count: count == b"0",
    )


@pytest.mark.clause("cri.exec-sync.timeout-ends-children")
def test_exec_sync_past_its_timeout_ends_the_commands_children(bench: Bench, cri: CriClient) -> None:
    container = bench.run(bench.run_sandbox())
    script = ("sh", "-c", "sleep 778 & wait")
    require_refusal(
        "ExecSync of a shell that outlives its timeout",
        lambda: cri.call("ExecSync", container_id=container, cmd=script, timeout=1, deadline=5),
    )
    wait_until(
        "the command's child is gone after the timeout",
        lambda: bench.exec(container, "sh", "-c", "ps -o args | grep -c '^sleep 778'").stdout.strip(),
        3,
        accept=lambda count: count == b"0",
    )


@pytest.mark.clause("cri.exec-sync.stopped-refused")
def test_exec_sync_in_an_exited_container_is_refused(bench: Bench) -> None:
    container = bench.run(bench.run_sandbox())
    bench.stop(container)
    require_refusal("ExecSync in an exited container", lambda: bench.exec(container, "true"))


@pytest.mark.clause("cri.exec-sync.absent-refused")
def test_exec_sync_in_an_absent_container_is_refused(bench: Bench) -> None:
    require_refusal("ExecSync in a container that never was", lambda: bench.exec("f" * 64, "true"))


@pytest.mark.clause("cri.exec-sync.output-capped")
def test_exec_sync_output_beyond_the_cap_is_discarded_without_error(bench: Bench) -> None:
    container = bench.run(bench.run_sandbox())
    script = f"head -c {CAP + 1_000_000} /dev/zero; exit 5"
    answer = bench.exec(container, "sh", "-c", script, timeout=30)
    require_equal(
        "exit code, and whether at most 16 MiB came back", (answer.exit_code, len(answer.stdout) <= CAP), (5, True)
    )


@pytest.mark.clause("cri.exec-sync.environment")
def test_exec_sync_command_has_the_containers_environment(bench: Bench) -> None:
    envs = [bench.messages.KeyValue(key="PORT", value=b"8080")]
    container = bench.run(bench.run_sandbox(), envs=envs, working_dir="/tmp")
    require_equal("variable and folder", bench.shell(container, "echo $PORT $PWD"), "8080 /tmp")


@pytest.mark.clause("cri.exec.one-stream-needed")
@pytest.mark.parametrize("method", ["Exec", "Attach"])
def test_streaming_without_any_stream_is_refused(bench: Bench, cri: CriClient, method: str) -> None:
    container = bench.run(bench.run_sandbox())
    command: dict[str, Any] = {"cmd": ["true"]} if method == "Exec" else {}
    require_refusal(f"{method} with no stream", lambda: cri.call(method, container_id=container, **command))


@pytest.mark.clause("cri.exec.tty-excludes-stderr")
def test_exec_with_tty_and_stderr_is_refused(bench: Bench, cri: CriClient) -> None:
    container = bench.run(bench.run_sandbox())
    require_refusal(
        "Exec with tty and a separate stderr",
        lambda: cri.call("Exec", container_id=container, cmd=["true"], tty=True, stdout=True, stderr=True),
    )


@pytest.mark.clause("cri.exec.gives-url")
def test_exec_answers_with_the_url_of_a_streaming_server(bench: Bench, cri: CriClient) -> None:
    container = bench.run(bench.run_sandbox())
    url = cri.call("Exec", container_id=container, cmd=["true"], stdout=True).url
    require_equal("the scheme of the URL", url.partition("://")[0] in ("http", "https"), True, f"The URL is {url!r}.")
