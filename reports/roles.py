"""Who may sign what: a TOML file that gives each role its public keys and how many of them must have signed.

    [role.release-manager]
    keys = ["alice.pub.pem", "bob.pub.pem"]     # relative to this file
    threshold = 1                               # how many different ones of them (default: 1)

A key belongs to one role: a sign-off by two roles is then one by two people who answer for different things.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.keys import KeyFileError, PublicKey, load_public_key


@dataclass(frozen=True)
class Role:
    """One role: a sign-off needs the signatures of `threshold` different ones of its keys."""

    name: str
    keys: tuple[PublicKey, ...]
    threshold: int


def load(path: Path) -> tuple[Role, ...]:
    """Read a roles file. KeyFileError: it, or a key that it names, cannot be used."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise KeyFileError(f"{path}: not TOML: {error}") from error
    tables = data.pop("role", None)
    if data or not isinstance(tables, dict) or not tables:
        more = f"; {sorted(data)[0]!r} is not known here" if data else ""
        raise KeyFileError(f"{path}: holds [role.<name>] tables and nothing else{more}")
    roles = tuple(_role(path, name, table) for name, table in tables.items())
    owners: dict[str, str] = {}
    for role in roles:
        for key in role.keys:
            if key.keyid in owners:
                twice = f"{owners[key.keyid]} and {role.name}" if owners[key.keyid] != role.name else role.name
                raise KeyFileError(f"{path}: the key {key.keyid[:12]} is there twice, under {twice}; give it once")
            owners[key.keyid] = role.name
    return roles


def _role(path: Path, name: str, table: Any) -> Role:
    where = f"{path}: role.{name}"
    if not isinstance(table, Mapping) or set(table) - {"keys", "threshold"}:
        raise KeyFileError(f"{where}: has keys and threshold, and nothing else")
    files, threshold = table.get("keys"), table.get("threshold", 1)
    if not isinstance(files, list) or not files or not all(isinstance(file, str) for file in files):
        raise KeyFileError(f"{where}.keys: is a list of public key files, with one at least")
    if type(threshold) is not int or not 1 <= threshold <= len(files):
        raise KeyFileError(f"{where}.threshold: is a number from 1 to {len(files)}, its number of keys")
    return Role(name, tuple(load_public_key(path.parent / file) for file in files), threshold)
