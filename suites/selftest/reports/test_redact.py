"""Secrets go, evidence stays."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from reports.failure import crashed, evidence_in
from reports.redact import redact, redact_file

SECRET = "hunter2hunter2hunter2"
JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IiJ9.eyJpc3MiOiJrdWJlcm5ldGVzL3NlcnZpY2VhY2NvdW50In0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdefghijklmnop1234", "abcdefghijklmnop1234"),
        ("authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        (f"token {JWT} seen", JWT),
        (f"password={SECRET}", SECRET),
        (f'{{"password": "{SECRET}"}}', SECRET),
        (f"client-key-data: {SECRET}==", SECRET),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut off", "MIIE"),
        (f"https://user:{SECRET}@registry.example.org/v2/", SECRET),
        ("kubeadm join --token abcdef.0123456789abcdef", "0123456789abcdef"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        (f"aws_secret_access_key = {SECRET}", SECRET),
        ('"auth": "dXNlcjpodW50ZXIy"', "dXNlcjpodW50ZXIy"),
        (f'secrets {{ key: "userKey" value: "{SECRET}" }}', SECRET),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
    ],
)
def test_secret_in_a_text_is_taken_out(text: str, secret: str) -> None:
    clean = redact(text)
    assert secret not in clean
    assert "[redacted: " in clean
    assert redact(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "sha256:9d1f0c54b7a2e86f31d7a5c0e2b94f6688aa01b3c7d5e9f2146b80d3ace57f10",
        "h1:m8OZXxYkAvtqM7kjcCbKLJHN9WJ3wFhC7T1bYbM0N2g=",
        "registry.k8s.io/pause:3.10.2",
        "http://10.96.0.1:443/api and unix:///run/csi.sock",
        'next_token: ""',
        'starting_token: "page-0002"',
        "coredns-7c65d6cfc9-x2x9z.kube-system 1/1 Running",
        "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----",
    ],
)
def test_text_without_a_secret_is_kept_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_value_named_as_secret_is_taken_out_wherever_it_stands() -> None:
    assert redact("the volume said swordfish twice: swordfish", ["swordfish"]).count("[redacted: secret]") == 2


def test_file_with_a_secret_is_cleaned_in_place_and_a_binary_one_is_left(tmp_path: Path) -> None:
    text, binary = tmp_path / "a.log", tmp_path / "b.bin"
    text.write_text(f"password={SECRET}\nkept\n")
    binary.write_bytes(b"\xff\xfe password=" + SECRET.encode())
    assert redact_file(text)
    assert not redact_file(binary)
    assert text.read_text() == "password=[redacted: secret]\nkept\n"
    assert SECRET.encode() in binary.read_bytes()


def test_link_among_evidence_is_left_out_and_what_it_leads_to_untouched(tmp_path: Path) -> None:
    outside = tmp_path / "kubeconfig"
    outside.write_text(f"password={SECRET}")
    (tmp_path / "run" / "e").mkdir(parents=True)
    (tmp_path / "run" / "e" / "link").symlink_to(outside)
    (tmp_path / "run" / "e" / "call.txt").write_text("volume=v1")
    kept = evidence_in([str(tmp_path / "run" / "e")], tmp_path / "run")
    assert [item.path for item in kept] == ["e/call.txt"]
    assert SECRET in outside.read_text()


def test_text_of_a_test_whose_process_died_holds_no_secret() -> None:
    assert SECRET not in crashed(SimpleNamespace(nodeid="t", longrepr=f"password={SECRET}")).text
