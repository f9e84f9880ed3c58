"""sign as a command: afresh, beside others, and nothing where it cannot be done."""

from __future__ import annotations

import datetime
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines import arguments, signing
from pipelines.cli import main
from reports import attest
from reports.keys import generate_key, load_public_key, public_path
from suites.selftest.pipelines.releases import edit
from suites.selftest.reports import synthetic

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that passed, not signed, with two keys in the folder above it."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(signing, "require_own_decisions", lambda run: None)  # these decisions are made up
    for name in ("alice", "bob"):
        generate_key(tmp_path / f"{name}.pem")
    folder = synthetic.write(tmp_path / "r", verdict="PASS")
    time = datetime.datetime.now(datetime.UTC).isoformat()  # as fresh as the signature that the command will make
    for path in (folder / "decisions").glob("*.json"):
        edit(path, lambda data: data.update(decided=time))
    return folder


def test_two_people_sign_one_after_the_other(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alice, bob = (run.parent / f"{name}.pem" for name in ("alice", "bob"))
    assert main(["sign", str(run), "--key", f"file2:{alice}#{public_path(alice)}"]) == 0
    assert main(["sign", str(run), "--key", str(bob), "--add"]) == 0
    public = [public_path(alice), public_path(bob)]
    assert attest.verify(run / attest.SIGNOFF, keys=public, threshold=2).trusted
    told = capsys.readouterr().out.splitlines()
    first, second = told[: len(told) // 2], told[len(told) // 2 :]
    assert first[-1] == second[-1].strip() == str(run / attest.SIGNOFF)
    by_alice, by_bob = (load_public_key(path).keyid[:12] for path in public)
    assert first[0].startswith("signed: PASS of ")
    assert f"  by:     the key {by_alice}" in first
    assert [f"  by:     the key {by_bob}", f"  beside: {by_alice}"] == second[2:4]


def test_own_key_of_a_machine_is_called_that(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sign", str(run)]) == 0
    assert "this machine's own key" in capsys.readouterr().out


def test_public_key_that_shall_sign_is_called_one(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sign", str(run), "--key", str(run.parent / "alice.pub.pem")]) == 3
    told = capsys.readouterr().err
    assert "not a private key but a public one" in told
    assert "chmod" not in told


def test_key_made_as_the_help_says_signs_and_verifies(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shutil.which("openssl"), "needs openssl"
    place = run.parent / "fresh"
    place.mkdir()
    monkeypatch.chdir(place)
    commands = [line.strip() for line in arguments.NEW_KEY.splitlines() if line.startswith("  ")]
    assert len(commands) == 2
    for command in commands:
        assert command in (ROOT / "docs" / "promotion.md").read_text()
        subprocess.run(shlex.split(command), check=True, capture_output=True)
    assert main(["sign", "--help"]) == 0
    assert commands[0] in capsys.readouterr().out
    assert main(["sign", str(run), "--key", "alice.pem"]) == 0
    assert main(["verify", str(run), "--key", "alice.pub.pem"]) == 0


def test_verify_without_a_key_says_what_it_did_not_check_and_does_not_pass(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = run.parent / "alice.pem"
    assert main(["sign", str(run), "--key", str(key)]) == 0
    capsys.readouterr()
    assert main(["verify", str(run)]) == 2
    told = capsys.readouterr().out
    assert told.startswith("INCONCLUSIVE: ")
    assert "NOT CHECKED: who signed." in told
    assert "--key" in told
    assert "--no-signature" in told
    assert main(["verify", str(run), "--no-signature"]) == 0
    assert "who signed was NOT checked" in capsys.readouterr().out
    assert main(["verify", str(run), "--key", str(public_path(key))]) == 0
    assert "NOT" not in capsys.readouterr().out
    (run / "run.json").write_text((run / "run.json").read_text() + " ")
    assert main(["verify", str(run), "--no-signature"]) == 3


def test_verify_asked_for_a_key_and_for_none_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sign", str(run)]) == 0
    assert main(["verify", str(run), "--no-signature", "--key", str(run.parent / "alice.pub.pem")]) == 3
    assert "leave out --key" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--key", "none.pem"], ["--add"], ["--add", "--key", "alice.pem"]])
def test_signing_that_cannot_be_done_is_told_and_leaves_nothing(run: Path, wrong: list[str]) -> None:
    wrong = [str(run.parent / word) if word.endswith(".pem") else word for word in wrong]
    before = sorted(run.rglob("*"))
    assert main(["sign", str(run), *wrong]) == 3
    assert sorted(run.rglob("*")) == before
