"""Where releases go: one module for each kind of place, all with the same methods."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

RELEASE = "release"
"""The part of every target that is the release itself, as text."""


class TargetError(Exception):
    """A target that cannot take a release, or did not. The text names the place and what it answered."""


@dataclass(frozen=True)
class Release:
    """What is put into an environment. content: what the target keeps and shows; before: the content that the ledger
    knows this target to have had before it; attestation: the signed sign-off, for targets that keep it beside the
    release (absent after a rollback whose run folder is gone)."""

    environment: str
    content: Mapping[str, Any]
    before: Mapping[str, Any] | None = None
    attestation: Path | None = None

    @property
    def candidate(self) -> str:
        return str(self.content["candidate"]["sha256"])

    @property
    def text(self) -> str:
        """The content as a file."""
        return json.dumps(self.content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

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

    def shown(self, environment: str) -> Mapping[str, str]:
        """What is there now, each part as text, "" where it is not there; RELEASE is one. A part that may be missing
        is left out where it is. TargetError: it cannot be read."""
        ...

    def shows(self, release: Release) -> Mapping[str, str]:
        """The same parts as they are once the release is there and nobody else has changed them."""
        ...
