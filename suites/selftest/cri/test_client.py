"""The CRI client and the proxy are the subject: what becomes of errors, silence and death."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from fixtures.protocols import stubs
from fixtures.references.cri.proxy import Call, Mutant, Proxy
from fixtures.subjects.cri.client import CriClient, Refused
from reports.model import ClauseViolation, HarnessError


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path, for sockets."""
    with tempfile.TemporaryDirectory(prefix="st-") as path:
        yield Path(path)


class Runtime:
    """A runtime of the test's own making: every method it has is an override."""

    def __init__(self, folder: Path) -> None:
        self.mutant = Mutant()
        self.release = threading.Event()
        self._proxy = Proxy(stubs("cri").messages, f"unix://{folder}/nobody", folder / "s", self.mutant)

    def __enter__(self) -> CriClient:
        self._proxy.start()
        return CriClient(stubs("cri"), self._proxy.endpoint, lambda: "last words")

    def __exit__(self, *error: object) -> None:
        self.release.set()
        self._proxy.stop()


def test_client_gets_the_answer_and_keeps_the_call(folder: Path) -> None:
    runtime = Runtime(folder)
    runtime.mutant.overrides("Version")(lambda call: call.messages.VersionResponse(version="7"))
    with runtime as client:
        assert client.call("Version").version == "7"
        assert '"call": "Version"' in client.transcript.text()


def test_client_tells_a_refusal_with_its_code(folder: Path) -> None:
    runtime = Runtime(folder)

    @runtime.mutant.overrides("StopContainer")
    def refuse(call: Call) -> Any:
        call.refuse(grpc.StatusCode.FAILED_PRECONDITION, "not now")

    with runtime as client, pytest.raises(Refused) as caught:
        client.call("StopContainer", container_id="x")
    assert (caught.value.method, caught.value.code) == ("StopContainer", "FAILED_PRECONDITION")


def test_client_blames_silence_on_the_runtime_and_names_the_call(folder: Path) -> None:
    runtime = Runtime(folder)
    runtime.mutant.overrides("Status")(lambda call: runtime.release.wait(20))
    with runtime as client, pytest.raises(ClauseViolation, match=r"Status gave no answer within 0\.3 s"):
        client.call("Status", deadline=0.3)


def test_client_takes_the_runtimes_own_deadline_error_as_an_answer(folder: Path) -> None:
    runtime = Runtime(folder)

    @runtime.mutant.overrides("ExecSync")
    def late(call: Call) -> Any:
        call.refuse(grpc.StatusCode.DEADLINE_EXCEEDED, "command timed out")

    with runtime as client, pytest.raises(Refused) as caught:
        client.call("ExecSync", container_id="x", cmd=["true"], timeout=1)
    assert caught.value.code == "DEADLINE_EXCEEDED"


def test_client_blames_death_on_the_runtime_with_its_last_words(folder: Path) -> None:
    client = CriClient(stubs("cri"), f"unix://{folder}/nobody", lambda: "last words")
    with pytest.raises(ClauseViolation, match="went away during Version") as caught:
        client.call("Version", deadline=5)
    assert "last words" in str(caught.value.actual)


def test_client_asked_for_an_unknown_method_blames_the_harness(folder: Path) -> None:
    with pytest.raises(HarnessError):
        CriClient(stubs("cri"), f"unix://{folder}/nobody").call("Launch")


def test_proxy_passes_a_stream_on_and_ends_it(folder: Path) -> None:
    runtime = Runtime(folder)

    @runtime.mutant.overrides("GetContainerEvents")
    def two(call: Call) -> Iterator[Any]:
        for name in ("a", "b"):
            yield call.messages.ContainerEventResponse(container_id=name)

    with runtime as client:
        assert [event.container_id for event in client.stream("GetContainerEvents")] == ["a", "b"]
