"""sign as a command: afresh, beside others, and nothing where it cannot be done."""

from __future__ import annotations

import datetime
import errno
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import arguments, signing
from pipelines.cli import main
from reports import attest, envelope, verification
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


def test_key_that_has_signed_already_is_named_and_adds_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alice, bob = (run.parent / f"{name}.pem" for name in ("alice", "bob"))
    assert main(["sign", str(run), "--key", str(alice)]) == 0
    assert main(["sign", str(run), "--key", str(bob), "--add"]) == 0
    before = (run / attest.SIGNOFF).read_bytes()
    capsys.readouterr()
    assert main(["sign", str(run), "--key", str(bob), "--add"]) == 0
    told = capsys.readouterr().out.splitlines()
    by_alice, by_bob = (load_public_key(public_path(path)).keyid[:12] for path in (alice, bob))
    assert told[2:4] == [
        f"  by:     the key {by_bob}, which had signed already: nothing is added",
        f"  beside: {by_alice}",
    ]
    assert (run / attest.SIGNOFF).read_bytes() == before


def test_what_is_accepted_with_a_verdict_is_told_and_a_sign_off_that_is_over_too(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sign", str(run)]) == 0
    told = capsys.readouterr().out
    assert "  with:   1 waiver used (W-7), " in told
    assert "THAT IS OVER" not in told
    for path in (run / "decisions").glob("*.json"):
        edit(path, lambda data: data.update(decided="2026-01-01T00:00:00Z"))
    assert main(["sign", str(run), "--replace-sign-off"]) == 0
    assert "  until:  2026-01-15T00:00:00Z: THAT IS OVER" in capsys.readouterr().out
    assert main(["verify", str(run), "--no-signature"]) == 3


def test_report_that_is_signed_is_drawn_from_what_is_signed(run: Path) -> None:
    forged = ("report.html", "summary.md", "junit.xml", "ctrf.json", "history.json")
    for name in forged:
        (run / name).write_text("forged")
    assert main(["sign", str(run), "--key", str(run.parent / "alice.pem")]) == 0
    for name in forged:
        assert "forged" not in (run / name).read_text()
    assert main(["verify", str(run), "--key", str(run.parent / "alice.pub.pem")]) == 0
    (run / "history.json").write_text("forged")
    assert main(["verify", str(run), "--key", str(run.parent / "alice.pub.pem")]) == 3


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


def test_run_that_was_asked_for_its_first_stages_alone_does_not_pass(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "decisions" / "production.json").unlink()
    edit(run / "run.json", lambda data: data["stages"][-1].update(requested=False))
    assert main(["sign", str(run), "--key", str(run.parent / "alice.pem")]) == 0
    assert "  with:   production not decided, " in capsys.readouterr().out
    assert main(["verify", str(run), "--key", str(run.parent / "alice.pub.pem")]) == 2
    told = capsys.readouterr().out
    assert told.startswith("INCONCLUSIVE: ")
    assert "NOT PROVEN: production." in told
    summary = verification.read_envelope(run / "attestations" / "vsa.dsse.json").payload
    assert json.loads(summary)["predicate"]["verificationResult"] == "FAILED"


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


def files(run: Path) -> dict[str, bytes]:
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "words", [["--key", "bob.pem", "--replace-sign-off"], ["--key", "bob.pem", "--add"], ["--finish"]]
)
def test_signing_while_somebody_else_signs_is_refused_and_changes_nothing(
    run: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Even half of what he has begun is left alone: he is still there to end it."""
    assert main(["sign", str(run), "--key", str(run.parent / "alice.pem")]) == 0
    (run / ".signing").mkdir()
    (run / ".signing" / "0").write_text("what he writes")
    before = files(run)
    words = [str(run.parent / word) if word.endswith(".pem") else word for word in words]
    with envelope.alone(run):
        assert main(["sign", str(run), *words]) == 3
    assert "somebody else is signing it at this moment" in capsys.readouterr().err
    assert files(run) == before
    assert main(["sign", str(run), *words]) == 0


def begin(program: str, *paths: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *map(str, paths)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


HOLD = """
import pathlib, sys, time
from reports import envelope
with envelope.alone(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_lock_of_a_killed_signer_is_gone(run: Path) -> None:
    holder = begin(HOLD, run)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert main(["sign", str(run)]) == 3
    holder.kill()
    holder.communicate()
    assert main(["sign", str(run)]) == 0


SIGN = """
import pathlib, sys
from reports import attest, envelope, verification
from reports.envelope import EnvelopeError
run, key = map(pathlib.Path, sys.argv[1:])
print("ready", flush=True)
sys.stdin.readline()
try:
    attest.add_signature(run / attest.SIGNOFF, key)
except EnvelopeError as error:
    sys.exit(f"refused: {error}")
"""


def test_many_who_sign_at_once_lose_no_signature(run: Path) -> None:
    """Whoever was told that he signed has his signature in every envelope; all others were told that they have not."""
    names = ["bob", *(f"p{number}" for number in range(5))]
    for name in names[1:]:
        generate_key(run.parent / f"{name}.pem")
    assert main(["sign", str(run), "--key", str(run.parent / "alice.pem")]) == 0
    signers = {name: begin(SIGN, run, run.parent / f"{name}.pem") for name in names}
    for process in signers.values():
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in signers.values():
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = {name: process.communicate()[1] for name, process in signers.items()}
    signed = ["alice", *(name for name, process in signers.items() if process.returncode == 0)]
    assert len(signed) > 1
    assert all("somebody else is signing" in told[name] for name in names if name not in signed)
    keys = [public_path(run.parent / f"{name}.pem") for name in signed]
    assert attest.verify(run / attest.SIGNOFF, keys=keys, threshold=len(keys)).trusted
    wanted = {load_public_key(key).keyid for key in keys}
    for path in [run / attest.SIGNOFF, *(run / "attestations").glob("*.dsse.json")]:
        assert set(verification.read_envelope(path).signatures) == wanted
    assert not (run / ".signing").exists()


@pytest.mark.parametrize(
    ("field", "files"),
    [("identity", ["parts.json"]), ("source", ["parts.json", "dev/parts.json"]), ("version", ["dev/parts.json"])],
)
def test_parts_that_were_not_tested_are_not_signed(
    run: Path, field: str, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(run / "parts.json", run / "dev" / "parts.json")
    for name in files:
        edit(run / name, lambda parts: parts[0].update({field: "sha256:" + "0" * 64}))
    assert main(["sign", str(run)]) == 3
    assert f"/{field} in parts.json is not what the " in capsys.readouterr().err
    assert not (run / attest.SIGNOFF).exists()


def test_parts_of_a_stage_that_agree_are_signed(run: Path) -> None:
    shutil.copy(run / "parts.json", run / "dev" / "parts.json")
    assert main(["sign", str(run)]) == 0


def test_run_with_links_outside_and_names_that_no_list_holds_is_signed_and_verifies(run: Path) -> None:
    (run / "dev" / "link").symlink_to("/etc/hostname")
    (run / "dev" / "dangling").symlink_to("nowhere")
    for name in (b"\xff.txt", b"a\nb", "a\u2028b".encode()):
        (run / "dev" / os.fsdecode(name)).write_text("x")
    assert main(["sign", str(run), "--key", str(run.parent / "alice.pem")]) == 0
    assert main(["verify", str(run), "--key", str(run.parent / "alice.pub.pem")]) == 0


def test_disk_that_is_full_is_told_with_the_file_and_leaves_nothing(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = sorted(run.rglob("*"))
    monkeypatch.setattr(os, "fsync", full)
    assert main(["sign", str(run), "--key", str(run.parent / "alice.pem")]) == 3
    told = capsys.readouterr()
    assert f"{run}/" in told.err
    assert "No space left on device" in told.err
    assert "signed:" not in told.out
    assert sorted(run.rglob("*")) == before


def test_signing_afresh_over_a_sign_off_is_refused_unless_asked_for(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alice, bob = (run.parent / f"{name}.pem" for name in ("alice", "bob"))
    assert main(["sign", str(run), "--key", str(alice)]) == 0
    (run / "waivers.toml").write_text("# changed after signing\n")
    before = files(run)
    assert main(["sign", str(run), "--key", str(bob)]) == 3
    told = capsys.readouterr().err
    by_alice = load_public_key(public_path(alice)).keyid[:12]
    assert f"signed by {by_alice}" in told
    assert "waivers.toml" in told
    assert files(run) == before
    assert main(["sign", str(run), "--key", str(bob), "--replace-sign-off"]) == 0
    told = capsys.readouterr().out
    assert f"replaced: the sign-off by {by_alice}" in told
    assert "waivers.toml" in told
    assert attest.verify(run / attest.SIGNOFF, keys=[public_path(bob)]).trusted


def test_stage_that_was_given_fewer_files_of_a_part_is_signed(run: Path) -> None:
    shutil.copy(run / "parts.json", run / "dev" / "parts.json")
    more = {"another": "0" * 64}
    edit(run / "parts.json", lambda parts: parts[0]["sha256"].update(more))
    assert main(["sign", str(run)]) == 3, "no stage was given the other file"
    folder = run / "dev" / "parts.json"
    edit(folder, lambda parts: parts[0]["sha256"].update(more))
    assert main(["sign", str(run)]) == 0
