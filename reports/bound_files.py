"""Whether the files of a run folder are those that its sign-off binds: changed, gone, or put in later."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reports import earlier
from reports.attestations import CANDIDATE, CANDIDATE_FILE
from reports.record import RecordError, read
from reports.run_folder import RunFolderError, sha256_of

MANIFEST = "manifest.sha256"  # lists the evidence and the logs, bound as a whole
NAMED = 3  # files of one kind that are named; the rest is counted
_READ_LATER = (
    "*/record.jsonl", "*/record-*.jsonl", "decisions/*.json", "*/parts.json", "*/incidents.json",
    "*/figures.json", "*/earlier.*", "*/from.json", "policies/*.toml", "basis.json", "candidate.*", "catalogue.json",
    "parts.json", "policy.toml", "quarantine.toml", "run.json", "stages.toml", "waivers.toml", "report.html",
    "summary.md", "junit.xml", "ctrf.json",
)  # fmt: skip
"""What gates, promotions and people read: signed where it was there, so nobody may put it in later."""


@dataclass
class _Found:
    """Each file once, whichever list names it. gone: evidence and logs that are no longer there."""

    problems: list[str] = field(default_factory=list)
    changed: dict[str, None] = field(default_factory=dict)
    gone: dict[str, None] = field(default_factory=dict)


def check(folder: Path, statement: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Problems, and in as few lines as can be what evidence and logs are no longer there."""
    predicate = statement["predicate"]
    found = _Found(_of_files(folder, predicate))
    _look_at_manifest(folder, predicate, found)
    _look_at_evidence(folder, predicate, found)
    changed = _told(found.changed, "was changed after signing", "were changed after signing")
    gone = _told(found.gone, "is no longer there", "are no longer there")
    return [*found.problems, *changed, *_of_subjects(folder, statement), *_of_earlier(folder, predicate)], gone


def _told(names: Iterable[str], one: str, many: str) -> list[str]:
    """One line for logs and one for evidence."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault("logs" if _is_log(name) else "files of evidence", []).append(name)
    return [
        f"{members[0]} {one}" if len(members) == 1 else f"{len(members)} {kind} {many}: {_listed(members)}"
        for kind, members in kinds.items()
    ]


def _is_log(name: str) -> bool:
    return bool({"log", "logs"} & set(name.split("/")[:-1]))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _of_files(folder: Path, predicate: Mapping[str, Any]) -> list[str]:
    signed: Mapping[str, str] = predicate["files"]
    problems = []
    missing = []
    for name, digest in signed.items():
        file = folder / name
        if not file.resolve().is_relative_to(folder.resolve()):
            problems.append(f"{name} lies outside the run folder")
        elif not file.is_file():
            missing.append(name)
        elif sha256_of(file) != digest:
            problems.append(f"{name} was changed after signing")
    if missing:
        verb = "was signed and is" if len(missing) == 1 else "were signed and are"
        problems.append(f"{_listed(missing)} {verb} not in {folder}")
    present = [file for pattern in _READ_LATER for file in folder.glob(pattern)]
    known = {*signed, *(name for name, _ in _manifest(folder, predicate))}
    later = sorted({file.relative_to(folder).as_posix() for file in present} - known)
    return problems + [f"{name} is in the run folder and was not signed" for name in later]


def _look_at_manifest(folder: Path, predicate: Mapping[str, Any], found: _Found) -> None:
    """Evidence and logs are bound through one list of their digests."""
    for name, digest in _manifest(folder, predicate):
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            found.problems.append(f"{name} lies outside the run folder")
        elif not (folder / name).is_file():
            found.gone[name] = None
        elif sha256_of(folder / name) != digest:
            found.changed[name] = None


def _manifest(folder: Path, predicate: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, digest) of each file; none where the list itself is not the signed one, which _of_files tells."""
    file = folder / MANIFEST
    if file.is_file() and sha256_of(file) == predicate["files"].get(MANIFEST):
        for line in file.read_text(encoding="utf-8").splitlines():
            digest, _, name = line.partition("  ")
            yield name, digest


def listed(folder: Path, name: str) -> str:
    """The digest that a run's manifest has of a file; "" where it names none."""
    file = folder / MANIFEST
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return next((line.partition("  ")[0] for line in lines if line.partition("  ")[2] == name), "")


def _look_at_evidence(folder: Path, predicate: Mapping[str, Any], found: _Found) -> None:
    """Evidence is bound through the digests in its record too, as it was when the test ended."""
    for stage in predicate["stages"]:
        for name, digest in stage["records"].items():
            file = folder / name
            if not file.is_file() or sha256_of(file) != digest:
                continue  # told by _of_files
            try:
                results = read(file).results
            except RecordError as error:
                found.problems.append(str(error))
                continue
            items = {item.path: item.sha256 for result in results for item in result.evidence if item.sha256}
            for path, wanted in items.items():
                _look_at(folder, file, path, wanted, found)


def _look_at(folder: Path, record: Path, path: str, wanted: str, found: _Found) -> None:
    """One file that a record names, by its path from the record's folder or from the run's."""
    names = [os.path.relpath(base / path, folder) for base in (record.parent, folder)]
    there = next((name for name in names if (folder / name).is_file()), None)
    if there is None:
        if not set(names) & set(found.gone):
            found.gone[names[0]] = None
    elif sha256_of(folder / there) != wanted and there not in found.changed:
        record_name = record.relative_to(folder).as_posix()
        found.problems.append(f"evidence {path} of {record_name} was changed after the run")


def _of_subjects(folder: Path, statement: Mapping[str, Any]) -> list[str]:
    """The subjects must be the parts: a payload that names other digests than it bound is no sign-off of them."""
    file = folder / "parts.json"
    if not file.is_file() or sha256_of(file) != statement["predicate"]["files"].get("parts.json"):
        return []
    parts = json.loads(file.read_text(encoding="utf-8"))
    wanted = {f"{part['component']}/{name}": sum_ for part in parts for name, sum_ in part.get("sha256", {}).items()}
    named = {item["name"]: item["digest"]["sha256"] for item in statement["subject"] if item["name"] != CANDIDATE}
    if CANDIDATE_FILE in named:  # sign-offs of earlier Seatrials have none
        wanted[CANDIDATE_FILE] = statement["predicate"]["files"].get(CANDIDATE_FILE, "")
    if wanted == named:
        return []
    wrong = sorted(name for name in {*wanted, *named} if wanted.get(name) != named.get(name))
    return [f"the subjects differ from parts.json: {', '.join(wrong[:5])}"]


def _of_earlier(folder: Path, predicate: Mapping[str, Any]) -> Iterator[str]:
    """What a stage is said to have upgraded from must be what the files say that are bound."""
    for stage in predicate["stages"]:
        names = [f"{stage['name']}/{file}" for file in (earlier.FILE, earlier.PARTS)]
        files = [(folder / name, predicate["files"].get(name)) for name in names]
        if any(digest and (not file.is_file() or sha256_of(file) != digest) for file, digest in files):
            continue  # told by _of_files
        try:
            release = earlier.read(folder / stage["name"]) if files[0][1] else None
        except RunFolderError as error:
            yield str(error)
            continue
        if stage.get("upgradedFrom") != (release.summary() if release else None):
            yield f"what the stage {stage['name']} is said to have upgraded from is not what {' and '.join(names)} say"
