"""Every CNI mutant dies at the clause that it names; a mended plugin passes where the reference plugins deviate."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reports.model import EnvironmentUnfit, Outcome, Result
from reports.record import read
from reports.render.clauses import constants_of

ROOT = Path(__file__).resolve().parents[3]
MUTANTS = ROOT / "fixtures/mutants/cni"
MENDED = ROOT / "fixtures/references/cni"


def named(folder: Path, constant: str) -> dict[str, str]:
    """Modules of a folder that hold the constant: name -> its value."""
    said = {path.stem: constants_of(path) for path in sorted(folder.glob("*.py"))}
    return {name: constants[constant][0] for name, constants in said.items() if constant in constants}


@pytest.fixture
def parts_file(pytestconfig: pytest.Config) -> str:
    """The parts.json that this run uses; the CNI mutants are wrappers of the real plugins in it."""
    if not pytestconfig.option.parts:
        raise EnvironmentUnfit("the CNI plugins are not provided; run `python -m pipelines provision` first")
    return str(pytestconfig.option.parts)


def judge(tmp_path: Path, parts_file: str, mutant: str, clause: str) -> list[Result]:
    """Run the clause's tests against the mutant in a process of its own and return the results."""
    run = tmp_path / "run"
    # Only the files that name the clause: collecting the others is most of the time.
    files = [path for path in sorted((ROOT / "suites/cni").glob("test_*.py")) if f'"{clause}"' in path.read_text()]
    assert files, f"no test names {clause}"
    command = [sys.executable, "-m", "pytest", *map(str, files), "-q", "-p", "no:cacheprovider", "--seed", "7"]
    command += ["--parts", parts_file, "--run-dir", str(run), "--mutant", f"cni/{mutant}", "--clause", clause]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)
    assert (run / "record.jsonl").exists(), done.stdout[-3000:] + done.stderr[-3000:]
    return list(read(run / "record.jsonl").results)


@pytest.mark.parametrize(("mutant", "clause"), named(MUTANTS, "BREAKS").items())
def test_mutant_dies_at_the_clause_it_breaks(mutant: str, clause: str, parts_file: str, tmp_path: Path) -> None:
    results = judge(tmp_path, parts_file, mutant, clause)
    assert not [result for result in results if result.harness_error], results
    assert Outcome.FAIL in {result.outcome for result in results if clause in result.clauses}, results


@pytest.mark.parametrize(("mended", "clause"), named(MENDED, "MENDS").items())
def test_mended_plugin_passes_the_clause_that_the_original_fails(
    mended: str, clause: str, parts_file: str, tmp_path: Path
) -> None:
    results = judge(tmp_path, parts_file, f"mended.{mended}", clause)
    assert {result.outcome for result in results if clause in result.clauses} == {Outcome.PASS}, results


def test_there_are_mutants_and_mended_plugins_to_judge() -> None:
    assert len(named(MUTANTS, "BREAKS")) >= 12
    assert len(named(MENDED, "MENDS")) >= 3
