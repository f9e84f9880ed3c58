"""The ledger: what was promoted, rolled back and refused, in an order that nobody can change unseen.

    FOLDER/ledger.jsonl     one entry a line, canonical JSON; `previous` is the sha256 of the line before
    FOLDER/head.dsse.json   how many entries there are and the sha256 of the last, signed: what was cut off is missed
    FOLDER/lock             held while somebody reads, decides and appends

An entry belongs to the ledger when the signed head covers it. Killed in between, a writer can only leave bytes after
what the head covers; the next writer takes them away, because the head proves that nobody was told of them. A whole
ledger put back to an earlier state is intact in itself: compare it with a head noted elsewhere (`require`).
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.logbook import stamp
from reports import envelope as envelopes
from reports.envelope import EnvelopeError
from reports.keys import KeyFileError, PrivateKey, PublicKey, parse_public_key
from reports.render.files import sync_folder, write_beside

ENTRIES, HEAD, LOCK = "ledger.jsonl", "head.dsse.json", "lock"
PAYLOAD_TYPE = "application/vnd.seatrial.ledger-head+json"
HEAD_TYPE = "urn:seatrial:ledger-head:1"
SHORTEST = 12  # letters of a noted hash that say enough
NOTHING = "0" * 64  # what the first entry names as the one before it


class LedgerError(Exception):
    """A ledger that cannot be trusted or written. The text says what is wrong; nothing was changed."""


@dataclass(frozen=True)
class Entry:
    """One entry. hash: sha256 of its line, which the next entry names as `previous`."""

    sequence: int
    previous: str
    time: str
    kind: str
    content: Mapping[str, Any]
    hash: str

    @property
    def line(self) -> bytes:
        return line_of(self.sequence, self.previous, self.time, self.kind, self.content)


@dataclass(frozen=True)
class Checked:
    """A ledger whose head is intact: the entries that it covers, how many bytes they take, and what lies after them."""

    entries: tuple[Entry, ...]
    size: int
    beyond: int
    signed_by: tuple[str, ...]
    named: PublicKey

    @property
    def hash(self) -> str:
        return self.entries[-1].hash if self.entries else NOTHING


def line_of(sequence: int, previous: str, time: str, kind: str, content: Mapping[str, Any]) -> bytes:
    """An entry's line without its end: canonical JSON (keys sorted, no blanks, UTF-8)."""
    entry = {"sequence": sequence, "previous": previous, "time": time, "kind": kind, "content": content}
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def check(folder: Path, keys: Sequence[PublicKey] = ()) -> Checked:
    """Read a ledger and check its head, its chain and its length. LedgerError: it does not hold.

    keys: whose signature on the head counts. Without any, the key that the head names itself: then a change is seen,
    and who wrote the ledger is not known.
    """
    head, named, signed_by = _head(folder, keys)
    try:
        data = (folder / ENTRIES).read_bytes()
    except OSError as error:
        raise LedgerError(f"{folder / ENTRIES}: cannot be read: {error.strerror or error}") from error
    size = int(head["size"])
    if len(data) < size:
        cut = f"it has {len(data)} bytes, and its signed head covers {size}"
        raise LedgerError(f"{folder / ENTRIES}: was cut off: {cut}. Get it back from a copy.")
    lines = data[:size].split(b"\n")
    if lines.pop() != b"" or len(lines) != head["count"]:
        raise LedgerError(f"{folder / ENTRIES}: has not the {head['count']} entries that its signed head covers")
    entries: list[Entry] = []
    for number, line in enumerate(lines):
        entries.append(_entry(folder, number, line, entries[-1].hash if entries else NOTHING))
    if (entries[-1].hash if entries else NOTHING) != head["hash"]:
        raise LedgerError(f"{folder / ENTRIES}: entry {len(entries) - 1} is not the one that the signed head names")
    return Checked(tuple(entries), size, len(data) - size, signed_by, named)


def verify(folder: Path, keys: Sequence[PublicKey] = ()) -> Checked:
    """`check`, and where somebody is writing, after he has. For readers who do not hold the lock."""
    try:
        handle = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # a copy of the two files is a ledger too, and nobody writes to it
        return check(folder, keys)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        return check(folder, keys)
    finally:
        os.close(handle)


def require(checked: Checked, expected: str) -> None:
    """LedgerError unless the ledger goes on from a head noted before, as COUNT:HASH (or as much of the hash)."""
    count, _, start = expected.partition(":")
    if not count.isdigit() or len(start) < SHORTEST:
        text = f"write COUNT:HASH, as ledger verify prints it, with at least {SHORTEST} letters of the hash"
        raise LedgerError(f'"{expected}" is no noted head: {text}')
    number = int(count)
    if number > len(checked.entries):
        there = len(checked.entries)
        raise LedgerError(f"the ledger has {there} entries and {number} were noted: an old copy was put back")
    known = checked.entries[number - 1].hash if number else NOTHING
    if not known.startswith(start):
        raise LedgerError(f"entry {number - 1} is not the one that was noted: the ledger was written anew")


