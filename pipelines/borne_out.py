"""Whether what a run folder says of itself is borne out by the files that its gates read, so that it may be signed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines import recorded, upgraded
from pipelines.configuration import Misconfigured
from pipelines.logbook import records_of
from pipelines.recorded import Recorded
from pipelines.replay import Change, StageChange, replayed
from reports import history
from reports.recorder import revision

SHOWN = 3
"""Differences of one stage that a refusal names."""


def require_own_decisions(run: Path) -> None:
    """Misconfigured: a stage's decision is not what the gate says of its record now, or what is shown and signed beside
    it is not what was decided by, so no name belongs under it."""
    if not any(run.glob("decisions/*.json")):
        return
    again = replayed(run)
    told = [again.problem] if again.problem else [*_misnamed(recorded.load(run))]
    told += [] if again.problem else [*_of_upgrades(recorded.load(run))]
    told += [line for stage in again.stages if (line := _objection(stage))]
    if told:
        raise Misconfigured([f"not signed: {text}" for text in [*told, _what_to_do(run)]])


def _misnamed(known: Recorded) -> Iterator[str]:
    """What run.json and candidate.json, which are shown and signed, say otherwise than the files that gates read."""
    facts, told = recorded.read_json(known.run / "run.json"), recorded.read_json(known.run / "candidate.json")
    summary = known.candidate.summary()
    mine = [(item.name, item.version) for item in known.candidate.components]
    if told.get("name") != summary["name"] or told.get("digest") != summary["digest"]:
        theirs = f"{told.get('name')} ({str(told.get('digest'))[:12]})"
        yield f"candidate.json says {theirs}, candidate.toml {summary['name']} ({summary['digest'][:12]})"
    elif [(item.get("name"), item.get("version")) for item in told.get("components", [])] != mine:
        yield "candidate.json names other components or versions than candidate.toml"
    stages = [stage.get("name") for stage in facts["stages"]]
    if stages != [stage.name for stage in known.pipeline.stages]:
        yield f"run.json names the stages {', '.join(map(str, stages))}, which are not those of stages.toml"
    # The end of a sign-off comes from the waivers in run.json, where they are used.
    shown = {item.get("id"): item for item in facts.get("waivers", [])}
    waivers = {item.id: item.shown() for item in known.waivers}
    for name in sorted({*shown, *waivers}):
        if name not in shown or name not in waivers:
            yield f"the waiver {name} is in {'run.json' if name in shown else 'waivers.toml'} alone"
        elif wrong := [key for key, value in waivers[name].items() if shown[name].get(key) != value]:
            yield f"run.json describes the waiver {name} otherwise than waivers.toml ({', '.join(wrong)})"


def _of_upgrades(known: Recorded) -> Iterator[str]:
    """What is shown and signed of the releases that were upgraded from, otherwise than the files say."""
    for stage in known.pipeline.stages:
        yield from upgraded.misstated(known.run, stage, records_of(known.run / stage.name))


def _objection(stage: StageChange) -> str:
    """What in a stage's decision the gate does not say of what the run folder holds now; "" if nothing is."""
    if stage.was == stage.now and not stage.changes and not stage.differs:
        return ""
    text = f"stage {stage.stage} was decided {stage.was}; from what the run folder holds now it is {stage.now}"
    if stage.was == stage.now:
        text = f"stage {stage.stage} was decided {stage.was}, and from what the run folder holds now not in this way"
    blocking = [item for item in stage.changes if not item.clause and item.now == "blocks"]
    found = blocking or sorted(stage.changes, key=lambda item: not item.why)
    shown = [_change(item) for item in found[:SHOWN]] or [f"{name.replace('_', ' ')} differ" for name in stage.differs]
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"{text}{': ' * bool(shown)}{'; '.join(shown)}{more}"


def _change(item: Change) -> str:
    if not item.clause:
        return item.why.rstrip(".") if item.now else f"no longer: {item.why.rstrip('.')}"
    return f"{item.clause}: {item.was} -> {item.now}" + (f" ({item.why.rstrip('.')})" if item.why else "")


def _what_to_do(run: Path) -> str:
    """Which files are not as they were when the run ended, as far as that is known, and what to do."""
    changed = history.changes(run)
    if changed:
        return f"changed since the run ended: {', '.join(changed)}. Put that back as it was, or run the trial again."
    files = "policies/, waivers.toml, quarantine.toml, basis.json, decisions/ and the records"
    decided, here = str(recorded.read_json(run / "run.json").get("seatrial", {}).get("commit", "")), revision()
    if decided != here:
        text = f"decided by another Seatrial ({decided}, this is {here}), or from other files"
        return f"{text}: sign with that one, or run the trial again."
    return f"one of {files} is not the one that was decided by: run the trial again."
