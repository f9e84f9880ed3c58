"""A whole run against a driver that misbehaves below the protocol: it ends soon and blames clearly."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from reports.record import Record, read
from suites.selftest.csi.test_csi_driver_choice import run_suite

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("suites/csi/identity", "suites/csi/requests", "suites/csi/volumes")


def judged(folder: Path, fault: str, *paths: str) -> Record:
    """The record of a run against that driver, where one call may take half a second."""
    (folder / "p.toml").write_text("timeout = 0.5\n")
    options = "--endpoint {endpoint} --node-id {node_id} --state-dir {state}"
    done = run_suite(
        folder / "run", *paths, "--csi-parameters", str(folder / "p.toml"),
        "--csi-driver", f"{sys.executable} -m suites.selftest.csi.faulty_driver {fault} {options}",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout[-3000:]
    record = read(folder / "run" / "record.jsonl")
    broken = [result.text for result in record.results if result.harness_error]
    assert not broken, broken[0]
    return record


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("hangs", "did not answer within 0.5 s"), ("answers_garbage", "is not a"),
        ("answers_100_mb", "larger than 8 MiB"), ("dies", "the driver died"),
    ],
)  # fmt: skip
def test_csi_driver_that_answers_nothing_useful_is_blamed_in_a_few_tests(tmp_path: Path, fault: str, says: str) -> None:
    record = judged(tmp_path, fault, *FOLDERS)
    outcomes = Counter(str(result.outcome) for result in record.results)
    failed = [result.summary for result in record.results if result.outcome == "fail"]
    assert any(says in summary for summary in failed), failed[:5]
    assert outcomes["pass"] <= 2, "only Probe is answered"
    assert outcomes["could-not-run"] > 10 * outcomes["fail"] > 0, outcomes


@pytest.mark.needs("root")
def test_csi_driver_that_hangs_in_one_call_costs_two_deadlines_and_the_rest_goes_on(tmp_path: Path) -> None:
    record = judged(tmp_path, "hangs_in_create", *FOLDERS)
    outcomes = Counter(str(result.outcome) for result in record.results)
    failed = [result.summary for result in record.results if result.outcome == "fail"]
    assert len([text for text in failed if "did not answer within 0.5 s (during CreateVolume)" in text]) <= 2
    assert outcomes["pass"] > 20, outcomes
    assert "is not called again" in " ".join(result.text for result in record.results)
