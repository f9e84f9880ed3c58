"""The clause catalogue: suites/<suite>/clauses.toml and clauses/*.toml, read and checked as data."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from reports.model import Clause, HarnessError, Layer, Level, to_json

SUITES = ("csi", "cni", "cri", "gpu", "upgrade")
ROOT = Path(__file__).resolve().parents[1] / "suites"
_ID = re.compile(r"[a-z]+(\.[a-z0-9]+(-[a-z0-9]+)*){2,}")
_REQUIRED = ("id", "level", "layer", "obligation", "section")
_KNOWN = {item.name for item in dataclasses.fields(Clause)} - {"suite"}


@dataclass(frozen=True)
class Catalogue:
    """All clauses by id. digest identifies the text that a record was judged by."""

    clauses: Mapping[str, Clause]
    digest: str

    def of(self, suites: tuple[str, ...], layers: tuple[Layer, ...] = tuple(Layer)) -> list[Clause]:
        """The clauses of some suites and layers, in catalogue order."""
        return [clause for clause in self.clauses.values() if clause.suite in suites and clause.layer in layers]


@cache
def load(root: Path = ROOT) -> Catalogue:
    """Read every suite's clauses. HarnessError lists all faults found, each with its file and clause."""
    clauses: dict[str, Clause] = {}
    faults: list[str] = []
    for suite in SUITES:
        folder = root / suite
        for path in [*folder.glob("clauses.toml"), *sorted(folder.glob("clauses/*.toml"))]:
            _read_file(path, suite, clauses, faults)
    if faults:
        raise HarnessError("the clause catalogue is broken:\n  " + "\n  ".join(faults))
    return Catalogue(clauses, digest_of([to_json(clause) for clause in clauses.values()]))


def digest_of(clauses: Sequence[Mapping[str, Any]]) -> str:
    """What identifies the text of clauses, given as JSON data."""
    return hashlib.sha256(json.dumps(clauses, sort_keys=True).encode()).hexdigest()


def _read_file(path: Path, suite: str, clauses: dict[str, Clause], faults: list[str]) -> None:
    where = f"suites/{suite}/{path.name}"
    try:
        data = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        faults.append(f"{where}: {error}")
        return
    for entry in data.get("clause", []):
        name = entry.get("id", "(no id)")
        found = _faults_of(entry, suite)
        if name in clauses:
            found.append("this id is already taken")
        faults += [f"{where}: {name}: {fault}" for fault in found]
        if not found:
            clauses[name] = _clause(entry, suite, str(data.get("source", "")))


def _faults_of(entry: Mapping[str, Any], suite: str) -> list[str]:
    found = [f"{key!r} is missing" for key in _REQUIRED if not entry.get(key)]
    found += [f"{key!r} is not a field of a clause" for key in entry if key not in _KNOWN]
    if not _ID.fullmatch(str(entry.get("id", ""))) or not str(entry.get("id")).startswith(f"{suite}."):
        found.append(f"an id reads {suite}.<topic>.<obligation> in kebab case")
    for key, values in (("level", Level), ("layer", Layer)):
        if key in entry and entry[key] not in list(values):
            found.append(f"{key} is one of {', '.join(values)}, not {entry[key]!r}")
    return found


def _clause(entry: Mapping[str, Any], suite: str, source: str) -> Clause:
    fields = {**entry, "level": Level(entry["level"]), "layer": Layer(entry["layer"])}
    return Clause(**{"source": source, **fields, "suite": suite})
