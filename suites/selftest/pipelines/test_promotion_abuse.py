"""Sign-offs that look right and are not: old, superseded, of a part, of other files. The state stays as it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipelines import ledger, roles
from pipelines.objections import Refused
from pipelines.targets.directory import Folder
from reports import attest
from reports.keys import generate_key, home, public_path
from reports.model import Verdict
from reports.run_folder import RunFolderError
from suites.selftest.pipelines.releases import World, edit


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world with keys of its own."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    return World(tmp_path)


@pytest.fixture
def run(world: World) -> Path:
    """A run that passed, signed by the release key."""
    return world.run("r1")


def require_refused(world: World, run: Path, match: str, environment: str = "dev", **wishes: Any) -> Refused:
    """The promotion is refused, and neither the environment nor a decision in the ledger is new."""
    before = world.deployed(environment), [entry for entry in world.entries if entry.kind != "refusal"]
    with pytest.raises(Refused, match=match) as refused:
        world.promote(run, environment, **wishes)
    assert (world.deployed(environment), [item for item in world.entries if item.kind != "refusal"]) == before
    return refused.value


def test_verdict_that_is_not_pass_is_refused_with_its_exit_code_and_remembered_once(world: World) -> None:
    failed = world.run("r1", "FAIL")
    for _ in range(2):
        assert require_refused(world, failed, "is FAIL, not PASS").verdict is Verdict.FAIL
    assert world.kinds == ["refusal"]


def test_sign_off_past_its_time_is_refused(world: World, run: Path) -> None:
    world.promote(run, "dev")
    world.later(days=15)
    require_refused(world, run, "expired", "staging")


def test_sign_off_signed_anew_after_its_time_is_refused(world: World, run: Path) -> None:
    world.later(days=15)
    attest.sign(run, [world.root / "release.pem"], now=world.now)
    require_refused(world, run, "expired")


def test_later_fail_of_the_same_candidate_is_refused_also_between_two_environments(world: World, run: Path) -> None:
    world.promote(run, "dev")
    world.run("r2", "FAIL", decided=5)
    assert require_refused(world, run, "later run of this very candidate", "staging").verdict is Verdict.FAIL


@pytest.mark.parametrize("lost", [("decisions",), ("run.json",), ("decisions", "run.json", "candidate.json")])
def test_later_fail_counts_while_its_sign_off_is_there(world: World, run: Path, lost: Sequence[str]) -> None:
    failed = world.run("r2", "FAIL", decided=5)
    for name in lost:
        place = failed / name
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    assert require_refused(world, run, "later run of this very candidate").verdict is Verdict.FAIL


@pytest.mark.parametrize("edited", ["decisions", "candidate.json"])
def test_later_fail_that_was_signed_is_not_hidden_by_an_edit_beside_it(world: World, run: Path, edited: str) -> None:
    failed = world.run("r2", "FAIL", decided=5)
    for file in [failed / edited] if edited.endswith("json") else sorted((failed / edited).iterdir()):
        edit(file, lambda data: data.update({"digest": "0" * 64} if edited.endswith("json") else {"verdict": "PASS"}))
    assert require_refused(world, run, "later run of this very candidate").verdict is Verdict.FAIL


def test_later_fail_whose_run_was_not_signed_counts_without_its_run_json(world: World, run: Path) -> None:
    failed = world.run("r2", "FAIL", decided=5)
    for name in ("run.json", "signoff.dsse.json"):
        (failed / name).unlink()
    assert require_refused(world, run, "later run of this very candidate").verdict is Verdict.FAIL


def test_later_fail_is_remembered_by_the_ledger_when_its_folder_is_gone(world: World, run: Path) -> None:
    failed = world.run("../other/r2", "FAIL", decided=5)
    require_refused(world, failed, "not PASS")
    require_refused(world, run, "later run of this very candidate came to FAIL")


def test_sign_off_that_a_later_pass_supersedes_is_refused_and_the_later_one_taken(world: World, run: Path) -> None:
    later = world.run("r2", decided=5)
    require_refused(world, run, "superseded")
    world.promote(later, "dev")
    assert world.runs_in("dev") == "r2"


def test_sign_off_older_than_the_ledger_s_is_refused_where_that_run_is_not_at_hand(world: World, run: Path) -> None:
    later = world.run("../other/r2", decided=5)
    world.promote(later, "dev")
    require_refused(world, run, "superseded: the sign-off of run r2 is newer")


def test_signature_that_is_younger_makes_no_verdict_newer(world: World, run: Path) -> None:
    world.run("r2", "FAIL", decided=5)
    world.later(hours=1)
    attest.sign(run, [world.root / "release.pem"], now=world.now)
    require_refused(world, run, "later run of this very candidate")


def test_decision_of_another_run_that_cannot_be_read_counts_against_the_candidate(world: World, run: Path) -> None:
    other = world.run("r2", decided=-60)
    (other / "decisions" / "dev.json").write_text("{")
    require_refused(world, run, "came to INVALID")


def test_digest_that_was_not_tested_is_refused_and_one_that_was_is_taken(world: World, run: Path) -> None:
    require_refused(world, run, "none of the digests", digests=[f"sha256:{'e' * 64}"])
    tested = next(iter(json.loads((run / "parts.json").read_text())[0]["sha256"].values()))
    world.promote(run, "dev", digests=[f"sha256:{tested}"])


def test_changed_run_is_refused_and_leaves_no_trace(world: World, run: Path) -> None:
    record = run / "dev" / "record.jsonl"
    record.write_text(record.read_text().replace('"pass"', '"fail"', 1))
    require_refused(world, run, "does not hold")
    assert world.entries == ()


def test_real_target_refuses_a_development_key_and_an_unknown_signer(world: World, run: Path) -> None:
    require_refused(world, run, "no trusted key", keys=[])
    attest.sign(run, now=world.now)
    require_refused(world, run, "development key", keys=[])
    key = home() / "development.pem"
    attest.sign(run, [key], now=world.now)
    require_refused(world, run, "development key", keys=[public_path(key)])


def test_real_target_refuses_a_ledger_that_only_this_machine_vouches_for(world: World, run: Path) -> None:
    (world.root / "ledger.pem").unlink()
    attest.sign(world.run("r0"), now=world.now)  # makes the development key
    (world.root / "ledger.pem").write_bytes((home() / "development.pem").read_bytes())
    (world.root / "ledger.pem").chmod(0o600)
    require_refused(world, run, "lasting key")


def test_sign_off_of_a_part_of_the_pipeline_is_refused(world: World, run: Path) -> None:
    def only_dev(facts: Any) -> None:
        for stage in facts["stages"]:
            stage["requested"] = stage["name"] == "dev"

    edit(run / "run.json", only_dev)
    for name in ("staging", "production"):
        (run / "decisions" / f"{name}.json").unlink()
    attest.sign(run, [world.root / "release.pem"], now=world.now)
    require_refused(world, run, "staging")


def test_promotion_that_asks_for_two_signatures_or_roles_refuses_one(world: World, run: Path) -> None:
    generate_key(world.root / "security.pem")
    public = [public_path(world.root / f"{name}.pem") for name in ("release", "security")]
    file = world.root / "roles.toml"
    file.write_text("".join(f'[role.r{n}]\nkeys = ["{path.name}"]\n' for n, path in enumerate(public)))
    require_refused(world, run, "1 of the 2", keys=public, threshold=2)
    require_refused(world, run, "the role r1 has not signed off", keys=[], roles=roles.load(file))
    attest.add_signature(run / attest.SIGNOFF, world.root / "security.pem", now=world.now)
    world.promote(run, "dev", keys=public, threshold=2)
    world.promote(run, "staging", keys=[], roles=roles.load(file))


def test_ledger_that_was_put_back_is_seen_by_what_the_target_holds(world: World, run: Path) -> None:
    world.promote(run, "dev")
    shutil.rmtree(world.root / "ledger")
    require_refused(world, run, "this ledger did not decide")


def test_parts_changed_after_the_tests_are_not_signed(world: World, run: Path) -> None:
    def swap(parts: Any) -> None:
        for part in parts:
            part["sha256"] = dict.fromkeys(part["sha256"], "e" * 64)

    edit(run / "parts.json", swap)
    with pytest.raises(RunFolderError, match=r"parts\.json"):
        attest.sign(run, now=world.now)


def test_run_given_out_as_another_candidate_s_is_not_signed(world: World, run: Path) -> None:
    record = run / "dev" / "record.jsonl"
    first, _, rest = record.read_text().partition("\n")
    record.write_text(json.dumps({**json.loads(first), "environment": {"candidate": "e" * 64}}) + "\n" + rest)
    with pytest.raises(RunFolderError, match="another candidate"):
        attest.sign(run, now=world.now)


@pytest.mark.parametrize("name", ["dev/parts.json", "dev/incidents.json"])
def test_what_a_gate_read_is_bound_by_the_sign_off(name: str, world: World, run: Path) -> None:
    (run / name).write_text("[]")
    attest.sign(run, now=world.now)
    (run / name).write_text("[ ]")
    assert f"{name} was changed after signing" in attest.verify(run / attest.SIGNOFF).problems


def test_incident_put_in_later_is_seen(run: Path) -> None:
    (run / "dev" / "incidents.json").write_text("[]")
    assert not attest.verify(run / attest.SIGNOFF).ok


def test_target_that_refuses_leaves_the_environment_and_is_noted(
    world: World, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = world.run("r0", candidate="atlas 2026.10")
    world.promote(old, "dev")

    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.targets.directory.write", full)
        with pytest.raises(Refused, match="and not done"):
            world.promote(run, "dev")
    assert world.runs_in("dev") == "r0"
    assert world.kinds[-2:] == ["promotion", "failed"]
    world.promote(run, "dev")
    assert world.runs_in("dev") == "r1"


def test_promotion_killed_between_decision_and_release_is_finished_by_the_same_command(
    world: World, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "release", killed)
        with pytest.raises(KeyboardInterrupt):
            world.promote(run, "dev")
    assert (world.kinds, world.runs_in("dev")) == (["promotion"], "")
    world.later(minutes=1)
    world.promote(run, "dev")
    assert (world.kinds, world.runs_in("dev")) == (["promotion", "released"], "r1")
    assert [entry.time for entry in world.entries] == ["2026-11-23T21:00:00Z", "2026-11-23T21:01:00Z"]


@pytest.mark.parametrize("entry", [0, 1])
def test_ledger_on_a_full_disk_decides_nothing_or_is_finished_by_the_same_command(
    world: World, run: Path, monkeypatch: pytest.MonkeyPatch, entry: int
) -> None:
    world.promote(world.run("r0", candidate="atlas 2026.10"), "dev")
    written, write_at = [0], ledger._write_at

    def full(*arguments: Any) -> None:
        if written[0] == entry:
            raise OSError(28, "No space left on device")
        written[0] += 1
        write_at(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "_write_at", full)
        with pytest.raises(ledger.LedgerError, match="No space left"):
            world.promote(run, "dev")
    assert world.runs_in("dev") == "r0"
    assert world.kinds[2:] == ["promotion"] * entry
    world.promote(run, "dev")
    assert (world.runs_in("dev"), world.kinds[2:]) == ("r1", ["promotion", "released"])
