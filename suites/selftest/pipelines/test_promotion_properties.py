"""Any order of promotions and rollbacks: what holds for every state that they can reach."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import deployed
from pipelines.objections import Refused
from pipelines.targets.directory import Folder
from suites.selftest.pipelines.releases import World

RUNS = ("r0", "r1", "r2")
ENVIRONMENTS = ("dev", "staging", "production")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("promote", "promote", "rollback")), st.sampled_from(ENVIRONMENTS), st.sampled_from(RUNS)
    ),
    max_size=12,
)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Three candidates that passed."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("world")
        patch.setenv("SEATRIAL_HOME", str(root / "home"))
        world = World(root)
        for name in RUNS:
            world.run(name, candidate=f"atlas {name}")
        yield world


@dataclasses.dataclass
class Fresh(World):
    """The same runs and keys with a ledger and a target of their own."""

    own: Path = Path()

    def __post_init__(self) -> None:
        self.target = Folder(self.own / "deployments")

    @property
    def ledger(self) -> Path:
        return self.own / "ledger"


def act(world: World, step: tuple[str, str, str]) -> bool:
    """Do one step; whether it was done."""
    what, environment, run = step
    try:
        if what == "promote":
            world.promote(world.root / "runs" / run, environment)
        else:
            world.rollback(environment, run)
    except Refused:
        return False
    return True


@given(steps=STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_reachable_state_was_decided_in_order_and_is_what_the_target_has(
    original: World, tmp_path: Path, steps: list[tuple[str, str, str]]
) -> None:
    world = Fresh(original.root, own=tmp_path / str(next(_numbers)))
    had: dict[str, set[str]] = {environment: set() for environment in ENVIRONMENTS}
    for step in steps:
        what, environment, run = step
        before, ran = len(world.entries), world.runs_in(environment)
        done = act(world, step)
        added = [entry.kind for entry in world.entries[before:]]
        if not done:
            assert world.runs_in(environment) == ran
            assert set(added) <= {deployed.REFUSAL}
            continue
        assert world.runs_in(environment) == run
        if what == "promote":
            place = ENVIRONMENTS.index(environment)
            assert place == 0 or run in had[ENVIRONMENTS[place - 1]]
        else:
            assert run in had[environment]
        had[environment].add(run)
        assert added in ([], [what.replace("promote", "promotion"), "released"])
        act(world, step)
        assert len(world.entries) == before + len(added)
    for environment in ENVIRONMENTS:
        there = world.deployed(environment)
        assert (there["signoff"]["run"] if there else "") == world.runs_in(environment)


def test_steps_of_the_property_reach_production_and_back(original: World, tmp_path: Path) -> None:
    world = Fresh(original.root, own=tmp_path)
    for step in (("promote", name, "r0") for name in ENVIRONMENTS):
        assert act(world, step)
    for step in (("promote", name, "r1") for name in ENVIRONMENTS):
        assert act(world, step)
    assert not act(world, ("promote", "staging", "r2"))
    assert act(world, ("rollback", "production", "r0"))
    assert not act(world, ("promote", "production", "r1"))
