"""sign: put a name to what a run found out, afresh or beside the names that are there."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.borne_out import require_own_decisions
from pipelines.configuration import Misconfigured
from pipelines.logbook import now as present
from pipelines.recorded import require_run
from reports import attest, envelope, keyless, verification
from reports.envelope import EnvelopeError
from reports.keyless import KeylessError
from reports.keys import KeyFileError, load_signer
from reports.record import RecordError
from reports.render.all import pages_of
from reports.run_folder import RunFolderError, moment


def sign(given: argparse.Namespace) -> int:
    """Sign a run folder's sign-off and attestations. Nothing is changed where that cannot be done."""
    require_run(given.run)
    if given.finish:
        return _finish(given.run)
    if given.add and len(given.key) + given.keyless != 1:
        raise Misconfigured(["--add puts one signature beside those that are there: name one --key, or --keyless."])
    require_own_decisions(given.run)
    replaced = () if given.add else _replaced(given.run, given.replace_sign_off)
    before = _keyids(given.run / attest.SIGNOFF) if given.add else ()
    try:
        if given.add:
            key = None if given.keyless else given.key[0]
            path = attest.add_signature(given.run / attest.SIGNOFF, key, trust=given.sigstore)
        else:
            pages = pages_of(given.run)  # what lies there may be another's
            path = attest.sign(given.run, given.key, by_identity=given.keyless, trust=given.sigstore, pages=pages)
    except (KeyFileError, KeylessError, EnvelopeError, RunFolderError, RecordError) as error:
        raise Misconfigured([f"not signed: {error}"]) from error
    for line in (*replaced, *_told(path, before, keyless=given.keyless, keys=given.key)):
        print(line)
    print(path)
    return 0


def _replaced(run: Path, replaces: bool) -> Sequence[str]:
    """What is to be told of the signatures that go. Misconfigured: they are by others. Those of a machine's own key may
    go, as long as they hold: else somebody has changed what the run left."""
    path = run / attest.SIGNOFF
    if not path.exists():
        return ()
    there = verification.verify(path, cleared=True)
    signers = [*(keyid[:12] for keyid in there.keyids), *(bundle.name for bundle in keyless.bundles_in(run))]
    who = ", ".join(signers) or "nobody who can be named"
    changed = [f"it does not hold any more: {text}" for text in there.problems]
    if replaces or (there.development and not changed):
        return (f"replaced: the sign-off by {who}", *changed)
    text = f"{path} is there, signed by {who}; signing afresh drops that"
    beside = "" if there.development else "With --add you sign beside it. "
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
    if accepted := _accepted(predicate):
        yield f"  with:   {', '.join(accepted)}"
    is_over = moment(predicate["notAfter"]) <= present()
    yield f"  until:  {predicate['notAfter']}{': THAT IS OVER, so nothing takes it; run the trial again' * is_over}"


def _accepted(predicate: Mapping[str, Any]) -> Iterable[str]:
    """What whoever signs a verdict accepts with it."""
    waivers = [str(item["id"]) for item in predicate["waivers"]["used"]]
    kinds = [item["kind"] for item in predicate["notTested"] if item["required"] and item["kind"] != "not-applicable"]
    undecided = [str(stage["name"]) for stage in predicate["stages"] if not stage["verdict"]]
    told = [f"{', '.join(undecided)} not decided"] if undecided else []
    told += [f"{len(waivers)} waiver{'s' * (len(waivers) > 1)} used ({', '.join(waivers)})"] if waivers else []
    return [*told, f"{len(kinds)} required thing{'s' * (len(kinds) > 1)} untested (see the report)"] if kinds else told


def _finish(run: Path) -> int:
    try:
        with envelope.alone(run):
            done = envelope.finish(run)
    except EnvelopeError as error:
        raise Misconfigured([f"not finished: {error}. Sign again."]) from error
    print(f"{run}: {'what a killed signing had begun is done' if done else 'no signing was cut short here'}")
    return 0
