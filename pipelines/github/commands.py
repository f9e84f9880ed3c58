"""How a step talks to GitHub: annotations on its output, values in GITHUB_OUTPUT, Markdown in GITHUB_STEP_SUMMARY.

Source: GitHub's documentation of workflow commands. GitHub shows ten errors of a step and fifty of a job, takes one MiB
of summary from a step and fails the upload of more; near that limit a summary was seen to vanish (actions/runner#4337).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

MOST_ERRORS = 10
MOST_SUMMARY = 900 * 1024
"""Bytes of summary that we write at most."""


def error(text: str, *, file: str = "", line: int = 0, title: str = "") -> str:
    """One annotation. Whatever the text holds, it stays one command on one line."""
    values = {"file": file, "line": str(line) if line else "", "title": title}
    told = ",".join(f"{key}={_property(value)}" for key, value in values.items() if value)
    return f"::error {told}::{_data(text)}" if told else f"::error::{_data(text)}"


def errors(texts: Sequence[tuple[str, int]], *, file: str, title: str) -> list[str]:
    """The annotations of (text, line in file); the last one counts what GitHub would not show."""
    shown = texts if len(texts) <= MOST_ERRORS else texts[: MOST_ERRORS - 1]
    lines = [error(text, file=file, line=line, title=title) for text, line in shown]
    if len(texts) > len(shown):
        lines.append(error(f"{len(texts) - len(shown)} more reasons: see the summary of this job.", title=title))
    return lines


def quiet(lines: Sequence[str]) -> list[str]:
    """Lines for a log, between two commands that keep GitHub from reading a command out of them."""
    token = secrets.token_hex(16)
    return [f"::stop-commands::{token}", *lines, f"::{token}::"]


def give(path: str, outputs: Mapping[str, str]) -> None:
    """Append outputs to the file of GITHUB_OUTPUT; "" (not on GitHub): nowhere. Values may hold any text."""
    if not path:
        return
    with Path(path).open("a", encoding="utf-8") as stream:
        for name, value in outputs.items():
            token = secrets.token_hex(16)
            stream.write(f"{name}<<{token}\n{value}\n{token}\n")


def summarise(path: str, markdown: str) -> None:
    """Append to the summary of this step, cut where GitHub would refuse it; "" (not on GitHub): nowhere."""
    if not path:
        return
    data = markdown.encode()
    room = MOST_SUMMARY - (Path(path).stat().st_size if Path(path).exists() else 0)
    if len(data) > room:
        end = "\n\nThe rest was cut: GitHub takes 1 MiB. The report in the artifact is whole.\n"
        whole, _, _ = data[: max(0, room - len(end.encode()))].rpartition(b"\n")
        data = whole + end.encode()
    with Path(path).open("ab") as stream:
        stream.write(data)


def plain(text: str) -> str:
    """Text of a test or a component as Markdown that shows it: no markup, no mention, one line."""
    text = " ".join(text.split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+!|~@])", r"\\\1", text)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
