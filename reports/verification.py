"""Checks a sign-off offline and says in words what holds and what does not.

Told apart: changed after signing, signed by somebody else, not signed by enough, files beside it changed,
too old, a waiver run out, and "valid, but nobody vouches for the signer".
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from reports import attestations, bound_files, keyless, schema
from reports import envelope as envelopes
from reports.attestations import PAYLOAD_TYPE
from reports.envelope import EnvelopeError
from reports.keyless import Identity, KeylessError
from reports.keys import KeyFileError, PublicKey, load_public_key, parse_public_key
from reports.roles import Role
from reports.run_folder import moment

PREDICATE_TYPE = "urn:seatrial:signoff:1"
SCHEMA = Path(__file__).resolve().parents[1] / "docs" / "signoff.schema.json"
CLOCK_DIFFERENCE = timedelta(minutes=5)  # between the machine that signed and the one that checks


@dataclass(frozen=True)
class Verification:
    """What a check came to.

    ok: intact, signed by enough of the keys given (or, with no key given, by the key that it names itself),
    fresh, and agreeing with the run folder if one is there. trusted: the keys were given by the caller and are
    no development key. Whether the candidate passed is `verdict`, not `ok`: a FAIL can be signed, too.
    """

    ok: bool
    trusted: bool
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    verdict: str = ""
    development: bool = False
    keyids: tuple[str, ...] = ()
    predicate: Mapping[str, Any] | None = None

    @property
    def undecided(self) -> tuple[str, ...]:
        """Stages that did not pass though the verdict is PASS: nobody had asked for them, so they prove nothing."""
        predicate = self.predicate or {"stages": ()}
        return tuple(stage["name"] for stage in predicate["stages"] if stage["verdict"] != "PASS")

    @property
    def reasons(self) -> tuple[str, ...]:
        """Problems first, then what else one should know."""
        return self.problems + self.notes


def verify(
    envelope_path: Path,
    run_dir: Path | None = None,
    keys: Sequence[Path] | None = None,
    threshold: int = 1,
    now: datetime | None = None,
    roles: Sequence[Role] = (),
    cleared: bool = False,
) -> Verification:
    """Check a sign-off without a network; never raises for a bad sign-off.

    run_dir: the run folder to compare with; by default the folder of the envelope if it is one. keys: public
    key files (KeyFileError if one is unusable), threshold: how many different ones must have signed (M of N).
    now: the moment to judge freshness at, default the present. roles: each of them must have signed, with as many
    of its keys as it asks for (pipelines/roles.py). cleared: evidence and logs that are gone are noted, not a problem.
    """
    given = {key.keyid: key for key in map(load_public_key, keys or ())}
    given |= {key.keyid: key for role in roles for key in role.keys}
    if threshold < 1:
        raise ValueError("the threshold is at least 1")
    try:
        envelope = read_envelope(envelope_path)
        statement = _statement(envelope)
    except EnvelopeError as error:
        return Verification(ok=False, trusted=False, problems=(str(error),))
    predicate = statement["predicate"]
    development = bool(predicate["signers"]["development"])
    signed, problems, notes = _check_keyless(envelope_path.parent, envelope.payload, roles)
    _check_signatures(envelope, predicate, given, threshold - len(signed), problems, notes)
    problems += _check_roles(envelope, roles, signed)
    problems += _check_times(predicate, now or datetime.now(UTC))
    folder = run_dir if run_dir is not None else envelope_path.parent
    if envelopes.is_unfinished(folder):
        problems.insert(0, f"signing was killed before its end; finish it: python -m pipelines sign {folder} --finish")
    if run_dir is not None or not _lies_alone(folder, predicate):
        found, gone = bound_files.check(folder, statement)
        problems += found
        if cleared:
            notes += gone
        else:
            problems += [f"{text}. Cleared away on purpose? Then add --evidence-cleared." for text in gone]
        known = {**_named_keys(predicate, []), **given}
        problems += attestations.faults(folder, statement, envelope, known.values())
    else:
        notes.append(
            "no run folder beside the sign-off, so nothing else was checked: record and report were not compared"
        )
    if development:
        notes.append("signature valid, signer untrusted (development key)" if not problems else "a development key")
    elif not given and not signed:
        notes.append("no key was given: who signed is not checked")
    if predicate["verdict"] != "PASS":
        notes.append(f"the verdict that was signed is {predicate['verdict']}: {predicate['reason']}")
    return Verification(
        ok=not problems,
        trusted=not problems and bool(given or signed) and not development,
        problems=tuple(problems),
        notes=tuple(notes),
        verdict=predicate["verdict"],
        development=development,
        keyids=tuple(envelope.signatures),
        predicate=predicate,
    )


def _lies_alone(folder: Path, predicate: Mapping[str, Any]) -> bool:
    """Whether nothing that the sign-off binds is beside it, not even a folder or a dangling link of that name."""
    bound = (*predicate["files"], *predicate["attestations"])
    return not any(os.path.lexists(folder / name.split("/")[0]) for name in ("run.json", *bound))


def read_envelope(path: Path) -> Any:
    """The DSSE envelope of an in-toto statement in a file, unchecked. EnvelopeError: it is none."""
    return envelopes.read(path, PAYLOAD_TYPE)


@cache
def predicate_schema() -> Mapping[str, Any]:
    """The published schema of the statement."""
    data: Mapping[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return data


def _statement(envelope: Any) -> Mapping[str, Any]:
    data = envelopes.payload_of(envelope)
    if isinstance(data, dict) and data.get("predicateType") not in (None, PREDICATE_TYPE):
        raise EnvelopeError(f"the payload is a {data['predicateType']!r}, not a {PREDICATE_TYPE!r}")
    found = schema.faults(data, predicate_schema())
    if found:
        raise EnvelopeError("the payload is not a sign-off: " + "; ".join(found[:5]))
    statement: Mapping[str, Any] = data
    return statement


def _check_keyless(folder: Path, payload: bytes, roles: Sequence[Role]) -> tuple[set[Identity], list[str], list[str]]:
    """Which of the roles' identities have signed, problems and notes."""
    bundles = keyless.bundles_in(folder)
    problems = [fault for path in bundles for fault in keyless.faults(path, payload)]
    wanted = [identity for role in roles for identity in role.identities]
    if not wanted:
        return set(), problems, [f"{path.name} was not checked: no identity was given (--roles)" for path in bundles]
    try:
        signed, notes = keyless.signed_by(folder, payload, wanted)
    except KeylessError as error:
        return set(), [*problems, str(error)], []
    return signed, problems, notes


