"""The janitor's tests are only worth what they catch: each seeded defect must make the test that is named fail."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from suites.selftest.cloud.marking import ROOT

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]
OWN = Path(__file__).parent.relative_to(ROOT)
LISTED, STAYS, ALONE = "listed_first", "not_expired_not_readable", "goes_alone"
MUTANTS: dict[str, tuple[str, str, str, str]] = {
    # Google Cloud
    "time_is_not_looked_at": ("expiry.py", "if until > now:", "if False:", STAYS),
    "owner_is_not_looked_at": ("expiry.py", "if owner and marks[OWNER] != owner:", "if False:", STAYS),
    "dry_run_removes": ("janitor.py", "if not delete:", "if False:", LISTED),
    "names_are_not_known": ("google_kinds.py", "return found[0] if found else", "return", LISTED),
    "names_are_enough_for_machines": (
        "google_kinds.py",
        'compute instances", is_named=False',
        'compute instances"',
        "other_labels",
    ),
    "any_label_is_a_mark": ("google.py", "if LEASE in marks and (not self", "if marks and (not self", "other_labels"),
    "lease_within_a_word": ("google_kinds.py", "(?<![a-z0-9])seatrial", "seatrial", "other_labels"),
    "siblings_end_first": ("google_kinds.py", "= max(known", "= min(known", "end_last"),
    "names_expire_at_once": ("google_kinds.py", "+ LONGEST", "", "without_any_labels"),
    "names_are_of_everybody": ("google_kinds.py", '"nobody-known"', '"team-a"', "without_any_labels"),
    "first_page_only": ("google.py", 'getattr(collection, f"{method}_next")(request, page)', "None", LISTED),
    "nodes_before_clusters": ("google.py", "if item not in clusters and any(", "if False and any(", LISTED),
    "operation_is_the_end": ("google.py", 'if operation["status"] != "DONE":', "if False:", LISTED),
    "failed_operation_is_the_end": ("google.py", "if not failed:", "if True:", "network_that_others_use"),
    "no_second_try": ("google.py", "not is_passing(error)", "True", LISTED),
    "tries_without_end": ("google.py", "not is_passing(error)", "False", "protected"),
    "silent_zones": ("google.py", 'if told.get("missingZones"):', "if False:", "gke_does_not_tell"),
    "every_region": ("google.py", "not self._regions or at.region", "True or at.region", "region_that_is_not_asked"),
    "pools_go_with_any_cluster": (
        "google.py",
        "if marks_of(pool).get(LEASE) !=",
        "if False and None !=",
        "marked_pool",
    ),
    "rate_is_for_good": ("google.py", "_TRIES = 5", "_TRIES = 0", "number_of_requests"),
    # Azure
    "tags_are_asked_for": (
        "azure.py",
        "resources.list()",
        "resources.list(filter=\"tagName eq 'seatrial-lease'\")",
        "lone_things",
    ),
    "case_is_told": ("azure.py", "{key.lower(): value", "{key: value", "written_otherwise"),
    "groups_go_whole": ("azure.py", "{item.id: self._foreign(item, ours) for", '{item.id: "" for', "holds_what_stays"),
    "nodes_before_their_cluster": ("azure.py", "(manager := self._manager(", '(manager := "" and str(', "listed_first"),
    "versions_in_preview": ("azure.py", 'if "preview" not in text', "if text", "lone_things"),
    "azure_never_tries_again": (
        "azure_kinds.py",
        'status_code", 0) in _FOR_GOOD or',
        'status_code", 0) or',
        "lone_things",
    ),
    "azure_tries_without_end": (
        "azure_kinds.py",
        "or _code(error) == _LOCKED\n\n\ndef said",
        "or False\n\n\ndef said",
        "locked_group",
    ),
    "wrong_type_is_gone": (
        "azure_kinds.py",
        "== _NOT_FOUND and _code(error) in _NOT_THERE",
        "in (404, 409)",
        "lone_things",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_janitor_mutant_is_caught(name: str, tmp_path: Path) -> None:
    module, old, new, test = MUTANTS[name]
    cloud = "azure" if module.startswith("azure") else "google"
    wanted = {"azure": "azure.mgmt", "google": "googleapiclient"}[cloud]
    if importlib.util.find_spec(wanted.split(".")[0]) is None:
        pytest.skip(f"{wanted} is not installed here: tox -e cloud installs it")
    for package in ("fixtures", "reports", str(OWN)):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "suites" / "__init__.py").touch()
    (tmp_path / "suites" / "selftest" / "__init__.py").touch()
    source = tmp_path / "fixtures" / "cloud" / module
    text = source.read_text()
    assert text.count(old) == 1, f"the line that {name} breaks has moved"
    source.write_text(text.replace(old, new))
    argv = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--noconftest", "-k", test]
    argv += ["--import-mode=importlib", "-o", "pythonpath=.", "-c", "/dev/null", "--rootdir", str(tmp_path)]
    argv.append(str(OWN / f"test_janitor_{cloud}.py"))
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 1, f"{name} survived:\n{done.stdout[-1500:]}{done.stderr[-500:]}"
