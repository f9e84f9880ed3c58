"""A run's folder is there as a whole or not at all, and an error names the place that could not be written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pipelines import VERSION, policy, trial
from pipelines.cli import main
from pipelines.configuration import Misconfigured
from pipelines.inputs import Options, Wishes, by_copies, read_inputs
from suites.selftest.pipelines import synthetic_shards


def test_folder_for_runs_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(Misconfigured) as refused:
        synthetic_shards.write(tmp_path, 0, 2)
    assert str(refused.value).startswith(f"{tmp_path / 'runs' / 'R-shard-0-of-2'}: the run's folder cannot be written")
    assert "--runs-dir" in str(refused.value)


def test_full_disk_names_the_folder_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []

    def copy_until_full(source: Path, target: Path) -> None:
        copied.append(str(source))
        if len(copied) > 2:  # as sendfile tells it: the source first
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source), None, str(target))
        target.write_bytes(source.read_bytes())

    monkeypatch.setattr("pipelines.logbook.shutil.copyfile", copy_until_full)
    with pytest.raises(Misconfigured) as refused:
        synthetic_shards.write(tmp_path, 0, 2)
    assert len(copied) == 3
    assert copied[-1] not in str(refused.value)
    assert f"{tmp_path / 'runs' / 'R-shard-0-of-2'}: the run's folder cannot be written: No space left" in (
        str(refused.value)
    )
    assert list((tmp_path / "runs").iterdir()) == []


def test_interrupt_while_the_folder_is_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.logbook.shutil.copyfile", stop)
    with pytest.raises(KeyboardInterrupt):
        synthetic_shards.write(tmp_path, 0, 2)
    assert list((tmp_path / "runs").iterdir()) == []


def test_folder_that_is_there_already_stays(tmp_path: Path) -> None:
    synthetic_shards.write(tmp_path, 0, 2)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FileExistsError):
        synthetic_shards.write(tmp_path, 0, 2)
    assert sorted(tmp_path.rglob("*")) == before


def test_policy_that_is_edited_during_a_run_does_not_judge_it(tmp_path: Path) -> None:
    made = synthetic_shards.write(tmp_path, 0, 2)
    options = Options(
        tmp_path / "candidate.toml", tmp_path / "stages.toml", tmp_path / "waivers.toml", tmp_path / "runs", Wishes(1)
    )
    inputs = by_copies(read_inputs(options), made)
    (tmp_path / "policy.toml").write_text("nonsense")
    assert [policy.load(stage.policy).name for stage in inputs.stages] == ["p", "p", "p"]


@pytest.mark.parametrize(
    ("given", "command"),
    [
        ([], "python -m pipelines run --seed 7"),
        (
            ["--profile", "full", "--runs-dir", "a b"],
            "python -m pipelines run --profile full --runs-dir 'a b' --seed 7",
        ),
        (["--seed", "9"], "python -m pipelines run --seed 9"),
        (["--seed=9"], "python -m pipelines run --seed=9"),
        (["--run-id", "r1", "--stage", "dev"], "python -m pipelines run --stage dev --seed 7"),
        (["--run-id=r1", "--seed", "9"], "python -m pipelines run --seed 9"),
        (["--run-id=r1", "--shard", "0/2"], "python -m pipelines run --run-id=r1 --shard 0/2 --seed 7"),
    ],
)
def test_command_that_repeats_a_run_has_its_seed(given: list[str], command: str) -> None:
    assert trial.again(given, 7) == command


def test_version_is_told_with_the_commit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"Seatrial {VERSION} (")
    assert len(told.strip()) > len(f"Seatrial {VERSION} ()")
