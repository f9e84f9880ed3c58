"""A sign-off and its summary checked by somebody else's tool: cosign, offline, where it is on PATH."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reports import attest, attestations, keys
from reports.verification import PREDICATE_TYPE
from suites.selftest.reports import synthetic

KINDS = [(attest.SIGNOFF, PREDICATE_TYPE), (attestations.VSA, attestations.SUMMARY)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that passed, signed by alice; bob has a key too."""
    if shutil.which("cosign") is None:
        pytest.skip("could-not-run: cosign is not on PATH (go install github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3)")
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    for name in ("alice", "bob"):
        keys.generate_key(tmp_path / f"{name}.pem")
    folder = synthetic.write(tmp_path / "r", verdict="PASS")
    with (folder / "candidate.toml").open("a") as file:
        file.write("# A comment changes the file, and not the digest that the candidate is called by.\n")
    attest.sign(folder, [tmp_path / "alice.pem"], now=datetime(2026, 11, 23, 21, 0, tzinfo=UTC))
    return folder


def cosign_accepts(folder: Path, name: str, kind: str, signer: str = "alice") -> bool:
    """Whether cosign finds that an attestation of this kind is about this candidate file, by this signer."""
    command = [
        "cosign", "verify-blob-attestation", "--key", str(folder.parent / f"{signer}.pub.pem"),
        "--signature", name, "--type", kind, "--insecure-ignore-tlog", "--new-bundle-format=false", "candidate.toml",
    ]  # fmt: skip
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False).returncode == 0


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_cosign_accepts_what_was_signed_and_nothing_else(folder: Path, name: str, kind: str) -> None:
    assert cosign_accepts(folder, name, kind)
    assert not cosign_accepts(folder, name, "https://example.invalid/other/v1")
    assert not cosign_accepts(folder, name, kind, signer="bob")
    whole = (folder / "candidate.toml").read_bytes()
    (folder / "candidate.toml").write_bytes(whole + b"\n")
    assert not cosign_accepts(folder, name, kind)
    (folder / "candidate.toml").write_bytes(whole)
    data = json.loads((folder / name).read_text())
    changed = base64.b64decode(data["payload"]).replace(b'"PASS', b'"FAIL', 1)
    (folder / name).write_text(json.dumps({**data, "payload": base64.b64encode(changed).decode()}))
    assert not cosign_accepts(folder, name, kind)
