"""DSSE envelopes as files: sealed, read strictly, and asked which keys' signatures hold.

Strictly: whatever could be changed in the file without being noticed is refused. Base64 has spare bits and JSON has
spare blanks; an envelope that is not written the way it would be written again was touched by somebody.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError

from reports.keys import PrivateKey, PublicKey
from reports.render.files import sync_folder, write_beside

LARGEST = 64 * 1024 * 1024  # bytes; an envelope beyond this is refused unread


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


def write_all(files: Mapping[Path, str]) -> None:
    """Write files that belong together. OSError, such as a full disk: none of them was changed."""
    beside: dict[Path, Path] = {}
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            beside[path] = write_beside(path, text)
    except BaseException:
        for waiting in beside.values():
            waiting.unlink(missing_ok=True)
        raise
    for path, waiting in beside.items():
        waiting.replace(path)
    for folder in {path.parent for path in files}:
        sync_folder(folder)


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
