"""The CRI suite is the subject: every mutant dies at the clause it breaks, and nothing else is blamed.

Each mutant runs only its clause's tests, in a pytest of its own with a private containerd of its own.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import fixtures.mutants.cri as mutants
from fixtures.plugin import Parts
from reports.record import Record, read

ROOT = Path(__file__).resolve().parents[3]
NAMES = sorted(module.name for module in pkgutil.iter_modules(mutants.__path__))
# One for each way in which a defect can enter: an answer changed, a request changed, a call refused, a call
# swallowed, a stream. The others are killed in the full profile and by the kill matrix.
QUICK = {"forgets_exit_code", "ignores_memory_limit", "stops_sandbox_only_once", "keeps_pod_address", "loses_event"}


def judge(run_dir: Path, *arguments: str) -> Record:
    """Run the CRI suite as its users do and read the record. AssertionError: it did not finish."""
    command = [sys.executable, "-m", "pytest", "suites/cri", "-p", "no:cacheprovider", "-q", "--run-dir", str(run_dir)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr[-2000:]
    return read(run_dir / "record.jsonl")


def failures(record: Record) -> set[tuple[str, str]]:
    """(test, clause) of every fail. AssertionError: a harness error, which proves nothing."""
    broken = [result.text for result in record.results if result.harness_error]
    assert not broken, broken[0]
    return {(result.test, clause) for result in record.results if result.outcome == "fail" for clause in result.clauses}


def deviations() -> set[tuple[str, str]]:
    """(test, clause) of every deviation listed for the version in use."""
    listed: list[dict[str, Any]] = tomllib.loads((ROOT / "suites/cri/deviations.toml").read_text())["deviation"]
    return {(entry["test"], entry["clause"]) for entry in listed}


@pytest.fixture
def chosen(parts: Parts, pytestconfig: pytest.Config) -> list[str]:
    """The option that gives a run of its own the parts of this one. EnvironmentUnfit: there are none."""
    parts.file("containerd", "containerd")
    return ["--parts", str(pytestconfig.option.parts)]


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.full) for name in NAMES]
)
def test_mutant_dies_at_the_clause_it_breaks(name: str, chosen: list[str], tmp_path: Path) -> None:
    clause = importlib.import_module(f"fixtures.mutants.cri.{name}").BREAKS
    record = judge(tmp_path / "run", *chosen, "--mutant", f"cri/{name}", "--clause", clause)
    assert clause in {found for _, found in failures(record)}, f"{name} lives"


def test_mutants_say_in_one_line_what_is_wrong() -> None:
    for name in NAMES:
        text = (importlib.import_module(f"fixtures.mutants.cri.{name}").__doc__ or "").strip()
        assert text.endswith("."), name
        assert "\n" not in text, name


@pytest.mark.full
@pytest.mark.parametrize("subject", ["the runtime itself", "the plain proxy"])
def test_real_containerd_fails_exactly_its_listed_deviations(subject: str, chosen: list[str], tmp_path: Path) -> None:
    """Strict both ways, and the proxy without a mutant kills nothing."""
    mutant = ["--mutant", "cri/none"] if subject == "the plain proxy" else []
    assert failures(judge(tmp_path / "run", *chosen, "-n", "2", *mutant)) == deviations()
