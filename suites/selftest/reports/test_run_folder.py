"""The run folder's reader: what is missing or broken is named; the verdict follows from the decisions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reports import findings, run_folder
from reports.model import Verdict
from suites.selftest.reports import synthetic


def changed(file: Path, **keys: Any) -> None:
    data = json.loads(file.read_text())
    file.write_text(json.dumps({**data, **keys}))


def test_run_whose_staging_failed_has_that_verdict(tmp_path: Path) -> None:
    run = run_folder.load(synthetic.write(tmp_path / "r"))
    assert run.verdict is Verdict.FAIL
    assert run.decisive is run.stages[1]


def test_run_that_passed_every_stage_passes(tmp_path: Path) -> None:
    assert run_folder.load(synthetic.write(tmp_path / "r", verdict="PASS")).verdict is Verdict.PASS


def test_run_without_a_decision_of_a_requested_stage_is_inconclusive(tmp_path: Path) -> None:
    folder = synthetic.write(tmp_path / "r", verdict="PASS")
    (folder / "decisions/staging.json").unlink()
    found = findings.of_folder(folder)
    assert found.run.verdict is Verdict.INCONCLUSIVE
    assert found.reason == "The run ended before the gate of stage staging decided."


def test_run_that_ended_with_an_error_is_invalid_whatever_the_gates_said(tmp_path: Path) -> None:
    folder = synthetic.write(tmp_path / "r", verdict="PASS")
    changed(folder / "run.json", error="the identity of runc is not the declared one")
    assert run_folder.load(folder).verdict is Verdict.INVALID


def test_run_folder_without_run_json_is_refused_by_name(tmp_path: Path) -> None:
    folder = synthetic.write(tmp_path / "r")
    (folder / "run.json").unlink()
    with pytest.raises(run_folder.RunFolderError, match=r"run\.json: cannot be read"):
        run_folder.load(folder)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("run.json", "{", "run.json: not JSON"),
        ("run.json", '{"id": "r", "started": "2026-11-23T20:14:07Z"}', "run.json: the key 'stages' is missing"),
        ("run.json", '{"id": "r", "started": "yesterday", "stages": []}', "run.json: Invalid isoformat"),
        ("run.json", '{"id": "r", "started": "2026-11-23", "stages": ["../x"]}', "cannot be called"),
        ("candidate.json", "[]", "candidate.json: not a JSON object"),
        ("parts.json", '[{"version": "1"}]', "parts.json"),
        ("decisions/dev.json", '{"stage": "dev", "verdict": "GOOD", "reasons": []}', "dev.json: 'GOOD' is not a valid"),
        ("decisions/dev.json", '{"stage": "staging", "verdict": "PASS", "reasons": []}', "not of 'dev'"),
    ],
)
def test_run_folder_with_a_broken_file_is_refused_by_name(tmp_path: Path, file: str, text: str, words: str) -> None:
    folder = synthetic.write(tmp_path / "r")
    (folder / file).write_text(text)
    with pytest.raises(run_folder.RunFolderError) as caught:
        run_folder.load(folder)
    assert words in str(caught.value)


def test_findings_of_an_undecided_stage_follow_from_its_record(tmp_path: Path) -> None:
    folder = synthetic.write(tmp_path / "r")
    (folder / "decisions/staging.json").unlink()
    standing = {row.clause.id: row.standing for row in findings.of_folder(folder).rows}
    assert standing["cni.network-policy.denies-then-allows"] == "fail"
    assert standing["cri.pod.memory-limit-kills"] == "missing"
    assert standing["cni.pod-to-pod.reaches"] == "pass"


def test_findings_name_everything_that_was_not_tested(tmp_path: Path) -> None:
    found = {(item.kind, item.what) for item in findings.of_folder(synthetic.write(tmp_path / "r")).untested}
    assert found >= {
        ("not-reached", "Stage production"),
        ("missing", "cri.pod.memory-limit-kills"),
        ("could-not-run", "cri.seccomp.default-profile-applies"),
        ("uncovered", "csi.modify-volume.refuses-unknown"),
        ("not-applicable", "gpu.preferred.is-subset"),
        ("not-in-profile", "14 tests of stage dev"),
        ("other", "Upgrade from the previous release"),
    }
