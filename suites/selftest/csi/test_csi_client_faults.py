"""What the client makes of a driver that misbehaves below the protocol: one clear outcome in bounded time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest

from fixtures.subjects.csi.client import LARGEST_ANSWER, Client, Refused, require_socket
from fixtures.subjects.csi.requests import messages
from reports.model import ClauseViolation, EnvironmentUnfit

Answering = Callable[[bytes, Any], bytes]


class Raw(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc carries no types
    """Answers every call with what `behaviour` returns, as bytes."""

    def __init__(self) -> None:
        self.behaviour: Answering = lambda request, context: b""

    def service(self, details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self.behaviour(request, context))


@pytest.fixture
def raw() -> Raw:
    """The handler behind `client`."""
    return Raw()


@pytest.fixture
def server(raw: Raw, tmp_path: Path) -> Iterator[tuple[grpc.Server, str]]:
    """A server that answers bytes, and its endpoint."""
    endpoint = f"unix://{tmp_path}/s.sock"
    running = grpc.server(futures.ThreadPoolExecutor(4))
    running.add_generic_rpc_handlers((raw,))
    running.add_insecure_port(endpoint)
    running.start()
    yield running, endpoint
    running.stop(0)


@pytest.fixture
def client(server: tuple[grpc.Server, str]) -> Iterator[Client]:
    """A client of that server."""
    asking = Client(server[1])
    yield asking
    asking.close()


def test_garbage_answer_is_a_violation_and_the_next_call_goes_on(client: Client, raw: Raw) -> None:
    raw.behaviour = lambda request, context: b"\xff\xff\xff\xff"
    with pytest.raises(ClauseViolation, match=r"not a ProbeResponse.*during Probe"):
        client.call(messages().ProbeRequest())
    raw.behaviour = lambda request, context: b""
    client.call(messages().ProbeRequest())
    assert [call.code for call in client.calls] == ["lost", "OK"]


def test_hanging_driver_is_a_violation_after_the_deadline(client: Client, raw: Raw) -> None:
    release = threading.Event()

    def hang(request: bytes, context: Any) -> bytes:
        release.wait(10)
        return b""

    raw.behaviour = hang
    with pytest.raises(ClauseViolation, match=r"did not answer within 0.2 s"):
        client.answer(messages().ProbeRequest(), deadline=0.2)
    release.set()


def test_oversized_answer_is_a_violation(client: Client, raw: Raw) -> None:
    raw.behaviour = lambda request, context: b"x" * (LARGEST_ANSWER + 1)
    with pytest.raises(ClauseViolation, match="larger than 8 MiB"):
        client.call(messages().ProbeRequest())


def test_refusal_of_the_driver_is_not_a_fault_of_the_transport(client: Client, raw: Raw) -> None:
    def refuse(request: bytes, context: Any) -> bytes:
        context.abort(grpc.StatusCode.UNAVAILABLE, "the backend is away")
        return b""

    raw.behaviour = refuse
    with pytest.raises(Refused, match="UNAVAILABLE"):
        client.call(messages().ProbeRequest())
    assert not client.lost


def test_driver_that_dies_is_a_violation_and_later_calls_cannot_run(
    client: Client, server: tuple[grpc.Server, str], tmp_path: Path
) -> None:
    client.call(messages().ProbeRequest())
    server[0].stop(0).wait()
    (tmp_path / "s.sock").unlink(missing_ok=True)
    with pytest.raises(ClauseViolation, match=r"the driver died \(during Probe\)"):
        client.call(messages().ProbeRequest())
    with pytest.raises(EnvironmentUnfit, match="the driver died during Probe"):
        client.call(messages().NodeGetInfoRequest())


def test_absent_socket_is_unfit(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentUnfit, match="does not exist"):
        require_socket(f"unix://{tmp_path}/absent.sock")
