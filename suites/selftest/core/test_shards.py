"""--shard: every test runs in exactly one shard, and each record knows the whole plan."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from reports import record
from reports.shards import parse, share
from suites.selftest.core.test_retries import ROOT

CLAUSES = 'suite = "gpu"\nsource = "https://example.invalid"\n[[clause]]\nid = "gpu.toy.holds"\nlevel = "must"\n'
CLAUSES += 'layer = "protocol"\nobligation = "The toy holds."\nsection = "Toys"\n'
TESTS = """
import pytest
pytestmark = pytest.mark.clause("gpu.toy.holds")
@pytest.mark.parametrize("n", range(5))
def test_toy_numbered_holds(n): pass
@pytest.mark.full
def test_toy_long_holds(): pass
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    suite = tmp_path / "suites" / "gpu"
    suite.mkdir(parents=True)
    (suite / "clauses.toml").write_text(CLAUSES)
    (suite / "test_toy.py").write_text(TESTS)
    plugins = ("reports.recorder", "reports.retries", "reports.shards", "fixtures.plugin", "fixtures.evidence")
    (tmp_path / "conftest.py").write_text(f"pytest_plugins = {plugins}")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib --strict-markers\n")
    return tmp_path


def run(project: Path, shard: str, *options: str) -> tuple[int, str, Path]:
    place = project / f"out-{shard.replace('/', '-')}"
    command = [sys.executable, "-m", "pytest", "suites/gpu", "--run-dir", str(place), "-p", "no:cacheprovider"]
    command += ["-m", "not full", f"--shard={shard}", *options]
    done = subprocess.run(
        command, cwd=project, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT), "PATH": ""}
    )
    return done.returncode, done.stdout + done.stderr, place / "record.jsonl"


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "workers"])
def test_shards_run_every_test_once_and_know_the_whole_plan(project: Path, options: tuple[str, ...]) -> None:
    records = [record.read(run(project, f"{index}/2", *options)[2]) for index in range(2)]
    ran = [result.test for item in records for result in item.results]
    assert len(ran) == len(set(ran)) == 5
    for index, item in enumerate(records):
        assert item.planned is not None
        assert item.planned.shard is not None
        assert (item.planned.shard.index, item.planned.shard.of) == (index, 2)
        assert set(item.planned.shard.plan) == set(ran)
        assert [name.rpartition("::")[2] for name in item.planned.left_out] == ["test_toy_long_holds"]
        assert item.complete


def test_shard_without_a_test_of_its_own_still_tells_the_plan(project: Path) -> None:
    status, _, path = run(project, "8/9")
    found = record.read(path)
    assert status == pytest.ExitCode.NO_TESTS_COLLECTED
    assert found.planned is not None
    assert found.planned.shard is not None
    assert (len(found.planned.tests), len(found.planned.shard.plan)) == (0, 5)


@pytest.mark.parametrize("shard", ["3/3", "1", "a/b", "-1/2", "0/0", "0/99999"])
def test_shard_that_cannot_be_is_refused(project: Path, shard: str) -> None:
    with pytest.raises(ValueError, match="I from 0 to N-1"):
        parse(shard)
    status, said, _ = run(project, shard)
    assert status == pytest.ExitCode.USAGE_ERROR
    assert "I from 0 to N-1" in said


@given(some.sets(some.text(max_size=6), max_size=40), some.integers(1, 12))
def test_any_names_are_shared_without_loss_and_evenly(names: set[str], of: int) -> None:
    shares = [share(sorted(names, reverse=True), index, of) for index in range(of)]
    assert sorted(name for mine in shares for name in mine) == sorted(names)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
