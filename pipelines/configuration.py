"""Reads the TOML files a user edits and tells every mistake at once, each with file, line and field.

Belongs here: the line index of a TOML file, typed access to its tables, the collected problems. Does not
belong here: what any one file means (candidate.py, pipeline.py, policy.py, waivers.py, deviations.py).
"""

from __future__ import annotations

import contextlib
import datetime
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from reports.spelling import nearest

Where = tuple[str | int, ...]
T = TypeVar("T")

_HEADER = re.compile(r"^\s*(\[\[|\[)\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"""^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=""")
_KEY_PART = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^.\s"']+))\s*(?:\.|$)""")
_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"' + r"|'[^']*'|#.*$")


class Misconfigured(Exception):
    """One or more files that a user wrote cannot be used. `problems` has one sentence for each mistake."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def read_all(readers: Iterable[Callable[[], T]]) -> list[T]:
    """What each of these reads. Misconfigured: every mistake in all of their files."""
    found: list[T] = []
    problems: dict[str, None] = {}
    for reader in readers:
        try:
            found.append(reader())
        except Misconfigured as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise Misconfigured(tuple(problems))
    return found


def _split(dotted: str) -> list[str]:
    return [double or single or bare for double, single, bare in _KEY_PART.findall(dotted)]


def line_index(text: str) -> dict[Where, int]:
    """Map every table and key of a TOML text to its line, counted from 1.

    tomllib keeps no positions. This walks headers and keys only; it knows multi-line strings and arrays, and
    a key inside an inline table has the line of that table.
    """
    lines: dict[Where, int] = {(): 1}
    counts: dict[Where, int] = {}
    table: Where = ()
    depth, quote = 0, ""

    def resolve(names: Sequence[str]) -> Where:
        where: Where = ()
        for name in names:
            where = (*where, name)
            if where in counts:
                where = (*where, counts[where] - 1)
        return where

    for number, line in enumerate(text.splitlines(), start=1):
        if quote:
            if quote in line:
                quote = ""
            continue
        if depth == 0:
            if header := _HEADER.match(line):
                names = _split(header.group(2))
                if header.group(1) == "[[":
                    parent = (*resolve(names[:-1]), names[-1])
                    counts[parent] = counts.get(parent, 0) + 1
                    lines.setdefault(parent, number)
                    table = (*parent, counts[parent] - 1)
                    # A new element starts its own sub-arrays.
                    for known in [item for item in counts if item[: len(table)] == table]:
                        del counts[known]
                else:
                    table = resolve(names)
                for length in range(1, len(table) + 1):
                    lines.setdefault(table[:length], number)
                continue
            if key := _KEY.match(line):
                where = table
                for name in _split(key.group(1)):
                    where = (*where, name)
                    lines.setdefault(where, number)
        for mark in ('"""', "'''"):
            if line.count(mark) % 2:
                quote = mark
        bare = _STRING_OR_COMMENT.sub("", line)
        if not _HEADER.match(line) or depth:
            depth = max(0, depth + bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}"))
    return lines


@dataclass
class Document:
    """One TOML file: its data, its line index and the mistakes found in it so far."""

    path: Path
    data: dict[str, Any]
    lines: dict[Where, int]
    problems: list[str] = field(default_factory=list)

    def line(self, where: Where) -> int:
        """The line of a table or key; of the nearest table around it where it has none of its own."""
        while where not in self.lines:
            where = where[:-1]
        return self.lines[where]

    def problem(self, where: Where, text: str) -> None:
        """Note one mistake; `text` says what is wrong and what to do."""
        shown = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".")
        self.problems.append(f"{self.path}:{self.line(where)}: {shown + ': ' if shown else ''}{text}")

    def root(self) -> Table:
        return Table(self, (), self.data)

    def require_clean(self) -> None:
        """Raise Misconfigured with every mistake, in the order of the lines."""
        if self.problems:
            skip = len(str(self.path)) + 1
            raise Misconfigured(sorted(self.problems, key=lambda text: int(text[skip:].split(":")[0])))


