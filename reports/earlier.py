"""The release that a stage's cluster was upgraded from, as a run folder holds it; it is shown and signed.

<stage>/earlier.json        as candidate.json, and "signoff": what vouched for it, or null
<stage>/earlier.toml        its candidate file, byte for byte
<stage>/earlier.dsse.json   its sign-off, byte for byte; absent where a candidate file was named that nobody signed
<stage>/from.json           the parts of it that were provided; what it lacks was the candidate's before, too
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.model import Component, Part, to_json
from reports.run_folder import RunFolderError, read_parts

FILE, RELEASE, SIGNOFF, PARTS = "earlier.json", "earlier.toml", "earlier.dsse.json", "from.json"
FILES = (FILE, RELEASE, SIGNOFF, PARTS)
RECORDED = "upgraded from"
"""Where a record's environment names those parts."""
NOTHING = "nobody: a candidate file was named, and no sign-off of it"
VOUCHED = {
    "keys": "verified with the key that was given for it",
    "nobody": "intact; who signed it was not checked, since no key was given (--from-key)",
    "development": "intact, and signed by a development key, which vouches for nobody",
}
"""What was checked of the release's sign-off before anything started."""


@dataclass(frozen=True)
class Signed:
    """The release's own sign-off. time: when it was signed; sha256: of its file; vouched: a key of VOUCHED."""

    run: str
    time: str
    sha256: str
    keyids: tuple[str, ...]
    vouched: str

    @property
    def text(self) -> str:
        """In words."""
        keys = ", ".join(key[:12] for key in self.keyids)
        return f"the sign-off of run {self.run} ({self.time}, signed by {keys}): {VOUCHED[self.vouched]}"


@dataclass(frozen=True)
class Earlier:
    """The release. digest: of its candidate file. parts: those of it that were provided."""

    name: str
    digest: str
    parts: tuple[Part, ...] = ()
    signoff: Signed | None = None

    @property
    def is_verified(self) -> bool:
        """Whether a key that was given vouches for it."""
        return self.signoff is not None and self.signoff.vouched == "keys"

    def rows(self, candidate: Sequence[Component]) -> list[tuple[str, str, str, str]]:
        """Each component that was another before: its name, version and identity then, its version now."""
        now = {item.name: item.version for item in candidate}
        return [
            (part.component, part.version, part.identity, now.get(part.component, "not in the candidate"))
            for part in self.parts
        ]

    @property
    def vouching(self) -> str:
        """Who vouches for it, in words."""
        return vouching(self.signoff)

    def summary(self) -> dict[str, Any]:
        """What a sign-off says of it."""
        named = [{"name": part.component, "version": part.version, "identity": part.identity} for part in self.parts]
        signed = {"signoff": to_json(self.signoff)} if self.signoff else {}
        return {"name": self.name, "sha256": self.digest, "components": named, **signed}


def vouching(signed: Signed | None) -> str:
    """Who vouches for a release, in words."""
    return signed.text if signed else NOTHING


def read(stage: Path) -> Earlier | None:
    """What a stage's folder holds; None where it upgraded nothing. RunFolderError: it cannot be read."""
    file = stage / FILE
    if not file.is_file():
        return None
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        signed = data.get("signoff")
        return Earlier(str(data["name"]), str(data["digest"]), read_parts(stage / PARTS), _signed(signed))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunFolderError(f"{file}: is no release to come from: {type(error).__name__}: {error}") from error


def _signed(data: Mapping[str, Any] | None) -> Signed | None:
    if data is None:
        return None
    if data["vouched"] not in VOUCHED:
        raise ValueError(f"vouched is {data['vouched']!r}, none of {', '.join(VOUCHED)}")
    keyids = tuple(str(key) for key in data["keyids"])
    return Signed(str(data["run"]), str(data["time"]), str(data["sha256"]), keyids, str(data["vouched"]))
