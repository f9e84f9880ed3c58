"""The layout's limits and the catalogue's promises, checked by reading the repository as text."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fixtures
from reports import catalogue
from reports.render.clauses import collect_tests, constants_of

ROOT = Path(__file__).resolve().parents[3]
TOP_LEVEL = {
    "suites", "fixtures", "pipelines", "reports", "conftest.py", "tox.ini",
    "README.md", "LICENSE", "CHANGELOG.md", "requirements.lock", "ARCHITECTURE.md", "CONTRIBUTING.md",
    "pyproject.toml", ".ci", ".github", ".gitignore", "docs",
}  # fmt: skip
VAGUE = {"utils", "helpers", "common", "constants", "misc", "tools", "lib"}
LONGEST_FILE, LONGEST_CONFTEST, LONGEST_TEST, LONGEST_MEDIAN = 400, 40, 40, 200


def tracked(pattern: str = "*") -> list[Path]:
    """The files that git tracks; never an empty list, which would make every rule hold."""
    done = subprocess.run(["git", "ls-files", pattern], cwd=ROOT, capture_output=True, text=True, check=True)
    found = [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).is_file()]
    assert found, f"git tracks no {pattern}"
    return found


def test_functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


test_functions.__test__ = False  # type: ignore[attr-defined]


def test_top_level_holds_only_what_the_layout_names() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} - TOP_LEVEL == set()


def test_files_stay_within_their_length() -> None:
    sources = [*tracked("*.py"), *tracked("*.toml"), *tracked("reports/render/*.html")]
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in sources}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}
    assert statistics.median(lengths.values()) <= LONGEST_MEDIAN


def test_conftests_and_test_functions_stay_short() -> None:
    too_long = [path for path in tracked("*conftest.py") if len(path.read_text().splitlines()) > LONGEST_CONFTEST]
    for path in tracked("suites/*.py"):
        for node in test_functions(path):
            if (node.end_lineno or node.lineno) - node.lineno + 1 > LONGEST_TEST:
                too_long.append(Path(f"{path.relative_to(ROOT)}::{node.name}"))
    assert too_long == []


def test_modules_have_names_that_say_something() -> None:
    assert [path for path in tracked("*.py") if path.stem in VAGUE or path.parent.name in VAGUE] == []


def test_modules_say_what_they_are_for() -> None:
    silent = [
        path
        for path in tracked("*.py")
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_sources_name_no_path_of_a_particular_machine() -> None:
    paths = re.compile(r"(?<![\w.])/(work|root|home/\w+)/")
    found = [
        str(path.relative_to(ROOT)) for path in tracked() if path.suffix != ".png" and paths.search(path.read_text())
    ]
    assert [name for name in found if name != Path(__file__).relative_to(ROOT).as_posix()] == []


def test_sources_end_no_process_by_its_name() -> None:
    words = re.compile(r"\b(pkill|killall)\b")
    assert [p for p in tracked("*.py") if p != Path(__file__) and words.search(p.read_text())] == []


def test_generic_package_names_are_ours() -> None:
    assert Path(fixtures.__file__ or "").resolve().parent == ROOT / "fixtures"


def test_every_clause_has_a_test_or_a_reason_for_none() -> None:
    tested = set(collect_tests(catalogue.SUITES))
    clauses = catalogue.load().clauses
    assert [name for name, clause in clauses.items() if not clause.uncovered and name not in tested] == []
    assert tested - set(clauses) == set()


@pytest.mark.parametrize("suite", catalogue.SUITES)
def test_every_suite_judges_at_least_five_clauses_on_each_layer(suite: str) -> None:
    clauses = [clause for clause in catalogue.load().of((suite,)) if not clause.uncovered]
    for layer in ("cluster",) if suite == "upgrade" else ("protocol", "cluster"):  # what is upgraded is a cluster
        assert sum(clause.layer == layer for clause in clauses) >= 5, layer


def test_every_mutant_names_the_clause_it_breaks() -> None:
    known = catalogue.load().clauses
    machinery = {"__init__", "__main__", "proxy", "wrapper"}
    for path in tracked("fixtures/mutants/*/*.py"):
        if path.stem not in machinery:
            said = constants_of(path)
            named = [*said.get("BREAKS", ()), *said.get("IN_CLUSTER", ())]
            assert "BREAKS" in said, f"{path.relative_to(ROOT)} names no clause"
            assert set(named) <= set(known), f"{path.relative_to(ROOT)} names {named}"


def test_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
