"""Keyless signatures by sigstore: whoever signs proves who they are to an identity provider, and keeps no key.

    signoff.sigstore.json       a sigstore bundle over the statement that signoff.dsse.json signs
    signoff.2.sigstore.json     and so on, where several identities signed
    attestation.sigstore.json   the same by GitHub's actions/attest

Checked offline against the trust root that comes with the sigstore library, or one given as a file for a private
sigstore. The library is not part of requirements.lock: only who signs or checks like this needs reports/keyless.lock.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUFFIX = ".sigstore.json"
INSTALL = "pip install --require-hashes -r reports/keyless.lock"
PERMISSION = "On GitHub, give the job `permissions: id-token: write`"


class KeylessError(Exception):
    """Signing or checking like this cannot be done here. The text says what to do."""


@dataclass(frozen=True)
class Identity:
    """Who may sign: an identity (on GitHub the workflow's address with its ref) and who vouches for it.

    trust: a client trust config of a private sigstore (trust root and services); None: the public one.
    """

    identity: str
    issuer: str
    trust: Path | None = None


def bundles_in(folder: Path) -> list[Path]:
    """The bundles beside a sign-off."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def free_name(folder: Path) -> str:
    """What one more bundle is called."""
    taken = {path.name for path in bundles_in(folder)}
    names = (f"signoff{f'.{number}' if number > 1 else ''}{SUFFIX}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def sign(payload: bytes, trust: Path | None = None) -> str:
    """A bundle over an in-toto statement, by the identity that this machine has. KeylessError: it has none, ..."""
    with _library():
        from sigstore import dsse
        from sigstore.oidc import IdentityToken
        from sigstore.sign import SigningContext

        token = IdentityToken(_credential())
        context = SigningContext.from_trust_config(_config(trust, offline=False))
        with context.signer(token) as signer:
            return str(signer.sign_dsse(dsse.Statement(payload)).to_json()) + "\n"


def faults(path: Path, payload: bytes) -> list[str]:
    """Why a bundle does not belong to a sign-off, as far as that shows without knowing who may sign."""
    try:
        envelope = json.loads(path.read_text(encoding="utf-8"))["dsseEnvelope"]
        content = base64.b64decode(envelope["payload"], validate=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"{path.name}: not a sigstore bundle: {error}"]
    return [] if _same(content, payload) else [f"{path.name} is a signature over another sign-off"]


def _same(signed: bytes, payload: bytes) -> bool:
    """Whether two statements say the same; other signers write the same JSON in other bytes."""
    if signed == payload:
        return True
    try:
        one, other = (json.loads(text) for text in (signed, payload))
        for statement in (one, other):
            statement["subject"] = sorted((item["name"], item["digest"]["sha256"]) for item in statement["subject"])
    except (ValueError, KeyError, TypeError):
        return False
    return bool(one == other)


def holds(path: Path, payload: bytes, by: Identity) -> str:
    """ "" if a bundle is this identity's signature over the payload, checked without a network; else why it is not.

    KeylessError: it cannot be checked here.
    """
    with _library():
        from sigstore.errors import Error
        from sigstore.models import Bundle
        from sigstore.verify import Verifier
        from sigstore.verify.policy import Identity as Wanted

        verifier = Verifier(trusted_root=_config(by.trust, offline=True).trusted_root)
        try:
            bundle = Bundle.from_json(path.read_text(encoding="utf-8"))
            _, signed = verifier.verify_dsse(bundle, Wanted(identity=by.identity, issuer=by.issuer))
        except (Error, OSError, ValueError) as error:
            return f"{path.name}: {error}"
        return "" if _same(signed, payload) else f"{path.name} is a signature over another sign-off"


def signed_by(folder: Path, payload: bytes, wanted: Sequence[Identity]) -> tuple[set[Identity], list[str]]:
    """Which of these have signed, and why bundles that are there are not by one of the others."""
    good: set[Identity] = set()
    told: list[str] = []
    for path in bundles_in(folder):
        reasons = {identity: holds(path, payload, identity) for identity in wanted}
        by = [identity for identity, reason in reasons.items() if not reason]
        good.update(by)
        told += [] if by else list(dict.fromkeys(reasons.values()))
    return good, told


@contextmanager
def _library() -> Iterator[None]:
    """Whatever the library raises becomes a KeylessError in plain words."""
    logging.getLogger("sigstore").setLevel(logging.CRITICAL)
    try:
        yield
    except KeylessError:
        raise
    except ModuleNotFoundError as error:
        raise KeylessError(f"{error.name} is not installed here: {INSTALL}") from error
    except Exception as error:  # its clients (TUF, Fulcio, Rekor, requests) each have errors of their own
        raise KeylessError(f"sigstore: {type(error).__name__}: {error or 'it gave no reason'}") from error


def _credential() -> str:
    from sigstore.oidc import detect_credential

    try:
        found = detect_credential()
    except Exception as error:  # each place that hands out identities has errors of its own
        raise KeylessError(f"no identity could be had: {error}. {PERMISSION}.") from error
    if not found:
        raise KeylessError(f"this machine has no identity to sign with. {PERMISSION}; elsewhere, sign with a key.")
    return str(found)


def _config(trust: Path | None, *, offline: bool) -> Any:
    """Trust root and services: the public sigstore's, or those of a file."""
    from sigstore.models import ClientTrustConfig

    if trust is None:
        return ClientTrustConfig.production(offline=offline)
    try:
        return ClientTrustConfig.from_json(trust.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KeylessError(f"{trust}: not a client trust config of sigstore: {error}") from error
