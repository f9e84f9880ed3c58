"""report and gate: everything that works from a run folder alone, on any machine."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path

from pipelines import closing, recorded
from pipelines.configuration import Misconfigured
from pipelines.logbook import now as present
from pipelines.recorded import read_json, require_run
from pipelines.screen import Screen, show_decision
from reports import attest, bound_files, findings
from reports.model import Decision, Verdict, to_json
from reports.record import RecordError
from reports.run_folder import RunFolderError, moment


def report(given: argparse.Namespace) -> int:
    """Render a run's report again, or as PDF alone. Misconfigured: a sign-off binds what would be written over."""
    require_run(given.run)
    out = None if given.out is None or given.out.resolve() == given.run.resolve() else given.out
    binds = not given.pdf or bound_files.listed(given.run, "report.pdf")
    is_bound = out is None and bool(binds) and (given.run / attest.SIGNOFF).exists()
    if is_bound:
        _require_replaced(given.run, given.replace_sign_off)
    if out and (out / "run.json").exists():
        raise Misconfigured(
            [f"-o {out}: is the folder of another run, whose own report is there. Give another folder."]
        )
    page = _pdf(given.run, out) if given.pdf else closing.render(given.run, Screen(), out)
    if page is None:
        return Verdict.INVALID.exit_code
    if is_bound:
        attest.drop(given.run)
        print(f"The sign-off was removed with its report; sign again: python -m pipelines sign {given.run}")
    print(page)
    return 0


def _require_replaced(run: Path, replaces: bool) -> None:
    if not replaces:
        text = f"{run}: is signed, and its sign-off binds the report that would be written over. With -o DIR the report"
        remedy = "goes elsewhere; with --replace-sign-off the sign-off is removed, and you sign again."
        raise Misconfigured([f"{text} {remedy}"])


def _pdf(run: Path, out: Path | None) -> Path:
    from reports.render.pdf import render_pdf  # fonts and images come with it: a second that others do not need

    try:
        return render_pdf(findings.of_folder(run), out)
    except (RunFolderError, RecordError) as error:
        raise Misconfigured([str(error)]) from error


def gate_again(given: argparse.Namespace) -> int:
    """Decide again from a run folder's files. The exit code is that of the first verdict that is not PASS."""
    require_run(given.run)
    now = present()
    if given.now:
        try:
            now = moment(given.now)
        except ValueError as error:
            raise Misconfigured([f"--now {given.now}: not a time such as 2026-12-01T00:00:00Z"]) from error
    decisions = decide_again(given.run, given.stage, given.policy, given.waivers, now)
    if given.json:
        print(json.dumps(to_json(decisions), indent=1))
    else:
        for decision in decisions:
            everything = len(decision.reasons)  # No report is written here that could hold the rest.
            show_decision(Screen(), decision, most=everything, notes=everything)
    worst = next((item.verdict for item in decisions if item.verdict is not Verdict.PASS), Verdict.PASS)
    open_ = [] if given.stage or worst is not Verdict.PASS else undecided(given.run)
    if open_:
        print(f"INCONCLUSIVE: the run ended before {' and '.join(open_)} decided", file=sys.stderr)
        return Verdict.INCONCLUSIVE.exit_code
    return worst.exit_code


def undecided(run: Path) -> list[str]:
    """The stages that the run was asked for and whose gate has not decided."""
    asked = [item["name"] for item in read_json(run / "run.json")["stages"] if item.get("requested", True)]
    return [name for name in asked if not (run / "decisions" / f"{name}.json").exists()]


def decide_again(
    run: Path, only: str, policy_file: Path | None, waiver_file: Path | None, now: datetime.datetime
) -> list[Decision]:
    """Evaluate the gates of a run folder from its own copies of everything, as of another time."""
    recorded.require_names([run], policy_file, waiver_file)
    known = recorded.load(run, waiver_file)
    known.pipeline.until(only)  # A stage that does not exist is told with the nearest.
    decisions = [item for item in known.decide(lambda _: now, policy_file) if only in ("", item.stage)]
    if not decisions:
        raise Misconfigured([f"{run}: no gate has decided there{f' for the stage {only}' if only else ''}."])
    return decisions
