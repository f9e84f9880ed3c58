"""One run in a few lines (history.json in its folder), so that a thousand runs are read without their records.

It is written when the run is rendered, and bound to the run's files by their sizes and digests: where one of them is
not as it was, the lines do not count and the run is read anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from reports import bound_files, run_folder
from reports.attempts import base_of, unsteady
from reports.model import Outcome, Verdict, to_json
from reports.run_folder import RunFolder, RunFolderError, moment, sha256_of

FILE = "history.json"
VERSION = 2
HASHED = 64 * 1024
"""Bytes up to which a file's digest is checked each time; of a larger one its size is, unless all is asked for."""
BETTER = ("lower", "higher")
ORDER = ("fail", "could-not-run", "missing", "waived", "pass", "not-applicable", "uncovered")
"""Standings, the worst first."""


@dataclass(frozen=True)
class Summary:
    """stages: name -> verdict. counts: results by outcome. clauses: id -> standing. unproven: test -> outcome of each
    test that did not pass at its first attempt; flakes: those of them that passed on a retry, and tests of which one
    repetition passed and another failed. plan: digest of the
    planned tests. figures: "stage/figure" -> worst value; better: which way each is better, "lower" or "higher".
    minutes: stage -> how long its tests took. bound: file -> (bytes, sha256)."""

    run: str
    candidate: str
    digest: str
    started: str
    verdict: Verdict
    finished: str = ""
    profile: str = ""
    components: Mapping[str, str] = field(default_factory=dict)
    stages: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    clauses: Mapping[str, str] = field(default_factory=dict)
    unproven: Mapping[str, str] = field(default_factory=dict)
    flakes: Sequence[str] = ()
    plan: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    better: Mapping[str, str] = field(default_factory=dict)
    minutes: Mapping[str, float] = field(default_factory=dict)
    bound: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    version: int = VERSION


def summarise(run: RunFolder) -> Summary:
    """The summary of a run that has been read."""
    records = [record for stage in run.stages for record in stage.records]
    decisions = [stage.decision for stage in run.stages if stage.decision is not None]
    clauses: dict[str, str] = {}
    for item in (standing for decision in decisions for standing in decision.standings):
        clauses[item.clause] = min(item.standing, clauses.get(item.clause, item.standing), key=_rank)
    planned = sorted(test for record in records if record.planned for test in record.planned.tests)
    counts = {outcome.value: 0 for outcome in Outcome}
    unproven = dict.fromkeys((test for record in records for test in record.missing), "missing")
    results = [result for record in records for result in record.results]
    for result in results:
        counts[result.outcome.value] += 1
        if result.outcome is not Outcome.PASS:
            unproven.setdefault(result.test, result.outcome.value)
    return Summary(
        run=run.id,
        candidate=run.candidate.name,
        digest=run.candidate.digest,
        started=run.started,
        verdict=run.verdict,
        finished=run.finished,
        profile=run.profile,
        components={item.name: item.version for item in run.candidate.components},
        stages={stage.name: stage.decision.verdict.value if stage.decision else "" for stage in run.stages},
        counts=counts,
        clauses=clauses,
        unproven=unproven,
        flakes=tuple(sorted({*unsteady(results), *(test for decision in decisions for test in decision.flakes)})),
        plan=hashlib.sha256("\n".join(planned).encode()).hexdigest(),
        figures={
            f"{decision.stage}/{item.figure}": item.value
            for decision in decisions
            for item in decision.measurements
            if item.value is not None
        },
        better={
            f"{decision.stage}/{item.figure}": item.direction
            for decision in decisions
            for item in decision.measurements
            if item.direction in BETTER
        },
        minutes=_minutes(run),
        bound={name: ((run.path / name).stat().st_size, digest) for name, digest in run.digests().items()},
    )


def _minutes(run: RunFolder) -> dict[str, float]:
    found: dict[str, float] = {}
    for stage in run.stages:
        for record in stage.records:
            if record.end is not None and record.end.finished and record.run.started and not record.run.imported:
                took = moment(record.end.finished) - moment(record.run.started)
                found[stage.name] = round(found.get(stage.name, 0) + took.total_seconds() / 60, 2)
    return found


