"""Secrets: needed, surplus, changed, and never seen again."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Callable
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import changed, mount, span, without
from reports.model import ClauseViolation, NotApplicable
from suites.csi.requests.complete import BUILDERS
from suites.csi.requests.refusals import REFUSALS as REFUSED

CARRIERS = [
    "create-volume", "delete-volume", "controller-publish", "controller-unpublish", "validate", "modify-volume",
    "controller-expand", "create-snapshot", "delete-snapshot", "get-snapshot", "create-group-snapshot",
    "delete-group-snapshot", "get-group-snapshot", "metadata-allocated", "metadata-delta", "node-stage",
    "node-publish", "node-expand", "get-volume-health",
]  # fmt: skip
REFUSALS = ("UNAUTHENTICATED", "INVALID_ARGUMENT", "PERMISSION_DENIED")


@pytest.fixture
def canary() -> str:
    """A secret that is found nowhere by chance."""
    return f"canary{randomness.token_hex(12)}"


def with_secret(csi: Bench, request: Any, value: str) -> Any:
    """A copy of the request with the user's secrets and one more."""
    rpc = request.DESCRIPTOR.name.removesuffix("Request")
    return changed(request, secrets={**csi.options.secrets_of(rpc), "seatrial-canary": value})


@pytest.mark.clause("csi.secrets.of-other-calls-are-accepted")
def test_secret_that_the_call_does_not_need_is_accepted(csi: Bench, canary: str) -> None:
    volume = csi.client.call(with_secret(csi, csi.creation(), canary)).volume
    csi.client.call(with_secret(csi, csi.deletion(volume.volume_id), canary))


@pytest.mark.clause("csi.secrets.do-not-decide-compatibility")
def test_retry_with_another_secret_answers_the_same_volume(csi: Bench, canary: str) -> None:
    request = csi.creation()
    first = csi.client.call(with_secret(csi, request, canary)).volume
    second = csi.client.call(with_secret(csi, request, f"{canary}-rotated")).volume
    if first.volume_id != second.volume_id:
        raise ClauseViolation(
            "a retry with another secret answered another volume", expected=first.volume_id, actual=second.volume_id
        )


@pytest.mark.clause("csi.secrets.are-checked")
def test_creation_without_the_secrets_it_needs_is_unauthenticated(csi: Bench) -> None:
    needed = csi.options.secrets_of("CreateVolume")
    if not needed:
        raise NotApplicable("no secrets of the driver are known ([secrets] of --csi-parameters)")
    answer = csi.client.answer(changed(csi.creation(), secrets=dict.fromkeys(needed, "seatrial-wrong")))
    if answer.is_ok:
        raise NotApplicable("the driver makes volumes with any secrets")
    if answer.code not in REFUSALS:
        raise ClauseViolation("wrong secrets are not named as such", expected=REFUSALS[0], actual=str(answer))


@pytest.mark.clause("csi.secrets.are-not-echoed")
def test_secret_is_in_no_answer_and_no_log(csi: Bench, canary: str) -> None:
    volume = csi.client.call(with_secret(csi, csi.creation(), canary)).volume
    refused = [
        without(csi.creation(), "volume_capabilities"),
        csi.creation(capacity=span(1 << 62)),
        csi.creation(mount("UNKNOWN")),
        without(csi.deletion("seatrial"), "volume_id"),
    ]
    texts = {"CreateVolume": str(volume)}
    for request in refused:
        answer = csi.client.answer(with_secret(csi, request, canary))
        texts[f"{answer.rpc} ({answer.code})"] = f"{answer.details} {answer.response or ''}"
    use = csi.prepare(volume)
    publishing = with_secret(csi, csi.publishing(use), canary)
    for request in (publishing, without(publishing, "target_path")):
        answer = csi.client.answer(request)
        texts[f"{answer.rpc} ({answer.code})"] = f"{answer.details} {answer.response or ''}"
    texts["the driver's log"] = csi.driver.log_tail()
    for where, text in texts.items():
        if canary in text:
            place = text.index(canary)
            raise ClauseViolation(
                f"a secret came back in {where}", expected="no secret anywhere",
                actual=f"...{text[max(0, place - 60) : place]}***",
            )  # fmt: skip


@pytest.mark.clause("csi.secrets.are-not-echoed")
@pytest.mark.parametrize("rpc", CARRIERS)
def test_secret_of_a_call_is_not_in_its_answer(csi: Bench, canary: str, rpc: str) -> None:
    request = BUILDERS[rpc](csi)
    if "secrets" not in request.DESCRIPTOR.fields_by_name:
        raise NotApplicable("the call carries no secrets in this version of the protocol")
    for turn in ("first", "second"):
        answer = csi.client.answer(with_secret(csi, request, canary))
        if canary in f"{answer.details} {answer.response or ''}":
            raise ClauseViolation(
                f"the {turn} answer to {answer.rpc} holds a secret of the request", expected="no secret anywhere",
                actual=answer.code, question="Is the secret put into a context, for a later call to use?",
            )  # fmt: skip


@pytest.mark.clause("csi.secrets.are-not-echoed")
@pytest.mark.parametrize("refusal", REFUSED, ids=lambda build: build.__name__.replace("_", "-"))
def test_secret_of_a_refused_call_is_not_in_its_answer(
    csi: Bench, canary: str, refusal: Callable[[Bench], Any]
) -> None:
    wrong, _ = refusal(csi)
    if "secrets" not in wrong.DESCRIPTOR.fields_by_name:
        raise NotApplicable("the call carries no secrets")
    answer = csi.client.answer(with_secret(csi, wrong, canary))
    if canary in answer.details:
        raise ClauseViolation(
            f"the refusal of {answer.rpc} holds a secret of the request", expected="no secret anywhere",
            actual=answer.code, question="Is the whole request put into the error message?",
        )  # fmt: skip


@pytest.mark.clause("csi.secrets.do-not-decide-compatibility")
@pytest.mark.parametrize("rpc", CARRIERS)
def test_call_again_with_a_rotated_secret_is_served(csi: Bench, canary: str, rpc: str) -> None:
    request = BUILDERS[rpc](csi)
    if "secrets" not in request.DESCRIPTOR.fields_by_name:
        raise NotApplicable("the call carries no secrets in this version of the protocol")
    first = csi.client.answer(with_secret(csi, request, canary))
    again = csi.client.answer(with_secret(csi, request, f"{canary}-rotated"))
    if again.code not in (first.code, "ABORTED"):
        raise ClauseViolation(
            f"{again.rpc} again with another secret is answered otherwise", expected=str(first), actual=str(again),
            question="Are secrets compared with those of the first call?",
        )  # fmt: skip
