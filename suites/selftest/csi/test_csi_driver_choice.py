"""Which CSI driver a run judges: started from a command of the user's, or a usage error that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reports.record import read

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = f"{sys.executable} -m fixtures.references.csi --endpoint {{endpoint}} --node-id {{node_id}}"


def run_suite(run_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`pytest` as a user starts it."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--run-dir", str(run_dir), *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.needs("root")
def test_csi_driver_of_a_command_is_started_and_may_be_killed(tmp_path: Path) -> None:
    command = f"{REFERENCE} --state-dir {{state}}"
    done = run_suite(tmp_path, "suites/csi/resilience/test_restart.py", "--csi-driver", command)
    assert done.returncode == 0, done.stdout
    record = read(tmp_path / "record.jsonl")
    assert "pass" in {result.outcome for result in record.results}
    assert not {result.outcome for result in record.results} - {"pass", "not-applicable"}


def test_csi_driver_that_ends_at_once_could_not_run_and_shows_its_last_words(tmp_path: Path) -> None:
    (script := tmp_path / "driver.sh").write_text("#!/bin/sh\necho no such licence >&2\nexit 3\n")
    script.chmod(0o755)
    done = run_suite(tmp_path / "run", "suites/csi/identity/test_identity.py", "--csi-driver", f"{script} {{endpoint}}")
    assert done.returncode == 5, done.stdout
    results = read(tmp_path / "run" / "record.jsonl").results
    assert {result.outcome for result in results} == {"could-not-run"}
    assert "no such licence" in results[0].text
    assert "ended with status 3 at its start" in results[0].summary


def test_csi_driver_that_a_signal_ends_names_the_signal_and_draws_nothing_on_the_terminal(tmp_path: Path) -> None:
    (script := tmp_path / "driver.sh").write_text("#!/bin/sh\nprintf '\\033[31mred\\007\\n'\nkill -ABRT $$\n")
    script.chmod(0o755)
    done = run_suite(tmp_path / "run", "suites/csi/identity/test_identity.py", "--csi-driver", f"{script} {{endpoint}}")
    result = read(tmp_path / "run" / "record.jsonl").results[0]
    assert "was ended by SIGABRT at its start" in result.summary
    assert "\\x1b[31mred\\x07" in result.summary
    assert "\x1b" not in done.stdout + result.text + result.summary


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--csi-endpoint", ""], "--csi-endpoint is empty"),
        (["--csi-image", ""], "--csi-image is empty"),
        (["--csi-driver", "true --socket x"], "no argument holds {endpoint}"),
        (["--csi-driver", "/no/such/driver {endpoint}"], "/no/such/driver is no program here"),
        (["--csi-driver", "true {endpoint}", "--mutant", "csi/x"], "--csi-driver and --mutant each choose"),
        (["--csi-second-endpoint", "unix:///x.sock"], "belongs to --csi-endpoint"),
        (["--csi-driver", "'true {endpoint}"], "No closing quotation"),
        (["--csi-driver", "true {endpoint} {nodeid}"], "nothing is filled in for {nodeid}. Did you mean {node_id}?"),
        (["--csi-image", "x {Endpoint}"], "Did you mean {endpoint}?"),
        (["--csi-endpoint", "http://x"], "must be a UNIX socket"),
        (["--csi-endpoint", "/etc/passwd"], "/etc/passwd is no socket"),
        (["--mutant", "csi/states_no_verion"], 'Did you mean "states_no_version"?'),
        (["--variant", "csi/nosuch"], "there is none of that name"),
        (["--mutant", "cssi/x"], "the suite is one of"),
    ],
)
def test_csi_driver_choice_that_cannot_be_right_is_a_usage_error(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = run_suite(tmp_path, "suites/csi/identity", *arguments)
    assert done.returncode == 4
    assert says in done.stdout + done.stderr


def test_csi_options_are_in_one_group_of_the_help_and_show_an_example(tmp_path: Path) -> None:
    shown = run_suite(tmp_path, "suites/csi", "--help").stdout
    group = shown.partition("the CSI driver under test")[2].partition("\n\n")[0]
    assert shown.count("\n  --csi-") == group.count("\n  --csi-") == 9
    for entry in group.split("\n  --csi-")[1:]:
        assert "e.g." in entry, entry


def test_reference_help_is_for_its_users() -> None:
    command = [sys.executable, "-m", "fixtures.references.csi", "--help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "Seatrial's reference CSI driver" in shown
    assert "example: python -m fixtures.references.csi --endpoint" in shown