def earlier(run: RunFolder, most: int = 20) -> list[Summary]:
    """The newest signed runs beside this one that are older and of its profile, the oldest first.

    Runs that cannot be read are passed over: they are told where runs are looked at for their own sake.
    """
    signed: list[tuple[datetime, Path]] = []
    for path in run.path.resolve().parent.glob("*/signoff.dsse.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            facts = json.loads((path.parent / "run.json").read_bytes())
            if (started := moment(facts["started"])) < moment(run.started) and facts.get("profile", "") == run.profile:
                signed.append((started, path.parent))
    found: list[Summary] = []
    for _, folder in sorted(signed, reverse=True):
        # Whatever is wrong with another run, this one's report is drawn.
        with contextlib.suppress(Exception):
            known, _ = load(folder)
            found += [known] if known.run == folder.name else []
        if len(found) == most:
            break
    return found[::-1]


def text_of(summary: Summary) -> str:
    """A summary as `read` takes it back."""
    return json.dumps(to_json(summary), ensure_ascii=False) + "\n"


def load(folder: Path, *, everything: bool = False) -> tuple[Summary, str]:
    """The summary of a run, and why it had to be read anew ("" where history.json was good).

    everything: check the digest of each file, not only of the small ones, and read the run all the same. Else an edit
    of history.json itself is seen where the run's manifest names its digest, as that of a signed run does.
    RunFolderError, RecordError: neither the summary nor the run can be read.
    """
    try:
        found = read((folder / FILE).read_bytes())
        changed = _changed(folder, found, everything)
    except FileNotFoundError as error:
        changed = f"{Path(error.filename).name} is missing"
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        changed = f"{FILE} cannot be read: {error}"
    if not changed and not everything:
        return found, ""
    anew = summarise(run_folder.load(folder))
    if not changed and found != anew:
        changed = f"{FILE} says other things than the files that it was made from"
    return anew, changed


def all_of(place: Path, *, everything: bool = False) -> tuple[list[Summary], list[str]]:
    """Every run below a folder, the oldest first, and what is to be said of those that were not as they should be."""
    found: dict[Path, Summary] = {}
    told = []
    for path in sorted(place.glob("*/run.json")):
        folder = path.parent
        try:
            found[folder], why = load(folder, everything=everything)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one run, the others are shown
            told.append(f"{folder}: cannot be read and is left out: {error}")
            continue
        if found[folder].run != folder.name:
            told.append(f"{folder}: says that it is {found[folder].run}, so it is left out")
            del found[folder]
        elif why:
            told.append(f"{folder}: read anew, since {why}")
    return sorted(found.values(), key=lambda item: (moment(item.started), item.run)), told


@dataclass(frozen=True)
class Flake:
    """A test that failed and passed again: within a run (inside), or in the next one of the same candidate (across)."""

    test: str
    inside: int = 0
    across: int = 0
    last: str = ""

    @property
    def times(self) -> int:
        return self.inside + self.across


def flakes(runs: Iterable[Summary]) -> list[Flake]:
    """The tests that failed and passed again, those that did it most often first. runs: the oldest first."""
    tally: dict[str, Flake] = {}
    before: dict[tuple[str, str], Summary] = {}
    for run in runs:
        calmed = set()
        earlier = before.get((run.digest, run.plan))
        if earlier is not None:
            failed = {base_of(test) for test, outcome in earlier.unproven.items() if outcome == "fail"}
            calmed = failed - set(map(base_of, [*earlier.flakes, *run.unproven]))
        for test in {*run.flakes, *calmed}:
            known = tally.get(test, Flake(test))
            tally[test] = Flake(test, known.inside + (test in run.flakes), known.across + (test in calmed), run.run)
        before[run.digest, run.plan] = run
    return sorted(tally.values(), key=lambda item: (-item.times, item.test))


@dataclass(frozen=True)
class Change:
    """One clause, component or figure that is not the same in two runs. worse, better: the second is that in it."""

    what: str
    before: str
    after: str
    worse: bool = False
    better: bool = False


@dataclass(frozen=True)
class Comparison:
    """Two runs, what differs, and how many clauses stand alike."""

    first: Summary
    second: Summary
    clauses: Sequence[Change] = ()
    components: Sequence[Change] = ()
    figures: Sequence[Change] = ()
    same: int = 0

    @property
    def is_worse(self) -> bool:
        """Whether any clause stands worse in the second run."""
        return any(change.worse for change in self.clauses)


def compare(first: Summary, second: Summary) -> Comparison:
    """Clause by clause, component by component, figure by figure. A clause that is not judged any more is worse."""
    names = sorted({*first.clauses, *second.clauses})
    clauses = [
        Change(name, was or "not judged", now or "not judged", _is_worse(was, now))
        for name in names
        if (was := first.clauses.get(name, "")) != (now := second.clauses.get(name, ""))
    ]
    return Comparison(
        first,
        second,
        clauses,
        _differences(first.components, second.components),
        _figures(first, second),
        len(names) - len(clauses),
    )


def _is_worse(was: str, now: str) -> bool:
    """A clause that had no standing cannot become worse than unknown, unless it now fails."""
    if not was:
        return now in ORDER[:3]
    return not now or _rank(now) < _rank(was)


def _rank(standing: str) -> int:
    return ORDER.index(standing) if standing in ORDER else 0


def _differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Change]:
    return [
        Change(name, str(first.get(name, "none")), str(second.get(name, "none")))
        for name in sorted({*first, *second})
        if first.get(name) != second.get(name)
    ]


