"""The words of Seatrial as data: clauses, outcomes, components, results, decisions.

Belongs here: frozen dataclasses and enums that more than one part of the project reads or writes, and
the three errors that a test may raise. Does not belong here: behaviour, input/output, anything that
imports more than the standard library. Every other module may import this one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What a test found out about its clauses. The recorder writes only these four."""

    PASS = "pass"
    FAIL = "fail"
    NOT_APPLICABLE = "not-applicable"
    COULD_NOT_RUN = "could-not-run"


class Level(StrEnum):
    """How binding a clause is: MUST and SHOULD are a specification's, EXPECTATION is ours."""

    MUST = "must"
    SHOULD = "should"
    EXPECTATION = "expectation"


class Layer(StrEnum):
    """Where a clause is judged: over the subject's socket or binary, or inside a cluster."""

    PROTOCOL = "protocol"
    CLUSTER = "cluster"


class Verdict(StrEnum):
    """What a gate says of a candidate. `exit_code` is what the command line returns for it."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"

    @property
    def exit_code(self) -> int:
        return {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 2, "INVALID": 3}[self.value]


class ClauseViolation(AssertionError):
    """The subject is wrong: a clause of its contract does not hold.

    summary: one line, what is wrong. expected/actual: printed beside each other. question: the likely
    mistake, as a question to the subject's author. clause: the id, where a test carries several.
    """

    def __init__(
        self, summary: str, *, expected: Any = None, actual: Any = None, question: str = "", clause: str = ""
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.expected = expected
        self.actual = actual
        self.question = question
        self.clause = clause


class EnvironmentUnfit(Exception):
    """This machine or cluster cannot tell (a kernel feature, a tool, a privilege is missing): could-not-run."""


class NotApplicable(Exception):
    """The subject does not declare the capability that the clause belongs to: not-applicable."""


class HarnessError(Exception):
    """We are wrong (or were used wrongly): the run is INVALID, the subject is not blamed."""


@dataclass(frozen=True)
class Clause:
    """One obligation, in our words, with its source. Lives in suites/<suite>/clauses.toml."""

    id: str
    suite: str
    level: Level
    layer: Layer
    obligation: str
    source: str
    section: str
    capability: str = ""
    since: str = ""
    until: str = ""
    ask: str = ""
    uncovered: str = ""


@dataclass(frozen=True)
class Evidence:
    """A file kept for an outcome. path is relative to the run folder."""

    name: str
    path: str
    sha256: str = ""


@dataclass(frozen=True)
class Result:
    """One attempt of a test, as written to record.jsonl. duration in seconds, started as RFC 3339 UTC.

    attempt: 1 for the first; more only where a failed test was run again (reports/attempts.py). figures: what the
    test measured, by name.
    """

    test: str
    clauses: tuple[str, ...]
    outcome: Outcome
    duration: float = 0.0
    started: str = ""
    summary: str = ""
    expected: str = ""
    actual: str = ""
    question: str = ""
    text: str = ""
    repeat: str = ""
    worker: str = ""
    harness_error: bool = False
    evidence: tuple[Evidence, ...] = ()
    attempt: int = 1
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """Where a component comes from. kind names which of the other fields count.

    go-module: module, version, sum (h1:...), packages (import path -> file name), stamps (-X values),
               tags, cgo, replace (module -> "module version"),
               member (a file of the module, or of one nested in it, by its import path -> file name).
    download:  url, sha256, member (path inside an archive -> file name).
    path:      path, sha256 (optional).
    image:     image (reference), digest (sha256:...).
    builtin:   a reference of this repository; version is the repository's.
    args: how a suite starts what came from there, in place of the usual arguments.
    """

    kind: str
    module: str = ""
    version: str = ""
    sum: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    stamps: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    cgo: bool = False
    replace: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    sha256: str = ""
    member: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    image: str = ""
    digest: str = ""
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Component:
    """One part of a candidate: its role in the platform, its version, its sources in order of preference."""

    name: str
    version: str
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Part:
    """A component as it was really provided: which source served it, and every file's digest.

    files: file name -> absolute path on this machine. sha256: file name -> hex digest.
    identity: what the candidate declared and we checked ("h1:..." or "sha256:...").
    """

    component: str
    version: str
    source: str
    identity: str
    files: Mapping[str, str] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        """In one line."""
        return f"{self.component} {self.version} {self.identity}".strip()


@dataclass(frozen=True)
class Reason:
    """One sentence of a decision, in plain words, and what would change it."""

    text: str
    clause: str = ""
    remedy: str = ""
    blocking: bool = True


@dataclass(frozen=True)
class ClauseStanding:
    """Where a clause stands after merging its results: fail > could-not-run/missing > pass."""

    clause: str
    standing: str  # pass | fail | waived | not-applicable | could-not-run | missing | uncovered
    required: bool
    tests: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Comparison:
    """An informing clause, or a pool of them such as csi.*, beside the last signed sign-off (pipelines/statistics.py,
    pipelines/pooling.py).

    call: regressed | still-regressed | not-seen (no drop was seen: read it with `detectable`) | no-basis | no-sample.
    failures of runs count first attempts. p is one-sided; adjusted is p after false-discovery control; least_p is
    the smallest p that this many runs could give. detectable is the smallest drop in points that these runs would
    have shown; each is None where it cannot be told.
    """

    clause: str
    call: str
    failures: int = 0
    runs: int = 0
    basis_failures: int = 0
    basis_runs: int = 0
    p: float | None = None
    adjusted: float | None = None
    least_p: float | None = None
    detectable: float | None = None

    @property
    def is_pool(self) -> bool:
        return self.clause.endswith(".*")


@dataclass(frozen=True)
class Measurement:
    """A measured figure beside its threshold. value: the worst one measured, None if there was none; basis likewise
    of the last sign-off. standing: pass | fail | missing."""

    figure: str
    standing: str
    direction: str
    value: float | None = None
    limit: float | None = None
    tolerance: float | None = None
    basis: float | None = None


@dataclass(frozen=True)
class Decision:
    """A gate's answer for one stage. exit code: verdict.exit_code.

    flakes: tests that failed and then passed. quarantined: tests that failed and did not block for being in quarantine.
    """

    stage: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    standings: tuple[ClauseStanding, ...] = ()
    waivers_used: tuple[str, ...] = ()
    decided: str = ""
    comparisons: tuple[Comparison, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    flakes: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()


def to_json(value: Any) -> Any:
    """Turn dataclasses, enums, mappings and tuples into what json.dumps accepts."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: to_json(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def result_from_json(data: Mapping[str, Any]) -> Result:
    """Read one `result` line of a record back. KeyError or ValueError: the line is not a result."""
    known = {item.name for item in dataclasses.fields(Result)}
    fields = {key: value for key, value in data.items() if key in known}
    fields["outcome"] = Outcome(data["outcome"])
    fields["clauses"] = tuple(data["clauses"])
    fields["evidence"] = tuple(Evidence(**item) for item in data.get("evidence", ()))
    return Result(**fields)


def part_from_json(data: Mapping[str, Any]) -> Part:
    """Read one part back, as written in parts.json and in `part` lines of a record."""
    known = {item.name for item in dataclasses.fields(Part)}
    fields = {key: value for key, value in data.items() if key in known}
    fields["notes"] = tuple(data.get("notes", ()))
    return Part(**fields)
