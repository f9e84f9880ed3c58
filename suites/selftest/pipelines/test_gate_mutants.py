"""The gate's tests are only worth what they catch: each seeded defect in a rule must make one of them fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
OWN = Path(__file__).parent.relative_to(ROOT)
TESTS = ("test_gate_rules.py", "test_gate_waivers.py")

MUTANTS: dict[str, tuple[str, str, str]] = {
    "could_not_run_passes": ("standings.py", "elif tests.of(Outcome.COULD_NOT_RUN) or tests.silent:", "elif False:"),
    "missing_passes": ("standings.py", "elif tests.missing:", "elif False:"),
    "waivers_never_expire": ("waivers.py", "> self.expires", "> datetime.date.max"),
    "waiver_serves_any_clause": ("standings.py", "if waiver.clause == clause.id]", "if waiver.clause]"),
    "waiver_serves_any_version": ("standings.py", "and component.version in waiver.versions", ""),
    "waiver_serves_any_test": ("standings.py", 'if waiver.test in ("", failure.test)]', "]"),
    "nothing_shown_passes": ("gate.py", "findings += _nothing_ran(standings)", "pass"),
    "fail_hides_invalid": ("findings.py", "Verdict.FAIL, Verdict.INVALID).", "Verdict.INVALID, Verdict.FAIL)."),
    "harness_errors_pass": ("integrity.py", "if result.harness_error:", "if False:"),
    "killed_runs_pass": ("integrity.py", "if record.end is None:", "if record.end is None and False:"),
    "any_part_will_do": ("integrity.py", "if declared and not open_ended and", "if False and"),
    "stale_records_pass": ("integrity.py", "if age > policy.max_age:", "if False:"),
    "oldest_decision_wins": ("gate.py", "newest = max(known", "newest = min(known"),
    "should_blocks": ("gate.py", "asked = verdict if item.required else Verdict.PASS", "asked = verdict"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_gate_mutant_is_caught(name: str, tmp_path: Path) -> None:
    module, old, new = MUTANTS[name]
    for package in ("pipelines", "reports", str(OWN)):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "suites" / "__init__.py").touch()
    (tmp_path / "suites" / "selftest" / "__init__.py").touch()
    source = tmp_path / "pipelines" / module
    text = source.read_text()
    assert text.count(old) == 1, f"the rule that {name} breaks has moved"
    source.write_text(text.replace(old, new))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--noconftest"]
    command += ["--import-mode=importlib", "-o", "pythonpath=.", "-c", "/dev/null", "--rootdir", str(tmp_path)]
    done = subprocess.run(
        [*command, *(str(OWN / test) for test in TESTS)], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1, f"{name} survived:\n{done.stdout[-1500:]}{done.stderr[-500:]}"
