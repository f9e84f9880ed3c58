"""A target that somebody changed by hand: refused with both sides told, and written over only with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipelines import deployed
from pipelines.objections import Refused
from pipelines.targets.directory import Folder
from suites.selftest.pipelines import changed_by_hand
from suites.selftest.pipelines.releases import World, edit


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world where dev ran r1 and now runs r2."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    world = World(tmp_path)
    world.promote(world.run("r1"), "dev")
    world.promote(world.run("r2", candidate="atlas 2026.12"), "dev")
    return world


@pytest.fixture
def file(world: World) -> Path:
    """The file that says what dev runs."""
    return world.root / "deployments" / "dev.json"


def digest_by_hand(content: Any) -> None:
    content["digests"]["csi-driver"] = f"sha256:{'e' * 64}"


CHANGES: Mapping[str, Callable[[Path, str], object]] = {
    "a digest in it": lambda file, old: edit(file, digest_by_hand),
    "the release before put back": lambda file, old: file.write_text(old),
    "other bytes with the same values": lambda file, old: file.write_text(json.dumps(json.loads(file.read_text()))),
    "removed": lambda file, old: file.unlink(),
    "something else": lambda file, old: file.write_text('{"by": "hand"}'),
    "no text": lambda file, old: file.write_bytes(b"\xff\x00"),
    "words that a terminal obeys": lambda file, old: edit(file, lambda content: content.update(by="\x1b[2J\x07")),
    "levels without end": lambda file, old: file.write_text('{"digests": ' * 400 + "1" + "}" * 400),
    "a candidate that is a list": lambda file, old: edit(file, lambda content: content.update(candidate=[], ledger=[])),
}


@pytest.mark.parametrize("change", CHANGES)
def test_folder_that_was_changed_by_hand_is_refused_and_written_over_with_a_reason(
    world: World, file: Path, change: str
) -> None:
    old = world.entries[0]
    (step,) = (step for step in deployed.steps(world.entries, "dev") if step.entry == old)
    CHANGES[change](file, json.dumps(step.released, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    changed_by_hand.require_refused_and_then_written_over(world, "dev", "r1", world.root / "runs" / "r2")


def test_refusal_tells_what_is_there_and_what_the_ledger_says(world: World, file: Path) -> None:
    name, wanted = next(iter(json.loads(file.read_text())["digests"].items()))
    edit(file, lambda content: content["digests"].update({name: f"sha256:{'e' * 64}"}))
    with pytest.raises(Refused) as refused:
        world.rollback("dev", "r1")
    assert f'digests.{name} is "sha256:{"e" * 64}", not "{wanted}"' in str(refused.value)
    assert "the ledger says: entry 2, atlas 2026.12" in str(refused.value)
    assert "--overwrite WHY" in str(refused.value)


def test_release_that_is_there_before_the_first_promotion_is_refused(world: World) -> None:
    (world.root / "deployments" / "staging.json").write_text('{"by": "hand"}')
    run = world.root / "runs" / "r2"
    with pytest.raises(Refused, match=r"nothing was ever released there\n  release: .*something that no promotion"):
        world.promote(run, "staging")
    answer = world.promote(run, "staging", overwrite=changed_by_hand.WHY)
    assert (world.runs_in("staging"), answer.again) == ("r2", False)


def test_same_promotion_with_a_reason_puts_a_changed_target_right_without_a_second_decision(
    world: World, file: Path
) -> None:
    text = file.read_text()
    file.unlink()
    answer = world.promote(world.root / "runs" / "r2", "dev", overwrite=changed_by_hand.WHY)
    assert file.read_text() == text
    assert world.kinds[-3:] == ["released", "overwrite", "released"]
    assert answer.overwrote == world.entries[-2]
    file.unlink()
    with pytest.raises(Refused, match="release: is gone"):  # the reason was for the time before
        world.promote(world.root / "runs" / "r2", "dev")


def test_overwriting_that_was_killed_is_finished_by_the_same_command_without_a_second_reason(
    world: World, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("by hand")

    def killed(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "release", killed)
        with pytest.raises(KeyboardInterrupt):
            world.rollback("dev", "r1", overwrite=changed_by_hand.WHY)
    assert world.rollback("dev", "r1", overwrite=changed_by_hand.WHY).overwrote is None
    assert world.kinds[4:] == ["overwrite", "rollback", "released"]
    assert world.runs_in("dev") == "r1"


def test_reason_to_write_over_what_nobody_changed_makes_no_entry(world: World) -> None:
    answer = world.rollback("dev", "r1", overwrite=changed_by_hand.WHY)
    assert (answer.overwrote, world.kinds[4:]) == (None, ["rollback", "released"])
