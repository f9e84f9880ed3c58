"""JUnit files that a real Ginkgo wrote, of a suite like Kubernetes' own: what broke is told, and nothing lost passes.

Which of its steps and specs break is said to the suite (ginkgo/e2e_test.go). It has 9 cases of conformance, of which
one is only announced, and one of Windows.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.toolchain.cache import Cache
from fixtures.toolchain.golang import find_go
from pipelines import junit
from pipelines.junit import Document, State
from reports import record
from reports.model import Outcome
from suites.selftest.actions import runs
from suites.selftest.pipelines.test_imports import REQUIRED, imported, reasons_of, run_with

pytestmark = pytest.mark.timeout(1200)  # the first run on a machine loads Ginkgo's modules
SUITE = Path(__file__).parent / "ginkgo"
RUN = 8
FIRST = "[sig-node] Pods should be submitted and removed [NodeConformance] [Conformance]"
NODES = "[sig-storage] CSI Volumes should need two nodes [Conformance]"
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the suite's program and of Ginkgo's own, which runs it in several processes."""
    folder = tmp_path_factory.mktemp("programs")
    go = find_go(Cache(), "1.25", lambda _: None, install=True)
    flags = ["-trimpath", "-buildvcs=false", "-o"]
    go.run(["test", "-c", *flags, str(folder / "e2e.test"), "."], cwd=SUITE)
    go.run(["build", *flags, str(folder / "ginkgo"), "github.com/onsi/ginkgo/v2/ginkgo"], cwd=SUITE)
    return folder


@pytest.fixture
def write(programs: Path, tmp_path: Path) -> Write:
    """Runs the suite; returns the file that it writes as Kubernetes' program does. Ginkgo's own is report.xml."""

    def run(breaks: str = "", *options: str, processes: int = 1, zone: str = "UTC") -> Path:
        file = tmp_path / "junit_01.xml"
        told = {"BREAKS": breaks, "JUNIT": str(file), "TZ": zone}
        given = ["label-filter=Conformance", "seed=1", "no-color", f"junit-report={tmp_path / 'report.xml'}", *options]
        command = [str(programs / "e2e.test"), *(f"--ginkgo.{option}" for option in given)]
        if processes > 1:
            command = [str(programs / "ginkgo"), f"--procs={processes}", *(f"--{option}" for option in given)]
            command.append(str(programs / "e2e.test"))
        subprocess.run(command, cwd=tmp_path, env={**os.environ, **told}, capture_output=True, check=False, timeout=120)
        return file

    return run


def states(document: Document) -> dict[State, int]:
    """How many cases ended so; steps of the suite are none."""
    found = [case.state for case in document.cases if not case.is_step]
    return {state: found.count(state) for state in State if state in found}


@dataclass(frozen=True)
class Broken:
    """What is broken, and what the import of it comes to: exit status, the words of one reason that blocks, and how
    many cases passed (-1: that depends on the machine)."""

    breaks: str
    status: Sequence[int]
    words: Sequence[str]
    passed: int = RUN
    options: Sequence[str] = ()
    processes: int = 1


FAILS = 'fails: expected <b>ready</b> & "sound"'
CASES = {
    "nothing": Broken("", [0], []),
    "nothing in three processes": Broken("", [0], [], processes=3),
    "a case": Broken("fail", [1], ['[sig-node] Pods should restart a container ("always") [Conformance]', FAILS], 7),
    "a case panics": Broken("panic", [1], ["should survive a panic", "fails: assignment to entry in nil map"], 7),
    "a case is late": Broken("timeout", [1], ["should end in time", "fails: A spec timeout occurred"], 7),
    "a clean-up of a case": Broken("cleanup", [1], [FIRST, FAILS], 7),
    "the set-up": Broken("before", [1], ["[SynchronizedBeforeSuite]", FAILS], 0),
    "the end": Broken("after", [1], ["[SynchronizedAfterSuite]", FAILS]),
    "a clean-up of the suite": Broken("suitecleanup", [1], ["[DeferCleanup (Suite)]", FAILS]),
    "a clean-up in three processes": Broken("suitecleanup", [1], ["[DeferCleanup (Suite)] (3)", FAILS], processes=3),
    "a set-up of cases": Broken("beforeall", [1], ["CSI Volumes should provision", FAILS], 5),
    "the cluster": Broken("abort", [1], ["CSI Volumes should abort", "fails: the cluster is gone"], -1),
    "a case skips itself": Broken("skip", [2], ["1 of 8 cases skipped themselves"], 7),
    "the first attempt": Broken("flake", [2], ["a pass may hide a failure"], options=["flake-attempts=2"]),
    "the time of all": Broken("timeout", [1, 2], ["not succeed: Suite Timeout"], -1, options=["timeout=1ms"]),
    "what is announced": Broken("", [2], ["did not succeed: Detected pending"], options=["fail-on-pending"]),
    "what is asked for": Broken("", [2], ["0 cases, and 8 were expected: 8 lost"], 0, options=["focus=nothing"]),
    "half of what is asked for": Broken("", [2], ["8 were expected: 3 lost"], 5, options=["focus=sig-node"]),
    "all after the first failure": Broken("fail", [1], ["8 were expected: ", " lost"], -1, options=["fail-fast"]),
}


