"""sign as a command: afresh, beside others, and nothing where it cannot be done."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from pipelines import signing
from pipelines.cli import main
from reports import attest
from reports.keys import generate_key, public_path
from suites.selftest.pipelines.releases import edit
from suites.selftest.reports import synthetic


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
    assert str(run / attest.SIGNOFF) in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["--key", "none.pem"], ["--add"], ["--add", "--key", "alice.pem"]])
def test_signing_that_cannot_be_done_is_told_and_leaves_nothing(run: Path, wrong: list[str]) -> None:
    wrong = [str(run.parent / word) if word.endswith(".pem") else word for word in wrong]
    before = sorted(run.rglob("*"))
    assert main(["sign", str(run), *wrong]) == 3
    assert sorted(run.rglob("*")) == before