def _figures(first: Summary, second: Summary) -> list[Change]:
    """Which way a figure is better is what the later run's policy says, or the earlier one's."""
    ways = {**first.better, **second.better}
    found = []
    for change in _differences(first.figures, second.figures):
        was, now = first.figures.get(change.what), second.figures.get(change.what)
        way = ways.get(change.what)
        if was is not None and now is not None and way:
            worse = moved_wrong(now, was, way)
            change = replace(change, worse=worse, better=not worse)
        found.append(change)
    return found


def moved_wrong(value: float, before: float, way: str) -> bool:
    """Whether a figure moved the wrong way. way: which is better, "lower" or "higher"."""
    return value > before if way == "lower" else value < before


def changes(folder: Path) -> list[str]:
    """Files of a run that are not, or not any more, as they were when its history.json was written; none where nobody
    can tell."""
    try:
        bound = read((folder / FILE).read_bytes()).bound
    except (OSError, KeyError, TypeError, ValueError, AttributeError):
        return []
    return [name for name, (_, digest) in bound.items() if _digest_of(folder / name) != digest]


def _digest_of(path: Path) -> str:
    return sha256_of(path) if path.is_file() else ""


def _changed(folder: Path, summary: Summary, everything: bool) -> str:
    """Which file is not the one that the summary was made from; "" if none is."""
    signed = bound_files.listed(folder, FILE)
    if signed and signed != sha256_of(folder / FILE):
        return f"{FILE} is not the file that was signed"
    for name, (size, digest) in summary.bound.items():
        path = folder / name
        if path.stat().st_size != size or ((everything or size <= HASHED) and sha256_of(path) != digest):
            return f"{name} is not the file that {FILE} was made from"
    decided = {f"decisions/{path.name}" for path in (folder / "decisions").glob("*.json")}
    records = {path.relative_to(folder).as_posix() for path in folder.glob("*/record*.jsonl")}
    if extra := sorted((decided | records) - set(summary.bound)):
        return f"{extra[0]} is new"
    return "" if "run.json" in summary.bound else f"{FILE} is bound to nothing"


def read(data: bytes) -> Summary:
    """A summary as `write` leaves it. KeyError, TypeError, ValueError, AttributeError: it is none."""
    return _taken(json.loads(data))


def _taken(data: Mapping[str, Any]) -> Summary:
    if data["version"] != VERSION:
        raise ValueError(f"version {data['version']!r} is not {VERSION}")
    moment(data["started"])
    bound = {str(name): (int(size), str(digest)) for name, (size, digest) in data["bound"].items()}
    if any(".." in Path(name).parts or Path(name).is_absolute() for name in bound):
        raise ValueError("a bound file is outside the run")
    tables = {
        name: dict(data[name])
        for name in ("components", "stages", "counts", "clauses", "unproven", "figures", "minutes")
    }
    tables["better"] = {str(name): str(way) for name, way in data.get("better", {}).items() if way in BETTER}
    flaky = tuple(str(test) for test in data["flakes"])
    return Summary(**{**data, **tables, "bound": bound, "flakes": flaky, "verdict": Verdict(data["verdict"])})


def of(place: Path) -> tuple[Summary, str]:
    """The summary of one run, read anew, and what is wrong with its history.json. RunFolderError: there is no run."""
    if not (place / "run.json").is_file():
        raise RunFolderError(f"{place}: not a run folder (it has no run.json)")
    return load(place, everything=True)
