"""The record's reader: a killed run is read as far as it got, anything else broken is refused by file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reports import record
from reports.model import Outcome

RUN: dict[str, Any] = {"kind": "run", "run": "r1", "stage": "dev", "seed": 7, "started": "2026-11-23T20:14:07Z"}
PLANNED = {"kind": "planned", "tests": {"t::a": ["csi.x.y"], "t::b": ["csi.x.z"]}, "deselected": {"t::c": ["csi.x.w"]}}
RESULT = {"kind": "result", "test": "t::a", "clauses": ["csi.x.y"], "outcome": "pass", "duration": 0.5}
END = {"kind": "end", "finished": "2026-11-23T20:15:00Z", "exit": 0, "counts": {"pass": 1}}


def written(tmp_path: Path, *lines: dict[str, Any] | str, tail: str = "") -> Path:
    path = tmp_path / "record.jsonl"
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    path.write_text(text + tail)
    return path


def test_record_of_a_whole_run_is_read(tmp_path: Path) -> None:
    found = record.read(written(tmp_path, RUN, PLANNED, RESULT, {**RESULT, "test": "t::b", "outcome": "fail"}, END))
    assert found.run.seed == 7
    assert found.complete
    assert not found.truncated
    assert found.notes == ()
    assert found.counts() == {"pass": 1, "fail": 1, "not-applicable": 0, "could-not-run": 0, "error": 0}
    assert [result.outcome for result in found.results] == [Outcome.PASS, Outcome.FAIL]


def test_record_of_a_killed_run_keeps_what_came_before_and_says_so(tmp_path: Path) -> None:
    half = json.dumps({**RESULT, "test": "t::b"})[:40]
    found = record.read(written(tmp_path, RUN, PLANNED, RESULT, tail=half))
    assert len(found.results) == 1
    assert found.truncated
    assert not found.complete
    assert found.missing == ("t::b",)
    assert "line 4 of the record is cut off after 40 bytes" in found.notes[0]


@pytest.mark.parametrize("size", range(1, len(json.dumps(RESULT))))
def test_record_cut_at_any_byte_of_its_last_line_is_read(tmp_path: Path, size: int) -> None:
    found = record.read(written(tmp_path, RUN, PLANNED, tail=json.dumps(RESULT)[:size]))
    assert found.truncated
    assert found.results == ()


def test_record_whose_last_line_lacks_only_its_newline_loses_nothing(tmp_path: Path) -> None:
    found = record.read(written(tmp_path, RUN, PLANNED, tail=json.dumps(RESULT)))
    assert len(found.results) == 1
    assert not found.truncated


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("{oops", "not JSON"),
        ("[]", 'not an object with a "kind"'),
        ('{"kind": "surprise"}', "unknown kind 'surprise'"),
        ('{"kind": "result", "test": "t::a"}', "field 'outcome' is missing"),
        ('{"kind": "result", "test": "t::a", "clauses": [], "outcome": "excused"}', "excused"),
        (json.dumps(RUN), "a second 'run' line"),
        (json.dumps(PLANNED), "a second 'planned' line"),
        ("\x00\x00", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"kind": "note", "text": ' + "1" * 5000 + "}", "not JSON"),
        (json.dumps(RESULT)[:-1] + ', "outcome": "pass"}', "names a key twice"),
        (json.dumps({**RESULT, "duration": float("nan")}), "no number in JSON"),
        (json.dumps({**RESULT, "test": ["t::a"]}), "test is not a text"),
        (json.dumps({**RESULT, "clauses": "csi.x.y"}), "clauses is not a list"),
        (json.dumps({**RESULT, "summary": None}), "summary is not a text"),
        (json.dumps({**RESULT, "harness_error": "false"}), "harness_error is true or false"),
        ('{"kind": "part", "component": "runc", "sha256": ["1"]}', "tables by file name"),
        (json.dumps({**RESULT, "duration": -5}), "duration a number of seconds"),
        (json.dumps({**RESULT, "duration": None}), "duration a number of seconds"),
        ('{"kind": "end", "exit": 1e400}', "exit is a status of pytest"),
        ('{"kind": "end", "exit": -9}', "exit is a status of pytest"),
        ('{"kind": "end", "exit": "0"}', "exit is a status of pytest"),
        ('{"kind": "end", "exit": false}', "exit is a status of pytest"),
        ('{"kind": "end"}', "field 'exit' is missing"),
        ('{"kind": "end", "exit": 0, "counts": {"pass": "1"}}', "counts are whole numbers"),
    ],
)
def test_record_broken_before_its_end_is_refused_by_file_and_line(tmp_path: Path, broken: str, words: str) -> None:
    path = written(tmp_path, RUN, PLANNED, broken, RESULT, END)
    with pytest.raises(record.RecordError) as caught:
        record.read(path)
    assert str(caught.value).startswith(f"{path}:3: ")
    assert words in str(caught.value)


def test_record_without_a_beginning_is_refused(tmp_path: Path) -> None:
    with pytest.raises(record.RecordError, match="the start is missing"):
        record.read(written(tmp_path, RESULT))
    with pytest.raises(record.RecordError, match="killed before it started"):
        record.read(written(tmp_path, tail='{"kind": "ru'))


def test_record_with_lines_after_its_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(record.RecordError, match='after the "end" line'):
        record.read(written(tmp_path, RUN, END, RESULT))
    with pytest.raises(record.RecordError, match='after the "end" line'):
        record.read(written(tmp_path, RUN, END, tail='{"kind": "resu'))


def test_record_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(record.RecordError, match=r"nothing\.jsonl: cannot be read"):
        record.read(tmp_path / "nothing.jsonl")
