"""A record that lost lines is told from one whose run was killed, at whatever byte it was cut and by whatever cause."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.logbook import records_of
from reports import record
from reports.model import Verdict
from reports.record import RecordError
from suites.selftest.core.test_recorder import ROOT, project
from suites.selftest.pipelines.synthetic import clause, decide, texts

__all__ = ["project"]
LINES = [
    {"kind": "run", "run": "r", "stage": "dev"},
    {"kind": "planned", "tests": {"t::a": ["csi.a"], "t::b": ["csi.a"]}},
    {"kind": "result", "test": "t::a", "clauses": ["csi.a"], "outcome": "pass"},
    {"kind": "result", "test": "t::b", "clauses": ["csi.a"], "outcome": "pass"},
    {"kind": "end", "exit": 0, "counts": {"pass": 2}},
]
WHOLE = "".join(json.dumps(line) + "\n" for line in LINES).encode()
STARTS = [sum(len(line) + 1 for line in WHOLE.split(b"\n")[:number]) for number in range(1, len(LINES))]


def told(folder: Path, data: bytes) -> list[tuple[Verdict, str]]:
    """What the gate says of the record's wholeness, worst first."""
    (folder / "record.jsonl").write_bytes(data)
    words = ("in part", "killed before", "after its run had ended", "holds no complete line")
    decision = decide(records_of(folder), [clause("a")])
    return [
        (decision.verdict, reason.text) for reason in decision.reasons if any(word in reason.text for word in words)
    ]


@pytest.mark.parametrize("size", [*range(STARTS[0], len(WHOLE) - 1), 0, 1])
def test_record_that_was_closed_and_is_cut_anywhere_is_invalid(size: int, tmp_path: Path) -> None:
    (tmp_path / "record.jsonl").write_bytes(WHOLE)
    record.close(tmp_path / "record.jsonl")
    found = told(tmp_path, WHOLE[:size])
    assert found
    assert found[0][0] is Verdict.INVALID


def test_record_that_was_closed_and_is_whole_is_read_and_one_byte_more_is_not(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    path.write_bytes(WHOLE)
    note = record.close(path)
    assert subprocess.run(["sha256sum", "--check", note.name], cwd=tmp_path, check=False).returncode == 0
    assert record.read(path).complete
    path.write_bytes(WHOLE.replace(b'"outcome": "pass"', b'"outcome": "fail"', 1))
    with pytest.raises(RecordError, match="was changed after its run had ended"):
        record.read(path)
    note.write_bytes(b"\xff")
    with pytest.raises(RecordError, match=r"record\.jsonl\.sha256: cannot be read"):
        record.read(path)


@pytest.mark.parametrize("size", STARTS[1:])
def test_record_of_a_killed_run_that_ends_with_a_whole_line_is_not_called_broken(size: int, tmp_path: Path) -> None:
    texts_of = [text for _, text in told(tmp_path, WHOLE[:size])]
    assert texts_of == ["The run was killed before its end; what it had not reached is not known."]


@pytest.mark.parametrize("size", range(STARTS[2] + 1, STARTS[3] - 1))
def test_record_of_a_killed_run_that_ends_within_a_line_is_invalid(size: int, tmp_path: Path) -> None:
    verdict, text = told(tmp_path, WHOLE[:size])[0]
    assert verdict is Verdict.INVALID
    assert "only in part" in text


@pytest.mark.parametrize("room", [150, 900, 2000, 2600])
def test_record_on_a_disk_that_gets_full_is_never_taken_for_a_whole_one(room: int, project: Path) -> None:
    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    command = [sys.executable, "-m", "pytest", "suites/gpu", "--run-dir", "out", "-p", "no:cacheprovider", "-q"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=project, env=environment, preexec_fn=small, capture_output=True, check=False)
    path = project / "out" / "record.jsonl"
    assert path.stat().st_size == room, "it was written to the last byte that there was room for"
    assert not (project / "out" / "record.jsonl.sha256").exists()
    assert done.returncode != 0
    decision = decide(records_of(project / "out"), [clause("a")])
    assert decision.verdict is Verdict.INVALID
    assert "in part" in texts(decision) or "no complete line" in texts(decision)


def test_record_of_a_run_that_ended_is_closed(project: Path) -> None:
    command = [sys.executable, "-m", "pytest", "suites/gpu", "--run-dir", "out", "-p", "no:cacheprovider", "-q"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=project, env=environment, capture_output=True, check=False)
    path = project / "out" / "record.jsonl"
    assert record.read(path).end is not None
    path.write_bytes(b"\n".join(path.read_bytes().split(b"\n")[:-2]) + b"\n")
    with pytest.raises(RecordError, match="was cut after its run had ended"):
        record.read(path)
