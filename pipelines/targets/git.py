"""A Git checkout, as GitOps controllers watch one: the release as a committed file, and an annotated tag on it.

The tag is promoted/<environment>/<number of the ledger entry> and is never moved. Whether it is signed, and by what,
is Git's own setting (tag.gpgSign, gpg.format).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.logbook import write
from pipelines.targets import RELEASE, Release, TargetError
from pipelines.targets.directory import read
from reports.render.files import remove_halves

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
        if self.folder.exists() and not self.folder.is_dir():
            raise TargetError(f"{self.folder}: is no folder; name one in a Git checkout (--deployments)")
        self._git(
            "rev-parse", "--verify", "-q", "HEAD^{commit}", told=f"{self.folder}: no checkout with a commit in it"
        )
        self._git("var", "GIT_COMMITTER_IDENT")
        branch = self._git("symbolic-ref", "-q", "--short", "HEAD", told=f"{self.folder}: is on no branch")
        if self.remote:
            self._git("remote", "get-url", self.remote)
            self._require_at_remote(branch)
        if self._git("tag", "--list", f"promoted/{content['environment']}"):
            raise TargetError(f"{self.folder}: a tag promoted/{content['environment']} is in the way of those below it")

    def release(self, release: Release) -> str:
        file = f"{release.environment}.json"
        tag = _tag(release.environment, release.sequence)
        text = release.text
        if read(self.folder / file) != text:
            try:
                remove_halves(self.folder / file)  # the ledger is held: nobody else writes here
                write(self.folder / file, text)
            except OSError as error:
                raise TargetError(f"{self.folder / file}: cannot be written: {error.strerror or error}") from error
        if self._at("HEAD", file) != text:
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

    def shown(self, environment: str) -> Mapping[str, str]:
        """The committed release, its file and its tag. A clone may lack the tag; one that is there has to be right."""
        file = f"{environment}.json"
        committed = self._at("HEAD", file)
        parts = {RELEASE: committed, f"the file {file}": read(self.folder / file)}
        try:
            tag = _tag(environment, int(json.loads(committed)["ledger"]["sequence"]))
        except (ValueError, KeyError, TypeError):
            return parts
        if held := self._git("tag", "--list", tag):
            parts[f"the tag {held}"] = self._at(tag, file)
            if self.remote and (moved := self._moved_at_remote(tag)):
                parts[f"the tag {held}"] = moved
        return parts

    def shows(self, release: Release) -> Mapping[str, str]:
        names = (
            RELEASE,
            f"the file {release.environment}.json",
            f"the tag {_tag(release.environment, release.sequence)}",
        )
        return dict.fromkeys(names, release.text)

    def _require_at_remote(self, branch: str) -> None:
        """TargetError: the remote's branch has commits that this checkout does not have."""
        listed = self._git("ls-remote", self.remote, f"refs/heads/{branch}").split()
        if listed and self._run("merge-base", "--is-ancestor", listed[0], "HEAD").returncode:
            text = f"{self.folder}: {self.remote} has {branch} at {listed[0][:12]}, which this checkout does not have"
            raise TargetError(f"{text}: pull it first")

    def _moved_at_remote(self, tag: str) -> str:
        """What the remote has under this tag; "" where it has the same as this checkout, or nothing."""
        listed = self._git("ls-remote", self.remote, f"refs/tags/{tag}").split()
        same = not listed or listed[0] == self._git("rev-parse", f"refs/tags/{tag}")
        return "" if same else f"{listed[0]} at {self.remote}"

    def _at(self, commit: str, file: str) -> str:
        """A file's text in a commit; "" where it is not there."""
        if not self.folder.is_dir():
            return ""
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
        # Git keeps no empty folder: one that does not exist yet is made with its first release.
        there = next(place for place in (self.folder.absolute(), *self.folder.absolute().parents) if place.is_dir())
        command = ["git", "-C", str(there), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, env=environment, check=False)
        except OSError as error:
            raise TargetError(f"git: {error.strerror or error}") from error
        # Byte for byte: neither ends of lines nor what is no text may look like something else.
        said = (text.decode(errors="backslashreplace") for text in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(command, done.returncode, *said)


def _tag(environment: str, sequence: int) -> str:
    return f"promoted/{environment}/{sequence}"
