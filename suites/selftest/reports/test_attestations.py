"""What other tools read of a sign-off: test results and a verification summary, signed by the same and bound to it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import resource
import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, CryptoSigner

from reports import attest, attestations, keys, record, run_folder
from reports.envelope import EnvelopeError
from suites.selftest.reports import synthetic

NOW = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder with evidence that passed, and two keys in the folder above it."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    for name in ("alice", "bob"):
        keys.generate_key(tmp_path / f"{name}.pem")
    folder = synthetic.write(tmp_path / "r", verdict="PASS")
    (folder / "log").mkdir()
    (folder / "log" / "dev.log").write_text("a log")
    return folder


def payload(path: Path) -> Any:
    return json.loads(base64.b64decode(json.loads(path.read_text())["payload"]))


def test_each_suite_of_each_stage_has_a_test_result_that_agrees_with_its_record(folder: Path) -> None:
    attest.sign(folder, [folder.parent / "alice.pem"], now=NOW)
    run = run_folder.load(folder)
    told: set[str] = set()
    for path in sorted((folder / attestations.FOLDER).glob("test-result-dev-*.dsse.json")):
        statement = payload(path)
        assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
        assert set(statement["predicate"]) == {"result", "configuration", "passedTests", "warnedTests", "failedTests"}
        assert {item["name"] for item in statement["predicate"]["configuration"]} >= {"dev/record.jsonl"}
        told |= {test for key in ("passedTests", "warnedTests", "failedTests") for test in statement["predicate"][key]}
        assert "candidate" in {item["name"] for item in statement["subject"]}
    found = run.stages[0].records[0].results
    assert told == {item.test for item in found if item.outcome != "not-applicable"}


@pytest.mark.parametrize(("verdict", "result"), [("PASS", "PASSED"), ("FAIL", "FAILED"), ("INCONCLUSIVE", "FAILED")])
def test_summary_says_passed_only_of_a_pass_and_names_what_it_leans_on(
    tmp_path: Path, folder: Path, verdict: str, result: str
) -> None:
    run = synthetic.write(tmp_path / "v", verdict=verdict)
    signed = json.loads(attest.sign(run, [folder.parent / "alice.pem"], now=NOW).read_text())
    summary = payload(run / attestations.VSA)
    assert summary["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert summary["predicate"]["verificationResult"] == result
    inputs = {item["uri"]: item["digest"]["sha256"] for item in summary["predicate"]["inputAttestations"]}
    assert inputs["signoff.dsse.json"] == hashlib.sha256(base64.b64decode(signed["payload"])).hexdigest()
    assert len(inputs) == len(list((run / attestations.FOLDER).glob("test-result-*"))) + 1
    assert ("SEATRIAL_PRODUCTION" in summary["predicate"]["verifiedLevels"]) is (verdict == "PASS")
    assert summary["subject"] == json.loads(base64.b64decode(signed["payload"]))["subject"]


def test_failed_and_waived_tests_fail_their_suite_and_one_that_could_not_run_warns(folder: Path) -> None:
    failing = synthetic.write(folder.parent / "f")
    attest.sign(failing, [folder.parent / "alice.pem"], now=NOW)
    predicates = {path.name: payload(path)["predicate"] for path in (failing / attestations.FOLDER).glob("test-*")}
    results = [item for name in ("dev", "staging") for item in record.read(failing / name / "record.jsonl").results]
    failed = {item.test for item in results if item.outcome == "fail"}
    unknown = {item.test for item in results if item.outcome == "could-not-run"}
    assert failed == {test for item in predicates.values() for test in item["failedTests"]}
    assert unknown <= {test for item in predicates.values() for test in item["warnedTests"]}
    for item in predicates.values():
        assert item["result"] == ("FAILED" if item["failedTests"] else "WARNED" if item["warnedTests"] else "PASSED")
    assert {item["result"] for item in predicates.values()} >= {"FAILED", "WARNED"}


def test_further_signature_is_put_on_every_attestation(folder: Path) -> None:
    alice, bob = (folder.parent / f"{name}.pem" for name in ("alice", "bob"))
    envelope = attest.sign(folder, [alice], now=NOW)
    attest.add_signature(envelope, bob, now=NOW)
    public = [keys.public_path(alice), keys.public_path(bob)]
    assert attest.verify(envelope, keys=public, threshold=2, now=NOW).trusted
    for path in (folder / attestations.FOLDER).glob("*"):
        assert len(json.loads(path.read_text())["signatures"]) == 2


def test_attestation_signed_by_one_of_two_is_seen(folder: Path) -> None:
    alice, bob = (folder.parent / f"{name}.pem" for name in ("alice", "bob"))
    envelope = attest.sign(folder, [alice], now=NOW)
    kept = (folder / attestations.VSA).read_bytes()
    attest.add_signature(envelope, bob, now=NOW)
    (folder / attestations.VSA).write_bytes(kept)
    assert attest.verify(envelope, now=NOW).problems == (
        f"{attestations.VSA} is not signed by those who signed the sign-off",
    )


def test_log_or_evidence_that_is_gone_is_told_unless_it_was_cleared_away(folder: Path) -> None:
    envelope = attest.sign(folder, [folder.parent / "alice.pem"], now=NOW)
    (folder / "log" / "dev.log").unlink()
    (told,) = attest.verify(envelope, now=NOW).problems
    assert told.startswith("log/dev.log is no longer there")
    assert "--evidence-cleared" in told
    cleared = attest.verify(envelope, now=NOW, cleared=True)
    assert cleared.ok
    assert "log/dev.log is no longer there" in cleared.notes
    (folder / "log" / "dev.log").write_text("another")
    assert not attest.verify(envelope, now=NOW, cleared=True).ok


def test_much_evidence_that_is_gone_is_one_line_of_each_kind(folder: Path) -> None:
    """The record and the list of all files name each file; it is told once."""
    items = []
    for number in range(40):
        file = folder / "dev" / "evidence" / f"e{number:02}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text("seen")
        items.append({"name": "e", "path": f"evidence/e{number:02}.txt", "sha256": run_folder.sha256_of(file)})
        (folder / "log" / f"l{number:02}.log").write_text("said")
    record = folder / "dev/record.jsonl"
    told = f'"worker": "gw0", "evidence": {json.dumps(items)}'
    record.write_text(record.read_text().replace('"worker": "gw0"', told, 1))
    envelope = attest.sign(folder, [folder.parent / "alice.pem"], now=NOW)
    assert attest.verify(envelope, now=NOW).ok
    shutil.rmtree(folder / "dev" / "evidence")
    for path in (folder / "log").glob("l*.log"):
        path.unlink()
    evidence, logs = attest.verify(envelope, now=NOW).problems
    assert evidence.startswith("40 files of evidence are no longer there: dev/evidence/e00.txt, dev/evidence/e01.txt, ")
    assert "e02.txt and 37 more" in evidence
    assert logs.startswith("40 logs are no longer there: log/l00.log")
    assert attest.verify(envelope, now=NOW, cleared=True).ok
    (folder / "dev" / "evidence").mkdir()
    for item in items[:2]:
        (folder / "dev" / str(item["path"])).write_text("changed")
    problems = attest.verify(envelope, now=NOW, cleared=True).problems
    assert problems == ("2 files of evidence were changed after signing: dev/evidence/e00.txt, dev/evidence/e01.txt",)


def test_run_signed_again_keeps_no_attestation_of_before(folder: Path) -> None:
    attest.sign(folder, [folder.parent / "alice.pem"], now=NOW)
    (folder / attestations.FOLDER / "test-result-dev-old.dsse.json").write_text("{}")
    envelope = attest.sign(folder, [folder.parent / "bob.pem"], now=NOW)
    assert attest.verify(envelope, now=NOW).ok


@contextlib.contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """No file may grow beyond size bytes: what a full disk looks like to whoever writes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("size", [100, 4000, 9000])
def test_disk_that_is_full_while_signing_leaves_the_run_as_it_was(folder: Path, size: int, again: bool) -> None:
    alice, bob = (folder.parent / f"{name}.pem" for name in ("alice", "bob"))
    envelope = attest.sign(folder, [alice], now=NOW)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with files_limited_to(size), pytest.raises(OSError, match="File too large"):
        attest.sign(folder, [bob], now=NOW) if again else attest.add_signature(envelope, bob, now=NOW)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert attest.verify(envelope, keys=[keys.public_path(alice)], now=NOW).trusted


