"""`python -m suites.selftest.matrix`: judge what is not judged yet, say how long it will take, write the page.

Kill it at any moment: it goes on where it was. Findings are kept below runs/ and hold as long as the mutant, the
reference and the suite are the same.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

from fixtures.subjects.csi.sanity import provide_sanity
from fixtures.toolchain.progress import ScreenProgress
from reports import catalogue
from reports.render.files import write_atomically
from suites.selftest.matrix.judging import Findings, by_both_profiles, by_its_clause, by_sanity
from suites.selftest.matrix.mutants import ROOT, Mutant, mutants_of, spec_of
from suites.selftest.matrix.state import Keys, State
from suites.selftest.matrix.table import Matrix, Row, page

BLIND = Path(__file__).with_name("blind.md")  # written by hand after each hold-out
OURS, CLAUSE, THEIRS = "suite", "clause", "csi-sanity"


class Run:
    """One pass over a suite's mutants."""

    def __init__(self, suite: str, state: State, compare: bool, quick: bool = False, stored: bool = False) -> None:
        self.suite = suite
        self.state = state
        self.compare = compare
        self.quick = quick
        self.stored = stored  # csi-sanity's findings count where they are kept, and are not looked for anew
        self.clauses = catalogue.load().clauses
        self.reference: dict[str, Findings] = {}

    def spec(self, mutant: Mutant) -> str:
        return spec_of(self.clauses.get(mutant.breaks))

    def is_judged(self, mutant: Mutant) -> bool:
        """Whether everything that is to be found of a mutant is there."""
        keys, spec = Keys.of(self.suite), self.spec(mutant)
        ours = self.state.find(CLAUSE if self.quick else OURS, mutant.name, keys.ours(mutant, spec))
        if self.stored or not self.compare:
            return bool(ours)
        return bool(ours and self.state.find(THEIRS, mutant.name, keys.theirs(mutant, spec)))

    def ours(self, mutant: Mutant | None, spec: str) -> Findings:
        """What our suite finds in a mutant, or in the reference."""

        def key() -> str:
            return Keys.of(self.suite).ours(mutant, spec)

        name = mutant.name if mutant else f"reference-{spec}"
        if mutant and self.quick:
            return self.state.judged_once(CLAUSE, name, key, lambda: by_its_clause(self.suite, mutant, spec))
        return self.state.judged_once(OURS, name, key, lambda: by_both_profiles(self.suite, mutant, spec))

    def theirs(self, mutant: Mutant | None, spec: str) -> Findings:
        """What csi-sanity finds in it."""

        def key() -> str:
            return Keys.of(self.suite).theirs(mutant, spec)

        name = mutant.name if mutant else f"reference-{spec}"
        return self.state.judged_once(THEIRS, name, key, lambda: by_sanity(mutant.name if mutant else "", spec))

    def judge_reference(self, specs: Sequence[str]) -> None:
        """What fails on the reference kills nothing: it is judged first, in every version that is needed."""
        for spec in specs:
            self._note(OURS, spec, self.ours(None, spec))
            if self.compare:
                self._note(THEIRS, spec, self.theirs(None, spec))

    def _note(self, tool: str, spec: str, found: Findings) -> None:
        if found.broken:
            raise SystemExit(f"{tool} cannot judge the reference:\n{found.broken}")
        self.reference[f"{tool} ({spec})"] = found
        say(f"reference, {tool}, {spec}: {len(found.failed)} of {found.judged} fail, {found.seconds:.0f} s")
        for test in sorted({*found.failed, *found.errors}):
            say(f"    {test}")

    def judge(self, mutant: Mutant) -> Row:
        """One mutant's row, from the state where it is there."""
        spec = self.spec(mutant)
        ours = self.ours(mutant, spec).without(self.reference[f"{OURS} ({spec})"])
        theirs = None
        if self.compare and self.stored:
            theirs = self.state.find(THEIRS, mutant.name, Keys.of(self.suite).theirs(mutant, spec))
        elif self.compare:
            theirs = self.theirs(mutant, spec)
        return Row(mutant, ours, theirs and theirs.without(self.reference[f"{THEIRS} ({spec})"]))

    def judge_all(self, mutants: Sequence[Mutant], workers: int) -> list[Row]:
        """All rows, in the order given; two at a time by default, so that both cores of a small machine work."""
        rows: dict[str, Row] = {}
        todo = [mutant for mutant in mutants if not self.is_judged(mutant)]
        say(f"{self.suite}: {len(mutants)} mutants, {len(mutants) - len(todo)} of them judged already")
        began = time.monotonic()

        def work(mutant: Mutant) -> None:
            rows[mutant.name] = self.judge(mutant)
            if mutant in todo:
                done = sum(other.name in rows for other in todo)
                left = (time.monotonic() - began) / done * (len(todo) - done)
                say(f"[{done}/{len(todo)}, about {left / 60:.0f} min left] {line_of(rows[mutant.name])}")

        with ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(work, mutant) for mutant in mutants]
            done, waiting = wait(futures, return_when=FIRST_EXCEPTION)
            for future in waiting:
                future.cancel()
            for future in done:
                future.result()
        return [rows[mutant.name] for mutant in mutants]


