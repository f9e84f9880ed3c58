"""A played cloud on loopback: whatever its state answers is sent as JSON."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

from fixtures.clusters.local.certificates import serving

Answer = tuple[int, Mapping[str, str], Mapping[str, Any]]
"""Status, headers, body."""
_NO_CONTENT = 204


class Played(Protocol):
    """address: under which it is reached, once it is."""

    address: str

    def answer(self, verb: str, url: str, token: str) -> Answer:
        """To a request that carries this Authorization."""
        ...

    def open(self, url: str, form: str) -> Answer:
        """To one that wants a token, or to know where there are some."""
        ...


def trusted(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """The file of an authority, and what serves 127.0.0.1 with a certificate of it."""
    authority, signed, key = serving("played", ("127.0.0.1",))
    (folder / "authority.pem").write_bytes(authority)
    (folder / "served.pem").write_bytes(signed + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "served.pem")
    return folder / "authority.pem", context


@contextmanager
def served(state: Played, context: ssl.SSLContext | None = None) -> Iterator[None]:
    """It is reached from now on, one request after the other."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _send(self, status: int, headers: Mapping[str, str], told: Mapping[str, Any]) -> None:
            body = b"" if status == _NO_CONTENT else json.dumps(told).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json; charset=utf-8"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            token = self.headers.get("Authorization", "")
            with lock:
                told = state.answer(self.command, self.path, token) if token else state.open(self.path, "")
            self._send(*told)

        do_DELETE = do_GET  # noqa: N815

        def do_POST(self) -> None:
            self._send(*state.open(self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))

        def log_message(self, *_words: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.address = f"http{'s' if context else ''}://127.0.0.1:{server.server_address[1]}"
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
