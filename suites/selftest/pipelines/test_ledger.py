"""The ledger: nothing in it can be changed, cut off or lost unseen, and nothing that goes wrong changes it."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import ledger
from pipelines.cli import main
from pipelines.ledger import LedgerError
from reports.keys import PrivateKey, development_key, generate_key, load_private_key, load_public_key, public_path

NOW = datetime.datetime(2026, 11, 25, 12, 0, tzinfo=datetime.UTC)
# Appends COUNT entries to a ledger, each from a lock of its own, as so many commands would.
WRITER = """
import datetime, sys
from pathlib import Path
from pipelines import ledger
from pipelines.cli import main
from reports.keys import load_private_key
folder, key, name, count, size = sys.argv[1:]
for number in range(int(count)):
    with ledger.writing(Path(folder), load_private_key(Path(key)), datetime.datetime.now(datetime.UTC)) as book:
        book.append("test", {"writer": name, "number": number, "seen": len(book.entries), "pad": "x" * int(size)})
"""


@pytest.fixture
def signer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PrivateKey:
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    generate_key(tmp_path / "ledger.pem")
    return load_private_key(tmp_path / "ledger.pem")


@pytest.fixture
def folder(tmp_path: Path, signer: PrivateKey) -> Path:
    """A ledger of three entries."""
    with ledger.writing(tmp_path / "ledger", signer, NOW) as book:
        for number in range(3):
            book.append("test", {"number": number, "text": "überführt"})
    return tmp_path / "ledger"


def state(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ledger.LOCK}


def start_writer(folder: Path, name: str, count: int, size: int = 10) -> subprocess.Popen[bytes]:
    key = folder.parent / "ledger.pem"
    return subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(key), name, str(count), str(size)])


def test_ledger_that_was_written_is_read_back_with_its_signer(folder: Path, signer: PrivateKey) -> None:
    checked = ledger.verify(folder, [signer.public])
    assert [entry.content["number"] for entry in checked.entries] == [0, 1, 2]
    assert checked.entries[2].previous == checked.entries[1].hash
    assert checked.signed_by == (signer.public.keyid,)
    assert checked.beyond == 0


@pytest.mark.parametrize("name", [ledger.ENTRIES, ledger.HEAD])
def test_ledger_with_any_byte_changed_does_not_hold(folder: Path, signer: PrivateKey, name: str) -> None:
    whole = (folder / name).read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << (place % 8)
        (folder / name).write_bytes(bytes(changed))
        with pytest.raises(LedgerError):
            ledger.check(folder, [signer.public])
    (folder / name).write_bytes(whole)
    assert ledger.check(folder, [signer.public]).entries


@pytest.mark.parametrize("name", [ledger.ENTRIES, ledger.HEAD])
def test_ledger_that_lost_a_file_does_not_hold_and_is_not_begun_anew(
    folder: Path, signer: PrivateKey, name: str
) -> None:
    (folder / name).unlink()
    with pytest.raises(LedgerError):
        ledger.check(folder)
    with pytest.raises(LedgerError), ledger.writing(folder, signer, NOW):
        pass
    assert not (folder / name).exists()


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_ledger_with_its_last_entries_cut_off_does_not_hold(folder: Path, kept: int) -> None:
    lines = (folder / ledger.ENTRIES).read_bytes().splitlines(keepends=True)
    (folder / ledger.ENTRIES).write_bytes(b"".join(lines[:kept]))
    with pytest.raises(LedgerError, match="cut off"):
        ledger.check(folder)


def test_ledger_put_back_to_an_old_copy_is_seen_against_a_noted_head(
    folder: Path, signer: PrivateKey, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "old")
    with ledger.writing(folder, signer, NOW) as book:
        noted = f"4:{book.append('test', {}).hash}"
    ledger.require(ledger.check(folder), noted)
    with pytest.raises(LedgerError, match="old copy"):
        ledger.require(ledger.check(tmp_path / "old"), noted)
    with pytest.raises(LedgerError, match="anew"):
        ledger.require(ledger.check(folder), f"3:{'a' * 64}")


def test_ledger_written_anew_with_another_key_is_refused_by_those_who_know_the_key(
    folder: Path, signer: PrivateKey, tmp_path: Path
) -> None:
    generate_key(tmp_path / "other.pem")
    other = load_private_key(tmp_path / "other.pem")
    shutil.rmtree(folder)
    with ledger.writing(folder, other, NOW) as book:
        book.append("test", {"number": 0})
    assert ledger.check(folder).entries
    with pytest.raises(LedgerError, match="another key"):
        ledger.check(folder, [signer.public])
    with pytest.raises(LedgerError, match="another key"), ledger.writing(folder, signer, NOW):
        pass


def test_key_that_takes_over_names_the_one_before(folder: Path, signer: PrivateKey, tmp_path: Path) -> None:
    generate_key(tmp_path / "new.pem")
    new = load_private_key(tmp_path / "new.pem")
    with ledger.writing(folder, new, NOW, trusted=[load_public_key(public_path(tmp_path / "ledger.pem"))]) as book:
        book.append("test", {})
    assert ledger.check(folder, [new.public]).signed_by == (new.public.keyid,)


@pytest.mark.parametrize("whole", [True, False])
def test_entry_that_the_head_does_not_cover_is_told_and_taken_away(
    folder: Path, signer: PrivateKey, whole: bool
) -> None:
    before = ledger.check(folder)
    line = ledger.line_of(3, before.hash, "2026-11-25T12:00:00Z", "test", {}) + b"\n"
    with (folder / ledger.ENTRIES).open("ab") as file:
        file.write(line if whole else line[:20])
    assert ledger.check(folder).beyond == (len(line) if whole else 20)
    with ledger.writing(folder, signer, NOW) as book:
        assert book.repaired
        book.append("test", {"number": 3})
    after = ledger.check(folder)
    assert after.beyond == 0
    assert [entry.content["number"] for entry in after.entries] == [0, 1, 2, 3]


def test_tail_without_a_head_that_proves_it_is_not_repaired(folder: Path, signer: PrivateKey) -> None:
    with (folder / ledger.ENTRIES).open("ab") as file:
        file.write(b'{"sequence"')
    head = folder / ledger.HEAD
    head.write_bytes(head.read_bytes().replace(b'"sig": "', b'"sig": "A', 1))
    before = state(folder)
    with pytest.raises(LedgerError), ledger.writing(folder, signer, NOW):
        pass
    assert state(folder) == before


def test_writers_at_once_wait_for_each_other_and_lose_nothing(folder: Path, signer: PrivateKey) -> None:
    writers = [start_writer(folder, name, 8) for name in ("a", "b", "c")]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    entries = ledger.check(folder, [signer.public]).entries[3:]
    assert [entry.content["seen"] for entry in entries] == list(range(3, 27))
    for name in ("a", "b", "c"):
        assert [item.content["number"] for item in entries if item.content["writer"] == name] == list(range(8))


def test_ledger_whose_writer_is_killed_at_any_moment_holds_what_it_held(folder: Path, signer: PrivateKey) -> None:
    held = 3
    for attempt in range(6):
        writer = start_writer(folder, "killed", 10_000, size=200_000)
        deadline = time.monotonic() + 60
        while len(ledger.check(folder).entries) <= held and time.monotonic() < deadline:
            time.sleep(0.003 * attempt)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        now_held = len(ledger.check(folder, [signer.public]).entries)
        assert now_held > held
        with ledger.writing(folder, signer, NOW) as book:
            book.append("test", {"after": attempt})
        held = now_held + 1
        assert len(ledger.check(folder, [signer.public]).entries) == held
        assert not list(folder.glob(".head*"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=100", "tmpfs", str(place)], capture_output=True
    )
    if made.returncode:
        pytest.skip(f"could-not-run: no tmpfs can be mounted here: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_disk_that_is_full_while_signing_changes_nothing(small_disk: Path, signer: PrivateKey) -> None:
    folder = small_disk / "ledger"
    with ledger.writing(folder, signer, NOW) as book:
        book.append("test", {"number": 0})
    filler = small_disk / "filler"
    for spare in (0, 4096, 8192):
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(b"\0" * 4096):
                pass
        os.truncate(filler, filler.stat().st_size // 4096 * 4096 - spare)
        before = state(folder)
        with ledger.writing(folder, signer, NOW) as book:
            with pytest.raises(LedgerError, match="nothing was"):
                book.append("test", {"pad": "x" * 20_000})
            assert len(book.entries) == 1
        assert state(folder) == before
        filler.unlink()
    with ledger.writing(folder, signer, NOW) as book:
        book.append("test", {"number": 1})
    assert len(ledger.check(folder).entries) == 2


def test_head_says_nothing_that_was_not_signed(folder: Path) -> None:
    head = json.loads((folder / ledger.HEAD).read_text())
    head["signatures"].append({**head["signatures"][0], "keyid": "0" * 64})
    (folder / ledger.HEAD).write_text(json.dumps(head, indent=1) + "\n")
    with pytest.raises(LedgerError):
        ledger.check(folder)


def test_development_key_keeps_a_ledger_too(tmp_path: Path, signer: PrivateKey) -> None:
    with ledger.writing(tmp_path / "mine", development_key(), NOW) as book:
        book.append("test", {})
    assert len(ledger.check(tmp_path / "mine").entries) == 1


def test_command_tells_a_whole_ledger_from_a_torn_and_a_changed_one(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["ledger", "verify", str(folder), "--key", str(public_path(tmp_path / "ledger.pem"))]
    assert main([*command, "--entries"]) == 0
    shown = capsys.readouterr().out
    assert "überführt" in shown
    assert main([*command, "--expect", shown.rpartition("--expect: ")[2].strip()]) == 0
    assert main([*command, "--expect", f"9:{'a' * 64}"]) == 3
    for short in ("0:0", "1:a", "1:"):
        assert main([*command, "--expect", short]) == 3
        assert "at least 12 letters" in capsys.readouterr().out
    with (folder / ledger.ENTRIES).open("ab") as file:
        file.write(b"{")
    capsys.readouterr()
    assert main(command) == 2
    assert capsys.readouterr().out.startswith("INCONCLUSIVE: ")
    (folder / ledger.ENTRIES).write_bytes(b"")
    assert main(command) == 3
    assert main(["ledger", "verify", str(folder / "none")]) == 3


def test_command_without_a_key_says_that_nobody_checked_who_signed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ledger", "verify", str(folder)]) == 2
    shown = capsys.readouterr().out
    assert shown.startswith("INCONCLUSIVE: ")
    assert "NOT CHECKED: who signed" in shown


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("nowhere/ledger", "there is no folder"),
        ("ledgre", 'Did you mean "ledger"?'),
        ("empty/ledger", "A ledger is kept beside the deployments"),
        ("file", "is a file"),
    ],
)
def test_place_without_a_ledger_is_told_with_what_is_there(
    place: str, words: str, tmp_path: Path, signer: PrivateKey, capsys: pytest.CaptureFixture[str]
) -> None:
    with ledger.writing(tmp_path / "ledger", signer, NOW) as book:
        book.append("test", {})
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    assert main(["ledger", "verify", str(tmp_path / place)]) == 3
    assert words in capsys.readouterr().err
