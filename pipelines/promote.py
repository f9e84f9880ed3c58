"""Promotion: releases what a sign-off stands for, by its digests and nothing else.

A target is where a release goes. The local demonstration target writes deployments/<env>.json and is the only one
that accepts a sign-off by a development key.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipelines.configuration import Misconfigured, nearest
from pipelines.logbook import stamp, write
from reports import attest, verification
from reports.keys import KeyFileError
from reports.model import Verdict
from reports.run_folder import moment

ENVIRONMENT = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class Refused(Exception):
    """A promotion that must not happen. `verdict` gives the exit code."""

    def __init__(self, text: str, verdict: Verdict = Verdict.INVALID) -> None:
        super().__init__(text)
        self.verdict = verdict


class Target(Protocol):
    """Where releases go. needs_trust: only sign-offs by keys that the caller trusts are accepted."""

    @property
    def name(self) -> str: ...

    @property
    def needs_trust(self) -> bool: ...

    def release(self, environment: str, content: Mapping[str, Any]) -> str:
        """Put the release there; returns where it is now."""
        ...


@dataclass(frozen=True)
class Demonstration:
    """A folder with one file for each environment."""

    folder: Path
    name: str = "demonstration"
    needs_trust: bool = False

    def release(self, environment: str, content: Mapping[str, Any]) -> str:
        path = self.folder / f"{environment}.json"
        write(path, json.dumps(content, indent=1) + "\n")
        return str(path)


@dataclass(frozen=True)
class Folder:
    """The same files, for real environments: a GitOps checkout, for example. Trusted keys only."""

    folder: Path
    name: str = "folder"
    needs_trust: bool = True

    def release(self, environment: str, content: Mapping[str, Any]) -> str:
        return Demonstration(self.folder).release(environment, content)


def target(kind: str, folder: Path) -> Target:
    """The target of a kind. Misconfigured: there is none."""
    known: dict[str, Target] = {item.name: item for item in (Demonstration(folder), Folder(folder))}
    if kind not in known:
        raise Misconfigured([f"--target {kind}: there is no such target. {nearest(kind, tuple(known))}"])
    return known[kind]


def promote(
    run: Path, environment: str, to: Target, *, keys: Sequence[Path], now: datetime.datetime, threshold: int = 1
) -> str:
    """Release the candidate of a run to an environment. Refused: something speaks against it, in plain words.

    threshold: how many different ones of the keys must have signed.
    """
    if not ENVIRONMENT.fullmatch(environment):
        raise Refused(f'"{environment}" cannot name an environment: use lower-case letters, digits and hyphens')
    path = run / attest.SIGNOFF
    if not path.is_file():
        text = f"{run} has no sign-off. Runs that reach the production stage have one."
        raise Refused(text, Verdict.INCONCLUSIVE)
    try:
        checked = attest.verify(path, run, keys, threshold, now)
    except (KeyFileError, ValueError) as error:
        raise Refused(str(error)) from error
    if not checked.ok or checked.predicate is None:
        raise Refused(f"the sign-off does not hold: {'; '.join(checked.problems)}")
    if checked.verdict != Verdict.PASS:
        raise Refused(f"the signed verdict is {checked.verdict}, not PASS", Verdict(checked.verdict))
    if to.needs_trust and not checked.trusted:
        why = "it is signed by a development key" if checked.development else "no trusted key was given (--key)"
        raise Refused(f"{to.name} takes trusted sign-offs only, and {why}")
    _require_every_stage(checked.predicate)
    digest = str(checked.predicate["candidate"]["sha256"])
    _require_newest(run, digest, _decided(checked.predicate))
    subjects = _subjects(path)
    return to.release(
        environment,
        {
            "environment": environment,
            "candidate": checked.predicate["candidate"],
            "digests": subjects,
            "signoff": {"run": run.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
            "signed": checked.predicate["time"],
            "trusted": checked.trusted,
            "promoted": stamp(now),
        },
    )


def _subjects(path: Path) -> dict[str, str]:
    """The digests that the sign-off names, and so all that may be released."""
    statement = json.loads(verification.read_envelope(path).payload)
    return {str(item["name"]): f"sha256:{item['digest']['sha256']}" for item in statement["subject"]}


def _require_every_stage(predicate: Mapping[str, Any]) -> None:
    """Refused where a stage of the pipeline did not pass, or was not asked for: then only a part of it was proven."""
    for stage in predicate["stages"]:
        if stage["verdict"] != Verdict.PASS:
            text = f"the stage {stage['name']} has {stage['verdict'] or 'not decided'}, so it is not proven"
            raise Refused(text, Verdict(stage["verdict"] or Verdict.INCONCLUSIVE))


def _decided(predicate: Mapping[str, Any]) -> datetime.datetime:
    """When the run came to its verdict. A signature may be much younger, which makes no verdict newer."""
    times = [moment(str(stage["decided"])) for stage in predicate["stages"] if stage["decided"]]
    return min(max(times, default=moment(predicate["time"])), moment(predicate["time"]))


def _require_newest(run: Path, digest: str, decided: datetime.datetime) -> None:
    """Refused where a later run of the same candidate came to another verdict: the newest one wins."""
    for other in sorted(run.resolve().parent.glob("*/run.json")):
        folder = other.parent
        if folder == run.resolve():
            continue
        for time, verdict in _decisions(folder, digest):
            if time >= decided and verdict is not Verdict.PASS:
                text = f"a later run of this very candidate came to {verdict}: {folder.name} ({stamp(time)})"
                raise Refused(f"{text}. The newest verdict counts; run it again once that is solved.", verdict)


def _decisions(folder: Path, digest: str) -> list[tuple[datetime.datetime, Verdict]]:
    """The decisions of a run of this candidate. One that cannot be read counts against it, as of its file."""
    try:
        if json.loads((folder / "candidate.json").read_text())["digest"] != digest:
            return []
    except (OSError, ValueError, KeyError, TypeError):
        return []
    found = []
    for path in sorted((folder / "decisions").glob("*.json")):
        try:
            data = json.loads(path.read_text())
            found.append((moment(data["decided"]), Verdict(data["verdict"])))
        except (ValueError, KeyError, TypeError):
            changed = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC)
            found.append((changed, Verdict.INVALID))
    return found
