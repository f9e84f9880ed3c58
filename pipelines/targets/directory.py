"""A folder with one file for each environment: <environment>.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.logbook import write
from pipelines.targets import Release, TargetError


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
            write(path, text_of(release.content))
        except OSError as error:
            raise TargetError(f"{path}: cannot be written: {error.strerror or error}") from error
        return str(path)

    def current(self, environment: str) -> Mapping[str, Any] | None:
        return read(self.folder / f"{environment}.json")


@dataclass(frozen=True)
class Demonstration(Folder):
    """The same files, to try promotions out: takes a sign-off by a development key too."""

    name: str = "demonstration"
    needs_trust: bool = False


def text_of(content: Mapping[str, Any]) -> str:
    """A release as a file."""
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read(path: Path) -> Mapping[str, Any] | None:
    """A release's file; None: there is none. TargetError: it is something else."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise TargetError(f"{path}: is not what a promotion writes: {error}") from error
    if not isinstance(data, dict):
        raise TargetError(f"{path}: is not what a promotion writes")
    return data
