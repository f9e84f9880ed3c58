"""Legs that are shards of one run: merged before they are judged, and never greener than what they hold together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.github import artifacts
from pipelines.github.__main__ import main
from pipelines.github.judgement import merged
from reports.model import Verdict
from reports.shards import share
from suites.selftest.actions import runs
from suites.selftest.actions.test_gate_job import GREEN, HERE, fetched, judged, texts, workspace  # noqa: F401

OF = 2
LEGS = tuple(f"local-{index}" for index in range(OF))


def cut(run: Path, index: int, group: str) -> None:
    """Make a whole run's folder that of one shard: its part of the plan and of the results, and no decision."""
    path = run / "dev" / "record.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    plan = next(line["tests"] for line in lines if line["kind"] == "planned")
    mine = share(list(plan), index, OF)
    for line in lines:
        if line["kind"] == "planned":
            tests = {test: ids for test, ids in plan.items() if test in mine}
            line.update(tests=tests, shard={"index": index, "of": OF, "plan": plan})
    kept = [line for line in lines if line["kind"] != "result" or line["test"] in mine]
    failed = any(line.get("outcome") == "fail" for line in kept)
    counts = {outcome: sum(line.get("outcome") == outcome for line in kept) for outcome in kept[-1]["counts"]}
    kept[-1].update(exit=int(failed), counts=counts)
    path.write_text("".join(json.dumps(line) + "\n" for line in kept))
    for file in [*run.glob("decisions/*"), *run.glob("signoff*")]:
        file.unlink()
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, "shard": {"run": group, "index": index, "of": OF}}))


@pytest.fixture
def shards(fetched: Path, workspace: Path) -> list[Path]:  # noqa: F811
    """The run folders of two legs that share one run's tests, as they are fetched."""
    return leave(fetched, workspace)


def leave(fetched: Path, workspace: Path, *, passes: bool = True) -> list[Path]:  # noqa: F811
    found = []
    for index, leg in enumerate(LEGS):
        there = runs.artifact(fetched, workspace, leg, passes=passes)
        (run,) = (path.parent for path in there.glob("*/run.json"))
        cut(run, index, "local-4711-1")
        found.append(run)
    return found


def test_shards_that_pass_together_pass_as_one_leg(fetched: Path, shards: list[Path]) -> None:  # noqa: F811
    found = judged(fetched, legs=LEGS)
    assert (found.verdict, texts(found)) == (Verdict.PASS, "")
    assert [leg.name for leg in found.legs] == ["local-4711-1"]
    assert judged(fetched, legs=LEGS).verdict is Verdict.PASS  # Again, over what the first left.


def test_failure_in_one_shard_is_a_fail(fetched: Path, workspace: Path) -> None:  # noqa: F811
    leave(fetched, workspace, passes=False)
    assert judged(fetched, legs=LEGS).verdict is Verdict.FAIL


def test_lost_shard_is_inconclusive(fetched: Path, shards: list[Path]) -> None:  # noqa: F811
    (shards[1].parent / artifacts.NOTE).unlink()
    found = judged(fetched, legs=LEGS)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "The leg local-1 left no record" in texts(found)
    # Also where the matrix itself forgot the leg: the shard's own plan knows better.
    assert judged(fetched, legs=LEGS[:1]).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"index": 1', '"index": 0', "another shard than"),
        ('"run": "local-4711-1"', '"run": "../x"', "cannot be called"),
    ],
)
def test_shard_that_is_another_than_it_says_is_invalid(
    old: str,
    new: str,
    words: str,
    fetched: Path,  # noqa: F811
    shards: list[Path],
) -> None:
    path = shards[1] / "run.json"
    path.write_text(path.read_text().replace(old, new))
    found = judged(fetched, legs=LEGS)
    assert found.verdict is Verdict.INVALID
    assert words in texts(found)
    assert not (fetched.parent / "x").exists()


def test_leg_beside_shards_that_tested_other_files_is_invalid(
    fetched: Path,  # noqa: F811
    workspace: Path,  # noqa: F811
    shards: list[Path],
) -> None:
    runs.artifact(fetched, workspace, "whole", driver="2")
    assert judged(fetched, legs=(*LEGS, "whole")).verdict is Verdict.INVALID


def test_gate_of_shards_names_the_merged_run_as_its_artifact(
    fetched: Path,  # noqa: F811
    workspace: Path,  # noqa: F811
    shards: list[Path],
    tmp_path: Path,
) -> None:
    needs = json.dumps({"legs": {"result": GREEN.result, "outputs": {"attempt": "1"}}})
    where = {"GITHUB_WORKSPACE": str(workspace), "GITHUB_OUTPUT": str(tmp_path / "output"), "NEEDS": needs}
    argv = ["gate", "--artifacts", str(fetched), "--required", "legs", "--legs", " ".join(LEGS)]
    argv += [word for name, file in runs.FILES.items() for word in (f"--{name}", file)]
    assert main(argv, {**runs.WORKFLOW_RUN, **where}) == 0
    output = (tmp_path / "output").read_text()
    assert "merged-seatrial-local-4711-1-attempt-1" in output
    assert "local-4711-1" in output.replace("merged-seatrial-local-4711-1-attempt-1", "")
    note, run = artifacts.only(merged(fetched) / "local-4711-1", HERE)
    assert (note.leg, run.name) == ("local-4711-1", "local-4711-1")
