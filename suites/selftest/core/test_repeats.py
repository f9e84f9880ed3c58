"""--repeat: tests of the named clauses run more than once, each run a result of its own that counts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from reports import record
from reports.attempts import base_of, repetition
from reports.model import Outcome
from suites.selftest.core.test_retries import ROOT

CLAUSE = (
    '[[clause]]\nid = "gpu.toy.{0}"\nlevel = "should"\nlayer = "protocol"\nobligation = "It holds."\nsection = "1"\n'
)
CLAUSES = 'suite = "gpu"\nsource = "https://example.invalid"\n' + "".join(map(CLAUSE.format, ("cheap", "dear")))
TESTS = """
import pathlib, pytest
SEEN = pathlib.Path(__file__).with_name("seen")
@pytest.mark.clause("gpu.toy.cheap")
@pytest.mark.parametrize("n", ["x", "y"])
def test_cheap_holds(n, tmp_path, request):
    with SEEN.open("a") as stream: stream.write(f"{request.node.name}\\n")
    assert not any(tmp_path.iterdir())
    tmp_path.joinpath("made").write_text("")
    assert n == "x" or not request.node.name.endswith("-#3]"), "the third run fails"
@pytest.mark.clause("gpu.toy.cheap", "gpu.toy.dear")
def test_dear_holds(): pass
@pytest.mark.full
@pytest.mark.clause("gpu.toy.cheap")
def test_long_holds(): pass
"""
CHEAP = ("--repeat", "3", "--repeat-clause", "gpu.toy.cheap")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    suite = tmp_path / "suites" / "gpu"
    suite.mkdir(parents=True)
    (suite / "clauses.toml").write_text(CLAUSES)
    (suite / "test_toy.py").write_text(TESTS)
    plugins = ("recorder", "retries", "repeats", "shards")
    named = (*(f"reports.{name}" for name in plugins), "fixtures.plugin", "fixtures.evidence")
    (tmp_path / "conftest.py").write_text(f"pytest_plugins = {named}")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib --strict-markers\n")
    return tmp_path


def run(project: Path, *options: str, into: str = "out") -> tuple[int, str, Path]:
    command = [sys.executable, "-m", "pytest", "suites/gpu", "--run-dir", str(project / into), "-m", "not full"]
    command += ["-p", "no:cacheprovider", *options]
    done = subprocess.run(
        command, cwd=project, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT), "PATH": ""}
    )
    return done.returncode, done.stdout + done.stderr, project / into / "record.jsonl"


def names(found: record.Record) -> list[str]:
    return sorted(result.test.rpartition("::")[2] for result in found.results)


WANTED = ["test_cheap_holds[x]", "test_cheap_holds[x-#2]", "test_cheap_holds[x-#3]"]
WANTED = [*sorted([*WANTED, *(name.replace("[x", "[y") for name in WANTED)]), "test_dear_holds"]


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "workers"])
def test_tests_of_the_named_clauses_alone_run_so_often_and_every_run_counts(
    project: Path, options: tuple[str, ...]
) -> None:
    status, said, path = run(project, *CHEAP, *options)
    found = record.read(path)
    assert names(found) == WANTED, said
    assert found.complete
    assert found.planned is not None
    assert {base_of(name).rpartition("::")[2] for name in found.planned.left_out} == {"test_long_holds"}
    failed = [result for result in found.results if result.outcome is Outcome.FAIL]
    assert [(result.test.rpartition("::")[2], result.attempt) for result in failed] == [("test_cheap_holds[y-#3]", 1)]
    assert "test_cheap_holds[y]'" in failed[0].repeat
    assert status == pytest.ExitCode.TESTS_FAILED
    assert sorted((project / "suites" / "gpu" / "seen").read_text().split()) == WANTED[:-1]


def test_parameter_called_like_a_repetition_is_refused(project: Path) -> None:
    """Else the record would take one test for another."""
    path = project / "suites" / "gpu" / "test_toy.py"
    path.write_text(TESTS.replace('"n", ["x", "y"]', '"n", ["#2"]'))
    status, said, _ = run(project)
    assert status == pytest.ExitCode.USAGE_ERROR
    assert "test_cheap_holds[#2]: is called like a repetition" in said


def test_parameter_that_judges_another_clause_is_not_repeated(project: Path) -> None:
    path = project / "suites" / "gpu" / "test_toy.py"
    marked = 'pytest.param("y", marks=pytest.mark.clause("gpu.toy.dear"))'
    path.write_text(TESTS.replace('["x", "y"]', f'["x", {marked}]'))
    found = record.read(run(project, *CHEAP)[2])
    assert names(found) == [*WANTED[:3], "test_cheap_holds[y]", "test_dear_holds"]


def test_repetitions_are_shared_among_shards(project: Path) -> None:
    shares = [record.read(run(project, *CHEAP, "--shard", f"{n}/2", into=f"out{n}")[2]) for n in range(2)]
    assert sorted([*names(shares[0]), *names(shares[1])]) == WANTED
    assert all(names(item) for item in shares)


@pytest.mark.parametrize("options", [("--repeat", "3"), ("--repeat-clause", "gpu.toy.cheap"), ("--repeat", "0")])
def test_half_a_wish_is_refused(project: Path, options: tuple[str, ...]) -> None:
    status, said, _ = run(project, *options)
    assert status == pytest.ExitCode.USAGE_ERROR
    assert "--repeat" in said


@given(some.text(max_size=8), some.booleans(), some.integers(2, 100))
def test_repetition_leads_back_to_its_test(parameter: str, is_bare: bool, number: int) -> None:
    test = "suites/x.py::test_a" if is_bare else f"suites/x.py::test_a[{parameter} ]"
    assert base_of(test) == test
    assert base_of(repetition(test, number)) == test
    imported = f"[sig-node] Pods [{parameter}-#{number}]"
    assert base_of(imported.replace("::", ":")) == imported.replace("::", ":")
