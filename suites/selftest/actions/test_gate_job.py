"""What the gate's job decides: needs, artifacts of the right attempt and each leg's own gate, joined to one verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines import basis
from pipelines.github import artifacts, inputs
from pipelines.github.judgement import Asked, Judgement, judge
from pipelines.github.needs import Need
from pipelines.logbook import now
from reports.catalogue import digest_of
from reports.model import Verdict
from suites.selftest.actions import runs

GREEN = Need("success", {"attempt": "1"})
HERE = artifacts.here(runs.WORKFLOW_RUN)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release repository, with development keys of this test."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    runs.inputs(tmp_path / "workspace")
    return tmp_path / "workspace"


@pytest.fixture
def fetched(tmp_path: Path) -> Path:
    """Where artifacts are downloaded to."""
    return tmp_path / "fetched"


def judged(fetched: Path, *, need: Need = GREEN, here: artifacts.Here = HERE, **asked: Any) -> Judgement:
    """Judge with one needed job called trial; one leg called trial is expected unless asked says otherwise."""
    files = {**runs.FILES, **asked.pop("files", {})}
    given = inputs.of_commit(fetched.parent / "workspace", files, asked.pop("profile", "quick"))
    fields: dict[str, Any] = {"required": ("trial",), "legs": ("trial",), "inputs": given, **asked}
    return judge(Asked(**fields), {"trial": need}, fetched, here, now())


def texts(found: Judgement) -> str:
    reasons = [item.reason for item in found.findings]
    reasons += [item.reason for leg in found.legs for item in leg.findings]
    return "\n".join(reason.text for reason in reasons)


def test_one_leg_that_passes_here_again_passes(fetched: Path, workspace: Path) -> None:
    runs.artifact(fetched, workspace)
    assert judged(fetched).verdict is Verdict.PASS


@pytest.mark.parametrize("result", ["failure", "cancelled", "skipped", ""])
def test_passing_record_of_a_job_that_is_no_success_is_inconclusive(
    result: str, fetched: Path, workspace: Path
) -> None:
    runs.artifact(fetched, workspace)
    assert judged(fetched, need=replace(GREEN, result=result)).verdict is Verdict.INCONCLUSIVE


def test_failing_record_is_a_fail_also_where_the_job_claims_success(fetched: Path, workspace: Path) -> None:
    runs.artifact(fetched, workspace, passes=False)
    assert judged(fetched).verdict is Verdict.FAIL


def test_leg_without_an_artifact_is_lost_and_inconclusive(fetched: Path, workspace: Path) -> None:
    runs.artifact(fetched, workspace, leg="a")
    found = judged(fetched, legs=("a", "b"))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "The leg b left no record" in texts(found)


def test_no_expected_leg_is_invalid(fetched: Path) -> None:
    assert judged(fetched, legs=()).verdict is Verdict.INVALID


def test_artifact_of_an_older_attempt_is_not_taken_for_this_one(fetched: Path, workspace: Path) -> None:
    runs.artifact(fetched, workspace, attempt=1)
    again = replace(HERE, attempt=2)
    found = judged(fetched, need=Need("success", {"attempt": "2"}), here=again)
    assert (found.verdict, found.legs) == (Verdict.INCONCLUSIVE, ())
    assert "attempt 1 only" in texts(found)


def test_both_attempts_side_by_side_are_judged_by_the_newer_one(fetched: Path, workspace: Path) -> None:
    runs.artifact(fetched, workspace, attempt=1)
    runs.artifact(fetched, workspace, attempt=2, passes=False)
    again = replace(HERE, attempt=2)
    assert judged(fetched, need=Need("success", {"attempt": "2"}), here=again).verdict is Verdict.FAIL


def test_gate_alone_run_again_judges_the_attempt_that_the_needed_job_tells(fetched: Path, workspace: Path) -> None:
    runs.artifact(fetched, workspace, attempt=1)
    assert judged(fetched, need=GREEN, here=replace(HERE, attempt=2)).verdict is Verdict.PASS


def test_leg_run_again_beside_a_leg_of_an_older_attempt_is_inconclusive(fetched: Path, workspace: Path) -> None:
    for leg, attempt in (("a", 1), ("b", 1), ("b", 2)):
        runs.artifact(fetched, workspace, leg=leg, attempt=attempt)
    for told in ("1", "2"):
        found = judged(fetched, need=Need("success", {"attempt": told}), here=replace(HERE, attempt=2), legs=("a", "b"))
        assert found.verdict is Verdict.INCONCLUSIVE, told


@pytest.mark.parametrize("told", ["3", "0", "-1", "x", "1 "])
def test_attempt_that_cannot_be_is_invalid(told: str, fetched: Path, workspace: Path) -> None:
    runs.artifact(fetched, workspace)
    assert judged(fetched, need=Need("success", {"attempt": told})).verdict is Verdict.INVALID


def test_needed_jobs_of_different_attempts_are_inconclusive(fetched: Path, workspace: Path) -> None:
    runs.artifact(fetched, workspace)
    needs = {"trial": GREEN, "other": Need("success", {"attempt": "2"})}
    asked = Asked(("trial", "other"), ("trial",), inputs.of_commit(workspace, runs.FILES, "quick"))
    assert judge(asked, needs, fetched, replace(HERE, attempt=2), now()).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("changed", [{"run_id": "4712"}, {"commit": "b" * 40}, {"repository": "fork/release"}])
def test_artifact_of_another_workflow_run_is_invalid(changed: dict[str, Any], fetched: Path, workspace: Path) -> None:
    runs.artifact(fetched, workspace)
    assert judged(fetched, here=replace(HERE, **changed)).verdict is Verdict.INVALID


def test_leg_that_nobody_expects_and_a_leg_that_is_there_twice_are_invalid(fetched: Path, workspace: Path) -> None:
    runs.artifact(fetched, workspace, leg="a")
    assert judged(fetched, legs=("b",)).verdict is Verdict.INVALID
    runs.artifact(fetched / "more", workspace, leg="a")
    assert judged(fetched, legs=("a",)).verdict is Verdict.INVALID


@pytest.mark.parametrize("name", ["candidate", "pipeline", "policy", "waivers"])
def test_leg_that_was_judged_by_another_file_than_the_commits_is_invalid(
    name: str, fetched: Path, workspace: Path
) -> None:
    runs.artifact(fetched, workspace)
    other = workspace / "other.toml"
    other.write_text((workspace / runs.FILES[name]).read_text() + "# another\n")
    found = judged(fetched, files={name: "other.toml"})
    assert found.verdict is Verdict.INVALID
    assert "than this commit has (other.toml)" in texts(found)


def test_leg_that_loosened_its_own_copies_is_invalid_though_it_passes_by_them(fetched: Path, workspace: Path) -> None:
    there = runs.artifact(fetched, workspace, passes=False)
    (copy,) = there.glob("*/policies/dev.toml")
    copy.write_text('[policy]\nname = "p"\nrequired-levels = ["should"]\n')
    found = judged(fetched)
    assert [item.verdict for item in found.legs[0].decisions] == [Verdict.PASS]
    assert found.verdict is Verdict.INVALID


def test_leg_with_other_clauses_another_profile_or_a_basis_of_its_own_is_invalid(
    fetched: Path, workspace: Path
) -> None:
    there = runs.artifact(fetched, workspace)
    assert judged(fetched, profile="full").verdict is Verdict.INVALID
    (folder,) = [path.parent for path in there.glob("*/run.json")]
    (folder / "basis.json").write_text(json.dumps(basis.shown(basis.load(folder)), default=str))
    found = judged(fetched)
    assert [item.verdict for item in found.legs[0].findings] == [Verdict.INVALID]
    assert "another basis.json" in texts(found)
    (folder / "basis.json").unlink()
    assert judged(fetched).verdict is Verdict.PASS
    known = json.loads((folder / "catalogue.json").read_text())
    clauses = [item for item in known["clauses"] if item["id"] != runs.FAILING]
    (folder / "catalogue.json").write_text(json.dumps({"clauses": clauses, "digest": digest_of(clauses)}))
    assert "another catalogue.json" in texts(judged(fetched))


def test_legs_that_tested_different_files_are_invalid(fetched: Path, workspace: Path) -> None:
    runs.artifact(fetched, workspace, leg="a")
    runs.artifact(fetched, workspace, leg="b", driver="2")
    found = judged(fetched, legs=("a", "b"))
    assert found.verdict is Verdict.INVALID
    assert "different files as csi-driver/driver" in texts(found)


def test_leg_that_ended_before_its_last_stage_is_inconclusive(fetched: Path, workspace: Path) -> None:
    runs.artifact(fetched, workspace, whole=False)
    assert judged(fetched).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("name", ["run.json", "candidate.json", "catalogue.json", "stages.toml", "parts.json"])
def test_leg_with_a_truncated_file_is_invalid(name: str, fetched: Path, workspace: Path) -> None:
    there = runs.artifact(fetched, workspace)
    (file,) = there.glob(f"*/{name}")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert judged(fetched).verdict is Verdict.INVALID


@pytest.mark.parametrize("content", ["{", "[]", '{"leg": "trial"}', '{"run": "../../x"}'])
def test_note_that_is_none_is_invalid(content: str, fetched: Path, workspace: Path) -> None:
    there = runs.artifact(fetched, workspace)
    data = json.loads((there / artifacts.NOTE).read_text())
    (there / artifacts.NOTE).write_text(json.dumps({**data, **json.loads(content)}) if "x" in content else content)
    assert judged(fetched).verdict is Verdict.INVALID
