"""What speaks against a promotion. Each check raises Refused, in plain words, or says nothing."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import deployed, environments
from pipelines.environments import Environment
from pipelines.ledger import Entry
from pipelines.logbook import stamp
from reports import attest, verification
from reports.attestations import CANDIDATE_FILE
from reports.envelope import EnvelopeError
from reports.keys import KeyFileError
from reports.model import Verdict
from reports.roles import Role
from reports.run_folder import moment


class Refused(Exception):
    """A promotion that must not happen. `verdict` gives the exit code."""

    def __init__(self, text: str, verdict: Verdict = Verdict.INVALID) -> None:
        super().__init__(text)
        self.verdict = verdict


@dataclass(frozen=True)
class SignOff:
    """A sign-off that holds: whose files are intact, that is fresh, and signed by enough of those who were asked for.

    sha256: of what was signed, so that a further signature makes it no other sign-off. decided: when the run came to
    its verdict; a signature may be much younger, which makes no verdict newer.
    """

    path: Path
    run: Path
    predicate: Mapping[str, Any]
    digests: Mapping[str, str]
    sha256: str
    trusted: bool
    development: bool

    @property
    def candidate(self) -> str:
        return str(self.predicate["candidate"]["sha256"])

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.predicate["verdict"])

    @property
    def stages(self) -> tuple[str, ...]:
        return tuple(str(stage["name"]) for stage in self.predicate["stages"])

    @property
    def decided(self) -> datetime.datetime:
        signed = moment(str(self.predicate["time"]))
        times = [moment(str(stage["decided"])) for stage in self.predicate["stages"] if stage["decided"]]
        return min(max(times, default=signed), signed)

    @property
    def images(self) -> dict[str, str]:
        """Components that are known by one digest: images, and files with a declared sum."""
        items = self.predicate["candidate"]["components"]
        return {item["name"]: item["identity"] for item in items if item["identity"].startswith("sha256:")}


def read_signoff(
    run: Path, *, keys: Sequence[Path], threshold: int, roles: Sequence[Role], now: datetime.datetime, cleared: bool
) -> SignOff:
    """A run's sign-off, checked as `verify` does. Refused: it has none, or it does not hold."""
    path = run / attest.SIGNOFF
    if not path.is_file():
        text = f"{run} has no sign-off. Runs that reach the production stage have one."
        raise Refused(text, Verdict.INCONCLUSIVE)
    try:
        checked = attest.verify(path, run, keys, threshold, now, roles, cleared)
    except (KeyFileError, ValueError) as error:
        raise Refused(str(error)) from error
    if not checked.ok or checked.predicate is None:
        raise Refused(f"the sign-off does not hold: {'; '.join(checked.problems)}")
    payload = verification.read_envelope(path).payload
    named = {str(item["name"]): f"sha256:{item['digest']['sha256']}" for item in json.loads(payload)["subject"]}
    named.pop(CANDIDATE_FILE, None)  # a description, which no environment runs
    digest = hashlib.sha256(payload).hexdigest()
    return SignOff(path, run, checked.predicate, named, digest, checked.trusted, checked.development)


def require_pass(signoff: SignOff) -> None:
    """Refused where the verdict is not PASS, or a stage was not asked for: then only a part of it was proven."""
    if signoff.verdict is not Verdict.PASS:
        raise Refused(f"the signed verdict is {signoff.verdict}, not PASS", signoff.verdict)
    for stage in signoff.predicate["stages"]:
        if stage["verdict"] != Verdict.PASS:
            text = f"the stage {stage['name']} has {stage['verdict'] or 'not decided'}, so it is not proven"
            remedy = "Run the whole pipeline, without --stage, and sign that"
            raise Refused(f"{text}. {remedy}.", Verdict(stage["verdict"] or Verdict.INCONCLUSIVE))


def require_trust(signoff: SignOff, place: str) -> None:
    """Refused where nobody whom the caller trusts has signed."""
    if not signoff.trusted:
        why = "no trusted key was given: name whom you trust with --key PEM or --roles FILE"
        if signoff.development:
            why = f"it is signed by a development key: python -m pipelines sign {signoff.run} --key KEY"
        raise Refused(f"{place} takes trusted sign-offs only, and {why}")


def require_tested(signoff: SignOff, digests: Sequence[str]) -> None:
    """Refused where a digest that is about to be deployed is none of those that were tested."""
    tested = {*signoff.digests.values(), *signoff.images.values()}
    for digest in digests:
        if digest not in tested:
            raise Refused(f"{digest} is none of the digests that run {signoff.run.name} tested")


def require_newest(signoff: SignOff) -> None:
    """Refused where a later run of the same candidate came to a verdict: the newest one counts."""
    for folder in sorted(signoff.run.resolve().parent.iterdir()):
        if folder == signoff.run.resolve() or not folder.is_dir():
            continue
        found = _decisions(folder, signoff.candidate)
        for time, verdict in found.values():
            if time >= signoff.decided and verdict is not Verdict.PASS:
                text = f"a later run of this very candidate came to {verdict}: {folder.name} ({stamp(time)})"
                raise Refused(f"{text}. The newest verdict counts; run it again once that is solved.", verdict)
        latest = max((time for time, _ in found.values()), default=signoff.decided)
        if latest > signoff.decided and set(signoff.stages) <= set(found):
            text = f"it is superseded: run {folder.name} of this candidate passed later ({stamp(latest)})"
            raise Refused(f"{text}. Promote that one.")


