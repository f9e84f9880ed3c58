"""DSSE envelopes as files: sealed, read strictly, and asked which keys' signatures hold.

Strictly: whatever could be changed in the file without being noticed is refused. Base64 has spare bits and JSON has
spare blanks; an envelope that is not written the way it would be written again was touched by somebody.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError

from reports.keys import PrivateKey, PublicKey
from reports.render.files import sync_folder, write_atomically

LARGEST = 64 * 1024 * 1024  # bytes; an envelope beyond this is refused unread

_ASIDE, _TO_DO = ".signing", "to-do.json"
"""Where files wait until all are written, and what is then to be done with them."""


class EnvelopeError(Exception):
    """A file that is no envelope of the wanted kind, or one that must not be signed further."""


def seal(payload: Mapping[str, Any], payload_type: str, signers: Sequence[PrivateKey]) -> Any:
    """An envelope over a JSON object, signed by each of the signers. EnvelopeError: a signer could not sign."""
    envelope = Envelope(content_of(payload), payload_type, {})
    for signer in signers:
        sign(envelope, signer)
    return envelope


def content_of(payload: Mapping[str, Any]) -> bytes:
    """The bytes that are signed for a JSON object: always the same for the same object."""
    return json.dumps(payload, indent=1, sort_keys=True, ensure_ascii=False).encode()


def sign(envelope: Any, signer: PrivateKey) -> None:
    """Add a signature. EnvelopeError: the signer could not, for example because its key service did not answer."""
    try:
        envelope.sign(signer.signer)
    except Exception as error:  # each key service's client has errors of its own
        raise EnvelopeError(f"{signer.public.keyid[:12]} could not sign: {error}") from error


def text_of(envelope: Any) -> str:
    """The file's text."""
    return json.dumps(envelope.to_dict(), indent=1) + "\n"


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else signs in this folder meanwhile. EnvelopeError: somebody does.

    The one who comes second is told and does not wait: to sign afresh after the first would throw his signature away.
    The lock is on the folder itself, so it leaves no file, and it ends with its process, however that ends.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise EnvelopeError(f"{folder}: cannot be opened: {error.strerror}") from error
    try:
        _lock(folder, handle)
        yield
    finally:
        os.close(handle)


def _lock(folder: Path, handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        text = "somebody else is signing it at this moment. Wait for that, then put your signature beside it with --add"
        raise EnvelopeError(f"{folder}: {text}") from error
    except OSError as error:
        raise EnvelopeError(f"{folder}: cannot be locked, so nobody can sign there: {error.strerror}") from error


def write_all(folder: Path, files: Mapping[Path, str | bytes], remove: Iterable[Path] = ()) -> None:
    """Write, and take away, files below a folder that belong together: all of it or nothing, also when killed.

    Everything is written aside first; the list of what is to be done with it is the one step that decides. Killed
    before it, nothing was changed; killed after it, `finish` does the rest. OSError, such as a full disk: as before it,
    and it names the file that there was no room for.
    """
    finish(folder)
    place = folder / _ASIDE
    target = folder
    try:
        place.mkdir()
        for number, (path, text) in enumerate(files.items()):
            target = path
            write_atomically(place / str(number), text)
        moves = {str(number): path.relative_to(folder).as_posix() for number, path in enumerate(files)}
        gone = [path.relative_to(folder).as_posix() for path in remove]
        write_atomically(place / _TO_DO, json.dumps({"move": moves, "remove": gone}))
    except BaseException as error:
        shutil.rmtree(place, ignore_errors=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror or str(error), str(target)) from error
        raise
    finish(folder)


def is_unfinished(folder: Path) -> bool:
    """Whether a writer was killed after it had decided and before it had done everything."""
    return (folder / _ASIDE / _TO_DO).is_file()


def finish(folder: Path) -> bool:
    """Do what a killed writer had decided and not done; False: there was nothing to do. EnvelopeError: the list of it
    is broken."""
    place = folder / _ASIDE
    if not is_unfinished(folder):
        shutil.rmtree(place, ignore_errors=True)
        return False
    try:
        data = json.loads((place / _TO_DO).read_text(encoding="utf-8"))
        moves = {place / str(int(number)): _inside(folder, name) for number, name in data["move"].items()}
        gone = [_inside(folder, name) for name in data["remove"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EnvelopeError(f"{place / _TO_DO}: is not what signing writes: {error}") from error
    for aside, path in moves.items():
        if aside.exists():  # else it was moved before the kill
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.replace(path)
    for path in gone:
        path.unlink(missing_ok=True)
    for parent in {path.parent for path in moves.values()}:
        sync_folder(parent)
    (place / _TO_DO).unlink()
    shutil.rmtree(place, ignore_errors=True)
    return True


def _inside(folder: Path, name: str) -> Path:
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError(f"{name} lies outside the run folder")
    return folder / name


def read(path: Path, payload_type: str) -> Any:
    """The DSSE envelope in a file, its signatures unchecked. EnvelopeError: it is none, or not of this payload type."""
    try:
        if path.stat().st_size > LARGEST:
            raise EnvelopeError(f"{path}: larger than {LARGEST >> 20} MiB, so not a sign-off")
        text = path.read_text(encoding="utf-8")
        data = json.loads(text)
        _require_canonical(data, text)
        envelope = Envelope.from_dict(data)
    except OSError as error:
        raise EnvelopeError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise EnvelopeError(f"{path}: not a DSSE envelope: {error}") from error
    if envelope.payload_type != payload_type:
        raise EnvelopeError(f"{path}: the payload type is {envelope.payload_type!r}, not {payload_type!r}")
    return envelope


def payload_of(envelope: Any) -> Any:
    """The payload as JSON data. EnvelopeError: it is not JSON."""
    try:
        return json.loads(envelope.payload.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise EnvelopeError(f"the payload is not JSON: {error}") from error


def accepted(envelope: Any, known: Iterable[PublicKey]) -> tuple[str, ...]:
    """The ids of those known keys whose signature is there and holds, as securesystemslib counts them."""
    good = []
    for key in known:
        try:
            envelope.verify([key.key], 1)
        except (VerificationError, ValueError):
            continue
        good.append(key.keyid)
    return tuple(dict.fromkeys(good))


def holds(envelope: Any, key: PublicKey) -> bool:
    """Whether this key's signature in the envelope holds. KeyError: there is none by it."""
    try:
        key.key.verify_signature(envelope.signatures[key.keyid], envelope.pae())
    except (UnverifiedSignatureError, VerificationError, ValueError):
        return False
    return True


def _require_canonical(data: Any, text: str) -> None:
    """ValueError: the file could be changed without changing what it says, so a change would go unseen."""
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    compact = (json.dumps(data), json.dumps(data, separators=(",", ":")))  # as other signers write
    if text not in (json.dumps(data, indent=1) + "\n", *compact, *(line + "\n" for line in compact)):
        raise ValueError("not as a signer writes it: blanks, escapes or keys were changed, or a key is there twice")
    for encoded in (data["payload"], *(item["sig"] for item in data["signatures"])):
        if base64.b64encode(base64.b64decode(encoded)).decode() != encoded:
            raise ValueError("the base64 text has bits that belong to nothing")
    for item in (dict.fromkeys(data), *data["signatures"]):
        unknown = set(item) - {"payload", "payloadType", "signatures", "keyid", "sig"}
        if unknown:
            raise ValueError(f"{sorted(unknown)[0]!r} belongs to no DSSE envelope")
