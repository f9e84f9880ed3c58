"""Shards that went on to stages which the run would not have entered, and shards that were killed and run again."""

from __future__ import annotations

import datetime
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pipelines import attempts, trial
from pipelines.cli import main
from pipelines.configuration import Misconfigured
from pipelines.logbook import now, stamp
from reports import record
from reports.model import Level, Outcome, Verdict
from reports.record import Record
from reports.shards import share
from suites.selftest.pipelines import synthetic as small
from suites.selftest.pipelines import synthetic_shards as made

OF = 3
RETRY = "[budgets]\nretries = 1\nflakes = 1\n"


@pytest.fixture(autouse=True)
def _own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))


def share_of(index: int, stage: str) -> list[str]:
    """The tests of one shard, in the order in which it runs them."""
    whole = made.plan(stage)
    return [name for name in whole if name in share(whole, index, OF)]


def merged(folder: Path) -> tuple[int, Path]:
    """The exit code of a merge of all that is there, and the merged run's folder."""
    found = sorted((folder / "runs").glob("R-shard-*"))
    return main(["merge", *map(str, found), "--runs-dir", str(folder / "merged")]), folder / "merged" / "R"


def read(run: Path, stage: str = "dev") -> Record:
    return record.read(run / stage / "record.jsonl")


def facts(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "run.json").read_text()))


def test_stages_that_pass_are_all_judged(tmp_path: Path) -> None:
    for index in range(OF):
        made.write(tmp_path, index, OF)
    status, run = merged(tmp_path)
    assert status == 0
    assert sorted(path.stem for path in run.glob("decisions/*.json")) == ["dev", "production", "staging"]
    assert len(read(run, "staging").results) == len(made.plan("staging"))
    assert "not-entered" not in facts(run)


def test_stage_after_a_failure_does_not_count_whatever_shards_found_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, worse = share_of(1, "dev")[0], share_of(0, "staging")[0]
    for index in range(OF):
        stages = ("dev",) if index == 1 else ("dev", "staging")  # The shard that saw the failure ends there.
        made.write(tmp_path, index, OF, outcomes={bad: Outcome.FAIL, worse: Outcome.FAIL}, stages=stages)
    status, run = merged(tmp_path)
    assert status == 1
    assert [path.stem for path in run.glob("decisions/*.json")] == ["dev"]
    assert not (run / "staging").exists()
    left = len(share_of(0, "staging")) + len(share_of(2, "staging"))
    assert facts(run)["not-entered"]["staging"].startswith(f"{left} results of shards that went on; dev is FAIL")
    assert "staging does not count" in capsys.readouterr().out
    assert worse not in (run / "junit.xml").read_text()
    assert bad in (run / "junit.xml").read_text()


def test_stage_after_a_lost_shard_does_not_count(tmp_path: Path) -> None:
    for index in (0, 2):
        made.write(tmp_path, index, OF)
    status, run = merged(tmp_path)
    assert status == 2
    assert not (run / "staging").exists()


@pytest.mark.parametrize("killed_after", [0, 2])
def test_shard_killed_and_run_again_counts_once(killed_after: int, tmp_path: Path) -> None:
    for index in range(OF):
        made.write(tmp_path, index, OF)
    _, plain = merged(tmp_path)
    again = tmp_path / "again"
    again.mkdir()
    for index in (0, 2):
        made.write(again, index, OF)
    made.write(again, 1, OF, killed_after=killed_after, stages=("dev",))
    made.write(again, 1, OF, attempt=2)
    status, run = merged(again)
    assert status == 0
    assert read(run).counts() == read(plain).counts()
    assert [(item.test, item.attempt) for item in read(run).results] == [
        (item.test, item.attempt) for item in read(plain).results
    ]
    assert [(item["attempt"], item["speaks"]) for item in facts(run)["shards"] if item["index"] == 1] == [
        (2, True),
        (1, False),
    ]
    assert f"{killed_after} results of it are not counted" in " ".join(read(run).notes)


