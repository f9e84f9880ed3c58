"""The verdict on the terminal: one screen, whatever happened, and only what the terminal can show."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from reports import findings
from reports.render.terminal import print_verdict, verdict_screen
from suites.selftest.reports import synthetic


class Terminal(io.TextIOWrapper):
    """A stream that claims to be a terminal of some encoding."""

    def __init__(self, encoding: str, tty: bool = True) -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding=encoding)
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty


def shown(folder: Path, encoding: str = "utf-8", tty: bool = True, **environment: str) -> str:
    terminal = Terminal(encoding, tty)
    print_verdict(folder, terminal, environment)
    terminal.flush()
    return terminal.bytes.getvalue().decode(encoding)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return synthetic.write(tmp_path / "r")


def with_many_reasons(folder: Path, count: int) -> Path:
    file = folder / "decisions/staging.json"
    data = json.loads(file.read_text())
    data["reasons"] = [
        {"text": f"clause {n} failed " + "at length " * 40, "remedy": f"repair {n} " * 30} for n in range(count)
    ]
    file.write_text(json.dumps(data))
    return folder


@pytest.mark.parametrize("reasons", [0, 1, 2, 3, 5, 40])
def test_screen_holds_24_lines_of_100_columns(folder: Path, reasons: int) -> None:
    text = shown(with_many_reasons(folder, reasons), NO_COLOR="1")
    lines = text.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 100
    assert str(folder / "report.html")[:80] in text


def test_screen_says_verdict_reason_remedy_and_what_was_not_tested(folder: Path) -> None:
    text = shown(folder, NO_COLOR="1")
    assert text.startswith("✕ FAIL  atlas 2026.11 is not fit to go on\n")
    assert "traffic stays blocked" in text
    assert "1. Repair kube-router 2.10.0" in text
    assert "not tested: 1 no result, 1 could not run, 1 not applicable, 1 no test" in text


def test_screen_leaves_out_reasons_by_number_when_there_is_no_room(folder: Path) -> None:
    assert "more in the report" in shown(with_many_reasons(folder, 40), NO_COLOR="1")


def test_colour_is_used_on_a_willing_terminal_only(folder: Path) -> None:
    assert "\x1b[1;31m" in shown(folder)
    assert "\x1b" not in shown(folder, NO_COLOR="1")
    assert "\x1b" not in shown(folder, TERM="dumb")
    assert "\x1b" not in shown(folder, tty=False)


def test_terminal_without_symbols_gets_ascii(folder: Path) -> None:
    text = shown(folder, encoding="ascii", NO_COLOR="1")
    assert text.startswith("x FAIL  atlas 2026.11")
    assert text.isascii()


def test_control_characters_of_a_subject_do_not_reach_the_terminal(folder: Path) -> None:
    file = folder / "decisions/staging.json"
    data = json.loads(file.read_text())
    data["reasons"] = [{"text": "\x1b]0;owned\x07\x1b[2Jgone\x00", "remedy": "\x1b[31mred"}]
    file.write_text(json.dumps(data))
    text = verdict_screen(findings.of_folder(folder))
    assert "\x1b" not in text
    assert "\x00" not in text
    assert "gone" in text
