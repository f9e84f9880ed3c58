"""The keys of a TOML table, declared once on a dataclass: read from there, and listed from there for readers.

Belongs here: what any such table needs. Does not belong here: what one table means (policy.py).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pipelines.configuration import Table
from reports.spelling import nearest

T = TypeVar("T")


@dataclass(frozen=True)
class Key:
    """One key: its name in the file and what it means. scale: what the file's number is multiplied by.

    kind: text | texts | number | count | flag. choices: all that a text may be. required: it must be there.
    """

    name: str
    meaning: str
    kind: str
    choices: tuple[str, ...] = ()
    least: float = 0
    most: float = math.inf
    scale: float = 1
    required: bool = False


def setting(default: Any, name: str, kind: str, meaning: str, **more: Any) -> Any:
    """A dataclass field that is read from a table; default is the value in the dataclass, after scaling."""
    return dataclasses.field(default=default, metadata={"key": Key(name, meaning, kind, **more)})


def keys(kind: type) -> list[tuple[str, Key, Any]]:
    """Field name, key and default of every field of a dataclass that a table holds."""
    found = dataclasses.fields(kind)
    return [(item.name, item.metadata["key"], item.default) for item in found if "key" in item.metadata]


def take(kind: type[T], table: Table, **others: Any) -> T:
    """Read a table into its dataclass; mistakes are noted in the document. others: fields from elsewhere."""
    values: Mapping[str, Any] = {field: _value(table, key, default) for field, key, default in keys(kind)}
    table.finish()
    return kind(**values, **others)


def _value(table: Table, key: Key, default: Any) -> Any:
    match key.kind:
        case "flag":
            return table.flag(key.name, default)
        case "count":
            return table.count(key.name, default, least=int(key.least), required=key.required)
        case "number":
            if key.name not in table.data and not key.required:
                table.asked.add(key.name)
                return default
            given = table.number(key.name, math.nan, least=key.least, most=key.most, required=key.required)
            return default if math.isnan(given) else given * key.scale
        case "text":
            return table.text(key.name, default, required=key.required, choices=key.choices)
        case _:
            return frozenset(_texts(table, key, default))


def _texts(table: Table, key: Key, default: Sequence[str]) -> Sequence[str]:
    given = table.texts(key.name, required=key.required)
    for value in given:
        if key.choices and value not in key.choices:
            table.problem(key.name, f'"{value}" is not known. {nearest(value, key.choices)}')
    return [value for value in given if not key.choices or value in key.choices] if key.name in table.data else default
