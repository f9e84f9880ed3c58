"""A run says whom it judges before the first test, in its summary and in its record, and says so where nobody is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from fixtures.subjects.csi.introduction import introduction, nobody
from fixtures.subjects.csi.started import StartedDriver, started
from reports.record import read
from suites.selftest.csi.test_csi_driver_choice import REFERENCE, run_suite

TEST = "suites/csi/identity/test_identity.py"


def told(stdout: str) -> list[str]:
    return [line for line in stdout.splitlines() if line.startswith("csi: ")]


@pytest.mark.needs("root")
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_csi_run_names_its_driver_once_before_the_tests_and_in_summary_and_record(
    tmp_path: Path, workers: tuple[str, ...]
) -> None:
    command = f"{REFERENCE} --state-dir {{state}} --driver-name mine.example.com"
    done = run_suite(tmp_path, TEST, "--csi-driver", command, "--csi-spec", "1.13", *workers)
    assert done.returncode == 0, done.stdout
    first, second = told(done.stdout)
    assert first == second
    assert read(tmp_path / "record.jsonl").notes == (first,)
    for part in ("driver mine.example.com 0.1.0", "CSI 1.13", "--endpoint '{endpoint}'", "controller", "node"):
        assert part in first


def test_csi_run_without_a_driver_says_that_nobody_was_judged_and_why(tmp_path: Path) -> None:
    done = run_suite(tmp_path / "run", TEST, "--csi-endpoint", f"{tmp_path}/none.sock")
    assert done.returncode == 5, done.stdout
    assert "no driver was judged" in told(done.stdout)[0]
    assert f"{tmp_path}/none.sock" in told(done.stdout)[0]


@pytest.mark.parametrize("fault", ["answers_garbage", "dies", "hangs"])
def test_csi_driver_that_does_not_say_who_it_is_is_introduced_as_such(lease: Any, fault: str) -> None:
    command = [sys.executable, "-m", "suites.selftest.csi.faulty_driver", fault, "--endpoint", "{endpoint}"]
    driver: StartedDriver = started(command, lease, "a faulty driver")
    try:
        line = introduction(driver, patience=0.3).line
    finally:
        driver.stop()
    assert "a driver that does not say its name" in line
    assert "what it declares is not known" in line


def test_csi_introduction_of_nobody_is_one_line() -> None:
    assert nobody("it ended; its last words:\nno\x1b[31m licence").endswith("it ended; its last words:")
