"""A folder with one file for each environment: <environment>.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.logbook import write
from pipelines.targets import RELEASE, Release, TargetError
from reports.render.files import remove_halves


@dataclass(frozen=True)
class Folder:
    """For real environments: a GitOps checkout or a mounted share, for example. Trusted keys only."""

    folder: Path
    name: str = "folder"
    needs_trust: bool = True

    @property
    def place(self) -> str:
        return self.name

    def check(self, content: Mapping[str, Any]) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise TargetError(f"{self.folder}: is no folder")
        if (self.folder / f"{content['environment']}.json").is_dir():
            raise TargetError(f"{self.folder / content['environment']}.json: is a folder, where the release belongs")

    def release(self, release: Release) -> str:
        path = self.folder / f"{release.environment}.json"
        try:
            remove_halves(path)  # the ledger is held: nobody else writes here
            write(path, release.text)
        except OSError as error:
            raise TargetError(f"{path}: cannot be written: {error.strerror or error}") from error
        return str(path)

    def shown(self, environment: str) -> Mapping[str, str]:
        return {RELEASE: read(self.folder / f"{environment}.json")}

    def shows(self, release: Release) -> Mapping[str, str]:
        return {RELEASE: release.text}


@dataclass(frozen=True)
class Demonstration(Folder):
    """The same files, to try promotions out: takes a sign-off by a development key too."""

    name: str = "demonstration"
    needs_trust: bool = False


def read(path: Path) -> str:
    """A file's text; "" where there is none. TargetError: it cannot be read."""
    try:
        return path.read_bytes().decode(errors="backslashreplace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise TargetError(f"{path}: cannot be read: {error.strerror or error}") from error
