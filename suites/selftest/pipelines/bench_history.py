"""How long 1,000 runs of 3,000 outcomes take to load, and one of them to gate. Prints figures; asserts nothing.

python -m suites.selftest.pipelines.bench_history [RUNS] [OUTCOMES]
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pipelines import judging
from pipelines.logbook import now, stamp, text_of
from reports import catalogue, history, run_folder
from reports.model import Outcome, to_json
from reports.render import history as pages
from suites.selftest.actions import runs
from suites.selftest.pipelines import synthetic as made

T = TypeVar("T")
PARSED = 10


def grown(place: Path, workspace: Path, outcomes: int) -> Path:
    """A real run folder whose record holds that many outcomes over the clauses of its suite."""
    runs.inputs(workspace)
    run = runs.write(place, workspace)
    path = run / "dev" / "record.jsonl"
    lines: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    clauses = [clause.id for clause in catalogue.load().of(("gpu",)) if not clause.uncovered]
    tests = {f"suites/gpu/test_many.py::test_n[{n}]": [clauses[n % len(clauses)]] for n in range(outcomes)}
    results = [
        {"kind": "result", **to_json(made.result(test, Outcome.PASS, *ids, duration=0.01, started=stamp(now())))}
        for test, ids in tests.items()
    ]
    head = [line for line in lines if line["kind"] in ("run", "part")]
    plan = {"kind": "planned", "tests": tests, "deselected": {}}
    path.write_text("".join(json.dumps(line) + "\n" for line in [*head, plan, *results, lines[-1]]))
    for decision in judging.decide_again(run, "", None, None, now()):
        (run / "decisions" / f"{decision.stage}.json").write_text(text_of(decision))
    return run


def copied(run: Path, place: Path, number: int) -> None:
    """The run again under another name. Large files are the same files: their bytes need no room twice."""
    name = f"run-{number:05d}"
    for path in (path for path in run.rglob("*") if path.is_file() and path.name != history.FILE):
        target = place / name / path.relative_to(run)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, target)
    facts = json.loads((run / "run.json").read_text())
    (place / name / "run.json").unlink()
    (place / name / "run.json").write_text(json.dumps({**facts, "id": name}))


def timed(what: str, act: Callable[[], T]) -> tuple[T, float]:
    begun = time.perf_counter()
    found = act()
    spent = time.perf_counter() - begun
    print(f"{what:<66}{spent:8.2f} s")
    return found, spent


def main(number: int = 1000, outcomes: int = 3000) -> None:
    """Make the runs, then load, index and gate them."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "runs"
        os.environ["SEATRIAL_HOME"] = str(Path(folder) / "home")
        first = grown(Path(folder) / "first", Path(folder) / "workspace", outcomes)
        for at in range(number):
            copied(first, place, at)
        folders = sorted(place.iterdir())
        _, parsed = timed(
            f"parsing {PARSED} runs and writing their summaries (once, at a run's end)",
            lambda: [history.text_of(history.summarise(run_folder.load(item))) for item in folders[:PARSED]],
        )
        known = history.load(folders[0])[0]
        for item in folders[PARSED:]:
            facts = item / "run.json"
            bound = {**known.bound, "run.json": (facts.stat().st_size, run_folder.sha256_of(facts))}
            mine = dataclasses.replace(known, run=item.name, bound=bound)
            (item / history.FILE).write_text(json.dumps(to_json(mine)))
        (found, told), loading = timed(f"loading {number} runs of {outcomes} outcomes", lambda: history.all_of(place))
        page, drawing = timed("drawing the index page", lambda: pages.index_page(found, told, {}))
        decisions, gating = timed(
            "gating the newest run, from its record", lambda: judging.decide_again(folders[-1], "", None, None, now())
        )
        print(f"{'load and gate':<66}{loading + gating:8.2f} s")
        print(f"{len(found)} runs, {len(told)} read anew, page {len(page) / 1e6:.1f} MB, ", end="")
        print(f"summary {(folders[-1] / history.FILE).stat().st_size / 1e3:.0f} kB, {decisions[0].verdict}; ", end="")
        print(
            f"without summaries {number} runs would take about {parsed / PARSED * number:.0f} s; index {drawing:.2f} s"
        )


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
