"""Where releases go: one module for each kind of place, all with the same four methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


class TargetError(Exception):
    """A target that cannot take a release, or did not. The text names the place and what it answered."""


@dataclass(frozen=True)
class Release:
    """What is put into an environment. content: what the target keeps and shows; attestation: the signed sign-off,
    for targets that keep it beside the release (absent after a rollback whose run folder is gone)."""

    environment: str
    content: Mapping[str, Any]
    attestation: Path | None = None

    @property
    def candidate(self) -> str:
        return str(self.content["candidate"]["sha256"])

    @property
    def sequence(self) -> int:
        """The number of the ledger entry that decided it."""
        return int(self.content["ledger"]["sequence"])


class Target(Protocol):
    """Where releases go. needs_trust: only sign-offs by keys that the caller trusts are accepted."""

    @property
    def name(self) -> str: ...

    @property
    def needs_trust(self) -> bool: ...

    @property
    def place(self) -> str:
        """What the ledger calls it: the same wherever the command runs."""
        ...

    def check(self, content: Mapping[str, Any]) -> None:
        """TargetError: it could not take this release. Called before anything is decided; changes nothing."""
        ...

    def release(self, release: Release) -> str:
        """Put the release there; returns where it is now. The same release again changes nothing. TargetError."""
        ...

    def current(self, environment: str) -> Mapping[str, Any] | None:
        """The content that is there now; None where there is none. TargetError: it cannot be read."""
        ...
