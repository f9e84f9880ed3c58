"""Drivers that misbehave below the protocol, to be judged: `python -m suites.selftest.csi.faulty_driver FAULT ...`.

Probe is answered, so that the run starts. FAULT: what happens to every other call, or (in_create) to CreateVolume of
our reference. The other arguments are the reference's.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc

from fixtures.references.csi.command import main
from fixtures.references.csi.controller import Controller
from fixtures.references.csi.server import Reference


def hang(request: bytes, context: Any) -> bytes:
    threading.Event().wait()
    return request


FAULTS: dict[str, Callable[[bytes, Any], bytes]] = {
    "hangs": hang,
    "answers_garbage": lambda request, context: b"\xff\xff\xff\xff",
    "answers_100_mb": lambda request, context: b"x" * (100 << 20),
    "dies": lambda request, context: os._exit(3),
}


class Faulty(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc carries no types
    """Every call as bytes."""

    def __init__(self, fault: Callable[[bytes, Any], bytes]) -> None:
        self.fault = fault

    def service(self, details: Any) -> Any:
        is_probe = details.method.endswith("/Probe")
        return grpc.unary_unary_rpc_method_handler((lambda request, context: b"") if is_probe else self.fault)


class HangsInCreate(Controller):
    def CreateVolume(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        threading.Event().wait()


def serve(fault: str, endpoint: str) -> None:
    server = grpc.server(futures.ThreadPoolExecutor(64), options=[("grpc.max_send_message_length", -1)])
    server.add_generic_rpc_handlers((Faulty(FAULTS[fault]),))
    server.add_insecure_port(endpoint)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    if sys.argv[1] == "hangs_in_create":
        main(sys.argv[2:], Reference(controller=HangsInCreate))
    serve(sys.argv[1], sys.argv[sys.argv.index("--endpoint") + 1])
