"""Promotion as a state that only a decision changes: in order, once, by digests, and remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.configuration import Misconfigured
from pipelines.environments import in_order
from pipelines.objections import Refused
from pipelines.targets.directory import Demonstration
from reports import attest
from reports.model import Verdict
from suites.selftest.pipelines.releases import World, edit


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world with keys of its own."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    return World(tmp_path)


def test_candidate_goes_through_its_environments_in_order(world: World) -> None:
    run = world.run("r1")
    for environment in ("dev", "staging", "production"):
        assert world.promote(run, environment).where.endswith(f"{environment}.json")
        deployed = world.deployed(environment)
        assert deployed is not None
        assert deployed["trusted"] is True
        assert all(digest.startswith("sha256:") for digest in deployed["digests"].values())
        assert deployed["ledger"]["hash"] == world.entries[deployed["ledger"]["sequence"]].hash
    assert world.kinds == ["promotion", "released"] * 3
    assert {entry.content.get("by", "alice") for entry in world.entries} == {"alice"}


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_environment_that_is_skipped_refuses(world: World, environment: str) -> None:
    with pytest.raises(Refused, match="was not promoted to") as refused:
        world.promote(world.run("r1"), environment)
    assert refused.value.verdict is Verdict.INCONCLUSIVE
    assert world.deployed(environment) is None
    assert world.kinds == ["refusal"]


def test_same_promotion_again_has_the_same_answer_and_no_second_entry(world: World) -> None:
    run = world.run("r1")
    first = world.promote(run, "dev")
    world.later(hours=1)
    again = world.promote(run, "dev")
    assert (again.where, again.entry.hash, again.again, first.again) == (first.where, first.entry.hash, True, False)
    assert world.kinds == ["promotion", "released"]


def test_further_signature_makes_no_other_promotion(world: World) -> None:
    run = world.run("r1")
    world.promote(run, "dev")
    attest.add_signature(run / attest.SIGNOFF, world.root / "ledger.pem", now=world.now)
    assert world.promote(run, "dev").again


def test_next_candidate_takes_the_environment_and_the_one_after_still_runs_the_last(world: World) -> None:
    old, new = world.run("r1"), world.run("r2", candidate="atlas 2026.12")
    world.promote(old, "dev")
    world.promote(old, "staging")
    world.promote(new, "dev")
    assert [world.runs_in(name) for name in ("dev", "staging", "production")] == ["r2", "r1", ""]
    world.promote(old, "production")  # it was in staging, whatever dev runs now
    with pytest.raises(Refused, match="was not promoted to staging yet"):
        world.promote(new, "production")


def test_environments_of_the_pipeline_file_count_in_place_of_the_stages(world: World) -> None:
    run = world.run("r1")
    (run / "stages.toml").write_text(
        '[[environment]]\nname = "lab"\n[[environment]]\nname = "eu"\nafter = ["lab"]\n'
        '[[environment]]\nname = "us"\nafter = ["lab"]\n'
    )
    attest.sign(run, [world.root / "release.pem"], now=world.now)
    with pytest.raises(Misconfigured, match='no environment "dev"'):
        world.promote(run, "dev")
    for environment in ("lab", "us", "eu"):
        world.promote(run, environment)
    assert world.runs_in("us") == "r1"


@pytest.mark.parametrize("verdict", ["PASS", "FAIL"])
def test_misspelled_environment_is_told_with_the_nearest_whatever_the_verdict(world: World, verdict: str) -> None:
    with pytest.raises(Misconfigured, match='Did you mean "production"'):
        world.promote(world.run("r1", verdict), "prod")
    assert world.entries == ()


def test_files_that_differ_from_those_of_the_environment_before_are_refused(world: World) -> None:
    first = world.run("r1")
    world.promote(first, "dev")
    second = world.run("r2", decided=5)
    edit(second / "parts.json", lambda parts: parts[0]["sha256"].update(dict.fromkeys(parts[0]["sha256"], "e" * 64)))
    for stage in ("dev", "staging"):
        (second / stage / "record.jsonl").unlink()
    attest.sign(second, [world.root / "release.pem"], now=world.now)
    with pytest.raises(Refused, match="dev runs other files"):
        world.promote(second, "staging")


def test_demonstration_takes_a_development_sign_off_and_says_so(world: World) -> None:
    world.target = Demonstration(world.root / "deployments")
    run = world.run("r1")
    attest.sign(run, now=world.now)
    world.promote(run, "dev", keys=[])
    deployed = world.deployed("dev")
    assert deployed is not None
    assert deployed["trusted"] is False


@pytest.mark.parametrize("name", ["../x", "A", "", "a/b"])
def test_promotion_to_a_name_that_is_no_environment_is_refused(name: str, world: World) -> None:
    with pytest.raises(Refused, match="cannot name an environment"):
        world.promote(world.root, name)
    assert world.entries == ()


@pytest.mark.parametrize(
    "environments",
    [("production",), ("dev", "production")],
    ids=["only the last", "without the one between"],
)
def test_pipeline_that_skips_environments_of_the_ledger_is_refused_with_both_orders(
    environments: tuple[str, ...], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = world.run("r1")
    world.promote(run, "dev")
    monkeypatch.setattr("pipelines.environments.of_run", lambda *_given: in_order(environments))
    before = world.kinds
    with pytest.raises(Refused, match="staging") as refused:
        world.promote(run, "production")
    assert "ledger: dev, staging after dev, production after staging;" in str(refused.value)
    assert world.deployed("production") is None
    assert [kind for kind in world.kinds if kind != "refusal"] == before
    world.promote(run, "production", why="staging was given up")
    assert world.entries[-2].content["why"] == "staging was given up"


def test_older_release_than_runs_there_needs_a_reason(world: World) -> None:
    old, new = world.run("r1"), world.run("r2", candidate="atlas 2026.12", decided=5)
    world.promote(new, "dev")
    with pytest.raises(Refused, match=r"dev has a newer release .*r2"):
        world.promote(old, "dev")
    assert world.runs_in("dev") == "r2"
    world.promote(old, "dev", why="the newer one hangs")
    assert world.runs_in("dev") == "r1"
    assert world.promote(old, "dev").again
    world.promote(new, "dev")
    assert world.runs_in("dev") == "r2"
