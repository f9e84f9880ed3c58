"""Ctrl-C, SIGTERM, time limits and broken runs: the tests end, nothing stays, and the reason is told."""

from __future__ import annotations

import dataclasses
import io
import os
import signal
import sys
import threading
from pathlib import Path

import psutil
import pytest

from fixtures.wait import wait_until
from pipelines import cli, testing
from pipelines.cli import main
from pipelines.findings import Finding
from pipelines.interrupts import Interrupted, Interrupts
from pipelines.screen import Screen
from pipelines.testing import Order
from reports.model import Verdict
from suites.selftest.pipelines import synthetic as made

STUBBORN = "import signal, subprocess, sys, time; signal.signal(signal.SIGINT, signal.SIG_IGN); "
CHILD = "child = subprocess.Popen(['sleep', '60']); open({out!r}, 'w').write(str(child.pid)); time.sleep(60)"
OBEDIENT = "import subprocess, time; "


class Scripted(Order):
    """An order whose pytest is a small script."""

    def argv(self) -> list[str]:
        return [sys.executable, "-c", self.options[0]]


def order(folder: Path, script: str, limit: float = 60.0) -> Scripted:
    stage = dataclasses.replace(made.STAGE, time_limit=limit)
    return Scripted(stage, folder / "dev", folder / "log.txt", folder / "parts.json", 1, (script,))


def run(given: Scripted, interrupts: Interrupts | None = None) -> list[Finding]:
    screen = Screen(io.StringIO())
    interrupts = interrupts or Interrupts(lambda text: None)
    return testing.run(given, screen=screen, interrupts=interrupts, environment=dict(os.environ))


def require_gone(file: Path) -> None:
    """The child whose pid the script wrote ends (a zombie that init has not reaped yet is fine)."""
    pid = int(file.read_text())

    def has_ended() -> bool:
        return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

    wait_until("the child has ended", has_ended, 5)


def interrupt_when(file: Path, number: int, times: int) -> None:
    """Send this process the signal so many times once the file has content."""

    def work() -> None:
        done = threading.Event()
        while not (file.exists() and file.read_text()):
            done.wait(0.02)
        for _ in range(times):
            os.kill(os.getpid(), number)
            done.wait(0.3)

    threading.Thread(target=work, daemon=True).start()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_tests_at_one_request_to_stop_end_with_their_children(number: int, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    interrupts = Interrupts(lambda text: None)
    interrupt_when(pid, number, 1)
    with interrupts.installed(), pytest.raises(Interrupted):
        run(order(tmp_path, OBEDIENT + CHILD.format(out=str(pid))), interrupts)
    require_gone(pid)


def test_tests_that_ignore_the_first_request_end_at_the_second(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    interrupts = Interrupts(lambda text: None)
    interrupt_when(pid, signal.SIGINT, 2)
    with interrupts.installed(), pytest.raises(Interrupted):
        run(order(tmp_path, STUBBORN + CHILD.format(out=str(pid))), interrupts)
    require_gone(pid)


def test_tests_past_their_time_limit_are_stopped_and_that_is_inconclusive(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    findings = run(order(tmp_path, OBEDIENT + CHILD.format(out=str(pid)), limit=1.5))
    assert [finding.verdict for finding in findings] == [Verdict.INCONCLUSIVE]
    if pid.exists():
        require_gone(pid)


def test_tests_that_end_in_a_way_no_record_explains_make_the_run_invalid(tmp_path: Path) -> None:
    findings = run(order(tmp_path, "import sys; print('no such option'); sys.exit(4)"))
    assert [finding.verdict for finding in findings] == [Verdict.INVALID]
    assert "no such option" in findings[0].reason.text


@pytest.mark.parametrize(
    ("end", "verdicts"), [('{"kind": "end", "exit": 0}', []), ("", [Verdict.INVALID])], ids=["told", "lost"]
)
def test_tests_whose_record_lacks_the_end_that_they_came_to_make_the_run_invalid(
    end: str, verdicts: list[Verdict], tmp_path: Path
) -> None:
    record = tmp_path / "dev" / "record.jsonl"
    plan = '{"kind": "planned", "tests": {"t": ["a"]}}'
    findings = run(order(tmp_path, f"open({str(record)!r}, 'w').write({plan!r} + chr(10) + {end!r} + chr(10))"))
    assert [finding.verdict for finding in findings] == verdicts
    assert all("last lines were lost" in finding.reason.text for finding in findings)


def test_tests_are_not_chosen_by_variables_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--deselect the-one-that-fails")
    assert run(order(tmp_path, "import os, sys; sys.exit(4 if 'PYTEST_ADDOPTS' in os.environ else 0)")) == []


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([signal.SIGINT], "Ctrl-C"),
        ([signal.SIGTERM], "^SIGTERM, from another process"),
        ([signal.SIGHUP], "^SIGHUP: its terminal"),
        ([signal.SIGTERM, signal.SIGINT], "^SIGTERM"),
    ],
)
def test_interrupt_says_what_asked_for_it_first(numbers: list[int], words: str) -> None:
    interrupts = Interrupts(lambda text: None)
    with interrupts.installed(), interrupts.shielded():
        for number in numbers:
            os.kill(os.getpid(), number)
    with pytest.raises(Interrupted, match=words):
        interrupts.check()
    with interrupts.installed(), pytest.raises(Interrupted, match=words):
        os.kill(os.getpid(), numbers[0])


def test_interrupts_inside_a_shield_are_only_counted() -> None:
    interrupts = Interrupts(lambda text: None)
    with interrupts.installed(), interrupts.shielded():
        os.kill(os.getpid(), signal.SIGINT)
    assert interrupts.count == 1
    with pytest.raises(Interrupted):
        interrupts.check()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--candidate", "/nowhere.toml"], "cannot be read"),
        (["run", "--stage", "stagin"], "Did you mean"),
        (["run", "--nodes", "0"], "1 to 20"),
        (["gate", "/nowhere"], "not a run folder"),
        (["verify", "/nowhere"], "no such file"),
        (["report", "/nowhere"], "not a run folder"),
        (["promote", "/nowhere", "--to", "x"], "not a run folder"),
        (["run", "--profile", "swift"], "invalid choice"),
    ],
)
def test_command_line_with_a_mistake_says_so_and_exits_3(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 3
    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told


def test_command_that_breaks_ends_as_invalid_and_not_as_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_given: object) -> int:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(cli, "COMMANDS", {**cli.COMMANDS, "lock": broken})
    assert main(["lock"]) == 3
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "INVALID: Seatrial itself failed" in told


@pytest.mark.parametrize("command", ["", "run", "doctor", "provision", "clean", "verify", "report", "gate", "promote"])
def test_command_line_help_ends_with_0(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    assert "usage: python -m pipelines" in capsys.readouterr().out
