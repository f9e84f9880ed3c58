"""Whether what a run folder says of the release that a stage upgraded from is borne out by the files beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines.candidate import load as load_candidate
from pipelines.pipeline import Stage
from pipelines.recorded import read_json
from reports import earlier
from reports.envelope import EnvelopeError, payload_of
from reports.model import Outcome, Part
from reports.record import Record, RecordError
from reports.run_folder import RunFolderError, sha256_of
from reports.verification import read_envelope


def misstated(run: Path, stage: Stage, records: list[Record | RecordError]) -> Iterator[str]:
    """What earlier.json of a stage says otherwise than its other files. Misconfigured: its candidate file is none."""
    folder = run / stage.name
    try:
        told = earlier.read(folder)
    except RunFolderError as error:
        yield str(error)
        return
    if told is None:
        if "upgrade" in stage.suites and records:
            yield f"the stage {stage.name} upgraded, and {stage.name}/{earlier.FILE} is missing"
        return
    release = load_candidate(folder / earlier.RELEASE)
    data = read_json(folder / earlier.FILE)
    wrong = [key for key, value in release.summary().items() if data.get(key) != value]
    if wrong:
        yield f"{stage.name}/{earlier.FILE} says otherwise than {stage.name}/{earlier.RELEASE} ({', '.join(wrong)})"
    for part in told.parts:
        declared = release.component(part.component)
        if declared is None or declared.version != part.version:
            yield f"{stage.name}/{earlier.PARTS}: {part.component} {part.version} is not of {release.name}"
    yield from _unsigned(folder, told)
    for record in records:
        if isinstance(record, Record) and _names_others(record, told.parts):
            yield f"{record.path.name} of {stage.name} names other parts to come from than {stage.name}/{earlier.PARTS}"


def _names_others(record: Record, parts: tuple[Part, ...]) -> bool:
    """Whether a record tells of other parts (fixtures/subjects/upgrade); of none: it did not upgrade."""
    named = record.run.environment.get(earlier.RECORDED)
    if named is None:
        return any(result.outcome is Outcome.PASS for result in record.results)
    return str(named) != "; ".join(part.named for part in parts)


def _unsigned(folder: Path, told: earlier.Earlier) -> Iterator[str]:
    """What is said of the release's sign-off, and is not what its copy says."""
    file = folder / earlier.SIGNOFF
    where = f"{folder.name}/{earlier.SIGNOFF}"
    if told.signoff is None or not file.is_file():
        if told.signoff is not None or file.is_file():
            yield f"{folder.name}/{earlier.FILE} and {where}: only one of them tells of a sign-off"
        return
    try:
        envelope = read_envelope(file)
        predicate = payload_of(envelope)["predicate"]
        said = (predicate["run"]["id"], predicate["time"], predicate["candidate"]["sha256"], predicate["verdict"])
    except (EnvelopeError, KeyError, TypeError) as error:
        yield f"{where}: is no sign-off: {error}"
        return
    signed = told.signoff
    if sha256_of(file) != signed.sha256 or said != (signed.run, signed.time, told.digest, "PASS"):
        yield f"{folder.name}/{earlier.FILE} tells of another sign-off than {where}"
    if not set(signed.keyids) <= set(envelope.signatures):
        yield f"{folder.name}/{earlier.FILE} names keys that did not sign {where}"
