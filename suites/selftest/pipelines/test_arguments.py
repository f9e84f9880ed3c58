"""The command line: what is refused before any command begins."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import arguments
from pipelines.cli import main

PLACES = {"FILE", "RUN", "RUNS", "DIR", "FOLDER", "PEM", "KEY", "A", "B", "COUNT:HASH"}
"""What options that name a file, a folder or a noted head show as their value."""

EMPTY = [
    ["promote", "runs/r", "--to", "dev", "--ledger="],
    ["promote", "runs/r", "--to", "dev", "--ledger-key", ""],
    ["promote", "runs/r", "--to", "dev", "--deployments", ""],
    ["promote", "runs/r", "--to", "dev", "--key", " "],
    ["promote", "", "--to", "dev"],
    ["promote", "runs/r", "--to", ""],
    ["rollback", "dev", "--to", "", "--why", "it hung"],
    ["rollback", " ", "--to", "r1", "--why", "it hung"],
    ["history", "push", "runs/r", "--repository", ""],
    ["history", "index", "runs", "-o", ""],
    ["history", "index", "", "-o", "out"],
    ["run", "--kubeconfig", ""],
    ["clean", "--kubeconfig", ""],
    ["sign", "runs/r", "--key", ""],
    ["ledger", "verify", "ledger", "--expect", ""],
]


@pytest.mark.parametrize("argv", EMPTY, ids=" ".join)
def test_place_given_empty_is_a_usage_error(
    argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 3
    assert "it is empty" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_every_option_that_names_a_place_refuses_nothing() -> None:
    places = [action for action in _actions(arguments.parser()) if action.metavar in PLACES]
    assert len(places) > 40
    for action in places:
        if action.type is None:
            assert type(action).__name__ == "Named", action
        else:
            with pytest.raises(argparse.ArgumentTypeError, match="it is empty"):
                action.type("")  # type: ignore[operator]


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)
