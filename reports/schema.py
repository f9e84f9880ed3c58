"""Checks data against the part of JSON Schema that our schemas use; an unknown keyword is an error, not a shrug."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,), "null": (type(None),),
    "integer": (int,), "number": (int, float),
}  # fmt: skip
_IGNORED = {"$schema", "$id", "$defs", "title", "description", "examples", "$comment"}
_KNOWN = {
    "type", "required", "properties", "additionalProperties", "items", "enum", "const", "pattern", "minItems",
    "minLength", "minimum", "$ref",
}  # fmt: skip


def faults(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any] | None = None, at: str = "$") -> list[str]:
    """What is wrong with the value, each with its place. ValueError: the schema uses a keyword unknown here."""
    root = schema if root is None else root
    unknown = set(schema) - _KNOWN - _IGNORED
    if unknown:
        raise ValueError(f"the schema at {at} uses {', '.join(sorted(unknown))}, which this checker does not know")
    if "$ref" in schema:
        return faults(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, at)
    wrong_type = _wrong_type(value, schema, at)
    if wrong_type:
        return wrong_type
    found = _wrong_value(value, schema, at)
    if isinstance(value, dict):
        found += _wrong_object(value, schema, root, at)
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            found.append(f"{at} has {len(value)} items, fewer than {schema['minItems']}")
        if "items" in schema:
            for place, item in enumerate(value):
                found += faults(item, schema["items"], root, f"{at}[{place}]")
    return found


def _wrong_type(value: Any, schema: Mapping[str, Any], at: str) -> list[str]:
    wanted = schema.get("type", ())
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if not names:
        return []
    allowed = tuple(kind for name in names for kind in _TYPES[name])
    if isinstance(value, allowed) and not (isinstance(value, bool) and bool not in allowed):
        return []
    return [f"{at} is {type(value).__name__}, not {' or '.join(names)}"]


def _wrong_value(value: Any, schema: Mapping[str, Any], at: str) -> list[str]:
    found = []
    if "const" in schema and value != schema["const"]:
        found.append(f"{at} is {value!r}, not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at} is {value!r}, not one of {', '.join(map(repr, schema['enum']))}")
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            found.append(f"{at} is {value[:80]!r}, which does not match {schema['pattern']}")
        if len(value) < schema.get("minLength", 0):
            found.append(f"{at} is too short")
    if isinstance(value, (int, float)) and "minimum" in schema and value < schema["minimum"]:
        found.append(f"{at} is {value}, below {schema['minimum']}")
    return found


def _wrong_object(value: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], at: str) -> list[str]:
    found = [f"{at}.{key} is missing" for key in schema.get("required", ()) if key not in value]
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    for key, item in value.items():
        if key in properties:
            found += faults(item, properties[key], root, f"{at}.{key}")
        elif others is False:
            found.append(f"{at}.{key} is not known")
        elif isinstance(others, dict):
            found += faults(item, others, root, f"{at}.{key}")
    return found
