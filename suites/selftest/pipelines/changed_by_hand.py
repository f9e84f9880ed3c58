"""What every target owes where somebody changed it by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines import deployed
from pipelines.objections import Refused
from suites.selftest.pipelines.releases import World

WHY = "the night shift mended it by hand"


def require_refused_and_then_written_over(
    world: World, environment: str, earlier: str, run: Path, **wishes: Any
) -> None:
    """run was promoted last and its target changed since. Promotion and rollback are refused, both sides told, nothing
    changed; with a reason the rollback to earlier is done, and the reason kept."""
    before, decided = world.target.shown(environment), _decisions(world)
    said = rf"changed by hand.*\n  the ledger says: entry \d+, .* of run {run.name}"
    with pytest.raises(Refused, match=said) as refused:
        world.promote(run, environment, **wishes)
    assert str(refused.value).replace("\n", "").isprintable()
    with pytest.raises(Refused, match=said):
        world.rollback(environment, earlier)
    assert (world.target.shown(environment), _decisions(world)) == (before, decided)
    answer = world.rollback(environment, earlier, overwrite=WHY)
    assert answer.overwrote is not None
    assert answer.overwrote.content["why"] == WHY
    assert answer.overwrote.content["told"] != []
    assert world.kinds[-3:] == [deployed.OVERWRITE, deployed.ROLLBACK, deployed.RELEASED]
    assert world.runs_in(environment) == earlier
    assert world.rollback(environment, earlier).again


def _decisions(world: World) -> list[str]:
    return [entry.hash for entry in world.entries if entry.kind != deployed.REFUSAL]
