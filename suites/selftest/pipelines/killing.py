"""Kill a promotion at each of its steps, and look whether the same command, or a rollback, makes it whole."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines import deployed, drift, ledger
from reports.keys import load_public_key, public_path
from suites.selftest.pipelines.releases import World

# What the interpreter itself reports (sys.audit): files written, moved and removed, programs, requests.
_STEPS = {"os.rename", "os.remove", "os.truncate", "subprocess.Popen", "http.client.send"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclasses.dataclass
class WithLedger(World):
    """The same runs and keys with a ledger of its own."""

    number: int = 0

    @property
    def ledger(self) -> Path:
        return self.root / f"ledger-{self.number}"


def killed_before(step: int, act: Callable[[], object]) -> bool:
    """Do act in a child that gets SIGKILL right before its step-th step (from 0); False: it has not so many."""
    child = os.fork()
    if child == 0:
        try:
            _die_before(step)
            act()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def _die_before(step: int) -> None:
    seen = itertools.count()

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        changes = event in _STEPS or (event == "open" and arguments[2] & _WRITING)
        if changes and next(seen) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(heard)


def require_whole_after_every_kill(
    fresh: Callable[[], World], act: Callable[[World], object], then: Callable[[World], object], run: str
) -> set[tuple[str, str]]:
    """fresh: a world to act in. After a kill at any step of act the ledger holds, nothing counts as changed by hand,
    and `then` leaves dev with this run in the target and in the ledger. Returns what the kills had left: the entries
    that were new, and the run that the target's release was of."""
    left: set[tuple[str, str]] = set()
    for step in itertools.count():
        world = fresh()
        before = len(world.entries)
        if not killed_before(step, functools.partial(act, world)):
            return left
        with world.writing() as book:
            assert drift.changes(world.target, book, "dev") == ()
        left.add((" ".join(world.kinds[before:]), run_at(world)))
        then(world)
        require_settled(world, run)
        added = world.kinds[before:]
        decisions = added.count(deployed.PROMOTION) + added.count(deployed.ROLLBACK)
        assert added.count(deployed.RELEASED) in (decisions, decisions - 1)
    raise AssertionError


def require_settled(world: World, run: str) -> None:
    """The ledger holds, its last decision is done, and the target is what it says."""
    checked = ledger.verify(world.ledger, [load_public_key(public_path(world.root / "ledger.pem"))])
    assert checked.beyond == 0
    assert deployed.held(checked.entries, "dev", world.target.place).settled
    with world.writing() as book:
        assert drift.changes(world.target, book, "dev") == ()
    assert (run_at(world), world.runs_in("dev")) == (run, run)
    assert list((world.root / "deployments").glob(".*")) == []


def run_at(world: World) -> str:
    """The run whose release dev has at the target; "" where there is none."""
    there = world.deployed("dev")
    return str(there["signoff"]["run"]) if there else ""