def set_back(run: Path, minutes: int) -> None:
    """Make a run's record one of so long ago."""
    path, time = run / "dev" / "record.jsonl", stamp(now() - datetime.timedelta(minutes=minutes))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if line["kind"] in ("run", "result"):
            line["started"] = time
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize(("budgets", "status"), [("", 1), (RETRY, 0)], ids=["no retry allowed", "a retry allowed"])
def test_failure_of_a_killed_attempt_is_not_lost_with_it(budgets: str, status: int, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(made.POLICY + budgets)
    bad = share_of(1, "dev")[0]
    for index in (0, 2):
        made.write(tmp_path, index, OF)
    set_back(made.write(tmp_path, 1, OF, killed_after=2, stages=("dev",), outcomes={bad: Outcome.FAIL}), minutes=20)
    made.write(tmp_path, 1, OF, attempt=2)
    found, run = merged(tmp_path)
    assert found == status
    assert [(item.attempt, item.outcome) for item in read(run).results if item.test == bad] == [
        (1, Outcome.FAIL),
        (2, Outcome.PASS),
    ]
    assert main(["replay", str(run)]) == 0


def test_attempt_that_ended_speaks_also_where_a_later_one_was_needless(tmp_path: Path) -> None:
    late = share_of(0, "dev")[-1]
    for index in range(OF):
        made.write(tmp_path, index, OF)
    made.write(tmp_path, 0, OF, attempt=2, outcomes={late: Outcome.COULD_NOT_RUN})
    assert merged(tmp_path)[0] == 0


def test_all_attempts_cut_off_leave_the_last_ones_tests_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in (0, 1):
        made.write(tmp_path, index, OF)
    made.write(tmp_path, 2, OF, killed_after=3, stages=("dev",))
    made.write(tmp_path, 2, OF, attempt=2, killed_after=1, stages=("dev",))
    status, run = merged(tmp_path)
    assert status == 2
    assert set(read(run).missing) == set(share_of(2, "dev")[1:])
    said = capsys.readouterr().out
    left = len(share_of(2, "dev")) - 1
    assert f"Shard 2 of 3 (counted from 0) was cut off in dev: {left} of its {left + 1} tests have no result." in said
    assert said.count("Run that shard again with the same --run-id") == 1
    standings = json.loads((run / "decisions" / "dev.json").read_text())["standings"]
    lost = sum(item["standing"] == "missing" and item["required"] for item in standings)
    assert f"{lost} clauses have no outcome" in said
    assert main(["replay", str(run)]) == 0


def test_folder_of_a_pod_killed_at_once_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    for index in range(OF):
        made.write(tmp_path, index, OF)
    (tmp_path / "runs" / "R-shard-0-of-3-attempt-2").mkdir()
    assert merged(tmp_path)[0] == 0


def test_attempt_at_another_candidate_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for index in range(OF):
        made.write(tmp_path, index, OF)
    made.write(tmp_path, 2, OF, attempt=2, killed_after=1, stages=("dev",))
    path = tmp_path / "runs" / "R-shard-2-of-3-attempt-2" / "dev" / "record.jsonl"
    path.write_text(path.read_text().replace('"candidate": "', '"candidate": "0', 1))
    assert merged(tmp_path)[0] == 3
    assert "R-shard-2-of-3-attempt-2/dev/record.jsonl: is of another candidate" in capsys.readouterr().err


def test_next_attempt_takes_a_folder_of_its_own_until_one_has_ended(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert attempts.next_attempt(runs, "R", 0, OF, "c") == ("R-shard-0-of-3", 1)
    (runs / "R-shard-0-of-3").mkdir(parents=True)
    assert attempts.next_attempt(runs, "R", 0, OF, "c") == ("R-shard-0-of-3-attempt-2", 2)
    whole = made.write(tmp_path, 0, OF, attempt=2)
    digest = facts(whole)["shard"]["candidate"]
    with pytest.raises(attempts.Done, match="attempt-2; nothing is run again"):
        attempts.next_attempt(runs, "R", 0, OF, digest)
    with pytest.raises(Misconfigured, match="another candidate"):
        attempts.next_attempt(runs, "R", 0, OF, "c")


def test_record_of_a_shard_that_was_cut_within_a_line_is_not_trusted(tmp_path: Path) -> None:
    for index in range(OF):
        made.write(tmp_path, index, OF, killed_after=2 if index == 1 else None, stages=("dev",))
    path = tmp_path / "runs" / "R-shard-1-of-3" / "dev" / "record.jsonl"
    assert merged(tmp_path)[0] == 2
    shutil.rmtree(tmp_path / "merged")
    path.write_bytes(path.read_bytes()[:-20])
    assert merged(tmp_path)[0] == 3


BEYOND = {
    "a required clause fails": (Outcome.FAIL, Level.MUST, (), True),
    "an informing clause fails": (Outcome.FAIL, Level.SHOULD, (), False),
    "a waived clause fails": (Outcome.FAIL, Level.MUST, (small.waiver("csi.a"),), False),
    "a required clause could not run": (Outcome.COULD_NOT_RUN, Level.MUST, (), False),
    "a required clause passes": (Outcome.PASS, Level.MUST, (), False),
}


@pytest.mark.parametrize("case", BEYOND)
def test_shard_ends_early_only_where_no_other_shard_can_mend_it(case: str) -> None:
    outcome, level, waivers, ends = BEYOND[case]
    clause = small.clause("a", level)
    part = small.decide([small.record([small.result("t", outcome, clause.id)])], [clause], waivers=waivers)
    assert trial.is_beyond_mending(part) is ends


@given(some.lists(some.sampled_from(list(Outcome)), min_size=2, max_size=6), some.integers(1, 3), some.booleans())
def test_stage_that_one_shard_finds_beyond_mending_never_passes_as_a_whole(
    outcomes: list[Outcome], of: int, retried: bool
) -> None:
    """Whatever the shards are: the merged record holds all of their results, and perhaps a retry that passed."""
    clauses = [small.clause(f"c{number}") for number in range(len(outcomes))]
    results = [small.result(f"t{n}", outcome, clauses[n].id) for n, outcome in enumerate(outcomes)]
    parts = [small.decide([small.record(results[index::of])], clauses) for index in range(of)]
    again = [small.result("t0", Outcome.PASS, clauses[0].id, attempt=2)] if retried else []
    whole = small.decide([small.record([*results, *again])], clauses)
    assert not any(map(trial.is_beyond_mending, parts)) or whole.verdict is not Verdict.PASS
