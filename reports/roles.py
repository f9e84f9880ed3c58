"""Who may sign what: a TOML file that gives each role its public keys and how many of them must have signed.

    [role.release-manager]
    keys = ["alice.pub.pem", "bob.pub.pem"]     # relative to this file
    threshold = 1                               # how many different ones of them (default: 1)
    [role.release-workflow]                     # who signs keyless (reports/keyless.py), beside keys or without
    identities = [{ identity = "https://github.com/ORG/REPO/.github/workflows/release.yml@refs/heads/main",
                    issuer = "https://token.actions.githubusercontent.com" }]
    sigstore = "trust.json"                     # only for a private sigstore: its client trust config

A key belongs to one role: a sign-off by two roles is then one by two people who answer for different things.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.keyless import Identity
from reports.keys import KeyFileError, PublicKey, load_public_key


@dataclass(frozen=True)
class Role:
    """One role: a sign-off needs the signatures of `threshold` different ones of its keys and identities."""

    name: str
    keys: tuple[PublicKey, ...]
    threshold: int
    identities: tuple[Identity, ...] = ()


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
        keys = (f"key {key.keyid[:12]}" for key in role.keys)
        for signer in (*keys, *(f"identity {item.identity} of {item.issuer}" for item in role.identities)):
            if signer in owners:
                twice = f"{owners[signer]} and {role.name}" if owners[signer] != role.name else role.name
                raise KeyFileError(f"{path}: the {signer} is there twice, under {twice}; give it once")
            owners[signer] = role.name
    return roles


def _role(path: Path, name: str, table: Any) -> Role:
    where = f"{path}: role.{name}"
    if not isinstance(table, Mapping) or set(table) - {"keys", "threshold", "identities", "sigstore"}:
        raise KeyFileError(f"{where}: has keys, identities, sigstore and threshold, and nothing else")
    files, threshold = table.get("keys", []), table.get("threshold", 1)
    identities = _identities(path, where, table)
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        raise KeyFileError(f"{where}.keys: is a list of public key files")
    if not files and not identities:
        raise KeyFileError(f"{where}: names nobody; give it keys, a list of public key files, or identities")
    if type(threshold) is not int or not 1 <= threshold <= len(files) + len(identities):
        most = len(files) + len(identities)
        raise KeyFileError(f"{where}.threshold: is a number from 1 to {most}, those who may sign")
    return Role(name, tuple(load_public_key(path.parent / file) for file in files), threshold, identities)


def _identities(path: Path, where: str, table: Mapping[str, Any]) -> tuple[Identity, ...]:
    items, trust = table.get("identities", []), table.get("sigstore")
    if trust is not None and not isinstance(trust, str):
        raise KeyFileError(f"{where}.sigstore: is the file of a client trust config")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise KeyFileError(f"{where}.identities: is a list of tables with identity and issuer")
    for item in items:
        if set(item) != {"identity", "issuer"} or not all(isinstance(text, str) and text for text in item.values()):
            raise KeyFileError(f"{where}.identities: each has identity and issuer, and nothing else")
    return tuple(Identity(item["identity"], item["issuer"], path.parent / trust if trust else None) for item in items)
