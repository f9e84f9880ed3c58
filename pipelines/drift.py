"""Whether a target still is as the ledger has it. If not, somebody changed it by hand, and it is not written over
unless somebody gives a reason, which the ledger keeps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import deployed
from pipelines.deployed import Held, Step
from pipelines.ledger import Entry, Ledger
from pipelines.objections import Refused
from pipelines.targets import RELEASE, Release, Target, TargetError

_MOST = 5  # differences of one part that are told
_LONGEST = 400  # letters of one of them
_DEEPEST = 20  # levels of a file that somebody wrote by hand


@dataclass(frozen=True)
class Change:
    """One part of a target that is not as the ledger has it. wanted: as it should be; found: as it is."""

    part: str
    wanted: str
    found: str


def release_of(step: Step, to: Target, entries: Sequence[Entry], attestation: Path | None = None) -> Release:
    """A decision as its target gets it."""
    environment = str(step.content["environment"])
    known = deployed.held(entries[: step.entry.sequence], environment, to.place).known
    return Release(environment, step.released, known.released if known else None, attestation)


def changes(to: Target, book: Ledger, environment: str) -> tuple[Change, ...]:
    """Every part of the target that is neither as the ledger last knew it nor as a later decision, or a person who
    has it written over, would have left it. Refused: the target cannot be read."""
    held = deployed.held(book.entries, environment, to.place)
    steps = [*filter(None, [held.known]), *held.decided]
    try:
        found = to.shown(environment)
        good = [to.shows(release_of(step, to, book.entries)) for step in steps]
    except TargetError as error:
        raise Refused(str(error)) from error
    if held.known is None:
        good.insert(0, {})
    changed = []
    for part, text in found.items():
        wanted = [parts.get(part, "") for parts in good]
        written_over = {parts.get(part) for parts in held.overwritten}
        if text not in wanted and _digest(text) not in written_over:
            changed.append(Change(part, wanted[0], text))
    return tuple(changed)


def require_none(changed: Sequence[Change], to: Target, book: Ledger, environment: str) -> None:
    """Refused where somebody changed the target; both sides are told, and what to do."""
    if not changed:
        return
    held = deployed.held(book.entries, environment, to.place)
    lines = [
        f"{to.place}: {environment} was changed by hand, or the ledger is an old copy",
        f"  the ledger says: {_said(held)}",
        *(f"  {line}" for change in changed for line in _told(change, book.entries)),
        "Find out who changed it, and put it, or the newest ledger, back. Where that cannot be, give --overwrite WHY:",
        "what is decided now is written over it, and the ledger keeps the reason and what was there.",
    ]
    raise Refused("\n".join(lines))


def note(changed: Sequence[Change], to: Target, book: Ledger, environment: str, *, by: str, why: str) -> Entry:
    """Keep in the ledger what is about to be written over, by whom and why."""
    told = [line for change in changed for line in _told(change, book.entries)]
    found = {change.part: _digest(change.found) for change in changed}
    content = {"environment": environment, "target": to.place, "by": by, "why": why, "told": told, "found": found}
    return book.append(deployed.OVERWRITE, content)


def _said(held: Held) -> str:
    if held.known is None:
        return "nothing was ever released there"
    return f"entry {held.known.entry.sequence}, {_named(held.known.released)}"


def _told(change: Change, entries: Sequence[Entry]) -> Iterator[str]:
    """What is there instead of what should be, in lines that a terminal shows as they are."""
    for line in _differences(change, entries):
        shown = "".join(letter if letter.isprintable() else "?" for letter in line)
        yield shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def _differences(change: Change, entries: Sequence[Entry]) -> Iterator[str]:
    if not change.found:
        yield f"{change.part}: is gone"
        return
    wanted, found = _json(change.wanted), _json(change.found)
    if change.part == RELEASE and found and not _decided(found, entries):
        yield f"{change.part}: is one that this ledger did not decide: {_named(found)}"
    elif change.part == RELEASE and found and found.get("ledger") != wanted.get("ledger"):
        yield f"{change.part}: is that of entry {found['ledger']['sequence']}, {_named(found)}"
    elif wanted and found:
        leaves, others = dict(_leaves(wanted)), dict(_leaves(found))
        differing = [name for name in {**leaves, **others} if leaves.get(name) != others.get(name)]
        for name in differing[:_MOST]:
            yield f"{change.part}: {name} is {others.get(name, 'gone')}, not {leaves.get(name, 'there')}"
        if len(differing) > _MOST:
            yield f"{change.part}: {len(differing) - _MOST} more values differ"
        if not differing:
            yield f"{change.part}: has the same values and other bytes ({_digest(change.found)})"
    else:
        instead = f"not {_short(change.wanted)}" if change.wanted else "where nothing should be"
        yield f"{change.part}: is {_short(change.found)}, {instead}"


def _decided(found: Mapping[str, Any], entries: Sequence[Entry]) -> bool:
    named = found.get("ledger")
    number, known = (named.get("sequence"), named.get("hash")) if isinstance(named, dict) else (None, None)
    return isinstance(number, int) and 0 <= number < len(entries) and entries[number].hash == known


def _named(content: Mapping[str, Any]) -> str:
    """A release in a few words, whatever somebody has written there."""
    candidate, signoff = content.get("candidate"), content.get("signoff")
    if not isinstance(candidate, dict) or not isinstance(signoff, dict):
        return "something that no promotion writes"
    digest = str(candidate.get("sha256"))[:12]
    return f"{candidate.get('name')} ({digest}) of run {signoff.get('run')}, by {content.get('by')}"


def _leaves(value: Any, name: str = "", level: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict | list) and level < _DEEPEST:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, f"{name}.{key}" if name else str(key), level + 1)
    else:
        yield name, json.dumps(value, ensure_ascii=False)


def _json(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _short(text: str) -> str:
    """A part that is a word or a list as it is, anything longer by its digest."""
    shown = text.replace("\n", ", ")
    return shown if len(text) <= 400 and "{" not in text else f"{len(text)} letters ({_digest(text)})"


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
