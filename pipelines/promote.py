"""Promotion and rollback: the only two ways in which an environment comes to run something else.

Both are decided by an entry of the ledger, and only then is the target told; a second entry says that it has it. So
what was decided is known even where the machine dies between the two, and the same command finishes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import deployed, drift, environments, objections
from pipelines.deployed import Step
from pipelines.environments import Environment
from pipelines.ledger import Entry, Ledger
from pipelines.logbook import stamp
from pipelines.objections import Refused, SignOff
from pipelines.targets import Target, TargetError
from reports.roles import Role
from reports.spelling import nearest

SHORTEST = 8
"""Letters of a candidate's sha256 that are enough to name it."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants promoted. threshold: how many different ones of the keys must have signed; roles: which
    roles must have. digests: what is about to be deployed, all of which must have been tested. cleared: evidence and
    logs may be gone. by: who asks. why: the reason for what needs one, an older release or another order of
    environments. overwrite: why a change by hand is to be written over; "": it is not to be."""

    run: Path
    environment: str
    by: str
    keys: Sequence[Path] = ()
    threshold: int = 1
    roles: Sequence[Role] = ()
    digests: Sequence[str] = ()
    cleared: bool = False
    overwrite: str = ""
    why: str = ""


@dataclass(frozen=True)
class Answer:
    """Where the release is now, by which entry of the ledger, and whether that was so before. overwrote: the entry
    that keeps what somebody had changed there by hand."""

    where: str
    entry: Entry
    again: bool
    overwrote: Entry | None = None


def promote(wish: Wish, to: Target, book: Ledger) -> Answer:
    """Promote a run's candidate. Refused: something speaks against it; the environment is as before.

    A sign-off that is authentic and yet refused is noted in the ledger, so that its verdict is remembered.
    """
    if not environments.NAME.fullmatch(wish.environment):
        raise Refused(f'"{wish.environment}" cannot name an environment: use lower-case letters, digits and hyphens')
    signoff = objections.read_signoff(
        wish.run, keys=wish.keys, threshold=wish.threshold, roles=wish.roles, now=book.now, cleared=wish.cleared
    )
    order = environments.of_run(wish.run, signoff.stages)
    environments.require(order, wish.environment)
    wanted = _content(wish, signoff, order)
    try:
        _require_nothing_against(wish, signoff, order, to, book, wanted)
        objections.require_known_order(order, book.entries, wish.why)
        objections.require_forward(signoff, wish.environment, book.entries, wish.why)
        changed = drift.changes(to, book, wish.environment)
        if not wish.overwrite:
            drift.require_none(changed, to, book, wish.environment)
    except Refused as refused:
        _note_refusal(book, wanted, str(refused))
        raise
    over = drift.note(changed, to, book, wish.environment, by=wish.by, why=wish.overwrite) if changed else None
    same = _same(book, wanted)
    decision = same or Step(book.append(deployed.PROMOTION, wanted), {})
    return _carry_out(book, to, decision, signoff.path, over)


def rollback(
    environment: str, candidate: str, to: Target, book: Ledger, *, by: str, why: str, overwrite: str = ""
) -> Answer:
    """Put an environment back to a candidate that was promoted there before; needs who and why, and no fresh sign-off.

    candidate: the start of its sha256, or the id of the run that was promoted. Refused: it never was there.
    """
    if not by.strip() or not why.strip():
        raise Refused("a rollback needs who decided it and why; both are kept in the ledger")
    earlier = _promoted_before(book, environment, candidate)
    _require_taken(to, earlier.content)
    if to.needs_trust:
        _require_lasting_key(to, book)
        if not earlier.content["trusted"]:
            raise Refused(f"{to.place} takes trusted sign-offs only, and that candidate's was not")
    changed = drift.changes(to, book, environment)
    if not overwrite:
        drift.require_none(changed, to, book, environment)
    over = drift.note(changed, to, book, environment, by=by, why=overwrite) if changed else None
    same, left = _back_to(book, environment, earlier)
    wanted = {**earlier.content, "by": by, "why": why, "from": left, "promotion": earlier.entry.sequence}
    decision = same or Step(book.append(deployed.ROLLBACK, wanted), {})
    return _carry_out(book, to, decision, None, over)


def _content(wish: Wish, signoff: SignOff, order: Sequence[Environment]) -> dict[str, Any]:
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
        "order": {item.name: list(item.after) for item in order},
        **({"why": wish.why} if wish.why else {}),
    }


def _require_nothing_against(
    wish: Wish, signoff: SignOff, order: Sequence[Environment], to: Target, book: Ledger, content: Mapping[str, Any]
) -> None:
    objections.require_pass(signoff)
    if to.needs_trust:
        objections.require_trust(signoff, to.place)
        _require_lasting_key(to, book)
    objections.require_tested(signoff, wish.digests)
    objections.require_newest(signoff)
    objections.require_newest_in_ledger(signoff, book.entries)
    objections.require_turn(signoff, environments.require(order, wish.environment), order, book.entries)
    _require_taken(to, content)


def _require_taken(to: Target, content: Mapping[str, Any]) -> None:
    """Refused where the target says that it cannot take this."""
    try:
        to.check(content)
    except TargetError as error:
        raise Refused(str(error)) from error


def _require_lasting_key(to: Target, book: Ledger) -> None:
    if book.signer.development:
        raise Refused(f"{to.place} needs a ledger that a lasting key signs, not this machine's own (--ledger-key)")


def _same(book: Ledger, wanted: Mapping[str, Any]) -> Step | None:
    """The decision that has done, or is about to do, the very same."""
    environment = str(wanted["environment"])
    for step in (deployed.pending(book.entries, environment), deployed.current(book.entries, environment)):
        if step is not None:
            facts = (step.candidate, step.signoff, step.content["released"])
            same = facts == (wanted["candidate"]["sha256"], wanted["signoff"]["sha256"], wanted["released"])
            same &= bool(step.content["trusted"] or not wanted["trusted"])  # a demonstration decides nothing for others
            return step if same else None
    return None


def _back_to(book: Ledger, environment: str, earlier: Step) -> tuple[Step | None, str]:
    """The decision that has done, or is about to do, this rollback already; and the candidate that it leaves.

    What is only decided counts as there: its target may have it, so to go back from it is a decision of its own.
    """
    last = next(reversed(deployed.steps(book.entries, environment)))
    there = deployed.current(book.entries, environment)
    pending = deployed.pending(book.entries, environment)
    same = (last.candidate, last.digests) == (earlier.candidate, earlier.digests)
    if same and (last == there or (last == pending and last.is_rollback)):
        return last, ""
    others = (step.candidate for step in (last, there) if step is not None and step.candidate != earlier.candidate)
    return None, next(others, "")


def _promoted_before(book: Ledger, environment: str, candidate: str) -> Step:
    done = [step for step in deployed.steps(book.entries, environment) if step.places and not step.is_rollback]
    wanted = candidate.removeprefix("sha256:")
    exact = [step for step in done if step.content["signoff"]["run"] == candidate]
    found = exact or [step for step in done if len(wanted) >= SHORTEST and step.candidate.startswith(wanted)]
    if not found:
        known = ", ".join(dict.fromkeys(f"{step.candidate[:12]} ({step.content['signoff']['run']})" for step in done))
        text = f"no candidate {candidate} was ever promoted to {environment}"
        if len(wanted) < SHORTEST and any(step.candidate.startswith(wanted) for step in done):
            text = f"{candidate} is too little of a sha256: give at least {SHORTEST} letters"
        if known:
            raise Refused(f"{text}. Promoted there were: {known}.")
        others = {str(entry.content["environment"]) for entry in book.entries if entry.kind == deployed.PROMOTION}
        raise Refused(f"{text}, nor any other. {nearest(environment, others) if others else ''}".rstrip())
    if len({step.candidate for step in found}) > 1:
        raise Refused(f"{candidate} fits more than one candidate; give more of its sha256")
    return found[-1]


def _note_refusal(book: Ledger, content: Mapping[str, Any], why: str) -> None:
    known = ("environment", "signoff", "verdict", "decided", "trusted", "by")
    note = {key: content[key] for key in known}
    note |= {"candidate": {key: content["candidate"][key] for key in ("name", "sha256")}, "why": why}
    if not any(entry.kind == deployed.REFUSAL and entry.content == note for entry in book.entries):
        book.append(deployed.REFUSAL, note)


def _carry_out(book: Ledger, to: Target, decision: Step, attestation: Path | None, over: Entry | None) -> Answer:
    """Tell the target, and note that it has it. Where it already had, it is told again, which changes nothing."""
    environment = str(decision.content["environment"])
    known = to.place in decision.places and deployed.held(book.entries, environment, to.place).settled
    end = {"of": decision.entry.sequence, "environment": environment, "target": to.place}
    try:
        where = to.release(drift.release_of(decision, to, book.entries, attestation))
    except TargetError as error:
        if not known:
            book.append(deployed.FAILED, {**end, "why": str(error)})
        raise Refused(f"it was decided (ledger entry {decision.entry.sequence}), and not done: {error}") from error
    if not known:
        book.append(deployed.RELEASED, {**end, "where": where})
    return Answer(where, decision.entry, known, over)
