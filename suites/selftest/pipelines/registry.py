"""Real registries to promote in, built from their modules and run on loopback: the distribution project's, which lists
referrers only in the fallback tag, and a small one in memory that has the referrers API of OCI 1.1."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fixtures.toolchain.cache import Cache
from fixtures.toolchain.golang import find_go
from fixtures.toolchain.progress import quiet
from fixtures.toolchain.provide import provide
from pipelines.targets.registry import MANIFEST, Repository, digest_of
from reports.model import Component, HarnessError, Source

_MODULE = "github.com/distribution/distribution/v3"
REGISTRY = Component(
    "registry", "3.1.2",
    (
        Source(
            "go-module", module=_MODULE, version="v3.1.2", sum="h1:/Bv2YIqqSR00HiO49FT93hovy6r9IlrzwUDsJjCN5qg=",
            packages={f"{_MODULE}/cmd/registry": "registry"},
        ),
    ),
)  # fmt: skip
LIMIT_SECONDS = 60.0
KINDS = ("distribution", "referrers")
_REFERRERS = Path(__file__).parent / "referrers"  # a main package with its lock


def _command(kind: str, folder: Path, port: int) -> list[str | Path]:
    """How a registry is started. CannotProvide: it can be had neither from the cache nor by building it."""
    if kind == "referrers":
        program = folder / "referrers"
        go = find_go(Cache(), "1.24", lambda _: None, install=True)
        go.run(["build", "-trimpath", "-buildvcs=false", "-o", str(program), "."], cwd=_REFERRERS)
        return [program, f"127.0.0.1:{port}"]
    settings = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (folder / "config.yml").write_text(json.dumps(settings))  # JSON is YAML
    return [_program(), "serve", folder / "config.yml"]


def _program() -> Path:
    for part in provide([REGISTRY], Cache(), quiet, install=True):
        return Path(part.files["registry"])
    raise HarnessError("the toolchain provided no registry")


@contextlib.contextmanager
def running(folder: Path, kind: str = "distribution") -> Iterator[str]:
    """A registry with nothing in it; HOST:PORT."""
    port = free_port()
    command = _command(kind, folder, port)
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait_until_serving(process, port, folder / "registry.log")
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """A port of loopback that nobody listened on a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def push_image(repository: Repository, text: str = "platform") -> str:
    """Push a small image; its digest."""
    layer = text.encode()
    content: dict[str, Any] = {"schemaVersion": 2, "mediaType": MANIFEST}
    content["config"] = _described(repository, "application/vnd.oci.image.config.v1+json", b"{}")
    content["layers"] = [_described(repository, "application/vnd.oci.image.layer.v1.tar", layer)]
    manifest = json.dumps(content).encode()
    repository.put_manifest(digest_of(manifest), manifest, MANIFEST)
    return digest_of(manifest)


def _described(repository: Repository, media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": repository.put_blob(data), "size": len(data)}


def _wait_until_serving(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/v2/")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise HarnessError(f"the registry does not serve; its log ends with: {log.read_text()[-2000:]}")
