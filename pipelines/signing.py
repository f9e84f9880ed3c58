"""sign: put a name to what a run found out, afresh or beside the names that are there."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipelines.configuration import Misconfigured
from pipelines.recorded import read_json, require_run
from pipelines.replay import Change, StageChange, replayed
from reports import attest, envelope, history, keyless, verification
from reports.envelope import EnvelopeError
from reports.keyless import KeylessError
from reports.keys import KeyFileError, load_signer
from reports.record import RecordError
from reports.recorder import revision
from reports.run_folder import RunFolderError

SHOWN = 3
"""Differences of one stage that a refusal names."""


def sign(given: argparse.Namespace) -> int:
    """Sign a run folder's sign-off and attestations. Nothing is changed where that cannot be done."""
    require_run(given.run)
    if given.finish:
        return _finish(given.run)
    if given.add and len(given.key) + given.keyless != 1:
        raise Misconfigured(["--add puts one signature beside those that are there: name one --key, or --keyless."])
    require_own_decisions(given.run)
    if not given.add:
        _require_replaceable(given.run, given.replace_sign_off)
    before = _keyids(given.run / attest.SIGNOFF) if given.add else ()
    try:
        if given.add:
            key = None if given.keyless else given.key[0]
            path = attest.add_signature(given.run / attest.SIGNOFF, key, trust=given.sigstore)
        else:
            path = attest.sign(given.run, given.key, by_identity=given.keyless, trust=given.sigstore)
    except (KeyFileError, KeylessError, EnvelopeError, RunFolderError, RecordError) as error:
        raise Misconfigured([f"not signed: {error}"]) from error
    for line in _told(path, before, keyless=given.keyless, keys=given.key):
        print(line)
    print(path)
    return 0


def _require_replaceable(run: Path, replaces: bool) -> None:
    """Misconfigured: others have signed, and their signatures would go. One by a machine's own key may go, as long as
    it holds: else somebody has changed what the run left."""
    path = run / attest.SIGNOFF
    if not path.exists():
        return
    present = verification.verify(path, cleared=True)
    signers = [*(keyid[:12] for keyid in present.keyids), *(bundle.name for bundle in keyless.bundles_in(run))]
    who = ", ".join(signers) or "nobody who can be named"
    changed = [f"it does not hold any more: {text}" for text in present.problems]
    if replaces or (present.development and not changed):
        for line in (f"replaced: the sign-off by {who}", *changed):
            print(line)
        return
    text = f"{path} is there, signed by {who}; signing afresh drops that"
    beside = "" if present.development else "With --add you sign beside it. "
    remedy = f"{beside}With --replace-sign-off you sign what is there now instead of it."
    raise Misconfigured([f"not signed: {text}. {remedy}", *(f"not signed: {text}" for text in changed)])


def _keyids(path: Path) -> tuple[str, ...]:
    """Whose signatures a sign-off has. Misconfigured: there is none that can be read."""
    try:
        return tuple(verification.read_envelope(path).signatures)
    except EnvelopeError as error:
        raise Misconfigured([f"not signed: {error}"]) from error


def _told(path: Path, before: Sequence[str], *, keyless: bool, keys: Sequence[str]) -> Iterable[str]:
    """What was signed, and by whom. before: the signatures that were there already. keys: those that were given."""
    envelope = verification.read_envelope(path)
    predicate = json.loads(envelope.payload)["predicate"]
    candidate = predicate["candidate"]
    yield f"signed: {predicate['verdict']} of {candidate['name']}, sha256:{candidate['sha256']}"
    yield f"  run:    {predicate['run']['id']}"
    added = [keyid[:12] for keyid in envelope.signatures if keyid not in before]
    who = f"the key {', '.join(added)}"
    if before and keys and not added:
        who = f"the key {load_signer(keys[0]).public.keyid[:12]}, which had signed already: nothing is added"
    if keyless:
        who = "the identity of this job (keyless)" + (f", and {who}" if keys else "")
    if predicate["signers"]["development"] and not before:
        who = f"this machine's own key {', '.join(added)}, which vouches for nobody: sign with --key KEY to be trusted"
    yield f"  by:     {who}"
    beside = [keyid[:12] for keyid in before if added or keyless or keyid[:12] not in who]
    if beside:
        yield f"  beside: {', '.join(beside)}"
    yield f"  until:  {predicate['notAfter']}"


def require_own_decisions(run: Path) -> None:
    """Misconfigured: a stage's decision is not what the gate says of its record now, so no name belongs under it."""
    if not any(run.glob("decisions/*.json")):
        return
    again = replayed(run)
    told = [again.problem] if again.problem else []
    told += [line for stage in again.stages if (line := _objection(stage))]
    if told:
        raise Misconfigured([f"not signed: {text}" for text in [*told, _what_to_do(run)]])


def _objection(stage: StageChange) -> str:
    """What in a stage's decision the gate does not say of what the run folder holds now; "" if nothing is."""
    if stage.was == stage.now and not stage.changes and not stage.differs:
        return ""
    text = f"stage {stage.stage} was decided {stage.was}; from what the run folder holds now it is {stage.now}"
    if stage.was == stage.now:
        text = f"stage {stage.stage} was decided {stage.was}, and from what the run folder holds now not in this way"
    blocking = [item for item in stage.changes if not item.clause and item.now == "blocks"]
    found = blocking or sorted(stage.changes, key=lambda item: not item.why)
    shown = [_change(item) for item in found[:SHOWN]] or [f"{name.replace('_', ' ')} differ" for name in stage.differs]
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"{text}{': ' * bool(shown)}{'; '.join(shown)}{more}"


def _change(item: Change) -> str:
    if not item.clause:
        return item.why.rstrip(".") if item.now else f"no longer: {item.why.rstrip('.')}"
    return f"{item.clause}: {item.was} -> {item.now}" + (f" ({item.why.rstrip('.')})" if item.why else "")


def _what_to_do(run: Path) -> str:
    """Which files are not as they were when the run ended, as far as that is known, and what to do."""
    changed = history.changes(run)
    if changed:
        return f"changed since the run ended: {', '.join(changed)}. Put that back as it was, or run the trial again."
    files = "policies/, waivers.toml, quarantine.toml, basis.json, decisions/ and the records"
    decided, here = str(read_json(run / "run.json").get("seatrial", {}).get("commit", "")), revision()
    if decided != here:
        text = f"decided by another Seatrial ({decided}, this is {here}), or from other files"
        return f"{text}: sign with that one, or run the trial again."
    return f"one of {files} is not the one that was decided by: run the trial again."


def _finish(run: Path) -> int:
    try:
        with envelope.alone(run):
            done = envelope.finish(run)
    except EnvelopeError as error:
        raise Misconfigured([f"not finished: {error}. Sign again."]) from error
    print(f"{run}: {'what a killed signing had begun is done' if done else 'no signing was cut short here'}")
    return 0
