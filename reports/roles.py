"""A role of those who sign: who may sign for it, and how many must. The file that lists them: pipelines/roles.py."""

from __future__ import annotations

from dataclasses import dataclass

from reports.keyless import Identity
from reports.keys import PublicKey


@dataclass(frozen=True)
class Role:
    """One role: a sign-off needs the signatures of `threshold` different ones of its keys and identities."""

    name: str
    keys: tuple[PublicKey, ...]
    threshold: int
    identities: tuple[Identity, ...] = ()