def line_of(row: Row) -> str:
    """One mutant on the screen."""
    if row.ours.broken:
        return f"{row.mutant.name}: the run is broken: {row.ours.broken.strip().splitlines()[0]}"
    state = "alive" if not row.is_killed else "killed" if row.is_at_its_clause else "killed elsewhere"
    others = f", {len(row.others)} other clauses blamed" if row.others else ""
    sanity = "" if row.sanity is None else f"; csi-sanity: {'killed' if row.sanity.failed else 'alive'}"
    return f"{row.mutant.name}: {state}{others} ({row.ours.seconds:.0f} s){sanity}"


def say(text: str) -> None:
    """One line, at once."""
    print(text, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1: a mutant is alive, or lives at its own clause; 2: a run says nothing."""
    parser = argparse.ArgumentParser(prog="python -m suites.selftest.matrix", description=__doc__)
    parser.add_argument("mutant", nargs="*", help="only these (the page is not written then)")
    parser.add_argument("--suite", choices=catalogue.SUITES, default="csi")
    parser.add_argument("--quick", action="store_true", help="only the tests of each mutant's clause: no precision")
    parser.add_argument("--stored-sanity", action="store_true", help="csi-sanity only as far as it was run before")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--state", type=Path, default=ROOT / "runs/kill-matrix", help="where findings are kept")
    parser.add_argument("--page", type=Path, help="where the page goes (default: docs/<suite>-kill-matrix.md)")
    chosen = parser.parse_args(arguments)
    mutants = mutants_of(chosen.suite)
    unknown = set(chosen.mutant) - {mutant.name for mutant in mutants}
    if unknown:
        parser.error(f"no such mutant: {', '.join(sorted(unknown))}")
    wanted = [mutant for mutant in mutants if not chosen.mutant or mutant.name in chosen.mutant]
    compare = chosen.suite == "csi"
    if compare:
        provide_sanity(ScreenProgress())
    run = Run(chosen.suite, State(chosen.state / chosen.suite), compare, chosen.quick, chosen.stored_sanity)
    run.judge_reference(sorted({run.spec(mutant) for mutant in wanted}))
    rows = run.judge_all(wanted, chosen.workers)
    if not chosen.mutant:
        path = chosen.page or ROOT / f"docs/{chosen.suite}-kill-matrix.md"
        blind = BLIND.read_text(encoding="utf-8") if compare else ""
        write_atomically(path, page(Matrix(chosen.suite, rows, run.reference, chosen.quick, blind)))
        say(f"written: {path.name}")
    killed, precise = sum(row.is_at_its_clause for row in rows), sum(row.is_precise for row in rows)
    say(f"{killed} of {len(rows)} killed at their clause, {precise} of them only there")
    if any(row.ours.broken for row in rows):
        return 2
    return 0 if killed == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
