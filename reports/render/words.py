"""How numbers, times and raw texts read: durations, moments, digests, and texts freed of control characters."""

from __future__ import annotations

import re

from reports.redact import redact
from reports.run_folder import moment

_ESCAPE_SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
# What neither XML 1.0 nor a reader of HTML can use: C0/C1 controls but tab and newline, surrogates, and
# the marks that turn the direction of text (with which a file name can lie).
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """A text as it may be shown: secrets out, terminal colours out, other control characters as U+FFFD."""
    text = _ESCAPE_SEQUENCES.sub("", redact(text)).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("\ufffd", text)


def duration(seconds: float) -> str:
    """340 ms, 4.2 s, 3 min 05 s, 2 h 07 min."""
    if seconds < 0.0005:
        return "0 s"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def span(started: str, finished: str) -> str:
    """The time between two moments, or nothing where one is not known."""
    if not started or not finished:
        return ""
    return duration((moment(finished) - moment(started)).total_seconds())


def when(text: str) -> str:
    """2026-11-23 20:14 UTC; a plain date stays a date."""
    if not text:
        return ""
    if len(text) == 10:
        return text
    value = moment(text)
    offset = value.utcoffset()
    zone = "UTC" if not offset else value.strftime("%z")
    return f"{value:%Y-%m-%d %H:%M} {zone}"


def short(digest: str) -> str:
    """The first 12 characters of a digest, without "sha256:"; h1 sums keep their mark."""
    digest = digest.removeprefix("sha256:")
    return digest if len(digest) <= 16 else digest[:12] + "\u2026"


def plural(number: int, noun: str, many: str = "") -> str:
    """1 clause, 2 clauses."""
    return f"{number} {noun if number == 1 else many or noun + 's'}"


def link(address: str) -> str:
    """The address if a browser may safely follow it, else nothing."""
    return address if re.match(r"(?i)https?://[^\s]+$|mailto:[^\s]+$", address) else ""
