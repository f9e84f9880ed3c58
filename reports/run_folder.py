"""What a run folder must hold to be reported on and signed; reads it into a RunFolder with clear errors.

    runs/<id>/
      run.json            required; see below
      candidate.json      required: {"name": str, "digest": sha256 hex of the candidate file as given,
                          "description": str, "components": [to_json(Component), ...]}
      candidate.toml      optional: the candidate file as given (byte copy)
      policy.toml         optional: the policy that the gates used (byte copy)
      waivers.toml        optional: the waiver file that the gates used (byte copy)
      stages.toml         optional: the pipeline file (byte copy)
      quarantine.toml     optional: the quarantine file that the gates used (byte copy)
      basis.json          optional: what the last signed sign-off recorded (pipelines/basis.py)
      policies/<stage>.toml           optional: the policy of each stage (byte copies)
      parts.json          optional until provisioning ends: [to_json(Part), ...]
      catalogue.json      optional: {"digest": sha256 hex, "clauses": [to_json(Clause), ...]}; without it the
                          clauses of this checkout are shown, and a differing digest is pointed out
      <stage>/record.jsonl            one per stage that ran tests; further records of the same stage (imported
      <stage>/record-<name>.jsonl     results) beside it
      <stage>/...                     evidence; Evidence.path is relative to the stage folder (or to runs/<id>)
      <stage>/earlier.*, from.json    the release that the stage upgraded from (reports/earlier.py)
      decisions/<stage>.json          to_json(Decision), one per gate that decided
      report.html summary.md junit.xml ctrf.json            written by reports/
      signoff.dsse.json attestations/ manifest.sha256       written by reports/ when it is signed
      log/                            free; not read

run.json, keys marked * required:
    * "id"         str, as in the folder's name
    * "started"    RFC 3339 UTC, e.g. "2026-11-23T21:58:07Z"
    * "stages"     the pipeline's stages in order, also those not reached:
                   [{"name": "dev", "title": "Protocol level, no cluster", "suites": ["csi", ...],
                     "requested": true, "started": "...", "finished": "..."}]
                   requested=false: the user ended the pipeline before it (--stage); default true.
                   started/finished default to those of the record. A plain string is a stage with defaults.
      "finished"   RFC 3339 UTC; absent or "" while the run goes on or when it was killed
      "profile"    "quick" | "full"        "pipeline" str       "provider" "local" | ...; "" no stage needs one
      "seed"       int                     "command"  [str]     how the run was started
      "seatrial"   {"version": str, "commit": str}
      "catalogue"  sha256 hex of the clause catalogue
      "machine"    {str: str|number|bool}: kernel, distribution, cpus, memory, cgroup version, ... shown as given
      "nodes"      int, cluster nodes
      "departures" [str]: how the provider differs from a production node, one sentence each
      "waivers"    all waivers that the gates were given (used or not):
                   [{"id": str, "clause": str, "component": str, "version": str, "owner": str, "reason": str,
                     "link": str, "expires": "YYYY-MM-DD" or RFC 3339, "test": str (only this one, if given)}];
                   Decision.waivers_used names ids of these
      "deviations" [{"component": str, "version": str, "clause": str, "summary": str, "link": str}]
      "not_in_profile" [{"what": str, "reason": str}]: suites, tests or components that the profile left out
      "untested"   [{"what": str, "reason": str}]: anything else that was not tested (shown and signed)
      "timings"    {label: seconds}: e.g. provisioning, cluster ready, teardown
      "error"      str: why the run ended without a decision, in one sentence (INVALID run)
Unknown keys are kept in RunFolder.extra. Times are strings as written; a broken one is an error.

The verdict of the run is never stored: it is that of the first stage in order that is not PASS. A requested
stage without a decision makes the run INCONCLUSIVE (the run was stopped), or INVALID if "error" is set.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from reports import record as record_file
from reports.model import (
    ClauseStanding,
    Comparison,
    Component,
    Decision,
    Measurement,
    Part,
    Reason,
    Source,
    Verdict,
    part_from_json,
)
from reports.record import Record

T = TypeVar("T")
_SIGNED_FILES = (
    "run.json", "candidate.json", "candidate.toml", "policy.toml", "waivers.toml", "stages.toml", "parts.json",
    "catalogue.json", "basis.json", "quarantine.toml",
)  # fmt: skip
_CLUSTER = ("provider", "kubeconfig", "cluster_state")
"""Subjects of a record that was made with a cluster."""
_PER_STAGE = (
    "policies/{}.toml", "decisions/{}.json", "{}/parts.json", "{}/incidents.json", "{}/figures.json",
    "{}/earlier.json", "{}/earlier.toml", "{}/earlier.dsse.json", "{}/from.json",
)  # fmt: skip


class RunFolderError(Exception):
    """A run folder that cannot be read. The text names the file and what is wrong with it."""


@dataclass(frozen=True)
class Waiver:
    """One waiver as shown and signed: who lets which clause by, why, until when (a date or RFC 3339)."""

    id: str
    clause: str
    owner: str = ""
    reason: str = ""
    link: str = ""
    expires: str = ""
    component: str = ""
    version: str = ""
    test: str = ""


@dataclass(frozen=True)
class Deviation:
    """What is known to be wrong with one version of a component; explains a failure, excuses nothing."""

    component: str
    version: str = ""
    clause: str = ""
    summary: str = ""
    link: str = ""


@dataclass(frozen=True)
class Gap:
    """Something that was not tested, and why."""

    what: str
    reason: str = ""


@dataclass(frozen=True)
class Candidate:
    """The candidate's facts. digest is the sha256 of the candidate file."""

    name: str
    digest: str = ""
    description: str = ""
    components: tuple[Component, ...] = ()


