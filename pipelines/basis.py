"""basis.json: what the last signed sign-off recorded, made from its run folder and carried in the next one.

Its digest is bound into the sign-off of the run that it was given to, so that nobody can choose a lower bar later.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import holding, quarantine
from pipelines.configuration import Misconfigured
from pipelines.counting import counts, counts_of_tests
from pipelines.measuring import measured
from pipelines.statistics import Basis, Counts, still_worse, succeed
from reports import attest, run_folder
from reports.attempts import base_of
from reports.keys import KeyFileError, load_public_key
from reports.model import Outcome, Result, Verdict
from reports.record import RecordError
from reports.run_folder import RunFolder, RunFolderError, moment

FILE = "basis.json"
VERSION = 1


def load(path: Path, keys: Sequence[Path] = ()) -> Basis:
    """The basis of a signed run folder, or of a basis.json. Misconfigured: it is neither, or cannot be trusted."""
    if path.is_dir():
        return of_run(path, keys)
    if keys:
        raise Misconfigured([f"{path}: has no signature that --basis-key could check. Give the signed run folder."])
    return read(path)


def of_run(run: Path, keys: Sequence[Path] = ()) -> Basis:
    """What a run recorded, once its sign-off holds and says PASS. Misconfigured: it does not.

    keys: one of these must have signed it; without any, the basis says that nobody checked. Its age does not matter,
    and neither do waivers that have run out since: they do not change what was measured.
    """
    signed = signed_off(run, keys, "basis")
    try:
        folder = run_folder.load(run)
    except (RunFolderError, RecordError) as error:
        raise Misconfigured([str(error)]) from error
    previous = read(run / FILE) if (run / FILE).is_file() else None
    digest = hashlib.sha256((run / attest.SIGNOFF).read_bytes()).hexdigest()
    found = _of(folder, previous, str(signed.predicate["time"]), digest)
    return dataclasses.replace(found, unchecked=not keys)


@dataclass(frozen=True)
class SignedOff:
    """A sign-off that holds and says PASS. keyids: who signed it, of the keys that were given where any were."""

    predicate: Mapping[str, Any]
    keyids: tuple[str, ...]
    development: bool
    undecided: tuple[str, ...]


def signed_off(run: Path, keys: Sequence[Path], use: str) -> SignedOff:
    """The sign-off of a run that passed, at the moment when it was signed; its age does not matter.

    use: what it is to be, for the texts. Misconfigured: there is none, it does not hold, or says another verdict.
    """
    path = run / attest.SIGNOFF
    if not path.is_file():
        raise Misconfigured([f"{run}: has no {attest.SIGNOFF}, so it is no {use}. Give a run that was signed off."])
    try:
        checked = attest.verify(path, run, keys)
        given = {load_public_key(key).keyid for key in keys}
    except KeyFileError as error:
        raise Misconfigured([str(error)]) from error
    if checked.predicate is not None:
        checked = attest.verify(path, run, keys, now=moment(str(checked.predicate["time"])))
    if not checked.ok or checked.predicate is None:
        raise Misconfigured([f"{path}: does not hold, so it is no {use}: {problem}" for problem in checked.problems])
    if checked.verdict != Verdict.PASS:
        raise Misconfigured([f"{path}: its verdict is {checked.verdict}. A {use} is a run that passed."])
    keyids = tuple(key for key in checked.keyids if key in given or not given)
    return SignedOff(checked.predicate, keyids, checked.development, checked.undecided)


def _of(run: RunFolder, previous: Basis | None, signed: str, signoff: str) -> Basis:
    records = [record for stage in run.stages for record in stage.records]
    compared = holding.called(run.stages)
    held = holding.held(run.stages)
    file = run.path / "quarantine.toml"
    entries = quarantine.load(file) if file.is_file() else ()
    tests = frozenset(entry.test for entry in entries)
    figures = {
        f"{stage.name}/{name}": extremes
        for stage in run.stages
        for name, extremes in measured(stage.records, figures_of(run.path, stage.name)).items()
    }
    return Basis(
        run=run.id,
        signed=signed,
        signoff=signoff,
        clauses=succeed(previous.clauses if previous else {}, counts(records, tests), held.clauses),
        regressed=still_worse(previous, compared),
        figures=figures,
        clean=_clean(tests, previous, (result for record in records for result in record.results)),
        tests=succeed(previous.tests if previous else {}, counts_of_tests(records, tests), held.tests),
    )


def _clean(tests: frozenset[str], previous: Basis | None, results: Iterable[Result]) -> dict[str, int]:
    """Signed runs in a row in which each test of these did not fail; one that did not run keeps its number."""
    before = previous.clean if previous else {}
    found = {test: before.get(test, 0) for test in tests}
    outcomes: dict[str, set[Outcome]] = {}
    for result in results:
        outcomes.setdefault(base_of(result.test), set()).add(result.outcome)
    for test in tests & set(outcomes):
        found[test] = 0 if Outcome.FAIL in outcomes[test] else found[test] + (Outcome.PASS in outcomes[test])
    return dict(sorted(found.items()))


def figures_of(run: Path, stage: str) -> dict[str, float]:
    """What was measured outside a stage's tests. Misconfigured: its figures.json is broken."""
    path = run / stage / "figures.json"
    if not path.is_file():
        return {}
    try:
        return {str(name): _number(value) for name, value in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise Misconfigured([f"{path}: not a table of numbers: {error}"]) from error


def shown(basis: Basis) -> dict[str, Any]:
    """As basis.json holds it; `read` takes it back."""
    return {
        "version": VERSION,
        "run": basis.run,
        "signed": basis.signed,
        "signoff": basis.signoff,
        "clauses": _shown_counts(basis.clauses),
        "regressed": sorted(basis.regressed),
        "figures": {name: list(extremes) for name, extremes in sorted(basis.figures.items())},
        "clean": dict(sorted(basis.clean.items())),
        "tests": _shown_counts(basis.tests),
        **({"unchecked": True} if basis.unchecked else {}),
    }


def _shown_counts(counted: Mapping[str, Counts]) -> dict[str, list[int]]:
    return {name: [item.passes, item.runs] for name, item in sorted(counted.items())}


def read(path: Path) -> Basis:
    """Read a basis.json. Misconfigured: it is missing or broken; the text names file and key."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']!r} is not {VERSION}, which is all that this Seatrial reads")
        return _taken(data)
    except KeyError as error:
        raise Misconfigured([f"{path}: the key {error} is missing; it is no basis."]) from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise Misconfigured([f"{path}: is no basis: {error}"]) from error


def _number(value: Any) -> float:
    """As it stands there: 429 that came back as 429.0 would change the bytes of a decision. TypeError: it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r:.60} is not a number")
    return value


def _taken(data: Mapping[str, Any]) -> Basis:
    return Basis(
        run=str(data["run"]),
        signed=str(data["signed"]),
        signoff=str(data["signoff"]),
        clauses=_taken_counts(data["clauses"]),
        regressed=frozenset(str(name) for name in data["regressed"]),
        figures={str(name): (_number(least), _number(most)) for name, (least, most) in data["figures"].items()},
        clean={str(test): int(number) for test, number in data["clean"].items()},
        # One that an earlier Seatrial wrote has none.
        tests=_taken_counts(data.get("tests", {})),
        unchecked=data.get("unchecked", False) is True,
    )


def _taken_counts(data: Mapping[str, Any]) -> dict[str, Counts]:
    return {str(name): Counts(int(passes), int(runs)) for name, (passes, runs) in data.items()}
