"""The sign-off: what a run found out, bound to digests and signed.

An in-toto Statement (v1) whose subjects are the candidate's files, with our own predicate
(docs/signoff.schema.json), in a DSSE envelope. Made and checked without a network. Checking lives in
reports/verification.py; `verify` is offered here too.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from reports import attestations, earlier, findings, keyless, validity
from reports import envelope as envelopes
from reports.attestations import PAYLOAD_TYPE, STATEMENT_TYPE
from reports.bound_files import MANIFEST
from reports.envelope import EnvelopeError
from reports.failed_tests import tally_of
from reports.findings import Findings
from reports.keys import PrivateKey, development_key, generate_key, load_signer, one_time_key
from reports.model import Part, Verdict, to_json
from reports.render.files import write_atomically
from reports.run_folder import RunFolder, RunFolderError, Stage, moment, read_parts, sha256_of
from reports.verification import PREDICATE_TYPE, Verification, read_envelope, verify

__all__ = ["Verification", "add_signature", "generate_key", "sign", "statement_of", "verify"]

SIGNOFF = "signoff.dsse.json"
DEVELOPMENT = (
    "Signed with a key that this machine made for itself: it shows that nothing was changed since, "
    "and vouches for nobody."
)
ONCE = "Signed keyless: the key was used once and thrown away; the bundle beside this says who signed."
_RENDERED = ("report.html", "summary.md", "junit.xml", "ctrf.json")


def sign(
    run_dir: Path,
    keys: Sequence[Path | str] = (),
    now: datetime | None = None,
    *,
    by_identity: bool = False,
    trust: Path | None = None,
    pages: Mapping[str, str | bytes] | None = None,
) -> Path:
    """Sign a finished run and write runs/<id>/signoff.dsse.json; returns its path.

    keys: private keys of those who sign: files, or as reports.keys.load_signer takes them. Without any, this
    machine's development key signs and the envelope says so: it then verifies as valid and untrusted. Render
    first: the report's digest is bound too. by_identity: sign keyless as well, by the identity that this machine has
    (reports/keyless.py; trust as there); without keys, a key that is thrown away makes the envelope. pages: what was
    rendered, by name, written and bound instead of what lies there.
    KeylessError: that cannot be done, and nothing is changed. EnvelopeError: somebody else is signing it now.
    RunFolderError: the run passed, and its records are not of the candidate and parts beside them.
    """
    with envelopes.alone(Path(run_dir)):
        return _sign(Path(run_dir), keys, now, by_identity, trust, pages or {})


def _sign(
    run_dir: Path,
    keys: Sequence[Path | str],
    now: datetime | None,
    by_identity: bool,
    trust: Path | None,
    pages: Mapping[str, str | bytes],
) -> Path:
    envelopes.finish(run_dir)
    signers = [load_signer(key) for key in keys] or [one_time_key() if by_identity else development_key()]
    found = findings.of_folder(run_dir)
    _require_same_candidate(found.run)
    drawn = {name: _sha256(page) for name, page in pages.items()}
    bound_files = _bound_files(found.run, drawn)
    manifest = _manifest(found.run, bound_files, drawn)
    files = {**bound_files, MANIFEST: _sha256(manifest)}
    results = attestations.test_results(found.run, _subjects(found.run), files)
    sealed = {path: envelopes.seal(item, PAYLOAD_TYPE, signers) for path, item in results.items()}
    bound = {path: hashlib.sha256(envelope.payload).hexdigest() for path, envelope in sealed.items()}
    statement = statement_of(found, signers, now or datetime.now(UTC), files, bound)
    signoff = envelopes.seal(statement, PAYLOAD_TYPE, signers)
    sealed[attestations.VSA] = envelopes.seal(
        attestations.summary_of(statement, signoff.payload), PAYLOAD_TYPE, signers
    )
    sealed[SIGNOFF] = signoff
    texts: dict[Path, str | bytes] = {run_dir / name: page for name, page in pages.items()}
    texts |= {run_dir / path: envelopes.text_of(envelope) for path, envelope in sealed.items()}
    if by_identity:
        texts[run_dir / f"signoff{keyless.SUFFIX}"] = keyless.sign(signoff.payload, trust)
    left = {*(run_dir / attestations.FOLDER).glob("*"), *keyless.bundles_in(run_dir)} - set(texts)
    envelopes.write_all(run_dir, {run_dir / MANIFEST: manifest, **texts}, sorted(left))
    return run_dir / SIGNOFF


def _sha256(data: str | bytes) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def _bound_files(run: RunFolder, drawn: Mapping[str, str]) -> dict[str, str]:
    """The files whose digests the sign-off holds itself: what was decided by, what was decided, what was rendered.
    drawn: digests of what is rendered now."""
    rendered = {name: sha256_of(run.path / name) for name in _RENDERED if (run.path / name).is_file()}
    return {**run.digests(), **rendered, **{name: drawn[name] for name in _RENDERED if name in drawn}}


def _manifest(run: RunFolder, bound: Mapping[str, str], drawn: Mapping[str, str]) -> str:
    """Everything else in the run folder (evidence, logs), as sha256sum writes and reads it. What a link leads to
    outside is not the run's, and a name that is no line of UTF-8 cannot be listed."""
    known = {*bound, SIGNOFF, MANIFEST}
    files = {path.relative_to(run.path).as_posix(): path for path in run.path.rglob("*") if path.is_file()}
    root = run.path.resolve()
    others = {
        name: path
        for name, path in files.items()
        if name not in known and not _is_ours(name) and _is_line(name) and path.resolve().is_relative_to(root)
    }
    digests = {name: drawn.get(name) or sha256_of(path) for name, path in others.items()}
    digests |= {name: digest for name, digest in drawn.items() if name not in known}
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))


