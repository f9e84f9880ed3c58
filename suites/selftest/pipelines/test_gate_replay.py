"""Deciding again from a run folder's files: a changed catalogue and a run that ended early are no PASS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines import candidate
from pipelines.cli import main
from reports.catalogue import digest_of
from reports.model import Outcome, Part, to_json
from suites.selftest.pipelines import synthetic as made

RELEASE = '[release]\nname = "test"\n[[component]]\nname = "csi-driver"\nversion = "1"\n'
RELEASE += '[[component.source]]\nkind = "builtin"\n'
STAGES = '[pipeline]\nname = "p"\n[[stage]]\nname = "dev"\nsuites = ["csi"]\npolicy = "policy.toml"\n'
STAGES += '[[stage]]\nname = "production"\nkind = "sign-off"\nrequires = ["dev"]\npolicy = "policy.toml"\n'
POLICY = '[policy]\nname = "p"\nrequired-levels = ["must"]\n'
AT = "2026-11-23T12:00:00Z"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The files of a run of two stages that both passed."""
    texts = {"candidate.toml": RELEASE, "stages.toml": STAGES, "policy.toml": POLICY, "waivers.toml": ""}
    texts |= {f"policies/{name}.toml": POLICY for name in ("dev", "production")}
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    digest = candidate.load(tmp_path / "candidate.toml").digest
    clauses = [to_json(made.clause("a")), to_json(made.clause("b"))]
    results = [made.result("t_a", Outcome.PASS, "csi.a"), made.result("t_b", Outcome.PASS, "csi.b")]
    header = {"kind": "run", "run": "r", "stage": "dev", "started": AT, "environment": {"candidate": digest}}
    plan = {"kind": "planned", "tests": {"t_a": ["csi.a"], "t_b": ["csi.b"]}, "deselected": {}}
    lines: list[Any] = [{**header, "catalogue": digest_of(clauses)}, plan]
    lines += [{"kind": "result", **to_json(item)} for item in results]
    lines.append({"kind": "end", "finished": AT, "exit": 0, "counts": {"pass": 2}})
    part = Part("csi-driver", "1", "builtin", "sha256:1")
    data = {"parts.json": [to_json(part)], "catalogue.json": {"digest": digest_of(clauses), "clauses": clauses}}
    data |= {"run.json": {"stages": [{"name": "dev"}, {"name": "production"}]}}
    data |= {"decisions/dev.json": {}, "decisions/production.json": {}}
    (tmp_path / "dev").mkdir()
    (tmp_path / "decisions").mkdir()
    (tmp_path / "dev" / "record.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name, value in data.items():
        (tmp_path / name).write_text(json.dumps(value))
    return tmp_path


def test_whole_run_decided_again_passes(run: Path) -> None:
    assert main(["gate", str(run), "--now", AT]) == 0


def test_run_that_ended_before_a_stage_decided_is_inconclusive(run: Path) -> None:
    (run / "decisions" / "production.json").unlink()
    assert main(["gate", str(run), "--now", AT]) == 2
    assert main(["gate", str(run), "--now", AT, "--stage", "dev"]) == 0


def test_catalogue_changed_under_its_digest_is_invalid(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = run / "catalogue.json"
    file.write_text(file.read_text().replace('"must"', '"should"', 1))
    assert main(["gate", str(run), "--now", AT]) == 3
    assert "was changed" in capsys.readouterr().err


def test_run_decided_again_shows_every_note_since_it_writes_no_report(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reasons = [{"text": f"note {number} of many.", "remedy": "Read.", "blocking": False} for number in range(30)]
    notes = [{"verdict": "PASS", "reason": reason} for reason in reasons]
    (run / "dev" / "incidents.json").write_text(json.dumps(notes))
    assert main(["gate", str(run), "--now", AT]) == 0
    told = capsys.readouterr().out
    assert [number for number in range(30) if f"note {number} of many." not in told] == []
    assert "in the report" not in told
