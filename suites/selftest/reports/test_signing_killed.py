"""Signing killed at each write, rename and removal leaves the sign-off of before, or one that a command finishes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import main
from reports import attest, envelope
from reports.envelope import EnvelopeError
from reports.keys import generate_key
from reports.verification import verify
from suites.selftest.reports import synthetic

ROOT = Path(__file__).resolve().parents[3]
KILLED_AT = """
import os, signal, sys
from pathlib import Path
run, key, how, left = Path(sys.argv[1]), sys.argv[2], sys.argv[3], [int(sys.argv[4])]
from reports import attest
def watch(event, arguments):
    # Renames, removals and folders made below the run: each moment at which the files on disk become others.
    if event in ("os.rename", "os.remove", "os.mkdir") and str(run) in str(arguments[0]):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
attest.sign(run, [key]) if how == "afresh" else attest.add_signature(run / attest.SIGNOFF, key)
"""


@pytest.fixture
def signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run signed by alice, with an attestation too many, so that signing afresh has something to take away."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    run = synthetic.write(tmp_path / "run", verdict="PASS")
    for name in ("alice", "bob"):
        generate_key(tmp_path / f"{name}.pem")
    attest.sign(run, [tmp_path / "alice.pem"])
    return run


def state(run: Path) -> dict[str, bytes]:
    files = (path for path in run.rglob("*") if path.is_file() and ".signing" not in path.parts)
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in files}


def killed(run: Path, how: str, moment: int) -> bool:
    """Sign as bob and be killed at the so-many-th moment; False: signing was over by then."""
    command = [sys.executable, "-c", KILLED_AT, str(run), str(run.parent / "bob.pem"), how, str(moment)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode in (0, -signal.SIGKILL)
    return done.returncode != 0


@pytest.mark.parametrize("how", ["afresh", "beside"])
def test_signing_killed_at_each_moment_is_nothing_or_is_finished(how: str, signed: Path, tmp_path: Path) -> None:
    if how == "afresh":
        (signed / "attestations" / "test-result-gone-csi.dsse.json").write_text("{}")
    before, moment, unchanged, unfinished = state(signed), 0, 0, 0
    keys = [tmp_path / "bob.pub.pem"]
    while killed(signed, how, moment):
        moment += 1
        if not envelope.is_unfinished(signed):
            if state(signed) == before:
                unchanged += 1
                assert how == "afresh" or verify(signed / attest.SIGNOFF, keys=[tmp_path / "alice.pub.pem"]).trusted
                continue
            # The list was done with, and only the folder it lay in was left.
            assert verify(signed / attest.SIGNOFF, keys=keys).trusted
        else:
            unfinished += 1
            found = verify(signed / attest.SIGNOFF, keys=keys)
            assert not found.ok
            assert f"python -m pipelines sign {signed} --finish" in found.problems[0]
            assert main(["sign", str(signed), "--finish"]) == 0
            assert verify(signed / attest.SIGNOFF, keys=keys).trusted
        assert not (signed / ".signing" / "to-do.json").exists()
        restore(signed, before)
    assert unchanged >= 5
    assert unfinished >= 5
    assert verify(signed / attest.SIGNOFF, keys=keys).trusted
    assert not (signed / ".signing").exists()


def restore(run: Path, files: dict[str, bytes]) -> None:
    for name in set(state(run)) - set(files):
        (run / name).unlink()
    for name, data in files.items():
        (run / name).write_bytes(data)


def test_next_signature_finishes_what_was_cut_short(signed: Path, tmp_path: Path) -> None:
    moment = 0
    while killed(signed, "beside", moment) and not envelope.is_unfinished(signed):
        moment += 1
    assert envelope.is_unfinished(signed)
    generate_key(tmp_path / "carol.pem")
    attest.add_signature(signed / attest.SIGNOFF, tmp_path / "carol.pem")
    keys = [tmp_path / f"{name}.pub.pem" for name in ("alice", "bob", "carol")]
    assert verify(signed / attest.SIGNOFF, keys=keys, threshold=3).trusted


def test_finish_with_nothing_to_finish_says_so(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = state(signed)
    assert main(["sign", str(signed), "--finish"]) == 0
    assert "no signing was cut short" in capsys.readouterr().out
    assert state(signed) == before


LISTS: dict[str, Any] = {
    "a path out of the folder": {"move": {"0": "../x"}, "remove": []},
    "an absolute path": {"move": {}, "remove": ["/etc/hostname"]},
    "something else": {"move": {"../run.json": "x"}, "remove": []},
    "no list": [],
}


@pytest.mark.parametrize("case", LISTS)
def test_list_of_what_is_to_be_done_that_signing_did_not_write_is_refused(case: str, signed: Path) -> None:
    before = state(signed)
    (signed / ".signing").mkdir()
    (signed / ".signing" / "to-do.json").write_text(json.dumps(LISTS[case]))
    with pytest.raises(EnvelopeError, match="not what signing writes"):
        envelope.finish(signed)
    assert main(["sign", str(signed), "--finish"]) == 3
    assert not verify(signed / attest.SIGNOFF).ok
    assert state(signed) == before
