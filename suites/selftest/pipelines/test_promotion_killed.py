"""SIGKILL at every step of a promotion and a rollback: what is left is finished by the same command, or taken back."""

from __future__ import annotations

import functools
import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.promote import Answer
from pipelines.targets import Release
from pipelines.targets.directory import Folder
from suites.selftest.pipelines import killing
from suites.selftest.pipelines.releases import World


def promotion(world: World) -> Answer:
    return world.promote(world.root / "runs" / "r2", "dev")


def rollback(world: World) -> Answer:
    return world.rollback("dev", "r1", why="pods hang")


def overwriting(world: World) -> Answer:
    return world.rollback("dev", "r1", overwrite="mended by hand")


@pytest.fixture
def original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world where dev runs r1, and r2 may follow."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    (tmp_path / "original").mkdir()
    world = World(tmp_path / "original")
    world.run("r2", candidate="atlas 2026.12")
    world.promote(world.run("r1"), "dev")
    return world


@pytest.fixture
def fresh(original: World, tmp_path: Path) -> Callable[[], World]:
    """Copies of it, one after the other."""
    numbers = itertools.count()

    def copied() -> World:
        root = tmp_path / str(next(numbers))
        shutil.copytree(original.root, root)
        return World(root, original.now)

    return copied


@pytest.mark.parametrize(("then", "run"), [(promotion, "r2"), (rollback, "r1")], ids=["the same again", "rolled back"])
def test_promotion_that_is_killed_at_any_step_is_finished_or_taken_back(
    fresh: Callable[[], World], then: Callable[[World], Answer], run: str
) -> None:
    found = killing.require_whole_after_every_kill(fresh, promotion, then, run)
    assert found == {("", "r1"), ("promotion", "r1"), ("promotion", "r2")}


def test_rollback_that_is_killed_at_any_step_is_finished_by_the_same_command(
    original: World, fresh: Callable[[], World]
) -> None:
    promotion(original)
    found = killing.require_whole_after_every_kill(fresh, rollback, rollback, "r1")
    assert found == {("", "r2"), ("rollback", "r2"), ("rollback", "r1")}


def test_overwriting_that_is_killed_at_any_step_is_finished_by_the_same_command(
    original: World, fresh: Callable[[], World]
) -> None:
    promotion(original)

    def changed() -> World:
        world = fresh()
        (world.root / "deployments" / "dev.json").write_text("by hand")
        return world

    for step in itertools.count():
        world = changed()
        if not killing.killed_before(step, functools.partial(overwriting, world)):
            break
        overwriting(world)
        killing.require_settled(world, "r1")
        assert world.kinds.count("overwrite") == 1
        assert world.kinds.count("rollback") == 1
    assert step > 10


def test_kill_test_finds_a_target_that_is_told_before_the_ledger(
    fresh: Callable[[], World],
) -> None:
    def early(world: World) -> None:
        (world.root / "deployments" / "dev.json").write_text("told first")
        world.rollback("dev", "r1", overwrite="it was not decided yet")

    with pytest.raises(AssertionError):
        killing.require_whole_after_every_kill(fresh, early, promotion, "r2")


def test_kill_test_finds_a_release_that_is_not_written_whole(
    fresh: Callable[[], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_two(folder: Folder, release: Release) -> str:
        path = folder.folder / f"{release.environment}.json"
        half = len(release.text) // 2
        path.write_text(release.text[:half])
        with path.open("a") as file:
            file.write(release.text[half:])
        return os.fspath(path)

    monkeypatch.setattr(Folder, "release", in_two)
    with pytest.raises(AssertionError):
        killing.require_whole_after_every_kill(fresh, promotion, promotion, "r2")
