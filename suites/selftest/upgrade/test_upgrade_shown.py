"""The release that a stage upgraded from stands on the page, in the summary and in the sign-off, and is held to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines import pipeline, upgraded, upgrading
from pipelines.candidate import load
from pipelines.configuration import Misconfigured
from pipelines.pipeline import Stage
from reports import attest, earlier, envelope
from reports.attestations import PAYLOAD_TYPE
from reports.earlier import Signed
from reports.keys import generate_key, load_signer, public_path
from reports.record import Record, RecordError, read
from reports.render.all import render_all
from reports.verification import read_envelope
from suites.selftest.pipelines.releases import edit
from suites.selftest.reports import synthetic
from suites.selftest.reports.page import Page

RELEASE = Path(pipeline.__file__).parent / "candidates" / "kubernetes-1.36.toml"
DEFAULT = load(RELEASE.parent / "default.toml")
STAGE = Stage("staging", "", suites=("upgrade",))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    generate_key(tmp_path / "release.pem")
    return tmp_path / "release.pem"


def came_from(folder: Path, signed: Signed | None = None, file: Path | None = None) -> Path:
    """Make a synthetic run's stage one that upgraded."""
    stage, release = folder / "staging", load(RELEASE)
    upgrading.Release(release, signed, file).write(stage)
    parts = [{"component": "etcd", "version": "3.6.16", "source": "go-module", "identity": "h1:old"}]
    (stage / earlier.PARTS).write_text(json.dumps(parts))
    lines = (stage / "record.jsonl").read_text().splitlines()
    head = json.loads(lines[0])
    head["environment"] = {**head.get("environment", {}), earlier.RECORDED: "etcd 3.6.16 h1:old"}
    (stage / "record.jsonl").write_text("\n".join([json.dumps(head), *lines[1:]]) + "\n")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return came_from(synthetic.write(tmp_path / "runs" / "r", verdict="PASS"))


def signed_run(tmp_path: Path, key: Path) -> tuple[Path, Signed]:
    """A signed run of the release, and what vouches for it."""
    run = synthetic.write(tmp_path / "runs" / "last", verdict="PASS")
    (run / "candidate.toml").write_bytes(RELEASE.read_bytes())
    edit(run / "candidate.json", lambda data: data.update(digest=load(RELEASE).digest))
    attest.sign(run, [key])
    release = upgrading.load(run, DEFAULT, [public_path(key)])
    assert release.signed is not None
    return run, release.signed


def test_release_is_verified_with_the_key_that_is_given_and_refused_with_another(tmp_path: Path, key: Path) -> None:
    run, signed = signed_run(tmp_path, key)
    assert signed.keyids == (load_signer(key).public.keyid,)
    unchecked = upgrading.load(run, DEFAULT).signed
    assert unchecked is not None
    assert (unchecked.vouched, unchecked.sha256) == ("nobody", signed.sha256)
    generate_key(tmp_path / "other.pem")
    with pytest.raises(Misconfigured, match="signed by another key"):
        upgrading.load(run, DEFAULT, [public_path(tmp_path / "other.pem")])


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("candidate.toml", "3.6.16", "3.6.15"), ("decisions/dev.json", "PASS", "FAIL"), (attest.SIGNOFF, "payload", "x")],
)
def test_release_whose_sign_off_does_not_hold_is_refused(
    tmp_path: Path, key: Path, name: str, old: str, new: str
) -> None:
    run, _ = signed_run(tmp_path, key)
    (run / name).write_text((run / name).read_text().replace(old, new, 1))
    with pytest.raises(Misconfigured, match="no release to come from") as caught:
        upgrading.load(run, DEFAULT)
    assert upgrading.UNSIGNED in str(caught.value)


def test_release_that_failed_is_refused_unless_its_candidate_file_is_named(tmp_path: Path, key: Path) -> None:
    run = synthetic.write(tmp_path / "failed")
    (run / "candidate.toml").write_bytes(RELEASE.read_bytes())
    edit(run / "candidate.json", lambda data: data.update(digest=load(RELEASE).digest))
    attest.sign(run, [key])
    with pytest.raises(Misconfigured, match="its verdict is FAIL"):
        upgrading.load(run, DEFAULT)
    assert upgrading.load(run / "candidate.toml", DEFAULT).signed is None


def test_key_for_a_release_that_nobody_signed_is_a_usage_error(key: Path) -> None:
    with pytest.raises(Misconfigured, match="has no signature that --from-key could check"):
        upgrading.load(RELEASE, DEFAULT, [public_path(key)])
    with pytest.raises(Misconfigured, match="no stage of this run upgrades"):
        upgrading.releases(pipeline.load().stages, DEFAULT, [public_path(key)])


def test_page_and_summary_tell_what_the_upgrade_came_from(folder: Path) -> None:
    made = render_all(folder)
    page = Page(made["html"].read_text())
    assert not page.faults
    for text in ("What the upgrade came from", "kubernetes-1.36 2026.7.1", earlier.NOTHING, "3.6.16", "etcd"):
        assert text in page.text
    assert load(RELEASE).digest in made["html"].read_text()
    summary = made["markdown"].read_text()
    for text in ("kubernetes-1.36 2026.7.1", load(RELEASE).digest, earlier.NOTHING, "| etcd | 3.6.16 |"):
        assert text in summary


