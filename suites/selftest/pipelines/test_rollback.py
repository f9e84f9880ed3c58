"""Rollback: only to what was there before, with who and why, and a reason to test again."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.objections import Refused
from pipelines.targets import Release
from pipelines.targets.directory import Folder
from suites.selftest.pipelines.releases import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world where dev ran r1 and now runs r2."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    world = World(tmp_path)
    world.promote(world.run("r1"), "dev")
    world.promote(world.run("r2", candidate="atlas 2026.12"), "dev")
    return world


def digest(world: World, run: str) -> str:
    return next(
        str(e.content["candidate"]["sha256"]) for e in world.entries if e.content.get("signoff", {}).get("run") == run
    )


@pytest.mark.parametrize("named_by", ["run", "digest", "start"])
def test_rollback_puts_the_earlier_candidate_back_and_keeps_who_and_why(world: World, named_by: str) -> None:
    known = {"run": "r1", "digest": f"sha256:{digest(world, 'r1')}", "start": digest(world, "r1")[:8]}
    before = world.entries[0]
    answer = world.rollback("dev", known[named_by], why="pods hang")
    assert world.runs_in("dev") == "r1"
    deployed = world.deployed("dev")
    assert deployed is not None
    assert deployed["digests"] == before.content["digests"]
    kept = {"by": "bob", "why": "pods hang", "from": digest(world, "r2"), "promotion": 0}
    assert kept.items() <= dict(answer.entry.content).items()


def test_rollback_after_the_sign_off_s_time_is_done(world: World) -> None:
    world.later(days=100)
    world.rollback("dev", "r1")
    assert world.runs_in("dev") == "r1"


def test_same_rollback_again_has_the_same_answer_and_no_second_entry(world: World) -> None:
    first = world.rollback("dev", "r1")
    kinds = world.kinds
    again = world.rollback("dev", "r1")
    assert (again.entry.hash, again.where, again.again) == (first.entry.hash, first.where, True)
    assert world.kinds == kinds


@pytest.mark.parametrize(
    ("candidate", "match"), [("r9", "was ever promoted"), ("sha256:" + "e" * 64, "was ever promoted")]
)
def test_rollback_to_what_never_was_there_is_refused_and_names_what_was(
    world: World, candidate: str, match: str
) -> None:
    kinds = world.kinds
    with pytest.raises(Refused, match=match) as refused:
        world.rollback("dev", candidate)
    assert "r1" in str(refused.value)
    assert (world.kinds, world.runs_in("dev")) == (kinds, "r2")


def test_rollback_of_an_environment_that_another_one_had_is_refused(world: World) -> None:
    with pytest.raises(Refused, match="nor any other"):
        world.rollback("staging", "r1")


def test_rollback_of_a_misspelled_environment_names_the_nearest(world: World) -> None:
    with pytest.raises(Refused, match='Did you mean "dev"'):
        world.rollback("dve", "r1")


@pytest.mark.parametrize(("by", "why"), [("", "it hung"), ("bob", " ")])
def test_rollback_without_who_or_why_is_refused(world: World, by: str, why: str) -> None:
    with pytest.raises(Refused, match="who decided it and why"):
        world.rollback("dev", "r1", by=by, why=why)


def test_candidate_that_was_rolled_back_goes_nowhere_until_a_newer_verdict(world: World) -> None:
    world.later(minutes=1)
    world.rollback("dev", "r1")
    for environment in ("dev", "staging"):
        with pytest.raises(Refused, match="rolled back from this candidate by bob"):
            world.promote(world.root / "runs" / "r2", environment)
    assert world.runs_in("dev") == "r1"
    world.later(hours=2)
    world.promote(world.run("r3", candidate="atlas 2026.12", decided=100), "dev")
    assert world.runs_in("dev") == "r3"


def test_candidate_that_the_first_environment_gave_up_goes_to_no_later_one(world: World) -> None:
    """Also where the one between them still has it."""
    world.promote(world.root / "runs" / "r2", "staging")
    world.later(minutes=1)
    world.rollback("dev", "r1")
    with pytest.raises(Refused, match="dev was rolled back from this candidate by bob"):
        world.promote(world.root / "runs" / "r2", "production")
    assert world.runs_in("production") == ""


@pytest.mark.parametrize("killed_after", [False, True], ids=["before the target had it", "after the target had it"])
def test_rollback_from_a_promotion_that_was_killed_is_a_decision_of_its_own(
    world: World, monkeypatch: pytest.MonkeyPatch, killed_after: bool
) -> None:
    run, release = world.run("r3", candidate="atlas 2027.01"), Folder.release

    def killed(target: Folder, what: Release) -> str:
        if killed_after:
            release(target, what)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "release", killed)
        with pytest.raises(KeyboardInterrupt):
            world.promote(run, "dev")
    answer = world.rollback("dev", "r2", why="it was cut off")
    assert (answer.again, answer.entry.content["why"]) == (False, "it was cut off")
    assert world.kinds[4:] == ["promotion", "rollback", "released"]
    there = world.deployed("dev")
    assert there is not None
    assert (there["signoff"]["run"], world.runs_in("dev")) == ("r2", "r2")
    with pytest.raises(Refused, match="rolled back from this candidate by bob"):
        world.promote(run, "dev")


def test_rollback_that_was_killed_is_finished_and_keeps_its_first_reason(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "release", killed)
        with pytest.raises(KeyboardInterrupt):
            world.rollback("dev", "r1", why="pods hang")
    answer = world.rollback("dev", "r1", why="disk full")
    assert (answer.again, answer.entry.content["why"]) == (False, "pods hang")
    assert world.kinds[4:] == ["rollback", "released"]


def test_rollback_that_its_target_refused_is_no_state(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.targets.directory.write", full)
        with pytest.raises(Refused, match="No space left"):
            world.rollback("dev", "r1")
    assert world.runs_in("dev") == "r2"
