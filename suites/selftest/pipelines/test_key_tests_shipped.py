"""The shipped key tests: they exist, can fail, and then void the run instead of blaming a component."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixtures.subjects.cni import namespaces, traffic
from pipelines import pipeline, policy
from reports import catalogue, record
from reports.model import ClauseViolation, Decision, Outcome, Verdict
from reports.run_folder import moment
from suites.selftest.pipelines import synthetic as made

ROOT = Path(__file__).resolve().parents[3]
STAGES = {stage.name: stage for stage in pipeline.load().stages if stage.kind == "tests"}
BREAKS_PLUGINS = "import os, sys\nif 'fixtures.references.gpu' in sys.orig_argv:\n    os._exit(7)\n"
"""A machine on which no device plugin can be started: neither that under test nor one that is known to be right."""
CLAUSES = ("gpu.selfcheck.reference-serves", "gpu.register.version")


def recorded(folder: Path, sabotage: str) -> record.Record:
    """A record of two GPU tests, run on a machine like that."""
    (folder / "sitecustomize.py").write_text(sabotage)
    command = [sys.executable, "-m", "pytest", "suites/gpu", "--run-dir", str(folder / "run"), "--stage", "dev"]
    command += ["-p", "no:cacheprovider", "-q", "--device-plugin-patience", "2", *(f"--clause={it}" for it in CLAUSES)]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return record.read(folder / "run" / "record.jsonl")


def decide(found: record.Record, judged_by: policy.Policy) -> Decision:
    """What the gate says of it as of the whole stage, so that nothing but the tests is in question."""
    header = dataclasses.replace(found.run, command=(), environment={"candidate": made.candidate().digest})
    whole = dataclasses.replace(found, run=header, parts=())
    stage = dataclasses.replace(STAGES["dev"], suites=("gpu",), needs=())
    clauses = {name: clause for name, clause in catalogue.load().clauses.items() if name in CLAUSES}
    known = dataclasses.replace(catalogue.load(), clauses=clauses)
    now = moment(found.run.started)
    return made.decide([whole], [], stage=stage, catalogue=known, parts=[], policy=judged_by, now=now)


def blamed(decision: Decision) -> list[str]:
    return [reason.clause for reason in decision.reasons if reason.blocking and reason.clause]


def test_machine_that_starts_no_plugin_voids_the_run_and_blames_no_plugin(tmp_path: Path) -> None:
    found = recorded(tmp_path, BREAKS_PLUGINS)
    assert {result.outcome for result in found.results} == {Outcome.FAIL}
    shipped = policy.load(STAGES["dev"].policy)
    decision = decide(found, shipped)
    assert (decision.verdict, blamed(decision)) == (Verdict.INVALID, [])
    assert any("The key test suites/gpu/test_selfcheck.py" in reason.text for reason in decision.reasons)
    without = decide(found, dataclasses.replace(shipped, key_tests=frozenset()))
    assert (without.verdict, blamed(without)) == (Verdict.FAIL, ["gpu.register.version"])


def test_machine_that_is_well_is_judged_as_before(tmp_path: Path) -> None:
    decision = decide(recorded(tmp_path, ""), policy.load(STAGES["dev"].policy))
    assert decision.verdict is Verdict.PASS, made.texts(decision)


@pytest.mark.parametrize("name", STAGES)
def test_shipped_key_tests_are_tests_of_their_stage(name: str) -> None:
    stage = STAGES[name]
    patterns = policy.load(stage.policy).key_tests
    assert patterns
    for pattern in patterns:
        file = ROOT / pattern.partition("::")[0]
        assert file.parent.name in stage.suites
        assert ("pytest.mark.cluster" in file.read_text()) == stage.needs_cluster


def test_namespaces_whose_cable_is_down_do_not_pass(new_namespace: Any) -> None:
    left, right = new_namespace("l"), new_namespace("r")
    namespaces.join((left, "left", "192.0.2.1/24"), (right, "right", "192.0.2.2/24"))
    right.run("ip", "link", "set", "right", "down")
    with pytest.raises(ClauseViolation, match="cannot be reached"):
        traffic.converse(left, right, "192.0.2.2")
