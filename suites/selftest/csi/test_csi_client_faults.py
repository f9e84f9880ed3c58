"""What the client makes of a driver that misbehaves below the protocol: one clear outcome in bounded time."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest

from fixtures.subjects.csi.client import HANGS_OF_ONE, LARGEST_ANSWER, Client, Refused, require_socket
from fixtures.subjects.csi.requests import messages
from reports.model import ClauseViolation, EnvironmentUnfit

Answering = Callable[[bytes, Any], bytes]
Streaming = Callable[[bytes, Any], Iterator[bytes]]


class Raw(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc carries no types
    """Answers every call with what `behaviour` returns, as bytes."""

    def __init__(self) -> None:
        self.behaviour: Answering = lambda request, context: b""
        self.stream: Streaming = lambda request, context: iter(())

    def service(self, details: Any) -> Any:
        if details.method.endswith("/GetMetadataAllocated"):
            return grpc.unary_stream_rpc_method_handler(lambda request, context: self.stream(request, context))
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


def test_stream_without_end_is_a_violation_before_the_deadline(client: Client, raw: Raw) -> None:
    part = messages().GetMetadataAllocatedResponse(volume_capacity_bytes=1).SerializeToString() + b"\x22\x00" * 500_000
    raw.stream = lambda request, context: itertools.repeat(part)
    with pytest.raises(ClauseViolation, match="streams without end"):
        client.answer(messages().GetMetadataAllocatedRequest(snapshot_id="s"))


def test_stream_that_ends_is_kept_whole(client: Client, raw: Raw) -> None:
    raw.stream = lambda request, context: iter([b"", b"", b""])
    assert len(client.call(messages().GetMetadataAllocatedRequest(snapshot_id="s"))) == 3


def test_driver_that_hangs_in_one_call_is_not_asked_it_for_ever(client: Client, raw: Raw) -> None:
    release = threading.Event()

    def hang(request: bytes, context: Any) -> bytes:
        release.wait(10)
        return b""

    client.deadline = 0.1
    for _ in range(HANGS_OF_ONE):
        raw.behaviour = hang
        with pytest.raises(ClauseViolation, match=r"did not answer within 0.1 s"):
            client.answer(messages().GetPluginInfoRequest())
        raw.behaviour = lambda request, context: b""
        client.call(messages().ProbeRequest())
    with pytest.raises(EnvironmentUnfit, match="GetPluginInfo did not answer 2 times"):
        client.answer(messages().GetPluginInfoRequest())
    client.call(messages().ProbeRequest())
    release.set()


def test_driver_that_hangs_in_every_call_is_not_asked_any_more(client: Client, raw: Raw) -> None:
    release = threading.Event()

    def hang(request: bytes, context: Any) -> bytes:
        release.wait(10)
        return b""

    raw.behaviour, client.deadline = hang, 0.1
    for request in (messages().ProbeRequest(), messages().GetPluginInfoRequest(), messages().NodeGetInfoRequest()):
        with pytest.raises(ClauseViolation, match="did not answer"):
            client.answer(request)
    with pytest.raises(EnvironmentUnfit, match="3 calls in a row unanswered"):
        client.answer(messages().NodeGetCapabilitiesRequest())
    assert client.is_silent
    release.set()


def test_connection_that_is_closed_during_a_call_is_a_violation(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "c.sock"))
        listening.listen(16)

        def close_each() -> None:
            with contextlib.suppress(OSError):
                while True:
                    accepted, _ = listening.accept()
                    accepted.close()

        threading.Thread(target=close_each, daemon=True).start()
        asking = Client(f"unix://{tmp_path}/c.sock")
        with pytest.raises(ClauseViolation, match=r"closed the connection.*during Probe|did not answer"):
            asking.answer(messages().ProbeRequest(), deadline=3)
        asking.close()
        listening.shutdown(socket.SHUT_RDWR)