class Service(CryptoSigner):  # type: ignore[misc] # it comes without types
    """A key service that keeps its key to itself, and does not always answer."""

    answers = True

    @classmethod
    def from_priv_key_uri(cls, priv_key_uri: str, public_key: Any, secrets_handler: Any = None) -> CryptoSigner:
        found = CryptoSigner.from_priv_key_uri(priv_key_uri.replace("test:", "file2:"), public_key, secrets_handler)
        return cls(found._private_key, public_key)

    def sign(self, payload: bytes) -> Any:
        if not self.answers:
            raise ConnectionError("the service does not answer")
        return super().sign(payload)


def test_key_named_by_a_uri_signs_like_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIGNER_FOR_URI_SCHEME, "test", Service)
    alice = folder.parent / "alice.pem"
    for scheme in ("file2", "test"):
        envelope = attest.sign(folder, [f"{scheme}:{alice}#{keys.public_path(alice)}"], now=NOW)
        assert attest.verify(envelope, keys=[keys.public_path(alice)], now=NOW).trusted
    before = envelope.read_bytes()
    monkeypatch.setattr(Service, "answers", False)
    with pytest.raises(keys.KeyFileError, match="does not answer"):
        attest.sign(folder, [f"test:{alice}#{keys.public_path(alice)}"], now=NOW)
    assert envelope.read_bytes() == before


def test_key_uri_that_cannot_work_is_told(folder: Path) -> None:
    alice, bob = (folder.parent / f"{name}.pem" for name in ("alice", "bob"))
    for where, match in (
        (f"file2:{alice}", "public half"),
        (f"file2:{alice}#{keys.public_path(bob)}", "cannot sign"),
        (f"awskms:alias/x#{keys.public_path(bob)}", "awskms"),
    ):
        with pytest.raises(keys.KeyFileError, match=match):
            keys.load_signer(where)


def test_ecdsa_key_as_services_hold_it_is_read(folder: Path) -> None:
    signer = CryptoSigner.generate_ecdsa()
    private, public = folder.parent / "kms.pem", folder.parent / "kms.pub.pem"
    private.write_bytes(signer.private_bytes)
    public.write_text(signer.public_key.keyval["public"])
    envelope = attest.sign(folder, [f"file2:{private}#{public}"], now=NOW)
    assert attest.verify(envelope, keys=[public], now=NOW).trusted


def test_sign_off_away_from_its_run_takes_a_signature_of_its_own(folder: Path, tmp_path: Path) -> None:
    envelope = attest.sign(folder, [folder.parent / "alice.pem"], now=NOW)
    alone = Path(shutil.copy(envelope, tmp_path / "alone.dsse.json"))
    attest.add_signature(alone, folder.parent / "bob.pem", now=NOW)
    assert len(json.loads(alone.read_text())["signatures"]) == 2
    os.truncate(alone, 100)
    with pytest.raises(EnvelopeError):
        attest.add_signature(alone, folder.parent / "bob.pem", now=NOW)
