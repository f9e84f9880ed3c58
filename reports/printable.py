"""Texts of a subject, such as what came out of its socket, made fit for a terminal and for a reader's patience."""

from __future__ import annotations

MARK = "\u2026"
TITLE = 400
"""Characters of what a reader sees first; longer ones hold something that is no sentence."""


def printable(text: str) -> str:
    """Signs that would not show, or would act on the terminal, as Python writes them (\\x1b); lines and tabs stay."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in "\n\t" else ascii(sign)[1:-1] for sign in text)


def cut(text: str, longest: int) -> str:
    """At most so many characters; what is cut off is told by a mark and counted."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]}{MARK} ({len(text)} characters)"


def title(text: str) -> str:
    """The first line, printable and not too long; a mark says that there was more."""
    lines = text.strip().splitlines()
    first = cut(printable(lines[0].rstrip()), TITLE) if lines else ""
    return f"{first} {MARK}" if len(lines) > 1 and MARK not in first else first