@dataclass
class Ledger:
    """A ledger that is open for writing, its lock held. `writing` opens it."""

    folder: Path
    signer: PrivateKey
    now: datetime.datetime
    entries: list[Entry]
    size: int
    repaired: int = 0

    def append(self, kind: str, content: Mapping[str, Any]) -> Entry:
        """Add an entry, durable on return. LedgerError: it could not be written, and the ledger is as before."""
        previous = self.entries[-1].hash if self.entries else NOTHING
        facts = (len(self.entries), previous, stamp(self.now), kind, json.loads(json.dumps(content)))
        line = line_of(*facts)
        entry = Entry(*facts, hashlib.sha256(line).hexdigest())
        size = self.size + len(line) + 1
        try:
            # Room for the new head comes first: a disk that is full must not leave an entry without a head.
            beside = _seal(self.folder, len(self.entries) + 1, entry.hash, size, self.signer)
            try:
                _write_at(self.folder / ENTRIES, self.size, line + b"\n")
                beside.replace(self.folder / HEAD)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
        except OSError as error:
            os.truncate(self.folder / ENTRIES, self.size)
            raise LedgerError(f"{self.folder}: cannot be written, so nothing was: {error.strerror or error}") from error
        self.entries.append(entry)
        self.size = size
        sync_folder(self.folder)
        return entry


@contextlib.contextmanager
def writing(
    folder: Path, signer: PrivateKey, now: datetime.datetime, trusted: Sequence[PublicKey] = ()
) -> Iterator[Ledger]:
    """Hold a ledger for reading and appending; whoever comes second waits. A folder without a ledger gets one.

    trusted: whose heads count beside the signer's own, so that a new key can take over. LedgerError: it does not hold.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise LedgerError(f"{folder}: no ledger can be kept there: {error.strerror or error}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        _require_begun(folder, signer)
        checked = check(folder, [signer.public, *trusted])
        for left in folder.glob(f".{HEAD}.*"):
            left.unlink()
        if checked.beyond:
            os.truncate(folder / ENTRIES, checked.size)
        yield Ledger(folder, signer, now, list(checked.entries), checked.size, checked.beyond)
    finally:
        os.close(handle)


def _require_begun(folder: Path, signer: PrivateKey) -> None:
    """Begin a ledger where none is. The head of nothing comes first, so that any later entry has a head before it."""
    entries, head = folder / ENTRIES, folder / HEAD
    if head.exists():
        return
    if entries.exists() and entries.stat().st_size:
        raise LedgerError(f"{head}: is not there, so nothing proves the entries in {ENTRIES}. Get it back from a copy.")
    try:
        entries.touch()
        _seal(folder, 0, NOTHING, 0, signer).replace(head)
        sync_folder(folder)
    except OSError as error:
        raise LedgerError(f"{folder}: no ledger can be begun there: {error.strerror or error}") from error


def _seal(folder: Path, count: int, last: str, size: int, signer: PrivateKey) -> Path:
    """Write a head beside the present one; returns where it waits."""
    key = {"keyid": signer.public.keyid, "pem": signer.public.pem}
    payload = {"_type": HEAD_TYPE, "count": count, "hash": last, "size": size, "key": key}
    try:
        envelope = envelopes.seal(payload, PAYLOAD_TYPE, [signer])
    except EnvelopeError as error:
        raise LedgerError(f"{folder}: nothing was written: {error}") from error
    return write_beside(folder / HEAD, envelopes.text_of(envelope))


def _write_at(path: Path, place: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.truncate(place)
        file.seek(place)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _head(folder: Path, keys: Sequence[PublicKey]) -> tuple[Mapping[str, Any], PublicKey, tuple[str, ...]]:
    """The signed head, the key that it names, and whose signatures hold."""
    path = folder / HEAD
    try:
        envelope = envelopes.read(path, PAYLOAD_TYPE)
        head = envelopes.payload_of(envelope)
        kinds = {"_type": str, "count": int, "hash": str, "size": int}
        if head["_type"] != HEAD_TYPE or any(type(head[name]) is not kind for name, kind in kinds.items()):
            raise EnvelopeError(f"{path}: not the head of a ledger")
        named = parse_public_key(head["key"]["pem"], str(path))
    except (KeyError, TypeError) as error:
        raise LedgerError(f"{path}: not the head of a ledger: {error}") from error
    except (EnvelopeError, KeyFileError) as error:
        raise LedgerError(str(error)) from error
    good = envelopes.accepted(envelope, keys or [named])
    if good and set(envelope.signatures) <= set(good):
        return head, named, good
    if envelopes.accepted(envelope, [named]):
        text = f"{path}: signed by another key ({named.keyid[:12]}) than those that count here"
        remedy = "Give that one with --ledger-key, or its public half with --ledger-trust (ledger verify: --key)"
        raise LedgerError(f"{text}. {remedy}, if you trust it.")
    raise LedgerError(f"{path}: the signature does not hold: it or the head was changed after signing")


def _entry(folder: Path, number: int, line: bytes, previous: str) -> Entry:
    where = f"{folder / ENTRIES}: line {number + 1}"
    try:
        data = json.loads(line)
        facts = (data["sequence"], data["previous"], data["time"], data["kind"], data["content"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LedgerError(f"{where}: not an entry: {error}") from error
    if facts[:2] != (number, previous):
        raise LedgerError(f"{where}: does not follow the line before it: one of them was changed or taken out")
    entry = Entry(*facts, hashlib.sha256(line).hexdigest())
    if entry.line != line:
        raise LedgerError(f"{where}: not written as entries are (canonical JSON): it was changed")
    return entry
