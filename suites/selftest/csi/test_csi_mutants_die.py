"""The CSI suite is the subject: every mutant dies at the clause it breaks, and the reference passes everything.

Each mutant runs only its clause's tests, in a pytest of its own with a private driver of its own.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import fixtures.mutants.csi as mutants
from reports.record import Record, read

ROOT = Path(__file__).resolve().parents[3]
NAMES = sorted(module.name for module in pkgutil.iter_modules(mutants.__path__) if module.name != "__main__")
# One for each place where a defect can enter: the node, the controller, the store, the identity, the process.
QUICK = {
    "stacks_a_second_mount", "wipes_data_at_unpublish", "makes_clones_empty", "forgets_volumes_at_restart",
    "states_no_version", "dies_of_a_bad_token", "races_on_the_same_name", "leaks_loop_devices_of_block",
}  # fmt: skip


def judge(run_dir: Path, *arguments: str) -> Record:
    """Run the CSI suite as its users do and read the record. AssertionError: it did not finish."""
    command = [sys.executable, "-m", "pytest", "suites/csi", "-p", "no:cacheprovider", "-q", "--run-dir", str(run_dir)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr[-2000:]
    record = read(run_dir / "record.jsonl")
    broken = [result.text for result in record.results if result.harness_error]
    assert not broken, broken[0]
    return record


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.full) for name in NAMES]
)
def test_csi_mutant_dies_at_the_clause_it_breaks(name: str, tmp_path: Path) -> None:
    clause = importlib.import_module(f"fixtures.mutants.csi.{name}").BREAKS
    record = judge(tmp_path / "run", "--mutant", f"csi/{name}", "--clause", clause)
    failed = {found for result in record.results if result.outcome == "fail" for found in result.clauses}
    assert failed == {clause}, f"{name} lives, or others are blamed: {failed or 'nothing failed'}"


def test_csi_reference_passes_everything_it_declares(tmp_path: Path) -> None:
    record = judge(tmp_path / "run")
    outcomes = {result.test: result.outcome for result in record.results if result.outcome != "pass"}
    allowed = {test: outcome for test, outcome in outcomes.items() if outcome == "not-applicable"}
    assert outcomes == allowed, f"the reference driver fails: {outcomes}"
    assert len(allowed) <= 1, f"the reference driver does not declare enough: {allowed}"


def test_csi_mutants_say_in_one_line_what_is_wrong() -> None:
    for name in NAMES:
        text = importlib.import_module(f"fixtures.mutants.csi.{name}").__doc__ or ""
        assert text.strip().endswith("."), f"{name} has no sentence"
        assert "\n" not in text.strip(), f"{name} says it in several lines"
