"""The OCI target against real registries, one without and one with the referrers API: tags by digest, the sign-off as
a referrer."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import requests

from pipelines.objections import Refused
from pipelines.targets import TargetError
from pipelines.targets.oci import RELEASE_TYPE, SIGNOFF_TYPE, Image
from pipelines.targets.registry import MANIFEST, Repository
from reports import attest, verification
from suites.selftest.pipelines import changed_by_hand, killing, registry
from suites.selftest.pipelines.killing import WithLedger
from suites.selftest.pipelines.releases import World

pytestmark = pytest.mark.timeout(1200)  # the first run on a machine builds the registry


@pytest.fixture
def repository(registry_host: str, repository_name: str) -> Repository:
    """A repository of the test's own."""
    return Repository(f"http://{registry_host}/seatrial/{repository_name}")


@pytest.fixture
def world(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    world = World(tmp_path)
    world.target = Image(repository)
    return world


def tag(repository: Repository, name: str) -> bytes:
    found = repository.manifest(name)
    assert found is not None
    return found[0]


def test_image_is_tagged_by_its_digest_and_the_sign_off_is_its_referrer(world: World, repository: Repository) -> None:
    digest = registry.push_image(repository)
    run = world.run("r1", image=digest)
    where = world.promote(run, "dev", digests=[digest]).where
    assert where == f"{repository.name}:dev ({digest})"
    assert tag(repository, "dev") == tag(repository, digest)
    referrers = {item["artifactType"]: item for item in repository.referrers(digest)}
    assert set(referrers) == {RELEASE_TYPE, SIGNOFF_TYPE}
    attached = json.loads(tag(repository, referrers[SIGNOFF_TYPE]["digest"]))
    assert attached["subject"]["digest"] == digest
    pulled = world.root / "pulled.json"
    pulled.write_bytes(repository.blob(attached["layers"][0]["digest"]))
    assert pulled.read_bytes() == (run / attest.SIGNOFF).read_bytes()
    assert verification.verify(pulled, now=world.now).ok
    deployed = world.deployed("dev")
    assert deployed is not None
    assert deployed["ledger"]["hash"] == world.entries[0].hash


def test_registry_with_the_referrers_api_lists_by_it_and_needs_no_fallback_tag(
    world: World, repository: Repository, request: pytest.FixtureRequest
) -> None:
    digest = registry.push_image(repository)
    world.promote(world.run("r1", image=digest), "dev", digests=[digest])
    has_api = "referrers" in request.node.callspec.params.values()
    listed = requests.get(f"http://{repository.host}/v2/{repository.path}/referrers/{digest}", timeout=30)
    assert (listed.status_code == 200) is has_api
    assert (repository.manifest(digest.replace(":", "-")) is None) is has_api
    if has_api:
        by_type = {item["artifactType"]: item["digest"] for item in listed.json()["manifests"]}
        assert by_type == {item["artifactType"]: item["digest"] for item in repository.referrers(digest)}
        assert set(by_type) == {RELEASE_TYPE, SIGNOFF_TYPE}


def test_same_release_again_adds_no_referrer(world: World, repository: Repository) -> None:
    digest = registry.push_image(repository)
    run = world.run("r1", image=digest)
    world.promote(run, "dev", digests=[digest])
    before = repository.referrers(digest)
    assert world.promote(run, "dev", digests=[digest]).again
    assert repository.referrers(digest) == before


def test_tag_moves_to_the_next_image_and_back(world: World, repository: Repository) -> None:
    first, second = (registry.push_image(repository, text) for text in ("one", "two"))
    world.promote(world.run("r1", image=first), "dev", digests=[first])
    world.promote(world.run("r2", image=second, candidate="atlas 2026.12"), "dev", digests=[second])
    assert tag(repository, "dev") == tag(repository, second)
    world.rollback("dev", "r1")
    assert tag(repository, "dev") == tag(repository, first)
    deployed = world.deployed("dev")
    assert deployed is not None
    assert (deployed["why"], deployed["released"]) == ("it hung", [first])


def test_image_that_was_not_tested_or_not_pushed_is_refused(world: World, repository: Repository) -> None:
    digest, other = registry.push_image(repository, "tested"), registry.push_image(repository, "other")
    run = world.run("r1", image=digest)
    with pytest.raises(Refused, match="none of the digests"):
        world.promote(run, "dev", digests=[other])
    absent = world.run("r2", image=f"sha256:{'a' * 64}", candidate="x")
    with pytest.raises(Refused, match="push the image that was tested"):
        world.promote(absent, "dev", digests=[f"sha256:{'a' * 64}"])
    for digests in ([], [digest, f"sha256:{'a' * 64}"]):
        with pytest.raises(Refused, match=r"one image at a time|none of the digests"):
            world.promote(run, "dev", digests=digests)
    assert repository.manifest("dev") is None


def test_release_note_by_somebody_else_is_refused(world: World, repository: Repository) -> None:
    digest = registry.push_image(repository)
    repository.put_manifest("seatrial-dev", tag(repository, digest), MANIFEST)
    with pytest.raises(Refused, match=r"the manifest .* under the tag seatrial-dev, where nothing should be"):
        world.promote(world.run("r1", image=digest), "dev", digests=[digest])
    assert repository.manifest("dev") is None


@pytest.mark.parametrize("change", ["tag moved", "tag and note put back", "note of somebody else"])
def test_tag_that_was_changed_by_hand_is_refused_and_written_over_with_a_reason(
    world: World, repository: Repository, change: str
) -> None:
    first, second = (registry.push_image(repository, text) for text in ("one", "two"))
    world.promote(world.run("r1", image=first), "dev", digests=[first])
    note = tag(repository, "seatrial-dev")
    run = world.run("r2", image=second, candidate="atlas 2026.12")
    world.promote(run, "dev", digests=[second])
    if change != "note of somebody else":
        repository.put_manifest("dev", tag(repository, first), MANIFEST)
    if change != "tag moved":
        forged = note if change == "tag and note put back" else tag(repository, first)
        repository.put_manifest("seatrial-dev", forged, MANIFEST)
    changed_by_hand.require_refused_and_then_written_over(world, "dev", "r1", run, digests=[second])
    assert tag(repository, "dev") == tag(repository, first)


def test_promotion_that_is_killed_at_any_step_is_finished_by_the_same_command(
    world: World, repository: Repository
) -> None:
    numbers = itertools.count()
    digests = [registry.push_image(repository, text) for text in ("one", "two")]
    runs = [world.run("r1", image=digests[0]), world.run("r2", image=digests[1], candidate="atlas 2026.12")]

    def fresh() -> World:
        number = next(numbers)
        copy = WithLedger(world.root, world.now, number)
        copy.target = Image(Repository(f"http://{repository.name}/{number}"))
        for text in ("one", "two"):
            registry.push_image(copy.target.repository, text)
        copy.promote(runs[0], "dev", digests=digests[:1])
        return copy

    def act(copy: World) -> None:
        # The connections of the test's own process are not those of the one that is killed.
        copy.target = Image(Repository(f"http://{copy.target.place.removeprefix('oci ')}"))
        copy.promote(runs[1], "dev", digests=digests[1:])

    found = killing.require_whole_after_every_kill(fresh, act, act, "r2")
    assert found == {("", "r1"), ("promotion", "r1"), ("promotion", "r2")}


def test_registry_that_is_gone_is_no_release(world: World) -> None:
    world.target = Image(Repository(f"http://127.0.0.1:{registry.free_port()}/seatrial/none"))
    with pytest.raises(Refused, match="GET failed"):
        world.promote(world.run("r1", image=f"sha256:{'b' * 64}"), "dev", digests=[f"sha256:{'b' * 64}"])
    assert "promotion" not in world.kinds


@pytest.mark.parametrize("name", ["", "platform", "host/UPPER", "host/../x", "host/a b", "ftp://host/x"])
def test_name_that_is_no_repository_is_told(name: str) -> None:
    with pytest.raises(TargetError, match="no repository"):
        Repository(name)
