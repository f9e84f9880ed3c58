"""Key files: made once, private, and refused in words when they cannot be used."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reports import keys


def test_development_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    first = keys.development_key(tmp_path / "home")
    assert keys.development_key(tmp_path / "home").public == first.public
    assert first.development
    assert stat.S_IMODE((tmp_path / "home/development.pem").stat().st_mode) == 0o600


def test_development_key_made_by_many_at_once_is_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: keys.development_key(tmp_path).public.keyid, range(16)))
    assert len(set(made)) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"development.pem", "development.pub.pem"}


def test_generated_key_is_not_overwritten(tmp_path: Path) -> None:
    keys.generate_key(tmp_path / "release.pem")
    assert stat.S_IMODE((tmp_path / "release.pem").stat().st_mode) == 0o600
    before = (tmp_path / "release.pem").read_bytes()
    with pytest.raises(keys.KeyFileError, match="exists already"):
        keys.generate_key(tmp_path / "release.pem")
    assert (tmp_path / "release.pem").read_bytes() == before


def test_private_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    keys.generate_key(tmp_path / "release.pem")
    (tmp_path / "release.pem").chmod(0o644)
    with pytest.raises(keys.KeyFileError, match="chmod 600"):
        keys.load_private_key(tmp_path / "release.pem")


def test_private_key_given_for_checking_is_refused(tmp_path: Path) -> None:
    keys.generate_key(tmp_path / "release.pem")
    with pytest.raises(keys.KeyFileError, match=r"this is a private key; give its public half \(release.pub.pem\)"):
        keys.load_public_key(tmp_path / "release.pem")


@pytest.mark.parametrize("text", ["", "hello", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_file_that_is_no_key_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "k.pem").write_text(text)
    (tmp_path / "k.pem").chmod(0o600)
    with pytest.raises(keys.KeyFileError, match=r"k\.pem: not an Ed25519, ECDSA or RSA public key"):
        keys.load_public_key(tmp_path / "k.pem")
    with pytest.raises(keys.KeyFileError, match=r"k\.pem: not a private key"):
        keys.load_private_key(tmp_path / "k.pem")
