"""A real kube-apiserver with etcd on loopback, and nothing else: enough to promote into and to ask for admission."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import urllib3
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kubernetes import client

from fixtures.toolchain.cache import Cache
from fixtures.toolchain.progress import quiet
from fixtures.toolchain.provide import provide
from pipelines.candidate import load
from reports.model import HarnessError
from suites.selftest.pipelines.registry import free_port

CANDIDATE = Path(__file__).resolve().parents[3] / "pipelines" / "candidates" / "default.toml"
LIMIT_SECONDS = 120.0
_TOKEN = "selftest"


def programs() -> dict[str, Path]:
    """etcd and kube-apiserver of the default candidate, from the cache. CannotProvide: they can be had no way."""
    candidate = load(CANDIDATE)
    wanted = [item for item in candidate.components if item.name in ("etcd", "kubernetes")]
    found = {}
    for part in provide([_narrowed(item) for item in wanted], Cache(), quiet, install=True):
        found.update({name: Path(path) for name, path in part.files.items()})
    return found


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Any]:
    """An API client of a cluster without nodes, without controllers, with all admission."""
    found = programs()
    etcd, peer, port = free_port(), free_port(), free_port()
    private = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    (folder / "accounts.key").write_bytes(private)
    (folder / "tokens.csv").write_text(f"{_TOKEN},admin,admin,system:masters\n")
    commands = {
        "etcd": [
            found["etcd"], f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync",
            f"--listen-client-urls=http://127.0.0.1:{etcd}", f"--advertise-client-urls=http://127.0.0.1:{etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
        ],
        "kube-apiserver": [
            found["kube-apiserver"], f"--etcd-servers=http://127.0.0.1:{etcd}", "--bind-address=127.0.0.1",
            f"--secure-port={port}", f"--cert-dir={folder / 'certificates'}", "--authorization-mode=AlwaysAllow",
            f"--token-auth-file={folder / 'tokens.csv'}", f"--service-account-key-file={folder / 'accounts.key'}",
            f"--service-account-signing-key-file={folder / 'accounts.key'}", "--service-account-issuer=selftest",
            "--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.0.0.0/24",
        ],
    }  # fmt: skip
    with contextlib.ExitStack() as stack:
        for name, command in commands.items():
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
        api = _client(f"https://127.0.0.1:{port}")
        _wait_until_ready(api, process, folder / "kube-apiserver.log")
        yield api


def _narrowed(component: Any) -> Any:
    """Kubernetes without all but its API server: the rest would have to be built for nothing."""
    if component.name != "kubernetes":
        return component
    sources = []
    for source in component.sources:
        packages = {path: name for path, name in source.packages.items() if name == "kube-apiserver"}
        sources.append(dataclasses.replace(source, packages=packages))
    return dataclasses.replace(component, sources=tuple(sources))


def _client(server: str) -> Any:
    settings = client.Configuration()
    settings.host, settings.verify_ssl = server, False
    settings.retries = False
    settings.api_key = {"authorization": f"Bearer {_TOKEN}"}
    return client.ApiClient(settings)


def _wait_until_ready(api: Any, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    last = ""
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client.CoreV1Api(api).read_namespace("default")
            return
        except (client.exceptions.ApiException, urllib3.exceptions.HTTPError) as error:
            last = type(error).__name__
            time.sleep(0.1)
    raise HarnessError(f"the API server does not serve ({last}); its log ends with: {log.read_text()[-2000:]}")


def pod(image: str, **spec: Any) -> dict[str, Any]:
    """A pod of one image; spec: more of its spec."""
    containers = {"containers": [{"name": "main", "image": image}]}
    return {"metadata": {"generateName": "p-"}, "spec": {**containers, **spec}}
