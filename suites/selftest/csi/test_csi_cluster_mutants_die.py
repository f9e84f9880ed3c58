"""The cluster level of the CSI suite can fail: drivers with a defect, on the nodes of a real cluster, die there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.clusters.local.provider import LocalProvider
from fixtures.clusters.provider import ClusterSpec
from fixtures.plugin import Parts
from suites.selftest.matrix.judging import Findings, by_suite
from suites.selftest.matrix.mutants import ROOT, cluster_mutants_of

TESTS = ROOT / "suites" / "csi" / "cluster"
QUICK = ("wipes_data_at_unpublish", "csi.cluster.data-outlives-the-pod")
PAIRS = [(mutant.name, clause) for mutant, clause in cluster_mutants_of("csi")]


@pytest.fixture(scope="module")
def state(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a running cluster of two nodes."""
    folder = tmp_path_factory.mktemp("cluster")
    made = LocalProvider().create(ClusterSpec("selftest", parts, folder, nodes=2))
    yield folder
    assert made.destroy() == []


def judged(state: Path, clause: str, mutant: str) -> Findings:
    """What the cluster's tests of a clause find of a mutant ("": of the reference)."""
    chosen = ("-m", "cluster", "--cluster-state", str(state), "--clause", clause, "--timeout=240")
    found = by_suite("csi", mutant, "1.12", [TESTS], *chosen)
    assert found.judged, f"nothing was judged: {found.broken} {dict(found.others)}"
    assert not found.errors, found.errors
    return found


@pytest.mark.parametrize(
    ("mutant", "clause"), [pytest.param(*pair, marks=() if pair == QUICK else pytest.mark.full) for pair in PAIRS]
)
def test_csi_mutant_in_a_cluster_dies_at_its_clause(state: Path, mutant: str, clause: str) -> None:
    found = judged(state, clause, mutant)
    assert clause in found.clauses, f"{mutant} lives: {dict(found.failed)}"


def test_csi_reference_in_a_cluster_passes_the_same_tests(state: Path) -> None:
    assert not judged(state, QUICK[1], "").failed
