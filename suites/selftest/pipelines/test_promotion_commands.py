"""promote and rollback as commands: what they print, what they return, and two of them at once."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import deployed, ledger
from pipelines.cli import main
from reports import attest
from reports.keys import generate_key, public_path
from suites.selftest.pipelines import killing
from suites.selftest.pipelines.releases import World

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in the present, as the commands know no other."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("suites.selftest.pipelines.releases.START", datetime.datetime.now(datetime.UTC))
    return World(tmp_path, datetime.datetime.now(datetime.UTC))


def options(world: World) -> list[str]:
    root = world.root
    return [
        *("--target", "folder", "--deployments", str(root / "deployments"), "--ledger", str(root / "ledger")),
        *("--ledger-key", str(root / "ledger.pem")),
    ]


def promotion(world: World, run: Path, environment: str) -> list[str]:
    key = str(public_path(world.root / "release.pem"))
    return ["promote", str(run), "--to", environment, "--key", key, *options(world)]


def test_commands_promote_say_so_again_and_roll_back(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = world.run("r1"), world.run("r2", candidate="atlas 2026.12")
    assert main(promotion(world, first, "dev")) == 0
    told = capsys.readouterr().out
    assert "(ledger entry 0)" in told
    assert "there is no ledger, so one is begun" in told
    assert main(promotion(world, first, "dev")) == 0
    told = capsys.readouterr().out
    assert "(ledger entry 0, again)" in told
    assert "begun" not in told
    assert main(promotion(world, second, "dev")) == 0
    back = ["rollback", "dev", "--to", "r1", "--why", "pods hang", "--by", "carol", *options(world)]
    assert main(back) == 0
    assert world.runs_in("dev") == "r1"
    assert world.entries[-2].content["by"] == "carol"
    assert main(["rollback", "dev", "--to", "r7", "--why", "x", *options(world)]) == 3
    assert "Promoted there were" in capsys.readouterr().err
    short = str(world.entries[0].content["candidate"]["sha256"])[:4]
    assert main(["rollback", "dev", "--to", short, "--why", "x", *options(world)]) == 3
    assert "give at least 8 letters" in capsys.readouterr().err
    other = [*options(world), "--ledger-key", str(world.root / "release.pem")]
    assert main(["rollback", "dev", "--to", "r1", "--why", "x", *other]) == 3
    assert "--ledger-trust" in capsys.readouterr().err
    assert main([*promotion(world, first, "dev"), "--digest", ""]) == 3
    assert "--digest: it is empty" in capsys.readouterr().err


def test_rollback_to_what_runs_already_says_so_and_what_became_of_the_reason(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in (world.run("r1"), world.run("r2", candidate="atlas 2026.12")):
        assert main(promotion(world, run, "dev")) == 0
    kinds, kept = world.kinds, "The reason given now is not kept"
    back = ["rollback", "dev", *options(world), "--by", "carol"]

    def said(candidate: str, why: str) -> str:
        capsys.readouterr()
        assert main([*back, "--to", candidate, "--why", why]) == 0
        return capsys.readouterr().out

    to_what_was_promoted = said("r2", "pods hang")
    assert "nothing changed, it runs already in dev" in to_what_was_promoted
    assert f"{kept}: this was decided before" in to_what_was_promoted
    assert "(a promotion, not a rollback)" in to_what_was_promoted
    assert world.kinds == kinds
    assert said("r1", "pods hang").startswith("rolled back dev")
    again = said("r1", "pods hang")
    assert "nothing changed" in again
    assert kept not in again
    assert "its reason is: pods hang" in said("r1", "disk full")
    assert world.kinds == [*kinds, "rollback", "released"]


@pytest.mark.parametrize(
    ("target", "option", "kind"),
    [
        ("folder", "--git-remote", "git"),
        ("demonstration", "--repository", "oci"),
        ("git", "--namespace", "kubernetes"),
        ("oci", "--kube-context", "kubernetes"),
        ("kubernetes", "--repository", "oci"),
    ],
)
def test_option_that_the_target_does_not_use_is_named(
    target: str, option: str, kind: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    run = world.run("r1")
    back = ["rollback", "dev", "--to", "r1", "--why", "x", *options(world)]
    for command in (promotion(world, run, "dev"), back):
        assert main([*command, "--target", target, option, "somewhere"]) == 3
        assert f"{option} is for --target {kind}, not {target}" in capsys.readouterr().err
    assert world.entries == ()


def test_demonstration_tells_that_nobody_who_is_trusted_has_signed(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    run = world.run("r1")
    trusted = [*promotion(world, run, "dev"), "--target", "demonstration"]
    untrusted = ["promote", str(run), "--to", "dev", *options(world), "--target", "demonstration"]
    assert main(untrusted) == 0
    assert "NOT TRUSTED" in capsys.readouterr().out
    assert main(trusted) == 0
    assert "NOT TRUSTED" not in capsys.readouterr().out
    assert [step.content["trusted"] for step in world.entries if step.kind == deployed.PROMOTION] == [False, True]
    other = world.run("r2", candidate="atlas 2026.12")
    assert main([str(other) if word == str(run) else word for word in trusted]) == 0
    assert "NOT TRUSTED" not in capsys.readouterr().out
    back = ["rollback", "dev", "--to", "r1", "--why", "x", *options(world), "--target", "demonstration"]
    assert main(back) == 0
    assert "NOT TRUSTED" not in capsys.readouterr().out


def test_promotion_by_nobody_asks_who_decides_it(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    command = promotion(world, world.run("r1"), "dev")
    monkeypatch.setattr("getpass.getuser", nobody)
    assert main([*command, "--by", "  "]) == 3
    assert "--by WHO" in capsys.readouterr().err
    assert main([*command, "--by", " alice "]) == 0
    assert world.entries[0].content["by"] == "alice"


def test_command_writes_over_a_change_by_hand_only_with_a_reason(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    command = promotion(world, world.run("r1"), "dev")
    assert main([*command, "--overwrite", "why not"]) == 0
    assert "is not kept" in capsys.readouterr().out
    (world.root / "deployments" / "dev.json").unlink()
    assert main([*command, "--overwrite", " "]) == 3
    assert "--overwrite WHY" in capsys.readouterr().err
    assert main([*command, "--overwrite", "the disk was lost"]) == 0
    assert "ledger entry 3 keeps it, and why" in capsys.readouterr().out
    assert (world.entries[3].kind, world.entries[3].content["why"]) == ("overwrite", "the disk was lost")


def test_command_that_is_refused_returns_the_verdict_s_exit_code(world: World) -> None:
    assert main(promotion(world, world.run("r1"), "staging")) == 2
    assert main(promotion(world, world.run("r2", "FAIL", candidate="x"), "dev")) == 1
    assert main(promotion(world, world.run("r3", candidate="y"), "nowhere")) == 3
    assert main([*promotion(world, world.root / "runs" / "r1", "dev"), "--target", "cloud"]) == 3


def test_command_with_a_roles_file_asks_for_every_role(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    run = world.run("r1")
    generate_key(world.root / "security.pem")
    file = world.root / "roles.toml"
    file.write_text('[role.release]\nkeys = ["release.pub.pem"]\n[role.security]\nkeys = ["security.pub.pem"]\n')
    command = ["verify", str(run), "--roles", str(file)]
    assert main(command) == 3
    assert "the role security has not signed off: 0 of the 1" in capsys.readouterr().out
    attest.add_signature(run / attest.SIGNOFF, world.root / "security.pem")
    assert main(command) == 0


def test_broken_ledger_ends_the_command_and_is_left_alone(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    run = world.run("r1")
    assert main(promotion(world, run, "dev")) == 0
    entries = world.root / "ledger" / ledger.ENTRIES
    entries.write_bytes(entries.read_bytes().replace(b"alice", b"mallo").replace(b'"by":"', b'"by":"x', 1))
    before = entries.read_bytes()
    assert main(promotion(world, run, "staging")) == 3
    assert "INVALID" in capsys.readouterr().err
    assert entries.read_bytes() == before
    assert not (world.root / "deployments" / "staging.json").exists()


def test_two_promotions_at_once_are_one_after_the_other(world: World) -> None:
    runs = [world.run("r1"), world.run("r2", candidate="atlas 2026.12")]
    commands = [[sys.executable, "-m", "pipelines", *promotion(world, run, "dev")] for run in (*runs, runs[0], runs[1])]
    started = [subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) for command in commands]
    assert [process.wait(120) for process in started] == [0, 0, 0, 0]
    kinds = world.kinds
    assert kinds == ["promotion", "released"] * (len(kinds) // 2)
    assert 2 <= len(kinds) // 2 <= 4
    current = deployed.current(world.entries, "dev")
    there = world.deployed("dev")
    assert current is not None
    assert there is not None
    assert there["candidate"]["sha256"] == current.candidate
    assert current.entry.sequence == len(kinds) - 2


def test_promotions_and_rollbacks_at_once_leave_the_target_as_the_ledger_says(world: World) -> None:
    for run in (world.run("r1"), world.run("r2", candidate="atlas 2026.12")):
        assert main(promotion(world, run, "dev")) == 0
    third = world.run("r3", candidate="atlas 2027.01")
    back = [["rollback", "dev", "--to", run, "--why", "at once", *options(world)] for run in ("r1", "r2", "r1")]
    commands = [[sys.executable, "-m", "pipelines", *words] for words in (*back, promotion(world, third, "dev"))]
    started = [subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) for command in commands]
    ended = [process.wait(120) for process in started]
    # The third candidate comes in before a rollback takes it out, or after the last; nothing else may refuse anything.
    assert ended == [0, 0, 0, 0]
    killing.require_settled(world, killing.run_at(world))
    decided = [kind for kind in world.kinds if kind != "released"]
    assert world.kinds == [word for kind in decided for word in (kind, "released")]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (["oci"], "needs --repository"),
        (["oci", "--repository", "nowhere"], "no repository"),
        (["kubernetes"], "needs --namespace"),
        (["kubernetes", "--namespace", "x", "--kubeconfig", "/nonexistent"], "/nonexistent"),
        (["cloud"], "there is no such target"),
    ],
)
def test_target_that_lacks_something_is_told_before_the_ledger_is_touched(
    world: World, capsys: pytest.CaptureFixture[str], kind: list[str], told: str
) -> None:
    assert main([*promotion(world, world.run("r1"), "dev"), "--target", *kind]) == 3
    assert told in capsys.readouterr().err
    assert not (world.root / "ledger").exists()