def _check_signatures(
    envelope: Any,
    predicate: Mapping[str, Any],
    given: Mapping[str, PublicKey],
    threshold: int,
    problems: list[str],
    notes: list[str],
) -> None:
    """threshold: how many of the given keys must have signed, beside the identities that have."""
    named = _named_keys(predicate, problems)
    known = dict(given) or named
    if not envelope.signatures:
        problems.append("the envelope holds no signature")
        return
    for keyid in envelope.signatures:
        key = known.get(keyid) or named.get(keyid)
        if key is None:
            notes.append(f"a signature by {keyid[:12]}, which is none of the keys given, was not checked")
            continue
        if not envelopes.holds(envelope, key):
            problems.append(f"the signature by {keyid[:12]} does not hold: the payload or it was changed after signing")
    good = len(envelopes.accepted(envelope, known.values()))
    if good < threshold and not problems:
        problems.append(_too_few(envelope, given, good, threshold))


def _check_roles(envelope: Any, roles: Sequence[Role], signed: set[Identity]) -> list[str]:
    good = {role: len(envelopes.accepted(envelope, role.keys)) + len(signed & set(role.identities)) for role in roles}
    return [
        f"the role {role.name} has not signed off: {number} of the {role.threshold} signatures that it needs are there"
        for role, number in good.items()
        if number < role.threshold
    ]


def _too_few(envelope: Any, given: Mapping[str, PublicKey], good: int, threshold: int) -> str:
    signed = ", ".join(keyid[:12] for keyid in envelope.signatures)
    if given and good == 0:
        return f"signed by another key: {signed} signed, and that is none of the {len(given)} given"
    return f"{good} of the {threshold} signatures that are needed are there (signed by {signed})"


def _named_keys(predicate: Mapping[str, Any], problems: list[str]) -> dict[str, PublicKey]:
    """The keys that the payload names itself: enough to see a change, never enough to trust."""
    named = {}
    for item in predicate["signers"]["keys"]:
        try:
            key = parse_public_key(item["pem"], "the sign-off's own key")
        except KeyFileError as error:
            problems.append(str(error))
            continue
        named[key.keyid] = key
    return named


def _check_times(predicate: Mapping[str, Any], now: datetime) -> list[str]:
    problems = []
    try:
        if moment(predicate["time"]) > now + CLOCK_DIFFERENCE:
            problems.append(f"signed at {predicate['time']}, which is still to come: a clock is wrong")
        for waiver in predicate["waivers"]["used"]:
            if waiver["expires"] and moment(waiver["expires"]) < now:
                problems.append(
                    f"waiver {waiver['id']} for {waiver['clause']} expired on {waiver['expires']}: "
                    "what it let by blocks again"
                )
        if moment(predicate["notAfter"]) < now and not problems:
            problems.append(f"the sign-off expired at {predicate['notAfter']}: run the trial again")
    except ValueError as error:
        problems.append(f"the sign-off holds a broken time: {error}")
    return problems
