"""Small made-up candidates, catalogues and records for the gate's selftests."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines import gate
from pipelines.candidate import Candidate
from pipelines.pipeline import Stage
from pipelines.policy import Policy
from pipelines.waivers import Waiver
from reports.catalogue import Catalogue
from reports.model import Clause, Component, Decision, Layer, Level, Outcome, Part, Result, Source
from reports.record import End, Planned, Record, RunHeader

NOW = datetime.datetime(2026, 11, 23, 12, 0, tzinfo=datetime.UTC)
SUM = "h1:" + "A" * 43 + "="
STAGE = Stage("dev", "protocol level", suites=("csi",), needs=("csi-driver",))
POLICY = Policy("test")
SERIAL = itertools.count()


def clause(name: str, level: Level = Level.MUST, **fields: Any) -> Clause:
    """A clause of suite csi."""
    return Clause(f"csi.{name}", "csi", level, Layer.PROTOCOL, f"{name} holds", "https://example.org", "1", **fields)


def catalogue(*clauses: Clause) -> Catalogue:
    return Catalogue({item.id: item for item in clauses}, "c" * 64)


def candidate() -> Candidate:
    """A candidate of one component, csi-driver 1.5.2."""
    source = Source("go-module", module="example.org/csi-driver", version="v1.5.2", sum=SUM)
    return Candidate("test", "1", "", (Component("csi-driver", "1.5.2", (source,)),), "d" * 64)


def part(**changes: Any) -> Part:
    fields: dict[str, Any] = {
        "identity": SUM,
        "files": {"csi-driver": "/x/csi-driver"},
        "sha256": {"csi-driver": "1" * 64},
    }
    return Part("csi-driver", "1.5.2", "go-module", **{**fields, **changes})


def result(test: str, outcome: Outcome, *clauses: str, **fields: Any) -> Result:
    return Result(test, tuple(clauses), outcome, summary=f"{test} says {outcome}", **fields)


def record(
    results: Sequence[Result],
    planned: Mapping[str, Sequence[str]] | None = None,
    *,
    left_out: Mapping[str, Sequence[str]] | None = None,
    end: End | None = None,
    killed: bool = False,
    parts: Sequence[Part] | None = None,
    **header: Any,
) -> Record:
    """A whole record of these results; planned defaults to the tests that have one."""
    plan = {item.test: item.clauses for item in results} if planned is None else planned
    fields: dict[str, Any] = {"stage": "dev", "started": "2026-11-23T11:59:00Z", "catalogue": "c" * 64}
    fields["environment"] = {"candidate": "d" * 64}
    counts = {outcome.value: sum(item.outcome is outcome for item in results) for outcome in Outcome}
    ended = end or End("2026-11-23T11:59:30Z", int(counts["fail"] > 0))
    return Record(
        path=Path("record.jsonl"),
        sha256=f"{next(SERIAL):064d}",
        run=RunHeader("run", **{**fields, **header}),
        parts=tuple([part()] if parts is None else parts),
        planned=Planned(
            tests={test: tuple(ids) for test, ids in plan.items()},
            deselected=len(left_out or {}),
            left_out={test: tuple(ids) for test, ids in (left_out or {}).items()},
        ),
        results=tuple(results),
        end=None if killed else dataclasses.replace(ended, counts=ended.counts or counts),
    )


def waiver(clause_id: str, **changes: Any) -> Waiver:
    """A waiver of csi-driver 1.5.2, valid for a week after NOW."""
    fields: dict[str, Any] = {
        "id": f"W-{clause_id}",
        "clause": clause_id,
        "component": "csi-driver",
        "versions": ("1.5.2",),
        "owner": "node team",
        "reason": "known",
        "link": "https://example.org/1",
        "expires": datetime.date(2026, 11, 30),
    }
    return Waiver(**{**fields, **changes})


def decide(records: Sequence[Any], clauses: Sequence[Clause], **changes: Any) -> Decision:
    """Evaluate the gate on made-up inputs."""
    inputs: dict[str, Any] = {
        "stage": STAGE,
        "candidate": candidate(),
        "catalogue": catalogue(*clauses),
        "records": records,
        "parts": [part()],
        "policy": POLICY,
        "waivers": (),
        "deviations": (),
        "history": (),
        "now": NOW,
    }
    return gate.evaluate(**{**inputs, **changes})


def standing(decision: Decision, clause_id: str) -> str:
    return next(item.standing for item in decision.standings if item.clause == clause_id)


def texts(decision: Decision) -> str:
    return "\n".join(reason.text for reason in decision.reasons)