def test_run_that_upgraded_nothing_tells_of_no_upgrade(tmp_path: Path) -> None:
    made = render_all(synthetic.write(tmp_path / "r", verdict="PASS"))
    assert "upgrade came from" not in made["html"].read_text() + made["markdown"].read_text()


def test_release_that_was_signed_is_shown_with_who_vouches_for_it(tmp_path: Path, key: Path) -> None:
    run, signed = signed_run(tmp_path, key)
    made = render_all(came_from(synthetic.write(tmp_path / "r", verdict="PASS"), signed, run / attest.SIGNOFF))
    assert signed.vouched == "keys"
    assert f"Vouched for by{signed.text}" in Page(made["html"].read_text()).text
    assert "verified with the key" in made["markdown"].read_text()


def test_sign_off_binds_the_release_and_holds(tmp_path: Path, key: Path) -> None:
    run, signed = signed_run(tmp_path, key)
    folder = came_from(synthetic.write(tmp_path / "r", verdict="PASS"), signed, run / attest.SIGNOFF)
    checked = attest.verify(attest.sign(folder, [key]), folder, [public_path(key)])
    assert checked.ok, checked.problems
    assert checked.predicate is not None
    (told,) = [stage["upgradedFrom"] for stage in checked.predicate["stages"] if "upgradedFrom" in stage]
    assert told["components"] == [{"name": "etcd", "version": "3.6.16", "identity": "h1:old"}]
    assert (told["sha256"], told["signoff"]["vouched"]) == (load(RELEASE).digest, "keys")


@pytest.mark.parametrize("name", [earlier.FILE, earlier.RELEASE, earlier.PARTS])
def test_release_changed_or_taken_away_after_signing_is_found(folder: Path, key: Path, name: str) -> None:
    signoff = attest.sign(folder, [key])
    file = folder / "staging" / name
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"3.6.16", b"3.6.15").replace(b"2026.7.1", b"2026.7.2"))
    assert f"staging/{name} was changed after signing" in attest.verify(signoff, folder).problems
    file.unlink()
    assert not attest.verify(signoff, folder).ok
    file.write_bytes(whole)
    assert attest.verify(signoff, folder).ok


def test_release_put_in_after_signing_is_found(tmp_path: Path, key: Path) -> None:
    folder = synthetic.write(tmp_path / "r", verdict="PASS")
    signoff = attest.sign(folder, [key])
    came_from(folder)
    assert "staging/earlier.json is in the run folder and was not signed" in attest.verify(signoff, folder).problems


@pytest.mark.parametrize(
    "change",
    [
        lambda stage: stage.pop("upgradedFrom"),
        lambda stage: stage["upgradedFrom"].update(name="another 1.0"),
        lambda stage: stage["upgradedFrom"]["components"].clear(),
    ],
)
def test_signed_statement_of_another_release_than_the_files_is_found(
    folder: Path, key: Path, change: Callable[[Any], Any]
) -> None:
    signoff = attest.sign(folder, [key])
    statement = envelope.payload_of(read_envelope(signoff))
    change(next(stage for stage in statement["predicate"]["stages"] if stage["name"] == "staging"))
    sealed = envelope.seal(statement, PAYLOAD_TYPE, [load_signer(key)])
    signoff.write_text(envelope.text_of(sealed))
    problems = attest.verify(signoff, folder, [public_path(key)]).problems
    assert any("is said to have upgraded from is not what" in text for text in problems), problems


def misstated(folder: Path) -> str:
    records: list[Record | RecordError] = [read(folder / "staging" / "record.jsonl")]
    return "\n".join(upgraded.misstated(folder, STAGE, records))


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        (earlier.FILE, lambda data: data.update(name="other 1"), "says otherwise than staging/earlier.toml (name)"),
        (earlier.FILE, lambda data: data["signoff"].update(run="x"), "tells of another sign-off"),
        (earlier.FILE, lambda data: data["signoff"].update(keyids=["0" * 64]), "names keys that did not sign"),
        (earlier.FILE, lambda data: data.update(signoff=None), "only one of them tells of a sign-off"),
        (earlier.PARTS, lambda data: data[0].update(version="3.5.0"), "etcd 3.5.0 is not of kubernetes-1.36"),
        (earlier.PARTS, lambda data: data[0].update(identity="h1:x"), "names other parts to come from"),
    ],
)
def test_release_changed_before_signing_is_not_signed(
    tmp_path: Path, key: Path, name: str, change: Callable[[Any], None], told: str
) -> None:
    run, signed = signed_run(tmp_path, key)
    folder = came_from(synthetic.write(tmp_path / "r", verdict="PASS"), signed, run / attest.SIGNOFF)
    assert misstated(folder) == ""
    edit(folder / "staging" / name, change)
    assert told in misstated(folder)


def test_upgrade_without_the_release_it_came_from_is_not_signed(folder: Path) -> None:
    (folder / "staging" / earlier.FILE).unlink()
    assert "staging/earlier.json is missing" in misstated(folder)
