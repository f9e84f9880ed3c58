"""Judges one mutant: its whole suite in a pytest of its own, and csi-sanity in a process of its own."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fixtures import lease as leases
from fixtures.plugin import cache_root
from fixtures.toolchain.command import Finished, run
from reports.model import HarnessError, Outcome, Result
from reports.record import RecordError, read
from suites.selftest.matrix.mutants import ROOT, Mutant, files_naming

SUITE_LIMIT = 900.0  # seconds; a mutant that hangs every call makes every test wait
SANITY_LIMIT = 300.0
SEED = "7"
HARNESS_ERROR = "harness error"
# Every test is held to it at its end, so a driver whose answers disagree breaks it beside the clause of the mutant.
HELD_OVER_ALL = frozenset({"csi.answers.agree"})


@dataclass(frozen=True)
class Findings:
    """What one tool found. failed: test or case -> the clauses that it blames (csi-sanity names none). judged: how
    many came to a judgement. broken: why the run says nothing, where it does not. others: the tests that neither passed
    nor failed, and why not."""

    failed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    judged: int = 0
    seconds: float = 0.0
    ended: bool = True
    broken: str = ""
    others: Mapping[str, str] = field(default_factory=dict)

    @property
    def errors(self) -> dict[str, str]:
        """Tests that ended by a fault of our own."""
        return {test: why for test, why in self.others.items() if why.startswith(HARNESS_ERROR)}

    @property
    def clauses(self) -> set[str]:
        return {clause for named in self.failed.values() for clause in named}

    def beside(self, clause: str) -> set[str]:
        """The clauses that are blamed beside this one, but for those that every test is held to."""
        return self.clauses - {clause} - HELD_OVER_ALL

    def without(self, others: Findings) -> Findings:
        """What is found here beyond others: a test that fails on the reference as well kills nothing."""
        failed = {test: clauses for test, clauses in self.failed.items() if test not in others.failed}
        return replace(self, failed=failed)


def findings_from_json(data: Mapping[str, Any]) -> Findings:
    """Read findings back. KeyError or TypeError: they are none."""
    failed = {str(test): tuple(clauses) for test, clauses in data["failed"].items()}
    return Findings(failed, data["judged"], data["seconds"], data["ended"], data["broken"], data.get("others", {}))


def by_suite(suite: str, mutant: str, spec: str, targets: Sequence[Path] = (), *options: str) -> Findings:
    """Run the suite's protocol tests over one mutant ("": the reference). Never raises for what a mutant does.

    spec: the version of CSI that is spoken; means nothing to other suites. targets: files (default: all of the suite).
    """
    lease = leases.acquire("kill matrix")
    try:
        run_dir = lease.folder("run")
        command = [sys.executable, "-m", "pytest", *map(str, targets or [ROOT / "suites" / suite]), "-q"]
        command += ["--seed", SEED, "-p", "no:cacheprovider", "--run-dir", str(run_dir)]
        command += ["--override-ini", "timeout=60", *options]
        command += ["--mutant", f"{suite}/{mutant}"] if mutant else []
        command += ["--csi-spec", spec] if suite == "csi" else []
        began = time.monotonic()
        finished = _limited(command, SUITE_LIMIT)
        return _from_record(run_dir / "record.jsonl", finished, time.monotonic() - began)
    finally:
        lease.release()


def by_both_profiles(suite: str, mutant: Mutant | None, spec: str) -> Findings:
    """The quick profile of the whole suite; then, over a mutant that lives through it, every test of its clause."""
    found = by_suite(suite, mutant.name if mutant else "", spec, (), "-m", "not full")
    if mutant is None or found.broken or mutant.breaks in found.clauses:
        return found
    long = by_its_clause(suite, mutant, spec)
    return replace(found, failed={**found.failed, **long.failed}, seconds=found.seconds + long.seconds)


def by_its_clause(suite: str, mutant: Mutant, spec: str) -> Findings:
    """Every test of the clause that a mutant breaks, and no other: quick, and says nothing of precision.

    The files that spell the clause out are tried first. A test may put the id together, which only pytest can tell.
    """
    named = files_naming(suite, mutant.breaks)
    found = by_suite(suite, mutant.name, spec, named, "--clause", mutant.breaks)
    everything = [ROOT / "suites" / suite]
    return found if found.failed else by_suite(suite, mutant.name, spec, everything, "--clause", mutant.breaks)


def _from_record(path: Path, finished: Finished | None, seconds: float) -> Findings:
    said = "it did not end" if finished is None else f"{finished.output[-1500:]}\n{finished.errors[-500:]}"
    try:
        results = read(path).results
    except (OSError, RecordError) as error:
        return Findings(seconds=seconds, ended=False, broken=f"{error}\n{said}")
    failed = {r.test: r.clauses for r in results if r.outcome is Outcome.FAIL and not r.harness_error}
    judged = sum(result.outcome in (Outcome.PASS, Outcome.FAIL) for result in results)
    stopped = finished is None or finished.status not in (0, 1)
    others = {r.test: _why_not(r) for r in results if r.harness_error or r.outcome not in (Outcome.PASS, Outcome.FAIL)}
    broken = said if (stopped and not failed) or not results else ""
    return Findings(failed, judged, seconds, finished is not None, broken, others)


def _why_not(result: Result) -> str:
    """Why a test came to no judgement; an error of ours says so first."""
    return f"{HARNESS_ERROR}: {result.text[-800:]}" if result.harness_error else f"{result.outcome}: {result.summary}"


def by_sanity(mutant: str, spec: str) -> Findings:
    """Run csi-sanity over one mutant ("": the reference), for mount and for block volumes. HarnessError: it cannot run
    at all. A run that csi-sanity does not end counts as a case of its own that failed."""
    command = [sys.executable, "-m", "fixtures.subjects.csi.sanity", "--csi-spec", spec]
    command += ["--mutant", mutant] if mutant else []
    began = time.monotonic()
    finished = _limited(command, SANITY_LIMIT)
    if finished is None:
        return Findings({"(csi-sanity did not end)": ()}, 0, SANITY_LIMIT, ended=False)
    if finished.status != 0:
        raise HarnessError(f"csi-sanity over {mutant or 'the reference'}: {finished.errors[-2000:]}")
    failed: dict[str, tuple[str, ...]] = {}
    judged = 0
    for once in json.loads(finished.output):
        cases = list(once["failed"]) if once["ended"] else ["(csi-sanity did not end)"]
        failed.update({f"{once['access_type']}: {case}": () for case in cases})
        judged += sum(state != "skipped" for state in once["cases"].values())
    return Findings(failed, judged, time.monotonic() - began)


def _limited(command: Sequence[str], limit: float) -> Finished | None:
    """Run a command in a session that dies with this process; None: it did not end within limit seconds."""
    deadline = time.monotonic() + limit
    heard = _Deadline(deadline)
    dropped = ("PYTEST_", "PYTHONDONTWRITEBYTECODE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    # Hundreds of runs compile the same files, with pytest's rewritten assertions: a third of a short run's work.
    environment["PYTHONPYCACHEPREFIX"] = str(cache_root() / "pycache")
    try:
        return run(command, cwd=ROOT, env=environment, heard=heard)
    except TimeoutError:
        return None


class _Deadline:
    """Ends a command by raising when it is heard, or silent, after the deadline."""

    def __init__(self, deadline: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._deadline = deadline
        self._clock = clock

    def __call__(self, line: str) -> None:
        if self._clock() > self._deadline:
            raise TimeoutError(line)
