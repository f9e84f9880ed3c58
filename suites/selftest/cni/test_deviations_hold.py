"""The reference CNI plugins pass everything but what suites/cni/deviations.toml describes: strict both ways."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from reports.model import EnvironmentUnfit, Outcome
from reports.record import read

ROOT = Path(__file__).resolve().parents[3]
DEVIATIONS = tomllib.loads((ROOT / "suites/cni/deviations.toml").read_text())["deviation"]


def test_deviations_are_described_completely() -> None:
    keys = {"component", "versions", "clause", "test", "reason", "link", "expires"}
    assert all(set(entry) == keys and all(entry.values()) for entry in DEVIATIONS)
    assert len({entry["clause"] for entry in DEVIATIONS}) == len(DEVIATIONS)


def test_reference_plugins_fail_exactly_where_a_deviation_says(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    if not pytestconfig.option.parts:
        raise EnvironmentUnfit("the CNI plugins are not provided; run `python -m pipelines provision` first")
    run = tmp_path / "run"
    command = [sys.executable, "-m", "pytest", "suites/cni", "-q", "-p", "no:cacheprovider", "--seed", "7"]
    command += ["--parts", pytestconfig.option.parts, "--run-dir", str(run)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=220)
    assert (run / "record.jsonl").exists(), done.stdout[-3000:] + done.stderr[-3000:]
    results = [result for result in read(run / "record.jsonl").results if result.clauses]
    assert len(results) > 100, done.stdout[-3000:]
    known = {entry["test"]: entry["clause"] for entry in DEVIATIONS}
    failed = {result.test: result.clauses[0] for result in results if result.outcome is Outcome.FAIL}
    assert failed == known
    assert {result.outcome for result in results} == {Outcome.PASS, Outcome.FAIL}