def read(path: Path) -> Document:
    """Read a TOML file. Misconfigured: it is missing, unreadable, not UTF-8 or not TOML."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Misconfigured([f"{path}: cannot be read: {error.strerror}. Check the path."]) from error
    except UnicodeDecodeError as error:
        raise Misconfigured([f"{path}: is not UTF-8 text (byte {error.start}). Save it as UTF-8."]) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line = found.group(1) if found else str(len(text.splitlines()) or 1)
        what = re.sub(r" \(at .*\)$", "", str(error))
        problem = f"{path}:{line}: this is not TOML: {what}. Correct this line or the one before it."
        raise Misconfigured([problem]) from error
    return Document(path, data, line_index(text))


@dataclass
class Table:
    """Typed access to one table. Every wrong or missing value is noted in the document, none raises.

    wrong: keys with a mistake, whose value is a default that nobody wrote: nothing more is to be said of them.
    """

    document: Document
    where: Where
    data: dict[str, Any]
    asked: set[str] = field(default_factory=set)
    wrong: set[str] = field(default_factory=set)

    def problem(self, key: str, text: str) -> None:
        self.wrong.add(key)
        self.document.problem((*self.where, key) if key else self.where, text)

    def _take(self, key: str, kind: type, named: str, required: bool) -> Any:
        self.asked.add(key)
        if key not in self.data:
            if required:
                self.problem("", f'"{key}" is missing. Add a line {key} = ... ({named}).')
            return None
        value = self.data[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.problem(key, f"must be {named}, not {type(value).__name__} ({value!r:.60}).")
            return None
        return value

    def text(self, key: str, default: str = "", *, required: bool = False, choices: Sequence[str] = ()) -> str:
        """A string; with `required` also not empty; with `choices` one of them."""
        value = self._take(key, str, "a string in quotes", required)
        if value is None:
            return default
        if required and not value.strip():
            self.problem(key, "must not be empty.")
        if choices and value not in choices:
            self.problem(key, f'"{value}" is not known. {nearest(value, choices)}')
            return default
        return str(value)

    def number(
        self, key: str, default: float, *, least: float = 0, most: float = math.inf, required: bool = False
    ) -> float:
        value = self._take(key, (int, float), "a number", required)  # type: ignore[arg-type]
        if value is not None and not math.isfinite(value):
            self.problem(key, f"must be a number that ends, not {value}.")
            return default
        if value is not None and value < least:
            self.problem(key, f"must be at least {least:g}, not {value:g}.")
            return default
        if value is not None and value > most:
            self.problem(key, f"must be at most {most:g}, not {value:g}.")
            return default
        return default if value is None else float(value)

    def count(self, key: str, default: int, *, least: int = 0, required: bool = False) -> int:
        """A whole number."""
        value = self.number(key, default, least=least, required=required)
        if value != int(value):
            self.problem(key, f"must be a whole number, not {value:g}.")
            return default
        return int(value)

    def flag(self, key: str, default: bool = False) -> bool:
        value = self._take(key, bool, "true or false", False)
        return default if value is None else bool(value)

    def date(self, key: str) -> datetime.date | None:
        """A date as in expires = 2027-01-31; a string of that form is accepted too."""
        self.asked.add(key)
        value = self.data.get(key)
        if isinstance(value, str):
            with contextlib.suppress(ValueError):
                value = datetime.date.fromisoformat(value)
        if isinstance(value, datetime.datetime):
            return value.date()
        if isinstance(value, datetime.date):
            return value
        if value is None:
            self.problem("", f'"{key}" is missing. Add a line such as {key} = 2027-01-31.')
        else:
            self.problem(key, f"must be a date such as 2027-01-31, not {value!r:.60}.")
        return None

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        values = self._take(key, list, "a list of strings", required) or []
        for number, value in enumerate(values):
            if not isinstance(value, str):
                self.problem(key, f"item {number + 1} must be a string in quotes, not {value!r:.60}.")
        return tuple(value for value in values if isinstance(value, str))

    def mapping(self, key: str) -> dict[str, str]:
        values = self._take(key, dict, "a table of strings", False) or {}
        for name, value in values.items():
            if not isinstance(value, str):
                self.document.problem((*self.where, key, name), f"must be a string in quotes, not {value!r:.60}.")
        return {name: value for name, value in values.items() if isinstance(value, str)}

    def table(self, key: str) -> Table:
        """The table of this name; an empty one where there is none."""
        return Table(self.document, (*self.where, key), self._take(key, dict, f"a table [{key}]", False) or {})

    def tables(self, key: str, *, required: bool = False) -> Iterator[Table]:
        """Every [[key]] entry."""
        values = self._take(key, list, f"[[{key}]] entries", required) or []
        for number, value in enumerate(values):
            if isinstance(value, dict):
                yield Table(self.document, (*self.where, key, number), value)
            else:
                self.problem(key, f"must be written as [[{key}]] entries, not as {value!r:.60}.")

    def finish(self) -> None:
        """Note every key that nobody asked for: a misspelled key would otherwise be ignored in silence."""
        for key in self.data:
            if key not in self.asked:
                self.problem(key, f"is not known here. {nearest(key, sorted(self.asked))}")
