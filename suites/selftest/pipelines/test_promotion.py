"""What may be released: only what a sign-off names, only with trust, and only if nothing newer speaks against it."""

from __future__ import annotations

import datetime
import json
import shutil
from pathlib import Path

import pytest

from pipelines import promote as promotion
from pipelines.configuration import Misconfigured
from pipelines.promote import Demonstration, Folder, Refused, promote
from reports import attest
from reports.keys import generate_key, public_path
from reports.model import Verdict
from suites.selftest.reports import synthetic as runs


@pytest.fixture(autouse=True)
def own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Development keys of this test, not of the user."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def signed(folder: Path, verdict: str = "PASS", keys: tuple[Path, ...] = ()) -> Path:
    """A run folder of a verdict, signed; the development key signs where none is given."""
    runs.write(folder, verdict=verdict)
    attest.sign(folder, keys, now=now())
    return folder


def test_demonstration_takes_a_development_sign_off_and_holds_only_its_digests(tmp_path: Path) -> None:
    run = signed(tmp_path / "runs" / "r1")
    promote(run, "demo", Demonstration(tmp_path / "deployments"), keys=[], now=now())
    written = json.loads((tmp_path / "deployments" / "demo.json").read_text())
    assert written["trusted"] is False
    assert written["digests"]
    assert all(digest.startswith("sha256:") for digest in written["digests"].values())


def test_real_target_refuses_a_development_key_and_an_unknown_signer(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="development key"):
        promote(signed(tmp_path / "runs" / "r1"), "prod", Folder(tmp_path / "d"), keys=[], now=now())
    generate_key(tmp_path / "release.pem")
    run = signed(tmp_path / "runs" / "r2", keys=(tmp_path / "release.pem",))
    with pytest.raises(Refused, match="no trusted key"):
        promote(run, "prod", Folder(tmp_path / "d"), keys=[], now=now())
    assert not (tmp_path / "d").exists()
    promote(run, "prod", Folder(tmp_path / "d"), keys=[public_path(tmp_path / "release.pem")], now=now())
    assert (tmp_path / "d" / "prod.json").exists()


def test_promotion_of_a_verdict_that_is_not_pass_is_refused_with_its_exit_code(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        promote(signed(tmp_path / "runs" / "r1", "FAIL"), "demo", Demonstration(tmp_path / "d"), keys=[], now=now())
    assert refused.value.verdict is Verdict.FAIL


def test_promotion_of_a_changed_run_is_refused(tmp_path: Path) -> None:
    run = signed(tmp_path / "runs" / "r1")
    record = run / "dev" / "record.jsonl"
    record.write_text(record.read_text().replace('"pass"', '"fail"', 1))
    with pytest.raises(Refused, match="does not hold"):
        promote(run, "demo", Demonstration(tmp_path / "d"), keys=[], now=now())


def test_promotion_after_a_later_worse_verdict_of_the_same_candidate_is_refused(tmp_path: Path) -> None:
    run = signed(tmp_path / "runs" / "r1")
    later = shutil.copytree(run, tmp_path / "runs" / "r2")
    decision = json.loads((later / "decisions" / "dev.json").read_text())
    decision |= {"verdict": "FAIL", "decided": (now() + datetime.timedelta(minutes=1)).isoformat()}
    (later / "decisions" / "dev.json").write_text(json.dumps(decision))
    with pytest.raises(Refused, match="later run of this very candidate"):
        promote(run, "demo", Demonstration(tmp_path / "d"), keys=[], now=now())


def test_promotion_of_a_sign_off_past_its_time_is_refused(tmp_path: Path) -> None:
    run = signed(tmp_path / "runs" / "r1")
    with pytest.raises(Refused, match="does not hold"):
        promote(run, "demo", Demonstration(tmp_path / "d"), keys=[], now=now() + datetime.timedelta(days=365))


@pytest.mark.parametrize("name", ["../x", "A", "", "a/b"])
def test_promotion_to_a_name_that_is_no_environment_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot name an environment"):
        promote(tmp_path, name, Demonstration(tmp_path), keys=[], now=now())


def test_target_that_does_not_exist_is_told_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="demonstration"):
        promotion.target("cloud", tmp_path)
