"""Shards of a run become one that equals the run on one machine, or are refused by name."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines import merging
from pipelines.cli import main
from reports import record
from reports.model import Outcome, Result
from reports.record import Planned, Record, RunHeader, Shard
from reports.run_folder import sha256_of
from suites.selftest.pipelines import tiny_run

OF = 3


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same tests on one machine."""
    return tiny_run.take(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The run folders of three shards."""
    place = tmp_path_factory.mktemp("shards")
    return [tiny_run.take(place, "--shard", f"{index}/{OF}", "--run-id", "R", status=2) for index in range(OF)]


@pytest.fixture
def shards(made: list[Path], tmp_path: Path) -> list[Path]:
    """Copies that a test may spoil."""
    return [Path(shutil.copytree(run, tmp_path / run.name)) for run in made]


def settled(run: Path) -> list[tuple[object, ...]]:
    found = record.read(run / "dev" / "record.jsonl")
    return sorted((item.test, item.clauses, item.outcome, item.attempt, len(item.evidence)) for item in found.results)


def merge(shards: list[Path], into: Path) -> int:
    return main(["merge", *map(str, shards), "--runs-dir", str(into)])


def test_merged_shards_equal_the_run_on_one_machine(whole: Path, shards: list[Path], tmp_path: Path) -> None:
    assert merge(shards[::-1], tmp_path / "runs") == 0
    joined = tmp_path / "runs" / "R"
    assert settled(joined) == settled(whole)
    one, many = (record.read(run / "dev" / "record.jsonl") for run in (whole, joined))
    assert many.counts() == one.counts()
    assert many.planned == one.planned
    assert many.end is not None
    assert one.end is not None
    assert (many.end.counts, many.end.exit) == (one.end.counts, one.end.exit)
    standings = [json.loads((run / "decisions" / "dev.json").read_text())["standings"] for run in (whole, joined)]
    assert standings[0] == standings[1]
    assert main(["replay", str(joined)]) == 0
    assert main(["verify", str(joined), "--no-signature"]) == 0


def test_shard_decides_nothing_and_its_record_alone_does_not_pass(shards: list[Path], tmp_path: Path) -> None:
    assert not list(shards[0].glob("decisions/*"))
    assert not list(shards[0].glob("signoff*"))
    facts = json.loads((shards[0] / "run.json").read_text())
    (shards[0] / "run.json").write_text(json.dumps({key: facts[key] for key in facts if key != "shard"}))
    assert merge(shards[:1], tmp_path) == 3
    (shards[0] / "decisions").mkdir()
    (shards[0] / "decisions" / "dev.json").write_text("{}")
    assert main(["gate", str(shards[0])]) == 2


def test_lost_shard_leaves_its_tests_missing(
    shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert merge([shards[0], shards[2]], tmp_path / "runs") == 2
    said = capsys.readouterr().out
    assert "Shard 1 of 3 (counted from 0) left no record of dev" in said
    assert said.count("Run that shard again") == 1
    assert "Run the stage again." not in said
    for page in ("summary.md", "report.html"):
        text = (tmp_path / "runs" / "R" / page).read_text()
        assert text.count("Run that shard again") == 1
        assert " clauses have no outcome" in text
    lost = record.read(shards[1] / "dev" / "record.jsonl")
    assert lost.planned is not None
    assert set(record.read(tmp_path / "runs" / "R" / "dev" / "record.jsonl").missing) == set(lost.planned.tests)
    standings = json.loads((tmp_path / "runs" / "R" / "decisions" / "dev.json").read_text())["standings"]
    assert "missing" in {item["standing"] for item in standings}
    assert not (tmp_path / "runs" / "R" / "decisions" / "production.json").exists()


def test_killed_shard_leaves_no_end(shards: list[Path], tmp_path: Path) -> None:
    path = shards[1] / "dev" / "record.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]))
    path.with_name("record.jsonl.sha256").unlink()
    assert merge(shards, tmp_path / "runs") == 2
    assert record.read(tmp_path / "runs" / "R" / "dev" / "record.jsonl").end is None


def edit(shard: Path, name: str, change: Callable[[str], str]) -> None:
    text = (shard / name).read_text()
    assert change(text) != text
    (shard / name).write_text(change(text))
    if name == RECORD:
        record.close(shard / name)  # as a run of something else would have


RECORD = "dev/record.jsonl"
SPOILED: dict[str, tuple[str, Callable[[str], str], str]] = {
    "another candidate's record": (RECORD, lambda text: text.replace('"candidate": "', '"candidate": "0', 1), "candi"),
    "another catalogue": (RECORD, lambda text: text.replace('"catalogue": "', '"catalogue": "0', 1), "catalogue"),
    "another seed": (RECORD, lambda text: text.replace('"seed": 5', '"seed": 6', 1), "of another seed"),
    "another commit": (
        RECORD,
        lambda text: text.replace('"seatrial": "', '"seatrial": "0', 1),
        "Run every shard from the same commit",
    ),
    "changed files": (
        RECORD,
        lambda text: re.sub(r'"seatrial": "[^"+]*(\+[^"]*)?"', '"seatrial": "abc+files-1"', text, count=1),
        "(abc+files-1, not ",
    ),
    "other parts": (RECORD, lambda text: text.replace('"version": "0.1.0"', '"version": "0.1.1"', 1), "set of parts"),
    "another plan": (RECORD, lambda text: text.replace('"plan": {"suites', '"plan": {"suit', 1), "another plan"),
    "another candidate file": ("candidate.toml", lambda text: text + "#", "candidate.toml is not the same"),
    "another policy": ("policies/dev.toml", lambda text: text + "#", "policies/dev.toml is not the same"),
    "another run": ("run.json", lambda text: text.replace('"run": "R"', '"run": "Q"'), "another run (Q)"),
    "a profile": ("run.json", lambda text: text.replace('"profile": "quick"', '"profile": "full"'), "another profile"),
    "a broken record": (RECORD, lambda text: "{" + text, "Leave this shard out"),
    "no shard": ("run.json", lambda text: text.replace('"shard": {', '"shart": {'), "is no shard"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_shard_of_something_else_is_named_and_nothing_is_written(
    case: str, shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, change, words = SPOILED[case]
    edit(shards[1], name, change)
    assert merge(shards, tmp_path / "runs") == 3
    said = capsys.readouterr().err
    assert words in said
    assert "R-shard-1-of-3" in said or "is not the same in all shards" in said
    assert not list((tmp_path / "runs").glob("*"))


def test_shard_given_twice_is_named(shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = Path(shutil.copytree(shards[0], tmp_path / "again"))
    assert merge([*shards, again], tmp_path / "runs") == 3
    assert "shard 0 of 3 is there 2 times" in capsys.readouterr().err


@pytest.fixture
def evidence(shards: list[Path]) -> Path:
    """A file that the first result of the last shard names as its evidence."""
    path = shards[2] / "dev" / "evidence" / "a" / "calls.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    item = {"name": "calls", "path": "evidence/a/calls.jsonl", "sha256": sha256_of(path)}
    edit(shards[2], RECORD, lambda text: text.replace('"evidence": []', f'"evidence": [{json.dumps(item)}]', 1))
    return path


def test_evidence_comes_along_under_its_shard(evidence: Path, shards: list[Path], tmp_path: Path) -> None:
    assert merge(shards, tmp_path / "runs") == 0
    stage = tmp_path / "runs" / "R" / "dev"
    (item,) = [item for result in record.read(stage / "record.jsonl").results for item in result.evidence]
    assert item.path == "shard-2/evidence/a/calls.jsonl"
    assert (stage / item.path).read_text() == "{}"


@pytest.mark.parametrize("how", ["changed", "gone", "a link out of it"])
def test_evidence_that_is_not_the_shards_own_is_named(
    how: str, evidence: Path, shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence.unlink()
    if how == "changed":
        evidence.write_text("{ }")
    elif how == "a link out of it":
        (tmp_path / "outside").write_text("{}")
        evidence.symlink_to(tmp_path / "outside")
    assert merge(shards, tmp_path / "runs") == 3
    assert "the evidence evidence/a/calls.jsonl of" in capsys.readouterr().err
    assert not list((tmp_path / "runs").glob("*"))


def test_merge_into_a_run_that_is_there_is_refused(shards: list[Path], tmp_path: Path) -> None:
    assert merge(shards, tmp_path / "runs") == 0
    assert merge(shards, tmp_path / "runs") == 3


def piece(index: int, tests: list[str], results: list[str], plan: tuple[str, ...] = ("a", "b", "c")) -> Record:
    """A shard of a run of three tests."""
    shard = Shard(index, 2, dict.fromkeys(plan, ("csi.a",)))
    done = tuple(Result(test, ("csi.a",), Outcome.PASS) for test in results)
    planned = Planned(tests=dict.fromkeys(tests, ("csi.a",)), shard=shard)
    return Record(Path(f"s{index}/dev/record.jsonl"), "", RunHeader("dev"), planned=planned, results=done)


UNEVEN = {
    "planned twice": ([piece(0, ["a", "b"], []), piece(1, ["b", "c"], [])], "b is planned by 2 shards"),
    "planned by none": ([piece(0, ["a"], []), piece(1, ["c"], [])], "b is planned by no shard, and none is lost"),
    "not in the plan": ([piece(0, ["a", "b"], []), piece(1, ["c", "d"], [])], "plans d, which is not so"),
    "answered by another": ([piece(0, ["a", "b"], ["c"]), piece(1, ["c"], [])], "has a result of c, that another"),
    "answered by nobody's": ([piece(0, ["a", "b"], ["z"]), piece(1, ["c"], [])], "has a result of z, that no shard"),
}


@pytest.mark.parametrize("case", UNEVEN)
def test_shards_whose_plans_do_not_fit_are_named(case: str) -> None:
    pieces, words = UNEVEN[case]
    assert words in "\n".join(merging.faults(pieces))


def test_shards_that_fit_have_no_fault_also_with_one_lost() -> None:
    assert merging.faults([piece(0, ["a", "b"], ["a"]), piece(1, ["c"], ["c"])]) == []
    assert merging.faults([piece(1, ["c"], ["c"])]) == []
    assert merging.lost([piece(1, ["c"], ["c"])]) == [0]
