"""history: many runs in one page, and two of them clause by clause."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable

from pipelines.configuration import Misconfigured
from pipelines.logbook import write
from reports import history as summaries
from reports.history import Comparison
from reports.record import RecordError
from reports.render import history as pages
from reports.run_folder import RunFolderError

ALIKE, WORSE = 0, 1


def history(given: argparse.Namespace) -> int:
    """history index or history compare."""
    return _index(given) if given.action == "index" else _compare(given)


def _index(given: argparse.Namespace) -> int:
    """Write index.html. Runs that are not as they should be are told, and hide no other."""
    if not given.runs.is_dir():
        raise Misconfigured([f"{given.runs}: there is no such folder. Runs are kept in runs/."])
    found, told = summaries.all_of(given.runs, everything=given.check)
    if not found:
        raise Misconfigured([f"{given.runs}: holds no run that can be read.", *told])
    links = {run.run: given.runs / run.run / "report.html" for run in found}
    out = given.out.resolve()
    relative = {name: os.path.relpath(link.resolve(), out) for name, link in links.items() if link.is_file()}
    write(out / "index.html", pages.index_page(found, told, relative))
    for line in told:
        print(f"note: {line}")
    print(f"{given.out / 'index.html'}: {len(found)} run{'s' * (len(found) != 1)}")
    return 0


def _compare(given: argparse.Namespace) -> int:
    """Tell what differs. Exit code 0: no clause stands worse in the second run; 1: one does."""
    try:
        found = summaries.compare(summaries.of(given.first), summaries.of(given.second))
    except (RunFolderError, RecordError) as error:
        raise Misconfigured([str(error)]) from error
    for line in _lines(found):
        print(line)
    if given.html:
        write(given.html, pages.comparison_page(found))
        print(given.html)
    return WORSE if found.is_worse else ALIKE


def _lines(found: Comparison) -> Iterable[str]:
    for word, run in (("before", found.first), ("after", found.second)):
        yield f"{word:<7} {run.verdict:<13} {run.candidate} {run.digest[:12]}  {run.run}"
    for title, changes in (("component", found.components), ("figure", found.figures)):
        for item in changes:
            yield f"{title} {item.what}: {item.before} -> {item.after}"
    for item in found.clauses:
        yield f"{'WORSE ' if item.worse else ''}{item.what}: {item.before} -> {item.after}"
    worse = sum(item.worse for item in found.clauses)
    yield f"{found.same} clauses stand alike, {len(found.clauses)} not, {worse} of them worse"
