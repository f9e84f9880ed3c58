"""Every seeded defect of the device plugin fails at the clause that it names; the reference passes all."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from reports.catalogue import load
from reports.model import Layer, Outcome, Result
from reports.record import read
from reports.render.clauses import constants_of

ROOT = Path(__file__).resolve().parents[3]
SLOW = {"prepares_too_slowly"}  # waits out the kubelet's own 30 seconds


FILES = sorted(path for path in (ROOT / "fixtures/mutants/gpu").glob("*.py") if path.stem != "__init__")
MUTANTS = {path.stem: constants_of(path)["BREAKS"][0] for path in FILES}


def results_of(run_dir: Path, options: Sequence[str]) -> tuple[Result, ...]:
    """Run the suite with options in a process of its own and read its record."""
    command = [sys.executable, "-m", "pytest", "suites/gpu", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*command, "--run-dir", str(run_dir), *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (run_dir / "record.jsonl").exists(), done.stdout + done.stderr
    found = tuple(read(run_dir / "record.jsonl").results)
    assert found, done.stdout + done.stderr
    return found


def troubles(found: Sequence[Result]) -> list[str]:
    """What did not pass, for an assertion's text."""
    return [
        f"{one.outcome} {one.test}: {one.summary}"
        for one in found
        if one.harness_error or one.outcome not in (Outcome.PASS, Outcome.NOT_APPLICABLE)
    ]


def test_every_protocol_clause_has_a_mutant() -> None:
    clauses = {clause.id for clause in load().of(("gpu",)) if clause.layer == "protocol"}
    # A gRPC server library would have to be broken to die of garbage; no small change of ours does that.
    # The self-check judges the machine with our reference, not a plugin.
    assert clauses - set(MUTANTS.values()) == {"gpu.watch.garbage-survived", "gpu.selfcheck.reference-serves"}


def test_reference_plugin_passes_everything(tmp_path: Path) -> None:
    assert troubles(results_of(tmp_path, [])) == []


def test_foreign_plugin_in_a_folder_is_judged(tmp_path: Path) -> None:
    folder, state = tmp_path / "k", tmp_path / "s"
    command = [sys.executable, "-m", "fixtures.references.gpu", "--plugin-dir", folder, "--state-dir", state]
    script = "import json, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(json.dumps({sys.argv[2]: sys.argv[3]}))"
    fault = shlex.join([sys.executable, "-c", script, str(state / "health.json")]) + " {device} {health}"
    options = ["--device-plugin-dir", folder, "--device-plugin-command", shlex.join(map(str, command))]
    options += ["--device-plugin-health-command", fault, "-k", "registration or allocate"]
    found = results_of(tmp_path / "run", list(map(str, options)))
    assert troubles(found) == []
    assert any(one.outcome is Outcome.PASS and "gpu.allocate.disjoint" in one.clauses for one in found)


def test_folder_without_plugin_could_not_run_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "k").mkdir()
    options = ["--device-plugin-dir", str(tmp_path / "k"), "--device-plugin-patience", "1"]
    found = results_of(tmp_path / "run", [*options, "-k", "test_options"])
    assert {one.outcome for one in found} == {Outcome.COULD_NOT_RUN}
    assert all("no plugin to talk to" in one.summary for one in found)


def marks_of(name: str) -> list[pytest.MarkDecorator]:
    """Slow ones are for the full profile, those of cluster clauses need a cluster."""
    layer = load().clauses[MUTANTS[name]].layer
    return [pytest.mark.full] * (name in SLOW) + [pytest.mark.cluster] * (layer == Layer.CLUSTER)


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks_of(name)) for name in MUTANTS])
def test_mutant_dies_at_the_clause_it_breaks(name: str, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    clause = MUTANTS[name]
    options = ["--mutant", f"gpu/{name}", "--clause", clause, "--device-plugin-patience", "4"]
    for option in ("cluster_state", "provider"):
        if chosen := getattr(pytestconfig.option, option):
            options += [f"--{option.replace('_', '-')}", str(chosen)]
    found = results_of(tmp_path, options)
    assert not any(one.harness_error for one in found), troubles(found)
    failed = [one for one in found if one.outcome is Outcome.FAIL]
    assert any(clause in one.clauses for one in failed), [f"{one.outcome}: {one.summary}" for one in found]
    assert all(one.question for one in failed), "a failure asks for the likely mistake"
