"""What the gate's job decides: the needs of the job, the artifacts of this attempt and every leg's own gate, as one."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipelines import judging
from pipelines.configuration import Misconfigured
from pipelines.findings import Finding, worst
from pipelines.github import artifacts, inputs, shards
from pipelines.github import needs as needed
from pipelines.github.inputs import Inputs
from pipelines.github.needs import Need
from reports.model import Decision, HarnessError, Verdict

ATTEMPT = "attempt"
"""The output in which a job that made artifacts tells the attempt that it ran in."""


@dataclass(frozen=True)
class Asked:
    """What the gate is to judge by. required: jobs that must be a success; legs: those that must have left a record;
    inputs: what every leg must have been given."""

    required: Sequence[str]
    legs: Sequence[str]
    inputs: Inputs


@dataclass(frozen=True)
class Leg:
    """One leg of the matrix and what its gates decide when they are asked again here."""

    name: str
    run: Path
    decisions: tuple[Decision, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def verdict(self) -> Verdict:
        return worst([*(item.verdict for item in self.decisions), *(item.verdict for item in self.findings)])


@dataclass(frozen=True)
class Judgement:
    """The answer. attempt: the one that the legs are of. findings: what is wrong beside the legs' own decisions.
    members: leg -> the leg that it was merged into, for shards."""

    verdict: Verdict
    attempt: int
    findings: tuple[Finding, ...]
    legs: tuple[Leg, ...]
    members: Mapping[str, str] = field(default_factory=dict)


def merged(folder: Path) -> Path:
    """Where the legs that are shards are brought together: beside the artifacts, never among them."""
    return folder.with_name(f"{folder.name}-merged")


def judge(
    asked: Asked, needs: Mapping[str, Need], folder: Path, where: artifacts.Here, now: datetime.datetime
) -> Judgement:
    """Judge the artifacts in folder. PASS only if every needed job is a success and every leg passes here again."""
    findings = [
        Finding.of(Verdict.INCONCLUSIVE, item.text, item.remedy) for item in needed.obstacles(needs, asked.required)
    ]
    attempt, more = _attempt(needs, where)
    findings += more
    chosen, wrong = artifacts.choose(folder, asked.legs, where, attempt)
    chosen, members, more = shards.joined(chosen, merged(folder), where)
    findings += wrong + more
    legs = tuple(judge_leg(name, run, asked.inputs, now) for name, run in sorted(chosen.items()))
    findings += _same_files(legs)
    verdicts = [*(item.verdict for item in findings), *(leg.verdict for leg in legs)]
    return Judgement(worst(verdicts), attempt, tuple(sorted(findings, key=Finding.order)), legs, members)


def _attempt(needs: Mapping[str, Need], where: artifacts.Here) -> tuple[int, list[Finding]]:
    """The attempt in which the needed jobs ran: an older one where only the gate is run again. One for all of them."""
    told = {need.outputs[ATTEMPT] for need in needs.values() if need.outputs.get(ATTEMPT)}
    if not told:
        return where.attempt, []
    if len(told) > 1:
        text = f"The needed jobs ran in different attempts ({', '.join(sorted(told))})."
        return where.attempt, [Finding.of(Verdict.INCONCLUSIVE, text, artifacts.AGAIN)]
    value = told.pop()
    if not value.isdecimal() or not 1 <= int(value) <= where.attempt:
        text = f"A needed job tells attempt {value!r}, and this is attempt {where.attempt}."
        return where.attempt, [Finding.of(Verdict.INVALID, text, "Do not set that output by hand.")]
    return int(value), []


def judge_leg(name: str, run: Path, asked: Inputs, now: datetime.datetime) -> Leg:
    """Decide again from the leg's own files, on this machine, after they were found to be this commit's."""
    leg = Leg(name, run)
    try:
        findings = tuple(inputs.differences(name, run, asked))
        reached = any((run / "decisions").glob("*.json"))
        decisions = tuple(judging.decide_again(run, "", None, None, now)) if reached else ()
    except (Misconfigured, HarnessError, OSError, ValueError, KeyError, TypeError) as error:
        text = f"The files of the leg {name} cannot be judged: {error}"
        return replace(leg, findings=(Finding.of(Verdict.INVALID, text, "See the log of its job; run it again."),))
    return replace(leg, decisions=decisions, findings=findings)


def _same_files(legs: Sequence[Leg]) -> Iterable[Finding]:
    """Legs must have tested the same candidate, byte for byte: what one proves says nothing of another's files."""
    first: dict[str, tuple[str, str]] = {}
    for leg in legs:
        for name, digest in _digests(leg.run).items():
            leg_before, before = first.setdefault(name, (leg.name, digest))
            if before != digest:
                text = f"The legs {leg_before} and {leg.name} tested different files as {name}."
                remedy = "Build it once, or reproducibly, and give every leg the same bytes."
                yield Finding.of(Verdict.INVALID, text, remedy)


def _digests(run: Path) -> dict[str, str]:
    """component/file -> digest of what a leg tested, and the candidate's own. Empty: judged as unreadable already."""
    try:
        found = {"candidate": str(json.loads((run / "candidate.json").read_text(encoding="utf-8"))["digest"])}
        for part in json.loads((run / "parts.json").read_text(encoding="utf-8")):
            found |= {f"{part['component']}/{name}": str(digest) for name, digest in part["sha256"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found
