"""A Git checkout, as GitOps controllers watch one: the release as a committed file, and an annotated tag on it.

The tag is promoted/<environment>/<number of the ledger entry> and is never moved. Whether it is signed, and by what,
is Git's own setting (tag.gpgSign, gpg.format).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.targets import Release, TargetError
from pipelines.targets.directory import read, text_of

_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")


@dataclass(frozen=True)
class Checkout:
    """folder: in the checkout, where the files of releases lie. remote: where commit and tag are pushed, if given."""

    folder: Path
    remote: str = ""
    name: str = "git"
    needs_trust: bool = True

    @property
    def place(self) -> str:
        return f"git {self.remote}".strip()

    def check(self, content: Mapping[str, Any]) -> None:
        if not self.folder.is_dir():
            raise TargetError(f"{self.folder}: there is no such folder; name one in a Git checkout (--deployments)")
        self._git(
            "rev-parse", "--verify", "-q", "HEAD^{commit}", told=f"{self.folder}: no checkout with a commit in it"
        )
        self._git("var", "GIT_COMMITTER_IDENT")
        branch = self._git("symbolic-ref", "-q", "--short", "HEAD", told=f"{self.folder}: is on no branch")
        if self.remote:
            self._git("remote", "get-url", self.remote)
            self._git("check-ref-format", f"refs/heads/{branch}")
        if self._git("tag", "--list", f"promoted/{content['environment']}"):
            raise TargetError(f"{self.folder}: a tag promoted/{content['environment']} is in the way of those below it")

    def release(self, release: Release) -> str:
        file = f"{release.environment}.json"
        tag = f"promoted/{release.environment}/{release.sequence}"
        text = text_of(release.content)
        if self._at("HEAD", file) != text:
            try:
                (self.folder / file).write_text(text, encoding="utf-8")
            except OSError as error:
                raise TargetError(f"{self.folder / file}: cannot be written: {error.strerror or error}") from error
            self._git("add", "--", file)
            candidate = release.content["candidate"]["name"]
            self._git("commit", "--quiet", "-m", f"{release.environment}: {candidate}", "--", file)
        if not self._git("tag", "--list", tag):
            lines = [f"{release.content['candidate']['name']} to {release.environment}", ""]
            lines += [f"{digest} {name}" for name, digest in sorted(release.content["digests"].items())]
            self._git("tag", "--annotate", "--cleanup=verbatim", "-m", "\n".join([*lines, ""]), tag)
        if self._at(tag, file) != text:
            raise TargetError(f"{self.folder}: the tag {tag} is there and holds another release")
        if self.remote:
            branch = self._git("symbolic-ref", "-q", "--short", "HEAD")
            self._git("push", "--quiet", "--atomic", self.remote, f"HEAD:refs/heads/{branch}", f"refs/tags/{tag}")
        return f"{tag} ({self._git('rev-parse', '--short=12', f'{tag}^{{commit}}')})"

    def current(self, environment: str) -> Mapping[str, Any] | None:
        file = f"{environment}.json"
        committed = self._at("HEAD", file)
        found = read(self.folder / file)
        if found is not None and text_of(found) != committed:
            raise TargetError(f"{self.folder / file}: is not as it was committed; put it back or commit it away first")
        return found

    def _at(self, commit: str, file: str) -> str:
        """A file's text in a commit; "" where it is not there."""
        prefix = self._git("rev-parse", "--show-prefix")
        done = self._run("show", f"{commit}:{prefix}{file}")
        return done.stdout if done.returncode == 0 else ""

    def _git(self, *arguments: str, told: str = "") -> str:
        done = self._run(*arguments)
        if done.returncode:
            said = done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}"
            raise TargetError(told or f"git {arguments[0]} in {self.folder}: {said}")
        return done.stdout.rstrip("\n")

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if key not in _FOREIGN}
        environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
        command = ["git", "-C", str(self.folder), *arguments]
        try:
            return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        except OSError as error:
            raise TargetError(f"git: {error.strerror or error}") from error