@dataclass(frozen=True)
class Stage:
    """One stage of the pipeline with what it left behind: its records and its decision, if any."""

    name: str
    title: str = ""
    suites: tuple[str, ...] = ()
    requested: bool = True
    started: str = ""
    finished: str = ""
    records: tuple[Record, ...] = ()
    decision: Decision | None = None

    @property
    def reached(self) -> bool:
        """Whether anything of this stage happened."""
        return bool(self.records) or self.decision is not None


@dataclass(frozen=True)
class RunFolder:
    """A run folder, read. `load` makes it; see the module's docstring for the files and keys."""

    path: Path
    id: str
    started: str
    candidate: Candidate
    stages: tuple[Stage, ...]
    finished: str = ""
    profile: str = ""
    pipeline: str = ""
    provider: str = ""
    seed: int | None = None
    nodes: int | None = None
    command: tuple[str, ...] = ()
    seatrial: Mapping[str, str] = field(default_factory=dict)
    catalogue: str = ""
    machine: Mapping[str, Any] = field(default_factory=dict)
    departures: tuple[str, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    not_in_profile: tuple[Gap, ...] = ()
    untested: tuple[Gap, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    parts: tuple[Part, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def decisive(self) -> Stage | None:
        """The stage whose gate decided the run: the first that is not PASS, else the last that decided."""
        decided = None
        for stage in self.stages:
            if stage.requested and stage.decision is None:
                return stage
            if stage.decision is not None:
                decided = stage
                if stage.decision.verdict is not Verdict.PASS:
                    return stage
        return decided

    @property
    def verdict(self) -> Verdict:
        """The run's verdict, derived from the decisions (see the module's docstring)."""
        stage = self.decisive
        if self.error:
            return Verdict.INVALID
        if stage is None or stage.decision is None:
            return Verdict.INCONCLUSIVE
        return stage.decision.verdict

    @property
    def had_cluster(self) -> bool:
        """Whether a stage of this run came as far as having a cluster."""
        subjects = [record.run.subjects for stage in self.stages for record in stage.records]
        named = any(item.get(name) for item in subjects for name in _CLUSTER)
        return named or bool(self.departures) or "cluster ready" in self.timings

    @property
    def used_waivers(self) -> tuple[Waiver, ...]:
        """Waivers that a gate used, in order; one that run.json does not describe appears with its id only."""
        known = {waiver.id: waiver for waiver in self.waivers}
        names: dict[str, None] = {}
        for stage in self.stages:
            names.update(dict.fromkeys(stage.decision.waivers_used if stage.decision else ()))
        return tuple(known.get(name, Waiver(id=name, clause="")) for name in names)

    def digests(self) -> dict[str, str]:
        """sha256 of the files that a sign-off binds, by path from the run folder, in a fixed order."""
        names = list(_SIGNED_FILES)
        names += [record.path.relative_to(self.path).as_posix() for stage in self.stages for record in stage.records]
        names += [name.format(stage.name) for name in _PER_STAGE for stage in self.stages]
        files = {name: self.path / name for name in names}
        return {name: sha256_of(file) for name, file in files.items() if file.is_file()}


def sha256_of(file: Path) -> str:
    """The hex sha256 of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def load(path: Path) -> RunFolder:
    """Read runs/<id>. RunFolderError or RecordError (both name the file) when it cannot be trusted."""
    path = Path(path)
    if not path.is_dir():
        raise RunFolderError(f"{path}: no such run folder")
    data = _object(path / "run.json")
    known = {item.name for item in fields(RunFolder)} - {"path", "candidate", "parts", "extra"}

    def build() -> RunFolder:
        return RunFolder(
            path=path,
            id=str(data["id"]),
            started=_time(data["started"]),
            finished=_time(data.get("finished")),
            candidate=_candidate(path / "candidate.json"),
            stages=tuple(_stage(path, item) for item in data["stages"]),
            profile=str(data.get("profile") or ""),
            pipeline=str(data.get("pipeline") or ""),
            provider=str(data.get("provider") or ""),
            seed=None if data.get("seed") is None else int(data["seed"]),
            nodes=None if data.get("nodes") is None else int(data["nodes"]),
            command=tuple(str(item) for item in data.get("command") or ()),
            seatrial={str(key): str(value) for key, value in dict(data.get("seatrial") or {}).items()},
            catalogue=str(data.get("catalogue") or ""),
            machine=dict(data.get("machine") or {}),
            departures=tuple(str(item) for item in data.get("departures") or ()),
            waivers=tuple(_make(Waiver, item) for item in data.get("waivers") or ()),
            deviations=tuple(_make(Deviation, item) for item in data.get("deviations") or ()),
            not_in_profile=tuple(_make(Gap, item) for item in data.get("not_in_profile") or ()),
            untested=tuple(_make(Gap, item) for item in data.get("untested") or ()),
            timings={str(key): float(value) for key, value in dict(data.get("timings") or {}).items()},
            error=str(data.get("error") or ""),
            parts=read_parts(path / "parts.json"),
            extra={key: value for key, value in data.items() if key not in known},
        )

    return _checked(path / "run.json", build)


def decision_from_json(data: Mapping[str, Any]) -> Decision:
    """Read to_json(Decision) back. KeyError, TypeError or ValueError: it is not a decision."""
    return Decision(
        stage=str(data["stage"]),
        verdict=Verdict(data["verdict"]),
        reasons=tuple(_make(Reason, item) for item in data["reasons"]),
        standings=tuple(
            _make(ClauseStanding, {**item, "tests": tuple(item.get("tests") or ())})
            for item in data.get("standings") or ()
        ),
        waivers_used=tuple(str(item) for item in data.get("waivers_used") or ()),
        decided=_time(data.get("decided")),
        comparisons=tuple(_make(Comparison, item) for item in data.get("comparisons") or ()),
        measurements=tuple(_make(Measurement, item) for item in data.get("measurements") or ()),
        flakes=tuple(str(item) for item in data.get("flakes") or ()),
        quarantined=tuple(str(item) for item in data.get("quarantined") or ()),
    )


def moment(text: str) -> datetime:
    """An RFC 3339 time or a plain date (its end, UTC) as an aware datetime. ValueError if it is neither."""
    if len(text) == 10:
        return datetime.fromisoformat(text).replace(hour=23, minute=59, second=59, tzinfo=UTC)
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _time(value: Any) -> str:
    text = str(value or "")
    if text:
        moment(text)
    return text


def _make(kind: type[T], data: Mapping[str, Any]) -> T:
    names = {item.name for item in fields(kind)}  # type: ignore[arg-type]
    return kind(**{key: value for key, value in data.items() if key in names})


def _checked(file: Path, build: Callable[[], T]) -> T:
    try:
        return build()
    except KeyError as error:
        raise RunFolderError(f"{file}: the key {error} is missing") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise RunFolderError(f"{file}: {error}") from error


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunFolderError(f"{file}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise RunFolderError(f"{file}: not JSON: {error}") from error


def _object(file: Path) -> Mapping[str, Any]:
    data = _json(file)
    if not isinstance(data, dict):
        raise RunFolderError(f"{file}: not a JSON object")
    return data


def _candidate(file: Path) -> Candidate:
    data = _object(file)

    def component(item: Mapping[str, Any]) -> Component:
        sources = tuple(_make(Source, source) for source in item.get("sources") or ())
        return Component(name=str(item["name"]), version=str(item.get("version") or ""), sources=sources)

    def build() -> Candidate:
        return Candidate(
            name=str(data["name"]),
            digest=str(data.get("digest") or ""),
            description=str(data.get("description") or ""),
            components=tuple(component(item) for item in data.get("components") or ()),
        )

    return _checked(file, build)


def read_parts(file: Path) -> tuple[Part, ...]:
    """What a parts.json holds; nothing where there is none. RunFolderError: it cannot be read."""
    if not file.exists():
        return ()
    data = _json(file)
    return _checked(file, lambda: tuple(part_from_json(item) for item in data))


def _stage(path: Path, item: Any) -> Stage:
    data: Mapping[str, Any] = {"name": item} if isinstance(item, str) else item
    name = str(data["name"])
    if not name or "/" in name or name.startswith("."):
        raise ValueError(f"a stage cannot be called {name!r}")
    folder = path / name
    files = [folder / "record.jsonl", *sorted(folder.glob("record-*.jsonl"))]
    records = tuple(record_file.read(file) for file in files if file.exists())
    decision = None
    file = path / "decisions" / f"{name}.json"
    if file.exists():
        content = _object(file)
        decision = _checked(file, lambda: decision_from_json(content))
        if decision.stage != name:
            raise RunFolderError(f"{file}: is the decision of stage {decision.stage!r}, not of {name!r}")
    ends = [record.end.finished for record in records if record.end]
    return Stage(
        name=name,
        title=str(data.get("title") or ""),
        suites=tuple(str(suite) for suite in data.get("suites") or ()),
        requested=bool(data.get("requested", True)),
        started=_time(data.get("started") or (records[0].run.started if records else "")),
        finished=_time(data.get("finished") or (max(ends) if ends else "")),
        records=records,
        decision=decision,
    )
