"""The Git target against real Git: a commit of one file, an annotated tag that never moves, and a push of both."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines.objections import Refused
from pipelines.targets.git import Checkout
from suites.selftest.pipelines import changed_by_hand, killing
from suites.selftest.pipelines.releases import World


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of a remote of the test's own, with settings that are nobody else's."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "remote.git")
    git(tmp_path, "clone", "-q", "remote.git", "gitops")
    folder = tmp_path / "gitops"
    git(folder, "checkout", "-q", "-b", "main")
    for key, value in (("user.name", "Test"), ("user.email", "test@example.invalid")):
        git(folder, "config", key, value)
    (folder / "environments").mkdir()
    (folder / "environments" / "README").write_text("releases")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


@pytest.fixture
def world(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    world = World(tmp_path)
    world.target = Checkout(checkout / "environments", "origin")
    return world


def test_release_is_one_committed_file_with_an_annotated_tag_that_is_pushed(world: World, checkout: Path) -> None:
    (checkout / "unrelated").write_text("not to be committed")
    git(checkout, "add", "unrelated")
    answer = world.promote(world.run("r1"), "dev")
    assert answer.where.startswith("promoted/dev/0 (")
    assert git(checkout, "cat-file", "-t", "promoted/dev/0") == "tag"
    assert git(checkout, "show", "--name-only", "--format=", "HEAD") == "environments/dev.json"
    remote = checkout.parent / "remote.git"
    assert git(remote, "rev-parse", "promoted/dev/0^{commit}") == git(remote, "rev-parse", "main")
    released = json.loads(git(remote, "show", "main:environments/dev.json"))
    assert released["ledger"]["hash"] == world.entries[0].hash
    message = git(remote, "for-each-ref", "--format=%(contents)", "refs/tags/promoted/dev/0")
    assert all(f"{digest} {name}" in message for name, digest in released["digests"].items())


def test_folder_that_git_does_not_keep_empty_is_made_with_its_first_release(world: World, checkout: Path) -> None:
    world.target = Checkout(checkout / "clusters" / "here", "origin")
    world.promote(world.run("r1"), "dev")
    assert git(checkout, "show", "--name-only", "--format=", "HEAD") == "clusters/here/dev.json"
    assert world.promote(world.root / "runs" / "r1", "dev").again


def test_same_release_again_makes_no_second_commit_and_tag(world: World, checkout: Path) -> None:
    run = world.run("r1")
    first = world.promote(run, "dev")
    before = git(checkout, "for-each-ref"), git(checkout, "rev-parse", "HEAD")
    assert world.promote(run, "dev").where == first.where
    assert (git(checkout, "for-each-ref"), git(checkout, "rev-parse", "HEAD")) == before


def test_rollback_is_a_new_commit_with_the_earlier_digests(world: World, checkout: Path) -> None:
    world.promote(world.run("r1"), "dev")
    world.promote(world.run("r2", candidate="atlas 2026.12"), "dev")
    assert world.rollback("dev", "r1").where.startswith("promoted/dev/4 (")
    first, last = (json.loads(git(checkout, "show", f"promoted/dev/{n}:environments/dev.json")) for n in (0, 4))
    assert last["digests"] == first["digests"]
    assert last["why"] == "it hung"


def test_push_that_fails_is_no_release_and_is_made_good_by_the_next(world: World, checkout: Path) -> None:
    run = world.run("r1")
    remote = checkout.parent / "remote.git"
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Refused, match="git push"):
        world.promote(run, "dev")
    assert world.runs_in("dev") == ""
    hook.unlink()
    world.promote(run, "dev")
    assert "promoted/dev/2" in git(remote, "tag", "--list")


def test_remote_that_is_gone_or_has_what_the_checkout_lacks_is_refused_before_anything_is_decided(
    world: World, checkout: Path
) -> None:
    run = world.run("r1")
    remote = checkout.parent / "remote.git"
    remote.rename(checkout.parent / "away.git")
    with pytest.raises(Refused, match="git ls-remote"):
        world.promote(run, "dev")
    (checkout.parent / "away.git").rename(remote)
    git(checkout.parent, "config", "--file", "gitconfig", "user.name", "Other")
    git(checkout.parent, "config", "--file", "gitconfig", "user.email", "other@example.invalid")
    git(checkout.parent, "clone", "-q", "remote.git", "other")
    git(checkout, "push", "-q", "origin", "main")
    git(checkout.parent / "other", "pull", "-q", "origin", "main")
    git(checkout.parent / "other", "commit", "-q", "--allow-empty", "-m", "by somebody else")
    git(checkout.parent / "other", "push", "-q", "origin", "HEAD:main")
    with pytest.raises(Refused, match="pull it first"):
        world.promote(run, "dev")
    assert "promotion" not in world.kinds
    git(checkout, "pull", "-q", "origin", "main")
    world.promote(run, "dev")


def test_tag_that_holds_another_release_is_refused(world: World, checkout: Path) -> None:
    git(checkout, "tag", "-a", "promoted/dev/0", "-m", "forged")
    with pytest.raises(Refused, match="holds another release"):
        world.promote(world.run("r1"), "dev")
    assert world.runs_in("dev") == ""


@pytest.mark.parametrize(
    "change", ["edited", "committed", "no text", "ends of lines", "put back", "removed", "tag moved", "tag moved there"]
)
def test_release_that_was_changed_by_hand_is_refused_and_written_over_with_a_reason(
    world: World, checkout: Path, change: str
) -> None:
    first, second = world.run("r1"), world.run("r2", candidate="atlas 2026.12")
    world.promote(first, "dev")
    world.promote(second, "dev")
    file = checkout / "environments" / "dev.json"
    match change:
        case "edited" | "committed":
            file.write_text(file.read_text().replace("sha256:", "sha256:0", 1))
        case "no text":
            file.write_bytes(b"\xff\x00\n")
        case "ends of lines":
            file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
        case "put back":
            git(checkout, "checkout", "-q", "promoted/dev/0", "--", "environments/dev.json")
        case "removed":
            file.unlink()
        case "tag moved":
            git(checkout, "tag", "-f", "-a", "promoted/dev/2", "promoted/dev/0^{}", "-m", "forged")
        case "tag moved there":
            git(checkout.parent / "remote.git", "update-ref", "refs/tags/promoted/dev/2", "promoted/dev/0")
    if change in ("committed", "no text", "ends of lines", "put back"):
        git(checkout, "commit", "-q", "-am", "by hand")
    changed_by_hand.require_refused_and_then_written_over(world, "dev", "r1", second)
    remote = checkout.parent / "remote.git"
    assert git(remote, "show", "main:environments/dev.json") == file.read_text().rstrip()


@pytest.mark.parametrize("broken", ["no checkout", "no identity", "no branch", "no remote"])
def test_checkout_that_cannot_take_a_release_is_refused_before_anything_is_decided(
    world: World, checkout: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    match broken:
        case "no checkout":
            world.target = Checkout(world.root)
        case "no identity":
            monkeypatch.setenv("EMAIL", "")
            git(checkout, "config", "user.email", "")
            git(checkout, "config", "user.useConfigOnly", "true")
            git(checkout, "config", "--unset", "user.email")
        case "no branch":
            git(checkout, "checkout", "-q", "--detach")
        case "no remote":
            world.target = Checkout(checkout / "environments", "upstream")
    with pytest.raises(Refused):
        world.promote(world.run("r1"), "dev")
    assert "promotion" not in world.kinds


@pytest.mark.timeout(600)
def test_promotion_that_is_killed_at_any_step_is_finished_by_the_same_command(world: World, tmp_path: Path) -> None:
    run = world.run("r2", candidate="atlas 2026.12")
    world.promote(world.run("r1"), "dev")
    numbers = itertools.count()

    def fresh() -> World:
        root = tmp_path / f"copy-{next(numbers)}"
        for name in ("remote.git", "gitops", "ledger"):
            shutil.copytree(tmp_path / name, root / name)
        for name in ("release.pem", "release.pub.pem", "ledger.pem", "ledger.pub.pem"):
            shutil.copy(tmp_path / name, root)
        git(root / "gitops", "remote", "set-url", "origin", str(root / "remote.git"))
        copy = World(root, world.now)
        copy.target = Checkout(root / "gitops" / "environments", "origin")
        return copy

    def act(copy: World) -> None:
        copy.promote(run, "dev")

    found = killing.require_whole_after_every_kill(fresh, act, act, "r2")
    assert found == {("", "r1"), ("promotion", "r1"), ("promotion", "r2")}


def test_tag_is_signed_where_git_is_told_to(world: World, checkout: Path) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("could-not-run: there is no ssh-keygen here")
    key = world.root / "tagger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    for name, value in (("gpg.format", "ssh"), ("user.signingKey", str(key)), ("tag.gpgSign", "true")):
        git(checkout, "config", name, value)
    (world.root / "signers").write_text(f"test@example.invalid {key.with_suffix('.pub').read_text()}")
    git(checkout, "config", "gpg.ssh.allowedSignersFile", str(world.root / "signers"))
    world.promote(world.run("r1"), "dev")
    git(checkout, "verify-tag", "promoted/dev/0")
