"""Walking through folders that come and go meanwhile."""

from __future__ import annotations

import shutil
from pathlib import Path

from fixtures.tree import below


def test_everything_below_is_found_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").touch()
    (tmp_path / "a/loop").symlink_to(tmp_path)
    found = sorted(path.relative_to(tmp_path).as_posix() for path in below(tmp_path))
    assert found == ["a", "a/b", "a/b/file", "a/loop"]


def test_a_folder_that_goes_while_its_neighbour_is_read_is_passed_over(tmp_path: Path) -> None:
    for node in ("node1", "node2"):
        (tmp_path / node / "pod").mkdir(parents=True)
    walking = below(tmp_path)
    first = next(path for path in walking if path.name == "pod")
    (other,) = {tmp_path / "node1", tmp_path / "node2"} - {first.parent}
    shutil.rmtree(other)
    assert not [path for path in walking if path.name == "pod"]


def test_nothing_is_below_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert list(below(tmp_path / "gone")) == []
