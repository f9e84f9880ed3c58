"""Keys that sign a sign-off: PEM files, and the development key that is made on first use.

Belongs here: reading, making and storing keys; a key that a key service holds is named by its URI. A development
key proves that nobody changed a sign-off after this machine wrote it; it never proves that somebody may release.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.exceptions import UnsupportedLibraryError
from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, CryptoSigner, Signer, SSlibKey

from reports.render.files import write_beside

DEVELOPMENT_KEY = "development.pem"
PUBLIC_BESIDE = "#"  # between a key service's URI and the file of its public half; no scheme uses a fragment itself


class KeyFileError(Exception):
    """A key file that cannot be used. The text names the file and what is wrong with it."""


@dataclass(frozen=True)
class PublicKey:
    """A public key with the id that signatures name it by."""

    keyid: str
    pem: str
    key: Any = field(hash=False)  # securesystemslib's SSlibKey, which comes without types


@dataclass(frozen=True)
class PrivateKey:
    """A private key ready to sign, whether it is this machine's development key, and whether it signs only once."""

    signer: Any  # a securesystemslib Signer, which comes without types
    public: PublicKey
    development: bool = False
    once: bool = False


def home(environment: Mapping[str, str] | None = None) -> Path:
    """The folder of this user's Seatrial keys: SEATRIAL_HOME, else seatrial below the user's configuration."""
    environment = os.environ if environment is None else environment
    if environment.get("SEATRIAL_HOME"):
        return Path(environment["SEATRIAL_HOME"])
    base = environment.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "seatrial"


def generate_key(path: Path) -> Path:
    """Make an Ed25519 key pair: path (private, mode 0600) and, returned, its public half NAME.pub.pem beside it.

    An existing file is never overwritten (KeyFileError).
    """
    signer = CryptoSigner.generate_ed25519()
    public = public_path(path)
    if public.exists():
        raise KeyFileError(f"{public}: exists already")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not _place(path, signer.private_bytes, 0o600):
        raise KeyFileError(f"{path}: exists already")
    _place(public, _public(signer.public_key).pem.encode(), 0o644)
    return public


def public_path(path: Path) -> Path:
    """release.pem -> release.pub.pem."""
    return path.with_name(path.name.removesuffix(".pem") + ".pub.pem")


def development_key(folder: Path | None = None) -> PrivateKey:
    """This user's development key, made on first use; safe when two runs make it at once."""
    folder = home() if folder is None else folder
    path = folder / DEVELOPMENT_KEY
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _place(path, CryptoSigner.generate_ed25519().private_bytes, 0o600)
    key = load_private_key(path)
    if not public_path(path).exists():
        _place(public_path(path), key.public.pem.encode(), 0o644)
    return PrivateKey(key.signer, key.public, development=True)


def one_time_key() -> PrivateKey:
    """A key that is written nowhere: it signs once, for somebody who proves otherwise who they are."""
    signer = CryptoSigner.generate_ed25519()
    return PrivateKey(signer, _public(signer.public_key), once=True)


def load_signer(where: str | Path) -> PrivateKey:
    """A key that signs: a file (load_private_key), or SCHEME:KEY#PUBLIC.pem for a key that a service or token holds.

    The schemes are securesystemslib's (awskms, azurekms, gcpkms, hv for Vault, hsm for PKCS#11, file2). The public
    half is a file, so that signing asks the service for one signature and nothing else. KeyFileError: unusable.
    """
    scheme, colon, _ = str(where).partition(":")
    if not colon or scheme not in SIGNER_FOR_URI_SCHEME:
        return load_private_key(Path(where))
    uri, _, public_file = str(where).partition(PUBLIC_BESIDE)
    if not public_file:
        raise KeyFileError(f"{where}: name the file of its public half too: {uri}{PUBLIC_BESIDE}release.pub.pem")
    public = load_public_key(Path(public_file))
    try:
        signer = Signer.from_priv_key_uri(uri, public.key)
        signer.sign(b"Seatrial asks whether this key can sign")
    except UnsupportedLibraryError as error:
        raise KeyFileError(f"{uri}: {error}. Install what securesystemslib needs for {scheme}.") from error
    except Exception as error:  # each service's client has its own errors, which securesystemslib passes on
        raise KeyFileError(f"{uri}: cannot sign: {error}") from error
    return PrivateKey(signer, public, development=_is_development(public))


def load_private_key(path: Path) -> PrivateKey:
    """Read an Ed25519 private key (PEM, PKCS#8, not encrypted, not readable by others)."""
    data = _bytes(path)
    if b"PUBLIC KEY" in data:
        raise KeyFileError(f"{path}: not a private key but a public one; what signs is its private half")
    if path.stat().st_mode & 0o077:
        raise KeyFileError(f"{path}: others may read this private key; chmod 600 it")
    try:
        private = load_pem_private_key(data, None)
    except TypeError as error:
        raise KeyFileError(f"{path}: the key is encrypted; decrypt it into a file of mode 0600 first") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"{path}: not a private key in PEM form") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: not an Ed25519 key")
    signer = CryptoSigner(private)
    public = _public(signer.public_key)
    return PrivateKey(signer, public, development=_is_development(public))


def _is_development(public: PublicKey) -> bool:
    """Whether it is this user's development key, under whatever name it was given."""
    own = public_path(home() / DEVELOPMENT_KEY)
    return own.is_file() and parse_public_key(own.read_text(errors="replace"), str(own)).keyid == public.keyid


def load_public_key(path: Path) -> PublicKey:
    """Read a public key in PEM form. A private key is refused: it should not be where verifiers look."""
    data = _bytes(path)
    if b"PRIVATE KEY" in data:
        raise KeyFileError(f"{path}: this is a private key; give its public half ({public_path(path).name})")
    return parse_public_key(data.decode("utf-8", "replace"), str(path))


def parse_public_key(pem: str, where: str) -> PublicKey:
    """A public key (Ed25519, ECDSA or RSA) from PEM text; where names it in an error."""
    try:
        return _public(SSlibKey.from_crypto(load_pem_public_key(pem.encode())))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"{where}: not an Ed25519, ECDSA or RSA public key in PEM form") from error


def _public(key: Any) -> PublicKey:
    text = key.keyval["public"]
    if key.keytype == "ed25519":
        raw = Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
        text = raw.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return PublicKey(str(key.keyid), text, key)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read: {error.strerror or error}") from error


def _place(path: Path, data: bytes, mode: int) -> bool:
    """Put a whole file at path unless one is there; a crash leaves none or the whole. False: one was there."""
    beside = write_beside(path, data, mode)
    try:
        os.link(beside, path)
    except FileExistsError:
        return False
    finally:
        beside.unlink(missing_ok=True)
    return True