@pytest.mark.parametrize("name", CASES)
def test_import_of_what_ginkgo_wrote_says_what_broke(name: str, write: Write, tmp_path: Path) -> None:
    case = CASES[name]
    file = write(case.breaks, *case.options, processes=case.processes)
    if case.passed >= 0:
        assert states(junit.read(file)).get(State.PASSED, 0) == case.passed
    run = run_with(tmp_path, REQUIRED)
    assert imported(run, file.read_text(), expected=RUN) in case.status
    told = [reason["text"] for reason in reasons_of(run) if reason["blocking"]]
    if case.words:
        assert [text for text in told if all(word in text for word in case.words)], told
    else:
        assert told == []


@pytest.mark.parametrize("breaks", ["", "fail panic skip suitecleanup"])
def test_file_of_ginkgo_itself_says_the_same_as_that_of_kubernetes(breaks: str, write: Write, tmp_path: Path) -> None:
    """csi-sanity and critest leave the file to Ginkgo: it has messages, labels and timelines, too."""
    ours, theirs = junit.read(write(breaks)), junit.read(tmp_path / "report.xml")
    assert states(ours) == states(theirs)
    told = [
        sorted((case.state, case.message) for case in document.cases if not case.is_step) for document in (ours, theirs)
    ]
    assert told[0] == told[1]
    assert theirs.attempts == 1
    assert theirs.succeeded == (not breaks)


def test_cases_of_a_real_run_are_told_apart(write: Write, tmp_path: Path) -> None:
    """Eight ran, one is announced, one was not selected; the steps of three processes are no cases."""
    file = write("skip fail", processes=3)
    document = junit.read(file)
    assert states(document) == {State.PASSED: 6, State.FAILED: 1, State.SKIPPED: 1, State.NOT_SELECTED: 2}
    assert sum(case.is_step for case in document.cases) == 10
    run = run_with(tmp_path)
    assert imported(run, file.read_text(), expected=RUN) == 0  # it only informs
    found = record.read(run / "dev" / "record-conformance.jsonl")
    assert found.planned is not None
    assert (len(found.planned.tests), found.planned.deselected) == (RUN, 2)
    outcomes = {result.test: result.outcome for result in found.results}
    assert outcomes[f"conformance::{FIRST}"] is Outcome.PASS
    assert outcomes[f"conformance::{NODES}"] is Outcome.COULD_NOT_RUN


def test_dry_run_in_which_everything_passes_is_no_run(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write("", "dry-run")
    assert file.read_text().count('status="passed"') == RUN + 2
    assert imported(run_with(tmp_path, REQUIRED), file.read_text(), expected=RUN) == 3
    assert "is of a dry run" in capsys.readouterr().err


def test_second_attempt_that_the_policy_allows_is_told(write: Write, tmp_path: Path) -> None:
    file = write("flake", "flake-attempts=2")
    run = run_with(tmp_path)
    (run / "policies" / "dev.toml").write_text(runs.POLICY + REQUIRED + "[budgets]\nretries = 1\n")
    assert imported(run, file.read_text(), expected=RUN) == 0
    assert [reason["blocking"] for reason in reasons_of(run) if "up to 2 times" in reason["text"]] == [False]


def test_local_time_that_is_yet_to_come_is_refused_until_its_zone_is_given(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ginkgo writes the time of its machine's wall clock, and not of which zone."""
    file = write(zone="Asia/Tokyo")
    run = run_with(tmp_path, REQUIRED)
    assert imported(run, file.read_text(), expected=RUN) == 3
    assert "yet to come in UTC. Give the start of the suite: --started" in capsys.readouterr().err
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(file.stat().st_mtime))
    assert imported(run, file.read_text(), "--started", began, expected=RUN) == 0
