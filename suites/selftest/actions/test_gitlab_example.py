"""The scripts of the example for GitLab CI, run by bash one job after the other as its runner does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from reports.keys import generate_key, public_path
from suites.selftest.actions import judges, runs

EXAMPLE = judges.ROOT / "docs" / "examples" / "gitlab-ci.yml"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with two legs that passed, the programs of before_script, and two keys outside."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    folder = tmp_path / "project"
    runs.inputs(folder)
    for leg in ("runs-2", "runs-5"):
        runs.write(folder / leg, folder)
    for name in ("seatrial", "venv/bin", "keys"):
        (folder / name).mkdir(parents=True)
    program = folder / "venv" / "bin" / "python"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{judges.ROOT}" exec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    for name in ("release", "ledger"):
        generate_key(tmp_path / f"{name}.pem")
        (tmp_path / f"{name}.pem").chmod(0o644)  # as GitLab writes a variable of type File
    shutil.copy(public_path(tmp_path / "release.pem"), folder / "keys" / "release.pub")
    return folder


def run(project: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Run a job's script."""
    jobs = yaml.safe_load(EXAMPLE.read_text())
    job = {**jobs.get(jobs[name].get("extends", ""), {}), **jobs[name]}
    variables = {
        "SIGNING_KEY": str(project.parent / "release.pem"),
        "LEDGER_KEY": str(project.parent / "ledger.pem"),
        "DEPLOYMENTS": str(project.parent / "deployments"),
        "GITLAB_USER_LOGIN": "alice",
        "CI_JOB_STAGE": job["stage"],
    }
    script = "\n".join(["set -eo pipefail", *job["script"]])
    return subprocess.run(
        ["bash", "-c", script],
        cwd=project,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(300)
def test_jobs_from_gate_to_production_do_what_the_example_says(project: Path) -> None:
    # The pipeline of the shortened run has two stages, dev and production, in place of the three shipped ones.
    for name in ("gate", "sign-off", "dev", "production"):
        done = run(project, name)
        assert done.returncode == 0, (name, done.stdout, done.stderr)
    assert (project.parent / "deployments" / "production.json").is_file()


def test_environments_of_the_example_are_the_shipped_stages_in_their_order() -> None:
    jobs = yaml.safe_load(EXAMPLE.read_text())
    shipped = (judges.ROOT / "pipelines" / "stages.toml").read_text()
    order = [name for name in jobs["stages"] if jobs[name].get("extends") == ".promote"]
    assert order == ["dev", "staging", "production"]
    assert sorted(order, key=lambda name: shipped.index(f'name = "{name}"')) == order


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("broken", "told"), [("lost leg", "runs-5/*"), ("unsigned", "signed by another key")])
def test_job_ends_where_something_speaks_against_it(project: Path, broken: str, told: str) -> None:
    if broken == "lost leg":
        shutil.rmtree(project / "runs-5")
    done = run(project, "gate" if broken == "lost leg" else "dev")
    assert done.returncode != 0
    assert told in done.stdout + done.stderr
