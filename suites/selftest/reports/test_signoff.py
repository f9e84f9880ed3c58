"""The sign-off: every way of bending it is seen, and told apart in words."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reports import attest, keys, run_folder, schema, verification
from reports.envelope import EnvelopeError
from reports.render.all import render_all
from suites.selftest.reports import synthetic

Pairs = list[tuple[Path, Path]]  # of keys: private, public
NOW = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = synthetic.write(tmp_path_factory.mktemp("runs") / "r", verdict="PASS")
    render_all(path)
    return path


@pytest.fixture
def folder(rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder of the test's own, and a home for its keys."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    return Path(shutil.copytree(rendered, tmp_path / "r"))


@pytest.fixture
def release(tmp_path: Path) -> Pairs:
    """Three key pairs: (private, public)."""
    private = [tmp_path / f"{name}.pem" for name in ("alice", "bob", "carol")]
    return [(path, keys.generate_key(path)) for path in private]


def with_payload(envelope: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Change the payload and leave the signatures as they are."""
    data = json.loads(envelope.read_text())
    statement = json.loads(base64.b64decode(data["payload"]))
    change(statement)
    data["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    envelope.write_text(json.dumps(data))
    return envelope


def statement_in(envelope: Path) -> Any:
    return json.loads(base64.b64decode(json.loads(envelope.read_text())["payload"]))


def test_development_signature_is_valid_and_untrusted(folder: Path) -> None:
    found = attest.verify(attest.sign(folder, now=NOW), now=NOW)
    assert found.ok
    assert not found.trusted
    assert found.reasons == ("signature valid, signer untrusted (development key)",)
    assert not attest.may_promote(found)


def test_development_signature_stays_untrusted_when_its_key_is_given(folder: Path, tmp_path: Path) -> None:
    envelope = attest.sign(folder, now=NOW)
    found = attest.verify(envelope, keys=[tmp_path / "home/development.pub.pem"], now=NOW)
    assert found.ok
    assert not found.trusted


def test_release_signature_is_trusted_with_its_key_and_only_then(folder: Path, release: Pairs) -> None:
    (private, public), (_, other), _ = release
    envelope = attest.sign(folder, [private], now=NOW)
    assert attest.may_promote(attest.verify(envelope, keys=[public], now=NOW))
    unnamed = attest.verify(envelope, now=NOW)
    assert (unnamed.ok, unnamed.trusted) == (True, False)
    wrong = attest.verify(envelope, keys=[other], now=NOW)
    assert (wrong.ok, wrong.trusted) == (False, False)
    assert "signed by another key" in wrong.problems[0]


def test_two_of_three_must_be_two_different_keys(folder: Path, release: Pairs) -> None:
    public = [pair[1] for pair in release]
    envelope = attest.sign(folder, [release[0][0]], now=NOW)
    one = attest.verify(envelope, keys=[*public, public[0]], threshold=2, now=NOW)
    assert "1 of the 2 signatures that are needed" in one.problems[0]
    attest.add_signature(envelope, release[1][0], now=NOW)
    assert attest.verify(envelope, keys=public, threshold=2, now=NOW).trusted
    assert not attest.verify(envelope, keys=public, threshold=3, now=NOW).ok


def test_development_sign_off_takes_no_further_signature(folder: Path, release: Pairs) -> None:
    envelope = attest.sign(folder, now=NOW)
    with pytest.raises(EnvelopeError, match="cannot be made trusted"):
        attest.add_signature(envelope, release[0][0], now=NOW)


def test_changed_payload_is_seen(folder: Path) -> None:
    envelope = with_payload(attest.sign(folder, now=NOW), lambda it: it["predicate"].update(verdict="INVALID"))
    found = attest.verify(envelope, now=NOW)
    assert not found.ok
    assert "changed after signing" in found.problems[0]


def test_development_mark_cannot_be_wiped_off(folder: Path, tmp_path: Path) -> None:
    envelope = attest.sign(folder, now=NOW)
    with_payload(envelope, lambda it: it["predicate"]["signers"].update(development=False))
    found = attest.verify(envelope, keys=[tmp_path / "home/development.pub.pem"], now=NOW)
    assert not found.ok
    assert not found.trusted


def test_foreign_key_named_in_the_payload_is_never_trusted(folder: Path, release: Pairs) -> None:
    forged = attest.sign(folder, [release[2][0]], now=NOW)
    found = attest.verify(forged, keys=[release[0][1], release[1][1]], now=NOW)
    assert not found.ok
    assert not found.trusted


@pytest.mark.parametrize(
    "name", ["dev/record.jsonl", "report.html", "parts.json", "decisions/dev.json", "waivers.toml", "run.json"]
)
def test_changed_file_is_named(folder: Path, name: str) -> None:
    envelope = attest.sign(folder, now=NOW)
    with (folder / name).open("a") as stream:
        stream.write(" ")
    assert attest.verify(envelope, now=NOW).problems == (f"{name} was changed after signing",)
    (folder / name).unlink()
    if name != "run.json":  # without it the folder is no run folder, and nothing is compared
        assert "was signed and is not in" in attest.verify(envelope, now=NOW).problems[0]


def test_decision_put_in_later_is_seen(folder: Path) -> None:
    envelope = attest.sign(folder, now=NOW)
    shutil.copy(folder / "decisions/dev.json", folder / "decisions/canary.json")
    found = attest.verify(envelope, now=NOW)
    assert found.problems == ("decisions/canary.json is in the run folder and was not signed",)


@pytest.mark.parametrize("name", ["decisions/canary.json", "candidate.toml.orig", "other/record.jsonl"])
def test_stray_file_that_was_there_is_signed_as_evidence_is(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("{}")
    envelope = attest.sign(folder, now=NOW)
    assert attest.verify(envelope, now=NOW).ok
    (folder / name).write_text("{ }")
    assert attest.verify(envelope, now=NOW).problems == (f"{name} was changed after signing",)


@pytest.mark.parametrize("name", ["report.html", "stages.toml", "policies/dev.toml", "summary.md", "candidate.toml"])
def test_file_that_people_and_promotions_read_cannot_be_put_in_later(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    envelope = attest.sign(folder, now=NOW)
    assert attest.verify(envelope, now=NOW).ok
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("")
    assert attest.verify(envelope, now=NOW).problems == (f"{name} is in the run folder and was not signed",)


def test_changed_evidence_is_seen_through_the_record(folder: Path) -> None:
    file = folder / "dev/evidence.txt"
    file.write_text("seen")
    record = folder / "dev/record.jsonl"
    item = {"name": "e", "path": "evidence.txt", "sha256": run_folder.sha256_of(file)}
    told = f'"worker": "gw0", "evidence": [{json.dumps(item)}]'
    record.write_text(record.read_text().replace('"worker": "gw0"', told, 1))
    envelope = attest.sign(folder, now=NOW)
    assert attest.verify(envelope, now=NOW).ok
    file.write_text("changed")
    assert attest.verify(envelope, now=NOW).problems == ("dev/evidence.txt was changed after signing",)
    again = attest.verify(attest.sign(folder, now=NOW), now=NOW)
    assert again.problems == ("evidence evidence.txt of dev/record.jsonl was changed after the run",)


def test_sign_off_away_from_its_folder_says_what_was_not_compared(folder: Path, tmp_path: Path) -> None:
    alone = shutil.copy(attest.sign(folder, now=NOW), tmp_path / "alone.json")
    found = attest.verify(Path(alone), now=NOW)
    assert found.ok
    assert "were not compared" in found.notes[0]
    assert not attest.verify(Path(alone), run_dir=tmp_path / "nowhere", now=NOW).ok


@pytest.mark.parametrize("left", ["dangling link", "folder", "one record", "nothing but the manifest"])
def test_run_folder_without_its_run_file_does_not_hold(folder: Path, left: str) -> None:
    envelope = attest.sign(folder, now=NOW)
    (folder / "run.json").unlink()
    if left == "folder":
        (folder / "run.json").mkdir()
    elif left == "dangling link":
        (folder / "run.json").symlink_to("nowhere")
    else:
        kept = "manifest.sha256" if left == "nothing but the manifest" else "dev/record.jsonl"
        for path in folder.rglob("*"):
            if path.is_file() and path not in (envelope, folder / kept):
                path.unlink()
    found = attest.verify(envelope, now=NOW)
    assert not found.ok
    assert any("run.json" in text or "signed and are not in" in text for text in found.problems)


def test_old_sign_off_and_one_with_a_waiver_run_out_are_told_apart(folder: Path) -> None:
    envelope = attest.sign(folder, now=NOW)
    assert attest.verify(envelope, now=NOW + timedelta(days=13)).ok
    old = attest.verify(envelope, now=NOW + timedelta(days=15)).problems
    assert old == ("the sign-off expired at 2026-12-07T20:16:58Z: run the trial again",)
    later = attest.verify(envelope, now=datetime(2027, 2, 2, tzinfo=UTC)).problems
    assert later[0].startswith("waiver W-7 for cni.check.detects-missing-route expired on 2027-02-01")
    assert "still to come" in attest.verify(envelope, now=NOW - timedelta(hours=1)).problems[0]


def test_sign_off_ends_with_the_first_waiver_that_it_leans_on(folder: Path) -> None:
    late = datetime(2027, 1, 30, tzinfo=UTC)
    for decision in (folder / "decisions").glob("*.json"):
        decision.write_text(decision.read_text().replace("2026-11-23T20:16:58Z", "2027-01-29T20:16:58Z"))
    assert statement_in(attest.sign(folder, now=late))["predicate"]["notAfter"] == "2027-02-01T23:59:59Z"


def test_sign_off_signed_again_later_ends_when_it_would_have(folder: Path) -> None:
    first = statement_in(attest.sign(folder, now=NOW))["predicate"]["notAfter"]
    again = statement_in(attest.sign(folder, now=NOW + timedelta(days=10)))["predicate"]
    assert (again["notAfter"], again["time"]) == (first, "2026-12-03T21:00:00Z")


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", "[" * 100_000, '{"payload": "!", "payloadType": "x", "signatures": []}']
)
def test_file_that_is_no_sign_off_is_told_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "signoff.dsse.json"
    path.write_text(text)
    found = attest.verify(path)
    assert not found.ok
    assert "not a DSSE envelope" in found.problems[0] or "payload type" in found.problems[0]


def test_statement_matches_the_published_schema_and_the_schema_bites(folder: Path) -> None:
    statement = statement_in(attest.sign(folder, now=NOW))
    assert schema.faults(statement, verification.predicate_schema()) == []
    for key in list(statement["predicate"]):
        lacking = {**statement, "predicate": {k: v for k, v in statement["predicate"].items() if k != key}}
        assert schema.faults(lacking, verification.predicate_schema()) == [f"$.predicate.{key} is missing"]
    statement["subject"][0]["digest"]["sha256"] = "beef"
    assert "does not match" in schema.faults(statement, verification.predicate_schema())[0]


def test_statement_binds_what_was_not_tested_and_every_part(folder: Path) -> None:
    statement = statement_in(attest.sign(folder, now=NOW))
    predicate = statement["predicate"]
    kinds = {item["kind"] for item in predicate["notTested"]}
    assert kinds >= {"could-not-run", "uncovered", "not-in-profile", "other"}
    assert len(statement["subject"]) == 2 + sum(len(part.sha256) for part in synthetic.parts())
    assert predicate["departures"]
    assert predicate["waivers"]["used"][0]["owner"] == "Ines Okafor, network"
    assert set(predicate["stages"][0]["records"]) == {"dev/record.jsonl"}


def test_sign_off_of_a_failed_candidate_says_so_and_permits_nothing(tmp_path: Path, release: Pairs) -> None:
    folder = synthetic.write(tmp_path / "f")
    found = attest.verify(attest.sign(folder, [release[0][0]], now=NOW), keys=[release[0][1]], now=NOW)
    assert found.trusted
    assert found.verdict == "FAIL"
    assert not attest.may_promote(found)
    assert "the verdict that was signed is FAIL" in found.notes[0]


@pytest.mark.parametrize(
    ("set_", "end"),
    [
        ({}, "2026-12-07"),
        ({"dev": "30"}, "2026-12-23"),
        ({"dev": "30", "production": "1"}, "2026-11-24"),
    ],
)
def test_sign_off_ends_as_its_policies_say_and_not_as_the_facts_of_the_run(
    set_: dict[str, str], end: str, folder: Path
) -> None:
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**facts, "freshness_days": "36500"}))
    (folder / "policies").mkdir(exist_ok=True)
    for stage, days in set_.items():
        (folder / "policies" / f"{stage}.toml").write_text(f"[policy]\nsign-off-days = {days}\n")
    predicate = statement_in(attest.sign(folder, now=NOW))["predicate"]
    assert predicate["notAfter"] == f"{end}T20:16:58Z"
    assert {f"policies/{stage}.toml" for stage in set_} <= set(predicate["files"])


@pytest.mark.parametrize("days", ["0", "-1", "nan", "inf", "36500", '"7"', "true"])
def test_policy_with_no_number_of_days_is_not_signed_for(days: str, folder: Path) -> None:
    (folder / "policies").mkdir(exist_ok=True)
    (folder / "policies" / "dev.toml").write_text(f"[policy]\nsign-off-days = {days}\n")
    with pytest.raises(run_folder.RunFolderError, match="sign-off-days must be above 0"):
        attest.sign(folder, now=NOW)
