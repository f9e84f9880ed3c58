"""What came out of a subject is shown so that it acts on no terminal, and what is cut off says so."""

from __future__ import annotations

import pytest

from reports.printable import MARK, TITLE, cut, printable, title


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain: \u00e9 \u5317\u4eac", "plain: \u00e9 \u5317\u4eac"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\tb\nc\rd", "a\tb\nc\\rd"),
        ("\u202eeman", r"\u202eeman"),
        ("\ud800", r"\ud800"),
    ],
)
def test_signs_that_act_are_shown_as_python_writes_them(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown


def test_text_that_is_cut_says_so() -> None:
    assert cut("x" * 10, 10) == "x" * 10
    assert cut("x" * 11, 10) == "x" * 10 + f"{MARK} (11 characters)"


def test_title_is_one_line_and_says_that_there_was_more() -> None:
    assert title("one line") == "one line"
    assert title("\n first \nsecond") == f"first {MARK}"
    assert title("y" * (TITLE + 1)).startswith("y" * TITLE + MARK)
    assert title("") == ""
