"""A full disk: the error names the file that there was no room for, and nothing half-made stays."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines import closing
from pipelines.cli import main
from reports.render import files
from suites.selftest.pipelines.test_imports import PASSING, document, run_with

SPARE = (0, 8, 64, 400, 3000)  # KiB that are left; a run's files need more than the first and less than the last


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], capture_output=True)
    if made.returncode:
        pytest.skip(f"could-not-run: no tmpfs can be mounted here: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def run(disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A signed run that lies on that disk."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    made = run_with(tmp_path)
    assert main(["report", str(made), "--replace-sign-off"]) == 0
    assert main(["sign", str(made)]) == 0
    return Path(shutil.move(made, disk / made.name))


def fill(disk: Path, spare: int) -> None:
    """Leave room for so many KiB."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
        while file.write(b"\0" * 4096):
            pass
    os.truncate(filler, filler.stat().st_size // 4096 * 4096 - spare * 1024)


def state(disk: Path) -> dict[str, bytes]:
    """Every file and folder but the filler."""
    found = (path for path in disk.rglob("*") if path.name != "filler")
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in found}


def _import(run: Path, tmp_path: Path) -> list[str]:
    (tmp_path / "j.xml").write_text(document(*PASSING))
    asked = ["--suite", "conformance", "--expected", "2", "--run", str(run), "--replace-sign-off"]
    return ["import", "junit", str(tmp_path / "j.xml"), *asked]


COMMANDS: dict[str, tuple[Callable[[Path, Path], list[str]], str]] = {
    "sign": (lambda run, _: ["sign", str(run), "--replace-sign-off"], "{run}/"),
    "report": (lambda run, _: ["report", str(run), "--replace-sign-off"], "{run}/"),
    "report elsewhere": (lambda run, _: ["report", str(run), "-o", str(run.parent / "new" / "er")], "new/er/"),
    "report as PDF": (lambda run, _: ["report", str(run), "--pdf", "-o", str(run.parent / "pdf")], "pdf/report.pdf"),
    "import": (_import, "{run}/"),
    "history": (lambda run, _: ["history", "index", str(run.parent), "-o", str(run.parent / "x")], "x/index.html"),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_command_on_a_full_disk_names_its_file_and_changes_nothing(
    case: str, run: Path, disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, place = COMMANDS[case]
    argv, ended = make(run, tmp_path), []
    for spare in SPARE:
        fill(disk, spare)
        before = state(disk)
        capsys.readouterr()
        ended.append(main(argv))
        told = "".join(capsys.readouterr())
        if ended[-1] == 0:
            break
        if "the report is the old one" in told:  # The import itself is in; only what is drawn from it is not.
            assert not (run / "signoff.dsse.json").exists()
            assert (run / "dev" / "record-conformance.jsonl").is_file()
            break
        assert f"{disk}/{place.format(run=run.name)}" in told
        assert "No space left on device" in told
        assert "Traceback" not in told
        assert "replaced" not in told
        assert state(disk) == before
    assert ended[0] == 3
    assert ended[-1] == 0 or "the report is the old one" in told


def test_files_that_belong_together_are_written_all_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("old")
    real, calls = os.fsync, []

    def full_at_the_second(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr("reports.render.files.os.fsync", full_at_the_second)
    with pytest.raises(OSError, match="No space left") as raised:
        files.write_all({one: "new", two: "new"})
    assert raised.value.filename == str(two)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("one", "old")]
    files.write_all({one: "new", two: "new"})
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["new", "new"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left", "/r/run.json"), "/r/run.json cannot be written: No space left"),
        (OSError(errno.ENOENT, "No such file", "/r/run.json"), "Seatrial itself failed"),
        (ValueError("x"), "Seatrial itself failed: x"),
    ],
)
def test_run_that_a_full_disk_ended_says_so_and_takes_no_blame(error: Exception, words: str) -> None:
    assert closing.ended_by(error).startswith(words)
