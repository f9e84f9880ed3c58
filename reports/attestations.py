"""What a sign-off says in words that other tools read: in-toto test results, and a SLSA verification summary.

    attestations/test-result-<stage>-<suite>.dsse.json    https://in-toto.io/attestation/test-result/v0.1
    attestations/vsa.dsse.json                            https://slsa.dev/verification_summary/v1

The sign-off binds the test results by the digests of their payloads, so that further signatures on them change
nothing. The summary is made from the sign-off alone, so a check can make it again and compare.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reports import envelope as envelopes
from reports.attempts import Told
from reports.envelope import EnvelopeError
from reports.failed_tests import told_of
from reports.keys import PublicKey
from reports.model import Outcome, Verdict
from reports.record import Record
from reports.run_folder import RunFolder

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SUMMARY = "https://slsa.dev/verification_summary/v1"
VERIFIER = "urn:seatrial:gate"
CANDIDATE, CANDIDATE_FILE = "candidate", "candidate.toml"
"""Subjects: the candidate by what it says, whatever its spacing and comments, and the run's copy of its file."""
FOLDER = "attestations"
VSA = f"{FOLDER}/vsa.dsse.json"


def test_results(
    run: RunFolder, subjects: Sequence[Mapping[str, Any]], files: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """One statement for each suite of each stage that ran tests, by its path in the run folder.

    files: the digests that the sign-off binds; those that decided what was run become the configuration.
    """
    found = {}
    for stage in run.stages:
        by_suite: dict[str, list[Told]] = {}
        missing: dict[str, list[str]] = {}
        for told in told_of(stage):
            by_suite.setdefault(_suite(told.result.test), []).append(told)
        for record in stage.records:
            for test in record.missing:
                missing.setdefault(_suite(test), []).append(test)
        used = [record.path.relative_to(run.path).as_posix() for record in stage.records]
        used += ["candidate.json", "catalogue.json", "policy.toml", f"policies/{stage.name}.toml"]
        configuration = [{"name": name, "digest": {"sha256": files[name]}} for name in used if name in files]
        for suite in sorted({*by_suite, *missing}):
            predicate = _test_result(by_suite.get(suite, []), missing.get(suite, []), configuration)
            path = f"{FOLDER}/test-result-{stage.name}-{suite}.dsse.json"
            found[path] = _statement(_judged(subjects, stage.records), TEST_RESULT, predicate)
    return found


def summary_of(statement: Mapping[str, Any], payload: bytes) -> dict[str, Any]:
    """The verification summary that follows from a sign-off: its statement, and the bytes of it that were signed."""
    predicate = statement["predicate"]
    inputs = {"signoff.dsse.json": hashlib.sha256(payload).hexdigest(), **predicate["attestations"]}
    passed = [stage["name"] for stage in predicate["stages"] if stage["verdict"] == Verdict.PASS]
    is_whole = len(passed) == len(predicate["stages"])  # a verdict is PASS, too, where only the first were asked for
    policy = {"uri": "policy.toml", **({"digest": {"sha256": predicate["policy"]}} if predicate["policy"] else {})}
    return _statement(
        statement["subject"],
        SUMMARY,
        {
            "verifier": {"id": VERIFIER, "version": {"seatrial": predicate["seatrial"]["version"]}},
            "timeVerified": predicate["time"],
            "resourceUri": f"urn:seatrial:candidate:sha256:{predicate['candidate']['sha256']}",
            "policy": policy,
            "inputAttestations": [{"uri": path, "digest": {"sha256": digest}} for path, digest in inputs.items()],
            "verificationResult": "PASSED" if is_whole and predicate["verdict"] == Verdict.PASS else "FAILED",
            "verifiedLevels": [f"SEATRIAL_{name.upper().replace('-', '_')}" for name in passed],
        },
    )


def faults(folder: Path, statement: Mapping[str, Any], envelope: Any, known: Iterable[PublicKey]) -> list[str]:
    """What is wrong with the attestations beside a sign-off: each must be as it was bound, signed by the same keys."""
    signers = [key for key in known if key.keyid in envelope.signatures and envelopes.holds(envelope, key)]
    bound = dict(statement["predicate"]["attestations"])
    bound[VSA] = hashlib.sha256(envelopes.content_of(summary_of(statement, envelope.payload))).hexdigest()
    problems = []
    for name, digest in bound.items():
        try:
            found = envelopes.read(folder / name, PAYLOAD_TYPE)
        except EnvelopeError as error:
            problems.append(str(error))
            continue
        if hashlib.sha256(found.payload).hexdigest() != digest:
            problems.append(f"{name} is not the attestation that belongs to this sign-off")
        elif set(found.signatures) != set(envelope.signatures):
            problems.append(f"{name} is not signed by those who signed the sign-off")
        elif not all(envelopes.holds(found, key) for key in signers):
            problems.append(f"{name}: a signature does not hold")
    there = {path.relative_to(folder).as_posix() for path in (folder / FOLDER).glob("*")}
    return problems + [f"{name} is in the run folder and was not signed" for name in sorted(there - set(bound))]


def _suite(test: str) -> str:
    parts = test.split("/")
    return parts[1] if parts[0] == "suites" and len(parts) > 2 else "imported"


def _judged(subjects: Sequence[Mapping[str, Any]], records: Sequence[Record]) -> list[Mapping[str, Any]]:
    """The candidate, and of its files those that the records say were tested."""
    used = {f"{part.component}/{name}" for record in records for part in record.parts for name in part.sha256}
    return [subject for subject in subjects if subject["name"] in (CANDIDATE, CANDIDATE_FILE, *used)]


def _test_result(
    tests: Sequence[Told], missing: Sequence[str], configuration: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A failure that a waiver lets by is a failed test still; what could not tell, did not report, or passed on a
    retry only, is a warning."""
    results = [item.result for item in tests]
    failed = sorted({item.test for item in results if item.outcome is Outcome.FAIL or item.harness_error})
    warned = {item.test for item in results if item.outcome is Outcome.COULD_NOT_RUN} | set(missing)
    warned |= {item.result.test for item in tests if item.flaky}
    passed = {item.test for item in results if item.outcome is Outcome.PASS} - warned - set(failed)
    return {
        "result": "FAILED" if failed else "WARNED" if warned else "PASSED",
        "configuration": list(configuration),
        "passedTests": sorted(passed),
        "warnedTests": sorted(warned - set(failed)),
        "failedTests": failed,
    }


def _statement(
    subjects: Sequence[Mapping[str, Any]], predicate_type: str, predicate: Mapping[str, Any]
) -> dict[str, Any]:
    statement = {"_type": STATEMENT_TYPE, "subject": list(subjects), "predicateType": predicate_type}
    return json.loads(json.dumps({**statement, "predicate": predicate}))  # type: ignore[no-any-return]
