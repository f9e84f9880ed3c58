"""history: many runs in one page, two of them clause by clause, and runs kept in an OCI registry."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path

from pipelines import archive
from pipelines.configuration import Misconfigured
from pipelines.logbook import write
from pipelines.targets import TargetError
from pipelines.targets.registry import Repository
from reports import attest
from reports import history as summaries
from reports.history import Comparison, Summary
from reports.record import RecordError
from reports.render import history as pages
from reports.run_folder import RunFolderError, moment

ALIKE, WORSE = 0, 1
REGISTRY = "oci:"


def history(given: argparse.Namespace) -> int:
    """history index, compare, push or pull. Misconfigured: a run or the registry cannot be used."""
    actions = {"index": _index, "compare": _compare, "push": _push, "pull": _pull}
    try:
        return actions[given.action](given)
    except (RunFolderError, RecordError, TargetError) as error:
        raise Misconfigured([str(error)]) from error


def _index(given: argparse.Namespace) -> int:
    """Write index.html. Runs that are not as they should be are told, and hide no other."""
    told: list[str] = []
    if given.runs.startswith(REGISTRY):
        found = archive.summaries(Repository(given.runs.removeprefix(REGISTRY)))
    elif Path(given.runs).is_dir():
        found, told = summaries.all_of(Path(given.runs), everything=given.check)
        told += _broken_sign_offs(Path(given.runs)) if given.check else ()
    else:
        raise Misconfigured([f"{given.runs}: there is no such folder. Runs are kept in runs/."])
    if not found:
        raise Misconfigured([f"{given.runs}: holds no run that can be read.", *told])
    links = {run.run: Path(given.runs) / run.run / "report.html" for run in found}
    out = given.out.resolve()
    relative = {name: os.path.relpath(link.resolve(), out) for name, link in links.items() if link.is_file()}
    write(out / "index.html", pages.index_page(found, told, relative))
    for line in told:
        print(f"note: {line}")
    print(f"{given.out / 'index.html'}: {len(found)} run{'s' * (len(found) != 1)}")
    return 0


def _broken_sign_offs(runs: Path) -> Iterable[str]:
    """Signed runs that are not what was signed. That a sign-off has run out since is no fault of an old run."""
    for path in sorted(runs.glob(f"*/{attest.SIGNOFF}")):
        checked = attest.verify(path, cleared=True)
        if checked.predicate is not None and not checked.ok:
            checked = attest.verify(path, cleared=True, now=moment(str(checked.predicate["time"])))
        if not checked.ok:
            yield f"{path.parent}: its sign-off does not hold: {'; '.join(checked.problems)}"


def _compare(given: argparse.Namespace) -> int:
    """Tell what differs. Exit code 0: no clause stands worse in the second run; 1: one does."""
    found = summaries.compare(_summary(given.first), _summary(given.second))
    for line in _lines(found):
        print(line)
    if given.html:
        write(given.html, pages.comparison_page(found))
        print(given.html)
    return WORSE if found.is_worse else ALIKE


def _summary(place: str) -> Summary:
    if not place.startswith(REGISTRY):
        found, why = summaries.of(Path(place))
        if why:
            print(f"note: {place}: read anew, since {why}")
        return found
    repository, colon, name = place.removeprefix(REGISTRY).rpartition(":")
    if not colon or "/" in name:
        raise Misconfigured([f"{place}: name the run, too: {REGISTRY}HOST/PATH:RUN"])
    return archive.summary(Repository(repository), name)


def _push(given: argparse.Namespace) -> int:
    """Keep runs in a registry, each as a whole; the first that cannot be kept ends it."""
    repository = Repository(given.repository)
    for run in given.runs:
        place, there = archive.push(run, repository, replace=given.replace)
        print(f"{place}{' (there already)' * there}")
    return 0


def _pull(given: argparse.Namespace) -> int:
    """Bring runs from a registry, each as a whole; the first that cannot be brought ends it."""
    repository = Repository(given.repository)
    for name in given.runs or archive.names(repository):
        made = archive.pull(repository, name, given.runs_dir, evidence=given.evidence)
        print(made or f"{given.runs_dir / name} (here already)")
    return 0


def _lines(found: Comparison) -> Iterable[str]:
    for word, run in (("before", found.first), ("after", found.second)):
        yield f"{word:<7} {run.verdict:<13} {run.candidate} {run.digest[:12]}  {run.run}"
    for title, changes in (("component", found.components), ("figure", found.figures)):
        for item in changes:
            judged = " (worse)" if item.worse else " (better)" if item.better else ""
            yield f"{title} {item.what}: {item.before} -> {item.after}{judged}"
    for item in found.clauses:
        yield f"{'WORSE ' if item.worse else ''}{item.what}: {item.before} -> {item.after}"
    worse = sum(item.worse for item in found.clauses)
    yield f"{found.same} clauses stand alike, {len(found.clauses)} not, {worse} of them worse"
