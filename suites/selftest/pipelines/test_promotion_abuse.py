"""Sign-offs that look right and are not: of a part of the pipeline, of other files, older than the newest verdict."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.promote import Demonstration, Folder, Refused, promote
from reports import attest
from reports.keys import generate_key, home, public_path
from reports.run_folder import RunFolderError
from suites.selftest.reports import synthetic as runs


@pytest.fixture(autouse=True)
def own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Development keys of this test, not of the user."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder that passed, not signed yet."""
    runs.write(tmp_path / "runs" / "r1", verdict="PASS")
    return tmp_path / "runs" / "r1"


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def edit(file: Path, change: Callable[[Any], None]) -> None:
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


def test_sign_off_of_a_part_of_the_pipeline_is_not_promoted(run: Path, tmp_path: Path) -> None:
    def only_dev(facts: Any) -> None:
        for stage in facts["stages"]:
            stage["requested"] = stage["name"] == "dev"

    edit(run / "run.json", only_dev)
    for name in ("staging", "production"):
        (run / "decisions" / f"{name}.json").unlink()
    attest.sign(run, now=now())
    with pytest.raises(Refused, match="staging"):
        promote(run, "demo", Demonstration(tmp_path / "d"), keys=[], now=now())


def test_run_signed_again_after_a_worse_verdict_of_another_is_not_promoted(run: Path, tmp_path: Path) -> None:
    later = shutil.copytree(run, tmp_path / "runs" / "r2")
    before = (now() - datetime.timedelta(hours=1)).isoformat()
    edit(later / "decisions" / "dev.json", lambda data: data.update(verdict="FAIL", decided=before))
    for name in ("dev", "staging", "production"):
        edit(run / "decisions" / f"{name}.json", lambda data: data.update(decided="2026-11-01T20:16:58Z"))
    attest.sign(run, now=now())
    with pytest.raises(Refused, match="later run of this very candidate"):
        promote(run, "demo", Demonstration(tmp_path / "d"), keys=[], now=now())


def test_parts_changed_after_the_tests_are_not_signed(run: Path) -> None:
    def swap(parts: Any) -> None:
        for part in parts:
            part["sha256"] = dict.fromkeys(part["sha256"], "e" * 64)

    edit(run / "parts.json", swap)
    with pytest.raises(RunFolderError, match=r"parts\.json"):
        attest.sign(run, now=now())


def test_run_given_out_as_another_candidate_s_is_not_signed(run: Path) -> None:
    record = run / "dev" / "record.jsonl"
    first, _, rest = record.read_text().partition("\n")
    header = json.loads(first)
    header["environment"] = {"candidate": "e" * 64}
    record.write_text(json.dumps(header) + "\n" + rest)
    with pytest.raises(RunFolderError, match="another candidate"):
        attest.sign(run, now=now())


def test_promotion_that_asks_for_two_signatures_refuses_one(run: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        generate_key(tmp_path / f"{name}.pem")
    keys = [public_path(tmp_path / f"{name}.pem") for name in ("a", "b")]
    attest.sign(run, [tmp_path / "a.pem"], now=now())
    with pytest.raises(Refused, match="1 of the 2"):
        promote(run, "prod", Folder(tmp_path / "d"), keys=keys, threshold=2, now=now())
    attest.add_signature(run / attest.SIGNOFF, tmp_path / "b.pem", now=now())
    promote(run, "prod", Folder(tmp_path / "d"), keys=keys, threshold=2, now=now())


def test_development_key_given_as_a_release_key_is_not_trusted(run: Path, tmp_path: Path) -> None:
    attest.sign(run, now=now())
    key = home() / "development.pem"
    attest.sign(run, [key], now=now())
    with pytest.raises(Refused, match="development key"):
        promote(run, "prod", Folder(tmp_path / "d"), keys=[public_path(key)], now=now())


@pytest.mark.parametrize("name", ["dev/parts.json", "dev/incidents.json"])
def test_what_a_gate_read_is_bound_by_the_sign_off(name: str, run: Path) -> None:
    (run / name).write_text("[]")
    attest.sign(run, now=now())
    (run / name).write_text("[ ]")
    assert f"{name} was changed after signing" in attest.verify(run / attest.SIGNOFF).problems


def test_incident_put_in_later_is_seen(run: Path) -> None:
    attest.sign(run, now=now())
    (run / "dev" / "incidents.json").write_text("[]")
    assert not attest.verify(run / attest.SIGNOFF).ok
