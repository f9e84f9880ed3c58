"""What may be said to Google's Compute and GKE APIs, by Google's own discovery documents (they come with its client).

Nothing of the wire format is made up here: paths, methods, parameters and the fields of what is there are looked up.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class Call:
    """One call that a document knows: its method's id, its parameters, the schema of its answer."""

    method: str
    query: Mapping[str, str]
    answer: str


class Document:
    """One API."""

    def __init__(self, name: str) -> None:
        cache = pytest.importorskip("googleapiclient.discovery_cache", reason="tox -e cloud installs Google's client")
        self.name = name
        self._told = json.loads(cache.get_static_doc(name, "v1"))
        self._methods = list(_methods(self._told))

    def call(self, verb: str, path: str, query: Mapping[str, str]) -> Call | None:
        """What this request means. None: the API has no such call, or not with these parameters."""
        for method in self._methods:
            flat = method.get("flatPath", method["path"])
            pattern = re.sub(r"{\w+}", r"[^/]+", f"/{self._told['servicePath']}{flat}")
            if re.fullmatch(pattern, path) and method["httpMethod"] == verb:
                known = {**self._told["parameters"], **method["parameters"]}
                is_known = all(known.get(word, {}).get("location") == "query" for word in query)
                return Call(method["id"], query, method["response"]["$ref"]) if is_known else None
        return None

    def require_fields(self, schema: str, thing: Mapping[str, Any]) -> None:
        """AssertionError: it has a field that the API does not know."""
        known = self._told["schemas"][schema]["properties"]
        for key, value in thing.items():
            assert key in known, f"{schema} of {self.name} has no {key}"
            inner = known[key].get("items", known[key]).get("$ref")
            for one in value if isinstance(value, list) else [value]:
                if inner and isinstance(one, dict):
                    self.require_fields(inner, one)


@functools.cache
def document(name: str) -> Document:
    """Read once: that takes a second."""
    return Document(name)


def _methods(told: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in told.get("resources", {}).values():
        yield from resource.get("methods", {}).values()
        yield from _methods(resource)
