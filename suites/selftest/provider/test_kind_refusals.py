"""The kind provider without what it needs: what is wrong and what to do, and nothing is made. No engine needed."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures import lease as leases
from fixtures.clusters.kind import engine as engines
from fixtures.clusters.kind import removal, settings
from fixtures.clusters.kind.engine import Engine
from fixtures.clusters.kind.network import conflist
from fixtures.clusters.kind.provider import KindProvider
from fixtures.clusters.kind.restricted.runtime import file_of, narrowed
from fixtures.clusters.provider import ClusterFailed, ClusterSpec
from fixtures.plugin import Parts
from reports.model import EnvironmentUnfit

ENGINE = Engine("docker", "28.2", "2", "systemd", "127.0.0.1", rootless=False)
MACHINE = settings.Machine(cgroup_v2=True, restricted=False, nftables=True)
needs_docker = pytest.mark.skipif(shutil.which("docker") is None, reason="no docker command on this machine")


@pytest.fixture
def silent_socket(tmp_path: Path) -> Iterator[str]:
    """A socket where somebody listens and never answers, as a DOCKER_HOST."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "docker.sock"))
        listener.listen(8)
        held: list[Any] = []
        threading.Thread(target=_hold, args=(listener, held), daemon=True).start()
        yield f"unix://{tmp_path / 'docker.sock'}"


def _hold(listener: socket.socket, held: list[Any]) -> None:
    try:
        while True:
            held.append(listener.accept())
    except OSError:
        return  # the test is over


def test_machine_without_docker_and_podman_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(engines.CHOICE, raising=False)
    with pytest.raises(ClusterFailed, match=r"neither is on this machine; install one .* --provider local"):
        KindProvider().create(ClusterSpec("selftest", Parts({}, ""), tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_engine_that_is_not_known_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engines.CHOICE, "nerdctl")
    with pytest.raises(ClusterFailed, match=r"KIND_EXPERIMENTAL_PROVIDER=nerdctl: .* docker and podman"):
        engines.find()


@needs_docker
def test_engine_that_is_down_is_told_with_how_to_start_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(engines.CHOICE, "docker")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'nobody.sock'}")
    with pytest.raises(ClusterFailed, match=r"docker does not answer: .*nobody.sock.*; start Docker"):
        engines.find()


@needs_docker
def test_engine_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, silent_socket: str) -> None:
    monkeypatch.setenv(engines.CHOICE, "docker")
    monkeypatch.setenv("DOCKER_HOST", silent_socket)
    monkeypatch.setattr(engines, "_ANSWERS_WITHIN", 1.0)
    with pytest.raises(ClusterFailed, match=r"docker does not answer within 1 s; start Docker"):
        engines.find()


def test_component_that_a_node_image_needs_is_named_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(engines, "find", lambda: ENGINE)
    before = {held.label for held in leases.leases()}
    with pytest.raises(EnvironmentUnfit, match=r"no part 'containerd'"):
        KindProvider().create(ClusterSpec("selftest", Parts({}, "no parts.json"), tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    assert {held.label for held in leases.leases()} - before == set()


@pytest.mark.parametrize("nodes", [0, -1, 11])
def test_number_of_nodes_that_is_not_offered_is_refused(nodes: int) -> None:
    with pytest.raises(ClusterFailed, match=f"1 to 10 nodes here, not {nodes}"):
        settings.config("seatrial-00000001", nodes, Parts({}, ""), ENGINE, MACHINE, False, {})


def test_engine_of_the_lease_that_does_not_answer_leaves_a_line_for_the_next_clean(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    removal.announce(tmp_path, "an-engine-that-was-removed")
    told = removal.remove_nodes("seatrial-00000001", tmp_path, leases.ENVIRONMENT_KEY)
    assert told
    assert all(line.startswith("left: ") and "is not on this machine any more" in line for line in told)


def test_ordinary_machine_changes_nothing_of_the_kubelet_in_a_published_image() -> None:
    made = settings.config("seatrial-00000001", 1, Parts({}, ""), ENGINE, MACHINE, False, {"SomeGate": True})
    assert (made["kubeadmConfigPatches"], made["featureGates"]) == ([], {"SomeGate": True})
    assert made["networking"] == {"disableDefaultCNI": False}


def test_runtime_of_a_restricted_host_takes_out_only_what_is_missing_there() -> None:
    held = {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE"], "effective": ["CAP_SYS_RESOURCE"]}
    process = {"args": ["init"], "rlimits": [{}], "oomScoreAdj": -997, "capabilities": held, "cwd": "/"}
    kept = {"args": ["init"], "cwd": "/", "capabilities": {"bounding": ["CAP_CHOWN"], "effective": []}}
    assert narrowed(process) == kept
    assert narrowed({"oomScoreAdj": 500, "capabilities": {}}) == {"oomScoreAdj": 500, "capabilities": {}}


def test_runtime_of_a_restricted_host_finds_the_file_behind_every_form_of_call() -> None:
    options = ["--root", "/r", "--log", "/l", "--log-format", "json"]
    assert file_of([*options, "create", "--bundle", "/b", "id"]) == (Path("/b/config.json"), True)
    assert file_of([*options, "--systemd-cgroup", "create", "--bundle=/b", "id"]) == (Path("/b/config.json"), True)
    assert file_of([*options, "exec", "--process", "/p", "id"]) == (Path("/p"), False)
    assert file_of([*options, "delete", "--force", "id"]) is None


def test_pod_network_of_a_node_is_its_own_alone() -> None:
    bridge = conflist("10.244.3.0/24")["plugins"][0]
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.244.3.0/24", "gateway": "10.244.3.1"}]]
