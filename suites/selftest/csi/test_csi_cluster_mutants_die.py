"""The cluster level of the CSI suite can fail: drivers with a defect, on the nodes of a real cluster, die there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.clusters.local.provider import LocalProvider
from fixtures.clusters.provider import ClusterSpec
from fixtures.plugin import Parts
from suites.selftest.matrix.judging import Findings, by_suite
from suites.selftest.matrix.mutants import ROOT

TESTS = ROOT / "suites" / "csi" / "cluster"
# Mutant -> the clause whose tests are run, and the one that they must blame.
QUICK = {"wipes_data_at_unpublish": ("data-outlives-the-pod", "data-outlives-the-pod")}
FULL = {
    "ignores_readonly": ("readonly-volume-refuses-writes", "readonly-volume-refuses-writes"),
    "restores_snapshots_empty": ("snapshot-is-restored", "snapshot-is-restored"),
    "snapshots_the_live_volume": ("snapshot-is-restored", "snapshot-is-restored"),
    "makes_clones_empty": ("clone-has-the-data", "clone-has-the-data"),
    "deletes_nothing": ("reclaim-delete-deletes", "reclaim-delete-deletes"),
    "leaves_the_filesystem_small": ("expanded-claim-is-larger-in-the-pod", "expanded-claim-is-larger-in-the-pod"),
    "forgets_volumes_at_restart": ("driver-restart-keeps-volumes", "driver-restart-keeps-volumes"),
    "leaks_loop_devices_of_block": ("block-volume-is-a-device", "nothing-is-left"),
}


@pytest.fixture(scope="module")
def state(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a running cluster of two nodes."""
    folder = tmp_path_factory.mktemp("cluster")
    made = LocalProvider().create(ClusterSpec("selftest", parts, folder, nodes=2))
    yield folder
    assert made.destroy() == []


def judged(state: Path, clause: str, mutant: str) -> Findings:
    """What the cluster's tests of a clause find of a mutant ("": of the reference)."""
    chosen = ("-m", "cluster", "--cluster-state", str(state), "--clause", f"csi.cluster.{clause}", "--timeout=240")
    found = by_suite("csi", mutant, "1.12", [TESTS], *chosen)
    assert found.judged, f"nothing was judged: {found.broken} {dict(found.others)}"
    assert not found.errors, found.errors
    return found


@pytest.mark.parametrize(
    "mutant", [*QUICK, *(pytest.param(name, marks=pytest.mark.full) for name in FULL)]
)  # fmt: skip
def test_csi_mutant_in_a_cluster_dies_at_its_clause(state: Path, mutant: str) -> None:
    clause, blamed = (QUICK | FULL)[mutant]
    found = judged(state, clause, mutant)
    assert f"csi.cluster.{blamed}" in found.clauses, f"{mutant} lives: {dict(found.failed)}"


def test_csi_reference_in_a_cluster_passes_the_same_tests(state: Path) -> None:
    clause = next(iter(QUICK.values()))[0]
    assert not judged(state, clause, "").failed
