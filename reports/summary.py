"""What pytest prints at the end of a run of product suites: where each suite stands, and what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.catalogue import SUITES, Catalogue
from reports.model import Outcome, Result

REASONS = 8  # reasons that are printed for each outcome; the record has them all
_COLUMNS = (Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE, Outcome.COULD_NOT_RUN)


def write_summary(
    terminal: Any, results: Sequence[Result], catalogue: Catalogue, record: Path, told: Sequence[str] = ()
) -> None:
    """Write whom the run judged (told), outcomes per suite, why what could not run, and the failed clauses."""
    if not results:
        terminal.write_line(f"seatrial: no test of a product suite ran (record: {record})")
        return
    terminal.write_sep("=", "seatrial")
    for line in told:
        terminal.write_line(line)
    terminal.write_line(
        f"{'suite':8}{'tests':>7}" + "".join(f"{outcome.value:>16}" for outcome in _COLUMNS) + f"{'judged':>10}"
    )
    for suite in SUITES:
        mine = [result for result in results if result.test.startswith(f"suites/{suite}/")]
        if mine:
            counts = Counter(result.outcome for result in mine)
            judged = {clause for result in mine for clause in result.clauses if result.outcome in _COLUMNS[:2]}
            total = sum(clause.suite == suite for clause in catalogue.clauses.values())
            row = "".join(f"{counts[outcome]:>16}" for outcome in _COLUMNS)
            terminal.write_line(f"{suite:8}{len(mine):>7}{row}{f'{len(judged)}/{total}':>10} clauses")
    for outcome in (Outcome.NOT_APPLICABLE, Outcome.COULD_NOT_RUN):
        reasons = Counter(r.summary for r in results if r.outcome is outcome).most_common()
        for reason, number in reasons[:REASONS]:
            terminal.write_line(f"{outcome.value}: {reason} ({number})")
        rest = sum(number for _, number in reasons[REASONS:])
        if rest:
            terminal.write_line(
                f"{outcome.value}: {rest} more for {len(reasons) - REASONS} other reasons, all in the record"
            )
    for result in results:
        if result.outcome is Outcome.FAIL:
            kind = "harness error" if result.harness_error else ", ".join(result.clauses)
            terminal.write_line(f"FAIL {kind}: {result.summary}", red=True)
    terminal.write_line(f"record: {record}")