def require_newest_in_ledger(signoff: SignOff, entries: Sequence[Entry]) -> None:
    """The same by what the ledger remembers, where the other run's folder is not at hand."""
    for entry in entries:
        if entry.kind not in (deployed.PROMOTION, deployed.REFUSAL):
            continue
        content = entry.content
        if content["candidate"]["sha256"] != signoff.candidate or content["signoff"]["sha256"] == signoff.sha256:
            continue
        if content["verdict"] != Verdict.PASS and moment(content["decided"]) >= signoff.decided:
            text = f"a later run of this very candidate came to {content['verdict']}: {content['signoff']['run']}"
            raise Refused(f"{text} (ledger entry {entry.sequence})", Verdict(content["verdict"]))
        if entry.kind == deployed.PROMOTION and moment(content["decided"]) > signoff.decided:
            newer = content["signoff"]["run"]
            raise Refused(f"it is superseded: the sign-off of run {newer} is newer (ledger entry {entry.sequence})")


def require_turn(
    signoff: SignOff, environment: Environment, order: Sequence[Environment], entries: Sequence[Entry]
) -> None:
    """Refused where an environment right before this one has not had this candidate, or these digests, or where any
    that comes before it had to give it up."""
    for earlier in environment.after:
        step = deployed.last_of(entries, earlier, signoff.candidate)
        if step is None:
            raise Refused(
                f"this candidate was not promoted to {earlier} yet, and {environment.name} comes after it",
                Verdict.INCONCLUSIVE,
            )
        other = sorted(
            name for name in {*step.digests, *signoff.digests} if step.digests.get(name) != signoff.digests.get(name)
        )
        if other:
            text = f"{earlier} runs other files than this sign-off names: {', '.join(other[:5])}"
            remedy = f"Promote this run to {earlier} first, or the run that {earlier} has"
            raise Refused(f"{text}. {remedy} ({step.content['signoff']['run']}).")
    known = {item.name: item.after for item in order}
    for place in (*sorted(environments.before(known, environment.name)), environment.name):
        back = deployed.rolled_back(entries, place, signoff.candidate)
        if back is not None and moment(back.entry.time) >= signoff.decided:
            by, why = back.content["by"], back.content["why"]
            text = f"{place} was rolled back from this candidate by {by} ({why}), after this verdict"
            raise Refused(f"{text}. Run the trial again once that is solved.", Verdict.FAIL)


def require_known_order(order: Sequence[Environment], entries: Sequence[Entry], why: str) -> None:
    """Refused where the run's own pipeline file leaves out an environment that the ledger knows to come before
    another, unless there is a reason: whoever writes the file must not choose alone which ones are skipped."""
    known: dict[str, list[str]] = {}
    for entry in entries:
        if entry.kind == deployed.PROMOTION:
            known |= entry.content.get("order", {})  # entries of earlier Seatrials have none
    mine = {item.name: item.after for item in order}
    for name in mine:
        skipped = environments.before(known, name) - environments.before(mine, name)
        if skipped and not why:
            raise Refused(
                f"the run's pipeline lets a candidate into {name} without {', '.join(sorted(skipped))}. The order "
                f"in the ledger: {_order(known)}; in the run's pipeline: {_order(mine)}. If the order is meant to "
                "change, give the reason with --why, which the ledger keeps."
            )


def _order(order: Mapping[str, Sequence[str]]) -> str:
    # The ledger keeps names sorted; those that need least come first.
    names = sorted(order, key=lambda name: (len(environments.before(order, name)), name))
    return ", ".join(f"{name} after {' and '.join(order[name])}" if order[name] else name for name in names)


def require_forward(signoff: SignOff, environment: str, entries: Sequence[Entry], why: str) -> None:
    """Refused where the environment has another candidate with a newer verdict, unless there is a reason."""
    there = deployed.pending(entries, environment) or deployed.current(entries, environment)
    if there is None or there.candidate == signoff.candidate or why:
        return
    if moment(str(there.content["decided"])) > signoff.decided:
        runs = f"{there.content['candidate']['name']} of run {there.content['signoff']['run']}"
        raise Refused(
            f"{environment} has a newer release ({runs}, decided {there.content['decided']}; this one "
            f"{stamp(signoff.decided)}). To go back to what ran there use rollback, or give the reason with --why."
        )


def _decisions(folder: Path, digest: str) -> dict[str, tuple[datetime.datetime, Verdict]]:
    """The decisions of a run of this candidate, also those that only its sign-off still tells of. One that cannot be
    read counts against it, as of its file."""
    found = _signed(folder, digest)
    try:
        named = json.loads((folder / "candidate.json").read_text())["digest"]
    except (OSError, ValueError, KeyError, TypeError):
        named = ""
    if named != digest:
        return found
    for path in sorted((folder / "decisions").glob("*.json")):
        try:
            data = json.loads(path.read_text())
            told = (moment(data["decided"]), Verdict(data["verdict"]))
        except (ValueError, KeyError, TypeError):
            changed = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC)
            told = (changed, Verdict.INVALID)
        # What was signed as no PASS is not made one by the file beside it.
        if path.stem not in found or found[path.stem][1] is Verdict.PASS:
            found[path.stem] = told
    return found


def _signed(folder: Path, digest: str) -> dict[str, tuple[datetime.datetime, Verdict]]:
    """What a run's sign-off says of this candidate, whoever signed it: a failure counts from anybody. {}: nothing that
    can be read."""
    try:
        predicate = json.loads(verification.read_envelope(folder / attest.SIGNOFF).payload)["predicate"]
        told = [stage for stage in predicate["stages"] if stage["decided"] and stage["verdict"]]
        found = {str(stage["name"]): (moment(stage["decided"]), Verdict(stage["verdict"])) for stage in told}
        return found if predicate["candidate"]["sha256"] == digest else {}
    except (EnvelopeError, OSError, ValueError, KeyError, TypeError):
        return {}
