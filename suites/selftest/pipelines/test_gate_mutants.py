"""The gate's tests are only worth what they catch: each seeded defect in a rule must make one of them fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
OWN = Path(__file__).parent.relative_to(ROOT)
RULES = ("rules", "waivers")
POOLS = ("pools",)
MUTANTS: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "could_not_run_passes": ("standings.py", "tests.of(Outcome.COULD_NOT_RUN) or tests.silent or", "", RULES),
    "missing_passes": ("standings.py", "elif tests.missing:", "elif False:", RULES),
    "waivers_never_expire": ("waivers.py", "> self.expires", "> datetime.date.max", RULES),
    "waiver_serves_any_clause": ("standings.py", "if waiver.clause == clause.id]", "if waiver.clause]", RULES),
    "waiver_serves_any_version": (
        "waiving.py",
        "is not None and waiver.covers(component.version)",
        "is not None",
        RULES,
    ),
    "waiver_serves_any_test": ("standings.py", 'if waiver.test in ("", base_of(failure.test))]', "]", RULES),
    "nothing_shown_passes": ("gate.py", "found += _nothing_ran(case.policy, standings)", "pass", RULES),
    "fail_hides_invalid": ("findings.py", "Verdict.FAIL, Verdict.INVALID).", "Verdict.INVALID, Verdict.FAIL).", RULES),
    "harness_errors_pass": ("integrity.py", "if result.harness_error:", "if False:", RULES),
    "killed_runs_pass": ("integrity.py", "if record.end is None:", "if record.end is None and False:", RULES),
    "any_part_will_do": ("integrity.py", "if declared and not open_ended and", "if False and", RULES),
    "stale_records_pass": ("integrity.py", "if age > policy.max_age:", "if False:", RULES),
    "oldest_decision_wins": ("gate.py", "newest = max(known", "newest = min(known", RULES),
    "should_blocks": ("clause_findings.py", "blames = item.required and not", "blames = not", RULES),
    "void_runs_blame": (
        "clause_findings.py",
        "item.required and not (case.void and",
        "item.required and not (False and",
        ("policy",),
    ),
    "unknown_clauses_pass": ("integrity.py", "sorted(named - set(catalogue.clauses))", "()", ("trust",)),
    "key_tests_void_nothing": (
        "key_tests.py",
        "Verdict.INVALID, text, repair",
        "Verdict.PASS, text, repair",
        ("policy",),
    ),
    "flakes_are_free": ("measuring.py", "if len(flakes) > budgets.flakes:", "if False:", ("policy",)),
    "time_is_free": ("measuring.py", "> 60 * budgets.minutes:", "> 9e9:", ("policy",)),
    "higher_is_lower": (
        "measuring.py",
        'value > bound if wanted.direction == "lower" else value < bound',
        "value > bound",
        ("policy",),
    ),
    "best_value_counts": (
        "measuring.py",
        'extremes[wanted.direction == "lower"]',
        'extremes[wanted.direction != "lower"]',
        ("policy",),
    ),
    "small_samples_pass": ("measuring.py", "if len(judged) < case.policy.sample.results:", "if False:", ("policy",)),
    "attempts_lost_pass": (
        "integrity.py",
        "for fault in attempts.faults(record.results):",
        "for fault in ():",
        ("policy",),
    ),
    "any_outcome_is_allowed": (
        "clause_findings.py",
        ' or (item.required and "not-applicable" not in policy.allowed)',
        "",
        ("policy",),
    ),
    "informing_suites_block": ("standings.py", " or clause.suite in policy.informing_suites", "", ("policy",)),
    "regressions_pass": ("comparing.py", "Verdict.FAIL if blocks else", "Verdict.PASS if blocks else", ("comparison",)),
    "claims_are_believed": ("comparing.py", "if names:", "if False:", ("comparison",)),
    "retries_better_the_numbers": ("counting.py", "result.attempt == 1 and", "", ("comparison",)),
    "pools_pass": ("pooled.py", "Verdict.FAIL if wanted.blocks else Verdict.PASS, told", "Verdict.PASS, told", POOLS),
    "tests_of_required_clauses_are_pooled": ("pooled.py", "if mine <= informing and", "if", POOLS),
    "waived_tests_are_pooled": (
        "pooled.py",
        "if mine <= informing and not any(",
        "if mine <= informing or any(",
        POOLS,
    ),
    "pools_of_other_stages_are_mine": ("pooled.py", 'mine = f"{case.stage.name}/"', 'mine = "staging/"', POOLS),
    "silence_heals_a_pool": ("pooling.py", "if len(strata) > 1 or name in ill]", "if len(strata) > 1]", POOLS),
    "runs_of_sound_tests_hide_others": (
        "pooling.py",
        "sum(statistics.drop(*pair) for pair in self.strata.values()) / max(1, len(self.strata))",
        "100 * (self.now.failures - self.expected) / max(1, self.now.runs)",
        ("pooling",),
    ),
    "tests_count_in_many_pools": ("pooling.py", 'names.pop() if len(names) == 1 else ""', "min(names)", ("pooling",)),
    "unsteady_tests_are_silent": (
        "measuring.py",
        "unsteady(result for record in case.records for result in record.results).items()",
        "()",
        POOLS,
    ),
    "repetitions_are_a_sample": ("measuring.py", "base_of(result.test)\n", "result.test\n", POOLS),
    "repetitions_of_key_tests_may_fail": ("key_tests.py", "base_of(test), re.DOTALL", "test, re.DOTALL", POOLS),
    "waivers_miss_repetitions": ("standings.py", "base_of(failure.test)", "failure.test", POOLS),
    "no_basis_is_silent": ("comparing.py", "if case.basis is None:", "if False:", ("comparison",)),
    "the_ill_get_well_at_once": ("statistics.py", "if ill and (", "if False and (", ("comparison",)),
    "anybody_waives": ("waiving.py", "waiver.owner not in policy.waiving.owners", "False", ("scope",)),
    "broad_waivers_count": ("waiving.py", "if policy.waiving.refuses_over_broad and", "if False and", ("scope",)),
    "ranges_never_end": (
        "waivers.py",
        "if not self.range:\n            return version in",
        "if True:\n            return version in",
        ("scope",),
    ),
    "quarantine_for_ever": ("quarantine.py", "if today > self.ends(rules):", "if False:", ("quarantine",)),
    "quarantine_for_clauses": (
        "standings.py",
        " or (tests.set_aside and not tests.of(Outcome.PASS))",
        "",
        ("quarantine",),
    ),
    "quarantine_without_numbers": (
        "quarantine.py",
        "if self.failures < rules.failures or percent < rules.rate:",
        "if False:",
        ("quarantine",),
    ),
    "quarantine_never_ends_well": ("quarantine.py", "if clean >= rules.clean:", "if False:", ("quarantine",)),
    "quarantine_hides_harness_errors": (
        "integrity.py",
        "if result.harness_error:",
        "if result.harness_error and False:",
        ("quarantine",),
    ),
}
PROVES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    f"{name}_proven": (*MUTANTS[name][:3], ("proves",))
    for name in ("missing_passes", "waiver_serves_any_test", "quarantine_for_clauses")
}
"""Rules whose defects the property of the whole gate has to find too, knowing nothing of them."""
MUTANTS.update(PROVES)
FILES = {
    "proves": "test_gate_proves.py",
    "rules": "test_gate_rules.py",
    "waivers": "test_gate_waivers.py",
    "policy": "test_gate_policy.py",
    "trust": "test_gate_trust.py",
    "comparison": "test_gate_comparison.py",
    "scope": "test_waiver_scope.py",
    "quarantine": "test_quarantine.py",
    "pools": "test_gate_pools.py",
    "pooling": "test_pooling.py",
}


@pytest.mark.parametrize("name", MUTANTS)
def test_gate_mutant_is_caught(name: str, tmp_path: Path) -> None:
    module, old, new, tests = MUTANTS[name]
    for package in ("pipelines", "reports", str(OWN), "suites/selftest/reports"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "suites" / "__init__.py").touch()
    (tmp_path / "suites" / "selftest" / "__init__.py").touch()
    source = tmp_path / "pipelines" / module
    text = source.read_text()
    assert text.count(old) == 1, f"the rule that {name} breaks has moved"
    source.write_text(text.replace(old, new))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--noconftest"]
    command += ["--import-mode=importlib", "-o", "pythonpath=.", "-c", "/dev/null", "--rootdir", str(tmp_path)]
    command += ["--hypothesis-seed=1"]  # What was found once is found each time.
    done = subprocess.run(
        [*command, *(str(OWN / FILES[test]) for test in tests)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, f"{name} survived:\n{done.stdout[-1500:]}{done.stderr[-500:]}"