def _is_line(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return name.splitlines() == [name]


def _is_ours(name: str) -> bool:
    """Whether signing itself makes this file: it cannot bind itself."""
    return name.startswith((f"{attestations.FOLDER}/", ".")) or ("/" not in name and name.endswith(keyless.SUFFIX))


def _require_same_candidate(run: RunFolder) -> None:
    """RunFolderError: a run that passed would be signed for other files, or another candidate, than it tested."""
    if run.verdict is not Verdict.PASS:
        return
    given: dict[str, set[str]] = {}
    for stage in run.stages:
        file = run.path / stage.name / "parts.json"
        for part in (*read_parts(file), *(part for record in stage.records for part in record.parts)):
            given.setdefault(part.component, set()).update(part.sha256)
        _require_same_parts(run, read_parts(file), f"what the stage {stage.name} was given ({file})")
        for record in stage.records:
            named = str(record.run.environment.get("candidate") or run.candidate.digest)
            if named != run.candidate.digest:
                raise RunFolderError(f"{record.path}: is of another candidate ({named[:12]}) than candidate.json")
            _require_same_parts(run, record.parts, f"what the tests used ({record.path})")
    for part in run.parts:
        untested = sorted(set(part.sha256) - given.get(part.component, set(part.sha256)))
        if untested:
            raise RunFolderError(f"{run.path}: {part.component}/{untested[0]} in parts.json was given to no stage")


def _require_same_parts(run: RunFolder, used: Sequence[Part], whose: str) -> None:
    """RunFolderError: the run's parts.json says other things of these parts than `whose` does."""
    provided = {part.component: part for part in run.parts}
    for part in used:
        known = provided.get(part.component)
        files = known.sha256 if known else {}
        # A stage may be given fewer files of a part than a later one; each of them is the one that is signed.
        wrong = sorted(name for name, digest in part.sha256.items() if files.get(name) != digest)
        if known and not wrong:
            wrong = [name for name in ("version", "source", "identity") if getattr(known, name) != getattr(part, name)]
        if wrong or not known:
            where = "/".join([part.component, *wrong[:1]])
            raise RunFolderError(f"{run.path}: {where} in parts.json is not {whose}; run the trial again")


def add_signature(
    envelope_path: Path, key: Path | str | None, now: datetime | None = None, trust: Path | None = None
) -> Path:
    """Add one more signature over the same payload, for M-of-N sign-offs. key: None signs keyless (trust as there).

    EnvelopeError: not a sign-off, signed by a development key (sign again with real keys instead), its
    present signature does not hold, or somebody else is signing now.
    """
    with envelopes.alone(envelope_path.parent):
        return _add_signature(envelope_path, key, now, trust)


def _add_signature(envelope_path: Path, key: Path | str | None, now: datetime | None, trust: Path | None) -> Path:
    envelopes.finish(envelope_path.parent)
    present = verify(envelope_path, now=now, cleared=True)
    if present.development:
        raise EnvelopeError(f"{envelope_path}: a development sign-off cannot be made trusted by a further signature")
    if not present.ok:
        raise EnvelopeError(f"{envelope_path}: will not be signed: {present.problems[0]}")
    folder = envelope_path.parent
    if key is None:
        bundle = keyless.sign(read_envelope(envelope_path).payload, trust)
        write_atomically(folder / keyless.free_name(folder), bundle)
        return envelope_path
    signer = load_signer(key)
    beside = [path for path in (folder / attestations.FOLDER).glob("*.dsse.json") if (folder / "run.json").is_file()]
    texts = {}
    for path in (*beside, envelope_path):
        envelope = read_envelope(path)
        envelopes.sign(envelope, signer)
        texts[path] = envelopes.text_of(envelope)
    envelopes.write_all(folder, texts)
    return envelope_path


def made_by_signing(run_dir: Path) -> list[Path]:
    """A run's sign-off and every file that was made with it. They have to go when what it stands for changes."""
    beside = [path for path in (run_dir / attestations.FOLDER).rglob("*") if path.is_file()]
    files = [run_dir / SIGNOFF, run_dir / MANIFEST, *keyless.bundles_in(run_dir)]
    return [*beside, *(path for path in files if path.exists())]


def drop(run_dir: Path) -> None:
    """Remove a run's sign-off and everything that was made with it."""
    for path in made_by_signing(run_dir):
        path.unlink(missing_ok=True)
    shutil.rmtree(run_dir / attestations.FOLDER, ignore_errors=True)


def statement_of(
    found: Findings,
    signers: Sequence[PrivateKey],
    now: datetime,
    files: Mapping[str, str],
    results: Mapping[str, str],
) -> dict[str, Any]:
    """The statement that is signed, as JSON data. files, results: digests of the files and attestations it binds."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": _subjects(found.run),
        "predicateType": PREDICATE_TYPE,
        "predicate": _predicate(found, signers, now, files, results),
    }


def _subjects(run: RunFolder) -> list[dict[str, Any]]:
    """Every file of the candidate that ran; the candidate by what it says, and its file, which stock tools ask for."""
    subjects = {
        f"{part.component}/{file}": {"sha256": digest} for part in run.parts for file, digest in part.sha256.items()
    }
    candidate = run.candidate.digest or sha256_of(run.path / "candidate.json")
    subjects[attestations.CANDIDATE] = {"sha256": candidate}
    file = run.path / attestations.CANDIDATE_FILE
    if file.is_file():
        subjects[attestations.CANDIDATE_FILE] = {"sha256": sha256_of(file)}
    return [{"name": name, "digest": digest} for name, digest in sorted(subjects.items())]


def _predicate(
    found: Findings,
    signers: Sequence[PrivateKey],
    now: datetime,
    files: Mapping[str, str],
    results: Mapping[str, str],
) -> dict[str, Any]:
    run = found.run
    waivers = [to_json(waiver) for waiver in run.used_waivers]
    return {
        "candidate": {
            "name": run.candidate.name,
            "sha256": run.candidate.digest or files["candidate.json"],
            "components": [
                {"name": part.component, "version": part.version, "identity": part.identity} for part in run.parts
            ],
        },
        "run": {
            "id": run.id,
            "started": run.started,
            "finished": run.finished,
            "pipeline": run.pipeline,
            "profile": run.profile,
            "provider": run.provider,
            "nodes": run.nodes,
            "seed": run.seed,
        },
        "verdict": run.verdict.value,
        "reason": found.reason,
        "stages": [_stage(run, stage, files) for stage in run.stages],
        "counts": {"clauses": found.counts(), "results": found.outcomes()},
        "notTested": [to_json(item) for item in found.untested],
        "departures": list(run.departures),
        "policy": files.get("policy.toml", ""),
        "waivers": {"sha256": files.get("waivers.toml", ""), "used": waivers},
        "files": dict(files),
        "attestations": dict(results),
        "seatrial": {"version": run.seatrial.get("version", ""), "commit": run.seatrial.get("commit", "")},
        "catalogue": run.catalogue or found.catalogue_digest,
        "time": _text(now),
        "notAfter": _text(_not_after(run, now)),
        "signers": _signers(signers),
    }


def _stage(run: RunFolder, stage: Stage, files: Mapping[str, str]) -> dict[str, Any]:
    release = earlier.read(run.path / stage.name)
    return {
        "name": stage.name,
        **({"upgradedFrom": release.summary()} if release else {}),
        "requested": stage.requested,
        "verdict": stage.decision.verdict.value if stage.decision else "",
        "decided": stage.decision.decided if stage.decision else "",
        "decision": files.get(f"decisions/{stage.name}.json", ""),
        "reasons": [to_json(reason) for reason in stage.decision.reasons] if stage.decision else [],
        "records": {record.path.relative_to(run.path).as_posix(): record.sha256 for record in stage.records},
        "results": tally_of(stage),
    }


def _not_after(run: RunFolder, now: datetime) -> datetime:
    """The end of the sign-off: as its policies have it, or the first expiry of a waiver that it leans on.

    Fresh since the verdict, not since the signature: signing again makes nothing newer.
    """
    decided = [moment(stage.decision.decided) for stage in run.stages if stage.decision and stage.decision.decided]
    ends = [min(max(decided, default=now), now) + timedelta(days=validity.days(run))]
    ends += [moment(waiver.expires) for waiver in run.used_waivers if waiver.expires]
    return min(ends)


def _signers(signers: Sequence[PrivateKey]) -> dict[str, Any]:
    development = any(signer.development for signer in signers)
    note = DEVELOPMENT if development else ONCE if any(signer.once for signer in signers) else ""
    keys = [{"keyid": signer.public.keyid, "pem": signer.public.pem} for signer in signers]
    return {"development": development, "note": note, "keys": keys}


def _text(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def may_promote(verification: Verification) -> bool:
    """Whether a promotion outside the local demonstration may lean on this: intact, trusted, fresh, and PASS."""
    return verification.ok and verification.trusted and verification.verdict == Verdict.PASS.value
