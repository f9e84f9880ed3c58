"""Promotion and rollback: the only two ways in which an environment comes to run something else.

Both are decided by an entry of the ledger, and only then is the target told; a second entry says that it has it. So
what was decided is known even where the machine dies between the two, and the same command finishes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import deployed, environments, objections
from pipelines.deployed import Step
from pipelines.ledger import Entry, Ledger
from pipelines.logbook import stamp
from pipelines.objections import Refused, SignOff
from pipelines.targets import Release, Target, TargetError
from reports.roles import Role


@dataclass(frozen=True)
class Wish:
    """What somebody wants promoted. threshold: how many different ones of the keys must have signed; roles: which
    roles must have. digests: what is about to be deployed, all of which must have been tested. cleared: evidence and
    logs may be gone. by: who asks."""

    run: Path
    environment: str
    by: str
    keys: Sequence[Path] = ()
    threshold: int = 1
    roles: Sequence[Role] = ()
    digests: Sequence[str] = ()
    cleared: bool = False


@dataclass(frozen=True)
class Answer:
    """Where the release is now, by which entry of the ledger, and whether that was so before."""

    where: str
    entry: Entry
    again: bool


def promote(wish: Wish, to: Target, book: Ledger) -> Answer:
    """Promote a run's candidate. Refused: something speaks against it; the environment is as before.

    A sign-off that is authentic and yet refused is noted in the ledger, so that its verdict is remembered.
    """
    if not environments.NAME.fullmatch(wish.environment):
        raise Refused(f'"{wish.environment}" cannot name an environment: use lower-case letters, digits and hyphens')
    signoff = objections.read_signoff(
        wish.run, keys=wish.keys, threshold=wish.threshold, roles=wish.roles, now=book.now, cleared=wish.cleared
    )
    wanted = _content(wish, signoff)
    try:
        _require_nothing_against(wish, signoff, to, book, wanted)
    except Refused as refused:
        _note_refusal(book, wanted, str(refused))
        raise
    same = _same(book, wanted)
    decision = same.entry if same else book.append(deployed.PROMOTION, wanted)
    return _carry_out(book, to, decision, same, signoff.path)


def rollback(environment: str, candidate: str, to: Target, book: Ledger, *, by: str, why: str) -> Answer:
    """Put an environment back to a candidate that was promoted there before; needs who and why, and no fresh sign-off.

    candidate: the start of its sha256, or the id of the run that was promoted. Refused: it never was there.
    """
    if not by.strip() or not why.strip():
        raise Refused("a rollback needs who decided it and why; both are kept in the ledger")
    earlier = _promoted_before(book, environment, candidate)
    _require_ledger_of(to, book, environment)
    if to.needs_trust:
        _require_lasting_key(to, book)
        if not earlier.content["trusted"]:
            raise Refused(f"{to.place} takes trusted sign-offs only, and that candidate's was not")
    now_there = deployed.current(book.entries, environment)
    same = _pending_back_to(book, environment, earlier)
    if now_there is not None and now_there.candidate == earlier.candidate and now_there.digests == earlier.digests:
        same = now_there
    # A rollback of a rollback goes to what was promoted, so the facts of the promotion are what is kept.
    kept = {key: value for key, value in earlier.content.items() if key not in ("why", "from", "promotion")}
    left = now_there.candidate if now_there else ""
    wanted = {**kept, "by": by, "why": why, "from": left, "promotion": earlier.entry.sequence}
    decision = same.entry if same else book.append(deployed.ROLLBACK, wanted)
    return _carry_out(book, to, decision, same, None)


def _content(wish: Wish, signoff: SignOff) -> dict[str, Any]:
    """What the ledger keeps of a promotion, and the target shows."""
    predicate = signoff.predicate
    return {
        "environment": wish.environment,
        "candidate": predicate["candidate"],
        "digests": dict(signoff.digests),
        "images": signoff.images,
        "released": sorted(wish.digests),
        "signoff": {"run": predicate["run"]["id"], "sha256": signoff.sha256},
        "verdict": signoff.verdict.value,
        "decided": stamp(signoff.decided),
        "signed": predicate["time"],
        "notAfter": predicate["notAfter"],
        "trusted": signoff.trusted,
        "by": wish.by,
    }


def _require_nothing_against(
    wish: Wish, signoff: SignOff, to: Target, book: Ledger, content: Mapping[str, Any]
) -> None:
    objections.require_pass(signoff)
    if to.needs_trust:
        objections.require_trust(signoff, to.place)
        _require_lasting_key(to, book)
    objections.require_tested(signoff, wish.digests)
    environment = environments.require(environments.of_run(wish.run, signoff.stages), wish.environment)
    objections.require_newest(signoff)
    objections.require_newest_in_ledger(signoff, book.entries)
    objections.require_turn(signoff, environment, book.entries)
    _require_ledger_of(to, book, wish.environment)
    try:
        to.check(content)
    except TargetError as error:
        raise Refused(str(error)) from error


def _require_lasting_key(to: Target, book: Ledger) -> None:
    if book.signer.development:
        raise Refused(f"{to.place} needs a ledger that a lasting key signs, not this machine's own (--ledger-key)")


def _require_ledger_of(to: Target, book: Ledger, environment: str) -> None:
    """Refused where the target was last changed by an entry that this ledger does not have: it is an old copy, or
    another one."""
    try:
        content = to.current(environment)
    except TargetError as error:
        raise Refused(str(error)) from error
    if content is None:
        return
    named = content.get("ledger") or {}
    place = named.get("sequence", -1)
    known = book.entries[place].hash if isinstance(place, int) and 0 <= place < len(book.entries) else ""
    if not known or known != named.get("hash"):
        text = f"{to.place} has a release in {environment} that this ledger did not decide (its entry {place})"
        raise Refused(f"{text}: the ledger is an old copy, or that place was changed by hand")


def _same(book: Ledger, wanted: Mapping[str, Any]) -> Step | None:
    """The decision that has done, or is about to do, the very same."""
    environment = str(wanted["environment"])
    for step in (deployed.pending(book.entries, environment), deployed.current(book.entries, environment)):
        if step is not None:
            facts = (step.candidate, step.signoff, step.content["released"])
            same = facts == (wanted["candidate"]["sha256"], wanted["signoff"]["sha256"], wanted["released"])
            return step if same else None
    return None


def _pending_back_to(book: Ledger, environment: str, earlier: Step) -> Step | None:
    step = deployed.pending(book.entries, environment)
    return step if step is not None and step.is_rollback and step.candidate == earlier.candidate else None


def _promoted_before(book: Ledger, environment: str, candidate: str) -> Step:
    done = [step for step in deployed.steps(book.entries, environment) if step.places and not step.is_rollback]
    wanted = candidate.removeprefix("sha256:")
    exact = [step for step in done if step.content["signoff"]["run"] == candidate]
    found = exact or [step for step in done if len(wanted) >= 8 and step.candidate.startswith(wanted)]
    if not found:
        known = ", ".join(dict.fromkeys(f"{step.candidate[:12]} ({step.content['signoff']['run']})" for step in done))
        text = f"no candidate {candidate} was ever promoted to {environment}"
        raise Refused(f"{text}. Promoted there were: {known}." if known else f"{text}, nor any other.")
    if len({step.candidate for step in found}) > 1:
        raise Refused(f"{candidate} fits more than one candidate; give more of its sha256")
    return found[-1]


def _note_refusal(book: Ledger, content: Mapping[str, Any], why: str) -> None:
    known = ("environment", "signoff", "verdict", "decided", "trusted", "by")
    note = {key: content[key] for key in known}
    note |= {"candidate": {key: content["candidate"][key] for key in ("name", "sha256")}, "why": why}
    if not any(entry.kind == deployed.REFUSAL and entry.content == note for entry in book.entries):
        book.append(deployed.REFUSAL, note)


def _carry_out(book: Ledger, to: Target, decision: Entry, same: Step | None, attestation: Path | None) -> Answer:
    """Tell the target, and note that it has it. Where it already had, it is told again, which changes nothing."""
    environment = str(decision.content["environment"])
    content = {**decision.content, "promoted": decision.time}
    content["ledger"] = {"sequence": decision.sequence, "hash": decision.hash}
    known = same.places.get(to.place) if same else None
    end = {"of": decision.sequence, "environment": environment, "target": to.place}
    try:
        where = to.release(Release(environment, content, attestation))
    except TargetError as error:
        if known is None:
            book.append(deployed.FAILED, {**end, "why": str(error)})
        raise Refused(f"it was decided (ledger entry {decision.sequence}), and not done: {error}") from error
    if known is None:
        book.append(deployed.RELEASED, {**end, "where": where})
    return Answer(where, decision, again=known is not None)
