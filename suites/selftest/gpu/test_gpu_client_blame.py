"""The harness's side of the device plugin protocol: broken transports become one clear violation, in bounded time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixtures.subjects.gpu.client import PluginClient
from fixtures.subjects.gpu.kubelet import Kubelet, Registration
from reports.model import ClauseViolation, EnvironmentUnfit

Behaviour = Callable[[socket.socket], None]


def garbage(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\nthis is no gRPC")


def silence(connection: socket.socket) -> None:
    threading.Event().wait(5)


def hang_up(connection: socket.socket) -> None:
    connection.close()


@pytest.fixture
def misbehave(tmp_path: Path) -> Iterator[Callable[[Behaviour], PluginClient]]:
    """A client of a server that treats every connection in one bad way."""
    path = tmp_path / "bad.sock"
    listener = socket.socket(socket.AF_UNIX)
    clients: list[PluginClient] = []

    def serve(behaviour: Behaviour) -> PluginClient:
        listener.bind(str(path))
        listener.listen()

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=behave, args=(connection,), daemon=True).start()

        def behave(connection: socket.socket) -> None:
            with connection:
                behaviour(connection)

        threading.Thread(target=accept, daemon=True).start()
        registration = Registration("v1beta1", "bad.sock", "a.example/gpu", (False, False), True, tmp_path, 0.0)
        clients.append(PluginClient(registration, limit=1.0))
        return clients[-1]

    yield serve
    for client in clients:
        client.close()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.mark.parametrize("behaviour", [garbage, silence, hang_up], ids=lambda found: found.__name__)
def test_call_to_broken_server_is_a_violation_in_bounded_time(
    misbehave: Callable[[Behaviour], PluginClient], behaviour: Behaviour
) -> None:
    client = misbehave(behaviour)
    started = time.monotonic()
    with pytest.raises(ClauseViolation, match="GetDevicePluginOptions"):
        client.options()
    with pytest.raises(ClauseViolation, match="list of devices"):
        client.devices()
    assert time.monotonic() - started < 5


def test_kubelet_with_too_long_socket_path_is_unfit(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentUnfit, match="too long"):
        Kubelet(tmp_path / ("x" * 110)).start()


def test_kubelet_restart_removes_sockets_and_keeps_files(tmp_path: Path) -> None:
    kubelet = Kubelet(tmp_path)
    kubelet.start()
    (tmp_path / "kubelet_internal_checkpoint").write_text("{}")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "plugin.sock"))
    kubelet.restart()
    left = sorted(path.name for path in tmp_path.iterdir())
    kubelet.stop()
    assert left == ["kubelet.sock", "kubelet_internal_checkpoint"]
