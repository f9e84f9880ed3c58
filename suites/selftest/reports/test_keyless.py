"""Keyless signatures: made and checked with a private sigstore, refused where anything about them is not as it was."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines import roles, signing
from pipelines.cli import main
from reports import attest, keyless, verification
from reports.keyless import Identity, KeylessError
from reports.keys import generate_key
from reports.verification import Verification, verify
from suites.selftest.reports import private_sigstore, synthetic
from suites.selftest.reports.private_sigstore import ISSUER, WORKFLOW, PrivateSigstore

BUNDLE = "signoff.sigstore.json"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that passed, unsigned; no identity is to be had from the environment."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    for name in [
        name for name in os.environ if name.startswith(("ACTIONS_ID", "GITHUB_", "GITLAB", "CIRCLE", "BUILDKITE"))
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(signing, "require_own_decisions", lambda run: None)  # these decisions are made up
    return synthetic.write(tmp_path / "run", verdict="PASS")


@pytest.fixture
def trust(tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A sigstore that is serving, and this process in the place of a GitHub job that may ask for an identity."""
    pytest.importorskip("sigstore", reason=f"could-not-run: the sigstore library is not here ({keyless.INSTALL})")
    with private_sigstore.serving(PrivateSigstore(), tmp_path) as (file, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield file


def roles_file(folder: Path, identity: str = WORKFLOW, issuer: str = ISSUER, more: str = "") -> Path:
    path = folder / "roles.toml"
    named = f'identities = [{{ identity = "{identity}", issuer = "{issuer}" }}]'
    path.write_text(f'[role.release]\n{named}\nsigstore = "trust.json"\n{more}')
    return path


def checked(run: Path, file: Path) -> Verification:
    return verify(run / attest.SIGNOFF, roles=roles.load(file))


def test_sign_off_by_an_identity_is_trusted_offline_and_names_no_key_that_anybody_keeps(
    run: Path, trust: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["sign", str(run), "--keyless", "--sigstore", str(trust)]) == 0
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1:9")
    found = checked(run, roles_file(tmp_path))
    assert (found.problems, found.ok, found.trusted, found.development) == ((), True, True, False)
    assert found.predicate is not None
    assert "thrown away" in found.predicate["signers"]["note"]
    assert main(["verify", str(run), "--roles", str(tmp_path / "roles.toml")]) == 0
    alone = verify(run / attest.SIGNOFF)
    assert (alone.ok, alone.trusted) == (True, False)
    assert f"{BUNDLE} was not checked: no identity was given (--roles)" in alone.notes


WRONG = {
    "another workflow": {"identity": WORKFLOW.replace("release.yml", "other.yml")},
    "another branch": {"identity": WORKFLOW.replace("main", "feature")},
    "another issuer": {"issuer": "https://accounts.example.org"},
}


@pytest.mark.parametrize("case", WRONG)
def test_sign_off_by_another_identity_is_refused(case: str, run: Path, trust: Path, tmp_path: Path) -> None:
    attest.sign(run, by_identity=True, trust=trust)
    found = checked(run, roles_file(tmp_path, **WRONG[case]))
    assert (found.ok, found.trusted) == (False, False)
    assert "the role release has not signed off: 0 of the 1" in "".join(found.problems)
    assert any(BUNDLE in note for note in found.notes)


def test_sign_off_by_another_sigstore_of_the_same_identity_is_refused(run: Path, trust: Path, tmp_path: Path) -> None:
    attest.sign(run, by_identity=True, trust=trust)
    trust.write_text(PrivateSigstore().trust("http://127.0.0.1:9"))
    assert not checked(run, roles_file(tmp_path)).ok
    trust.write_text("{")
    assert "trust.json" in "".join(checked(run, roles_file(tmp_path)).problems)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every text in a bundle."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from leaves(item, (*path, key))
    if isinstance(value, str):
        yield path


def spoiled(text: str) -> str:
    """Another text of the same kind: a number one higher, base64 with one bit turned, or one letter more."""
    if text.isdigit():
        return str(int(text) + 1)
    try:
        data = bytearray(base64.b64decode(text, validate=True))
        data[len(data) // 2] ^= 1
        return base64.b64encode(data).decode()
    except (ValueError, IndexError):
        return text + "x"


def test_bundle_with_any_text_changed_is_refused(run: Path, trust: Path, tmp_path: Path) -> None:
    attest.sign(run, by_identity=True, trust=trust)
    file, bundle = roles_file(tmp_path), run / BUNDLE
    whole = json.loads(bundle.read_text())
    places = list(leaves(whole))
    assert len(places) >= 15
    accepted = []
    for place in places:
        data = json.loads(json.dumps(whole))
        holder = data
        for key in place[:-1]:
            holder = holder[key]
        holder[place[-1]] = spoiled(holder[place[-1]])
        bundle.write_text(json.dumps(data))
        if checked(run, file).ok:
            accepted.append(".".join(map(str, place)))
    assert accepted == []


def test_bundle_over_another_sign_off_is_refused(run: Path, trust: Path, tmp_path: Path) -> None:
    attest.sign(run, by_identity=True, trust=trust)
    other = synthetic.write(tmp_path / "other", verdict="PASS")
    attest.sign(other, by_identity=True, trust=trust)
    (run / BUNDLE).write_bytes((other / BUNDLE).read_bytes())
    assert f"{BUNDLE} is a signature over another sign-off" in checked(run, roles_file(tmp_path)).problems
    assert f"{BUNDLE} is a signature over another sign-off" in verify(run / attest.SIGNOFF).problems
    (run / BUNDLE).unlink()
    assert not checked(run, roles_file(tmp_path)).ok


def test_identity_and_key_are_two_signatures_of_a_role(run: Path, trust: Path, tmp_path: Path) -> None:
    generate_key(tmp_path / "alice.pem")
    file = roles_file(tmp_path, more='keys = ["alice.pub.pem"]\nthreshold = 2\n')
    attest.sign(run, [tmp_path / "alice.pem"])
    assert "1 of the 2" in "".join(checked(run, file).problems)
    assert main(["sign", str(run), "--add", "--keyless", "--sigstore", str(trust)]) == 0
    assert checked(run, file).trusted
    assert main(["sign", str(run), "--add", "--keyless", "--sigstore", str(trust)]) == 0
    assert [path.name for path in keyless.bundles_in(run)] == ["signoff.2.sigstore.json", BUNDLE]
    assert checked(run, file).trusted
    attest.sign(run, [tmp_path / "alice.pem"])
    assert keyless.bundles_in(run) == [], "signing afresh takes away what signed something else"
    (run / BUNDLE).write_text("{}")
    assert "not a sigstore bundle" in "".join(verify(run / attest.SIGNOFF).problems)


def test_statement_in_other_bytes_is_the_same_statement(run: Path, trust: Path, tmp_path: Path) -> None:
    """As GitHub's actions/attest makes it: the same JSON, written anew."""
    attest.sign(run, [generate_key(tmp_path / "alice.pem").with_name("alice.pem")])
    statement = json.loads(verification.read_envelope(run / attest.SIGNOFF).payload)
    statement["subject"].reverse()
    (run / "attestation.sigstore.json").write_text(keyless.sign(json.dumps(statement).encode(), trust))
    assert checked(run, roles_file(tmp_path)).problems == ()
    statement["predicate"]["reason"] = "because"
    (run / "attestation.sigstore.json").write_text(keyless.sign(json.dumps(statement).encode(), trust))
    assert not checked(run, roles_file(tmp_path)).ok


def test_sign_without_an_identity_says_what_to_do_and_changes_nothing(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sigstore", reason="could-not-run: the sigstore library is not here")
    before = sorted(run.rglob("*"))
    monkeypatch.setattr(keyless, "_config", lambda *arguments, **more: pytest.fail("nobody was asked who signs"))
    assert main(["sign", str(run), "--keyless"]) == 3
    assert "this machine has no identity to sign with" in capsys.readouterr().err
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert main(["sign", str(run), "--keyless"]) == 3
    assert "id-token: write" in capsys.readouterr().err
    assert sorted(run.rglob("*")) == before


def test_keyless_without_the_library_or_the_service_says_so(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(__import__("sys").modules, "sigstore", None)
        with pytest.raises(KeylessError, match=r"pip install --require-hashes -r reports/keyless\.lock"):
            keyless.sign(b"{}")
    pytest.importorskip("sigstore", reason="could-not-run: the sigstore library is not here")
    with private_sigstore.serving(PrivateSigstore(), tmp_path) as (file, environment):
        data = json.loads(file.read_text())
        for name in ("caUrls", "rekorTlogUrls"):
            data["signingConfig"][name][0]["url"] = "http://127.0.0.1:9"
        file.write_text(json.dumps(data))
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(KeylessError, match="ConnectionError"):
            attest.sign(run, by_identity=True, trust=file)
    assert not (run / attest.SIGNOFF).exists()


def test_public_sigstore_is_checked_by_the_root_that_comes_with_the_library(tmp_path: Path) -> None:
    pytest.importorskip("sigstore", reason="could-not-run: the sigstore library is not here")
    (tmp_path / BUNDLE).write_text("{}")
    told = keyless.holds(tmp_path / BUNDLE, b"{}", Identity(WORKFLOW, ISSUER))
    assert told.startswith(f"{BUNDLE}: ")
