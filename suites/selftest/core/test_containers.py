"""Containers of a lease: their rights, their mounts, and that a reaper asks an engine only where one was used."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures import containers


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Path]:
    """A folder of which an engine could take the mounts over."""
    containers.require_shared(tmp_path)
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=False, capture_output=True)


@pytest.mark.needs("root")
def test_folder_that_is_shared_stays_one_mount_however_often_it_is_asked_for(shared: Path) -> None:
    def mounts() -> int:
        return Path("/proc/self/mountinfo").read_text().count(f" {shared} ")

    before = mounts()
    containers.require_shared(shared)
    containers.require_shared(shared / "below")
    assert mounts() == before <= 1


def test_container_gets_all_rights_or_those_of_this_machine() -> None:
    rights, lacking = containers.privileges()
    assert rights.get("privileged", False) is not bool(lacking)
    assert not set(rights.get("cap_add", ())) & set(lacking)


def test_reaper_asks_no_engine_where_no_container_was_announced(tmp_path: Path) -> None:
    assert containers.remove_containers("seatrial-00000000", tmp_path, "KEY") == []


def test_engine_that_is_gone_has_no_containers_and_one_that_is_silent_leaves_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine.sock")
    containers.announce(tmp_path)
    assert containers.remove_containers("seatrial-00000000", tmp_path, "KEY") == []
    (tmp_path / "engine.sock").touch()
    assert containers.remove_containers("seatrial-00000000", tmp_path, "KEY")[0].startswith("left: containers of")
