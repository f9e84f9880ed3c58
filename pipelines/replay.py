"""replay: old runs decided again under a new policy, and what comes out differently, clause by clause."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines import recorded
from pipelines.configuration import Misconfigured
from pipelines.logbook import text_of
from reports.model import Decision, to_json

SAME, CHANGED, IMPOSSIBLE = 0, 1, 2
_TOLD = ("verdict", "reasons", "standings")
"""Fields of a decision whose differences are told one by one."""


@dataclass(frozen=True)
class Change:
    """One clause whose standing, or whether it is required, changes; or a reason that comes or goes without one."""

    clause: str
    was: str
    now: str
    why: str = ""


@dataclass(frozen=True)
class StageChange:
    """One stage of one run. identical: the decision is the same byte for byte. differs: which other fields of it than
    verdict, reasons and standings come out differently."""

    stage: str
    was: str
    now: str
    identical: bool
    changes: tuple[Change, ...] = ()
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunChange:
    """One run. problem: why it could not be replayed."""

    run: str
    stages: tuple[StageChange, ...] = ()
    problem: str = ""
    verdict_changes: bool = False


def replay(given: argparse.Namespace) -> int:
    """Decide runs again, each as of the time it was decided. Misconfigured: the new policy or waivers are wrong."""
    recorded.require_names(given.runs, given.policy, given.waivers)
    found = [replayed(run, given.policy, given.waivers) for run in given.runs]
    if given.json:
        print(json.dumps(to_json(found), indent=1, ensure_ascii=False))
    else:
        for line in _lines(found):
            print(line)
    for item in found:
        if item.problem:
            print(f"not replayed: {item.problem}", file=sys.stderr)
    if any(item.problem for item in found):
        return IMPOSSIBLE
    return CHANGED if any(item.verdict_changes for item in found) else SAME


def replayed(run: Path, policy_file: Path | None = None, waiver_file: Path | None = None) -> RunChange:
    """One run decided again, by its own policy and waivers where no others are given. Never raises for the run."""
    try:
        known = recorded.load(run, waiver_file)
        if not known.decided:
            raise Misconfigured([f"{run}: no gate has decided there."])
        again = known.decide(known.then, policy_file)
        stages = tuple(_stage(known.before(item.stage), item, known.decided[item.stage]) for item in again)
    except (Misconfigured, OSError, KeyError, TypeError, ValueError) as error:
        told = str(error) if isinstance(error, Misconfigured) else f"{run}: {type(error).__name__}: {error}"
        return RunChange(run.name, problem=told)
    return RunChange(run.name, stages, verdict_changes=any(item.was != item.now for item in stages))


def _stage(before: Decision, after: Decision, text: str) -> StageChange:
    changes = tuple(_changes(before, after))
    was, now = to_json(before), to_json(after)
    differs = tuple(name for name in now if name not in _TOLD and was[name] != now[name])
    return StageChange(
        before.stage, before.verdict.value, after.verdict.value, text_of(after) == text, changes, differs
    )


def _changes(before: Decision, after: Decision) -> Iterable[Change]:
    """What changes, clauses in the order of their names, then what belongs to no clause."""
    was, now = _words(before), _words(after)
    for clause in sorted({*was, *now}):
        if was.get(clause) != now.get(clause):
            yield Change(
                clause, was.get(clause, "not judged"), now.get(clause, "not judged"), _why(clause, after, before)
            )
    told = {reason.text for reason in before.reasons}, {reason.text for reason in after.reasons}
    for reason in after.reasons:
        if not reason.clause and reason.text not in told[0]:
            yield Change("", "", "blocks" if reason.blocking else "a note", reason.text)
    for reason in before.reasons:
        if not reason.clause and reason.text not in told[1]:
            yield Change("", "blocks" if reason.blocking else "a note", "", reason.text)


def _words(decision: Decision) -> dict[str, str]:
    """Each clause in a few words: how it stands, whether it is required, whether something about it blocks."""
    blocking = {reason.clause for reason in decision.reasons if reason.blocking and reason.clause}
    found = {}
    for item in decision.standings:
        required = "required" if item.required else "informing"
        found[item.clause] = f"{item.standing}, {required}{', blocks' if item.clause in blocking else ''}"
    return found


def _why(clause: str, after: Decision, before: Decision) -> str:
    """What the policy asks now, and what is said of the clause now and was not before, or the other way about."""
    told = []
    required = [any(item.clause == clause and item.required for item in one.standings) for one in (before, after)]
    if required[0] != required[1]:
        told.append("the policy requires it now" if required[1] else "the policy does not require it any more")
    now = [reason.text for reason in after.reasons if reason.clause == clause]
    was = [reason.text for reason in before.reasons if reason.clause == clause]
    told += [text for text in now if text not in was]
    told += [f"no longer: {text}" for text in was if text not in now]
    return "; ".join(told)


def _lines(found: Sequence[RunChange]) -> Iterable[str]:
    for item in found:
        if item.problem:
            yield f"{item.run}: could not be replayed"
            continue
        for stage in item.stages:
            if stage.identical:
                yield f"{item.run} {stage.stage}: {stage.was}, the same byte for byte"
                continue
            verdict = stage.was if stage.was == stage.now else f"{stage.was} -> {stage.now}"
            yield f"{item.run} {stage.stage}: {verdict}, {len(stage.changes)} change{'s' * (len(stage.changes) != 1)}"
            for change in stage.changes:
                yield f"    {change.clause or '(the stage)'}: {change.was or '-'} -> {change.now or '-'}"
                if change.why:
                    yield f"        {change.why}"
            for name in stage.differs:
                yield f"    {name.replace('_', ' ')} in the decision: other than the files give now"
    changed = sum(item.verdict_changes for item in found)
    yield f"{len(found)} run{'s' * (len(found) != 1)}, {changed} with another verdict"
