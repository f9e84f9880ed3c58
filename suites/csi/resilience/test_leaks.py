"""Volumes that come and go leave nothing in the driver: files, open files, processes do not grow with their number."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.subjects.csi.audit import child_processes, open_files
from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.wait import WaitTimeout, wait_until
from reports.model import ClauseViolation, NotApplicable
from suites.csi.node.measuring import STATS, measuring
from suites.csi.volumes.growth import NODE_EXPAND, node_expanding

WARM, CYCLES = 2, 5
LIMIT = 3.0  # seconds for what is let go a little later


def live(csi: Bench) -> None:
    """A volume's whole life on this node, with a snapshot and everything that is asked of it meanwhile."""
    volume = csi.create()
    use = csi.bring_up(volume)
    ask_about(csi, use)
    if "controller.CREATE_DELETE_SNAPSHOT" in csi.capabilities:
        csi.client.call(csi.unsnapshotting(csi.snapshot(volume).snapshot_id))
    csi.take_down(use)
    csi.delete(volume)


def ask_about(csi: Bench, use: InUse) -> None:
    """Every question and every repeated call that changes nothing of a volume in use."""
    if STATS in csi.capabilities:
        csi.client.call(measuring(use, use.target))
        csi.client.call(measuring(use, use.target, use.staging))
    if NODE_EXPAND in csi.capabilities:
        csi.client.answer(node_expanding(use, use.volume.capacity_bytes or csi.options.capacity))
    csi.client.call(csi.publishing(use))
    csi.client.answer(csi.publishing(use, readonly=True))  # in conflict: what it took in hand it lets go of
    csi.client.answer(csi.deletion(use.volume.volume_id))  # in use


def require_no_growth(csi: Bench, what: str, count: Callable[[int], int]) -> None:
    """ClauseViolation if each life adds one. NotApplicable: the process is not ours to look into."""
    if not csi.driver.pid:
        raise NotApplicable("the driver's process was not started by us, so nobody counts what it holds")
    for _ in range(WARM):
        live(csi)
    before = count(csi.driver.pid)
    for _ in range(CYCLES):
        live(csi)
    try:
        wait_until(f"{what} are let go", lambda: count(csi.driver.pid), LIMIT, accept=lambda now: now < before + CYCLES)
    except WaitTimeout as late:
        raise ClauseViolation(
            f"the driver's {what} grow with each volume that came and went", expected=f"about {before}",
            actual=f"{late.last} after {CYCLES} more volumes",
        ) from late  # fmt: skip


@pytest.mark.clause("csi.leaks.no-descriptor-stays-open")
def test_open_files_of_the_driver_do_not_grow_with_volumes(csi: Bench) -> None:
    require_no_growth(csi, "open files", open_files)


@pytest.mark.clause("csi.leaks.no-process-outlives")
def test_processes_of_the_driver_do_not_grow_with_volumes(csi: Bench) -> None:
    require_no_growth(csi, "child processes", child_processes)


@pytest.mark.clause("csi.leaks.no-file-stays")
def test_state_of_the_driver_does_not_grow_with_volumes(csi: Bench) -> None:
    state = csi.driver.state
    if state is None or not csi.driver.owned:
        raise NotApplicable("the driver keeps its state where we do not look")
    live(csi)
    before = files_in(state)
    for _ in range(CYCLES):
        live(csi)
    with contextlib.suppress(WaitTimeout):
        wait_until("files are gone", lambda: len(files_in(state)), LIMIT, accept=lambda now: now < len(before) + CYCLES)
    after = files_in(state)
    if len(after) >= len(before) + CYCLES:
        raise ClauseViolation(
            "the driver's state folder grows with volumes that came and went", expected=f"about {len(before)} files",
            actual=f"{len(after)}, among them {', '.join(sorted(after - before)[:5])}",
        )  # fmt: skip


def files_in(folder: Path) -> set[str]:
    """Files and folders below, relative to it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
