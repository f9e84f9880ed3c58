"""A hint for a name that somebody has misspelled. Every reader of files and options that people write uses this one."""

from __future__ import annotations

import difflib
from collections.abc import Collection

CLOSE = 0.5  # how alike two names must be, from 0 to 1
SHOWN = 40  # known names that are listed where none is near


def nearest(name: str, known: Collection[str]) -> str:
    """One sentence: the nearest known name, or else all of them."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=CLOSE)
    if close:
        return f'Did you mean "{close[0]}"?'
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return f"Known here: {', '.join(sorted(known)[:SHOWN])}{more}."
