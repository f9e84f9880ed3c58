"""Real upgrades between two releases: the provider's own passes, each with a seeded defect dies at its clause.

About a minute each, and only where a release to come from was provided: `tox -e upgrade` does both.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from fixtures.plugin import cache_root
from reports.catalogue import load
from reports.model import Outcome, Result
from reports.record import read
from reports.render.clauses import constants_of

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted(path for path in (ROOT / "fixtures/mutants/upgrade").glob("*.py") if path.stem != "__init__")
MUTANTS = {path.stem: constants_of(path)["BREAKS"][0] for path in FILES}


def results_of(run_dir: Path, options: Sequence[str]) -> tuple[Result, ...]:
    """Upgrade in a process of its own and read its record. Skipped where there is nothing to come from."""
    earlier = cache_root() / "parts" / "earlier.json"
    if not earlier.exists() or os.geteuid() != 0:
        pytest.skip(f"needs root and {earlier}, which `tox -e upgrade` provides")
    command = [sys.executable, "-m", "pytest", "suites/upgrade", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["--provider", "local", "--upgrade-from", str(earlier), "--run-dir", str(run_dir), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run_dir / "record.jsonl").exists(), done.stdout + done.stderr
    found = tuple(read(run_dir / "record.jsonl").results)
    assert found, done.stdout + done.stderr
    return found


def told(found: Sequence[Result]) -> list[str]:
    """Every outcome, for an assertion's text."""
    return [f"{one.outcome} {one.test}: {one.summary}" for one in found]


def test_every_clause_of_an_upgrade_has_a_mutant() -> None:
    assert {clause.id for clause in load().of(("upgrade",))} == set(MUTANTS.values())


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_upgrade_of_the_default_releases_passes_everything(tmp_path: Path) -> None:
    found = results_of(tmp_path, [])
    assert {one.outcome for one in found} == {Outcome.PASS}, told(found)
    figures = {name: value for one in found for name, value in one.figures.items()}
    assert figures["ledger-lost-writes"] == 0
    assert figures["ledger-acknowledged-writes"] > 0
    assert figures["web-requests"] > 0


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", MUTANTS)
def test_upgrade_mutant_dies_at_the_clause_it_breaks(name: str, tmp_path: Path) -> None:
    clause = MUTANTS[name]
    found = results_of(tmp_path, ["--mutant", f"upgrade/{name}", "--clause", clause])
    assert not any(one.harness_error for one in found), told(found)
    assert any(clause in one.clauses for one in found if one.outcome is Outcome.FAIL), told(found)
