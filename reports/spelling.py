"""A hint for a name that somebody has misspelled. Every reader of files and options that people write uses this one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

CLOSE = 0.5  # how alike two names must be, from 0 to 1
CLOSE_BY = 0.6  # the same for what may as well be meant as it stands there
SHOWN = 40  # known names that are all listed where none is near
FEW = 3  # of more than those, the nearest


def nearest(name: str, known: Collection[str]) -> str:
    """One sentence: the nearest known name, or else all of them, or of very many the nearest few."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=CLOSE)
    if close:
        return f'Did you mean "{close[0]}"?'
    if len(known) <= SHOWN:
        return f"Known here: {', '.join(sorted(known))}."
    few = difflib.get_close_matches(name, sorted(known), n=FEW, cutoff=0)
    return f"Of the {len(known)} names here none is close; the nearest are {', '.join(few)}."


def unfilled(words: Iterable[str], known: Collection[str]) -> list[str]:
    """What is to be said of misspelled {placeholders} in the words of a command. Other braces are the program's own."""
    found = [name for word in words for name in re.findall(r"\{([A-Za-z_-]+)\}", word) if name not in known]
    close = {name: difflib.get_close_matches(name.lower(), known, n=1, cutoff=CLOSE_BY) for name in found}
    return [f"nothing is filled in for {{{name}}}. Did you mean {{{near[0]}}}?" for name, near in close.items() if near]
