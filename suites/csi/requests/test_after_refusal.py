"""A refused call is over: it is refused each time, and the object and the driver serve as if it had not been sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.client import Refused
from fixtures.subjects.csi.requests import messages
from fixtures.wait import wait_until
from reports.model import ClauseViolation, NotApplicable
from suites.csi.requests.refusals import REFUSALS, Pair

PATIENCE = 10.0  # seconds in which a driver may call the object busy after it refused a call
refusals = pytest.mark.parametrize("refusal", REFUSALS, ids=lambda build: build.__name__.replace("_", "-"))


def send_refused(csi: Bench, request: Any) -> None:
    """Send it. NotApplicable: it was not refused, which the clause of that call judges."""
    answer = csi.client.answer(request)
    if answer.is_ok:
        raise NotApplicable(f"the driver did not refuse this {answer.rpc}, which another clause judges")


@pytest.mark.clause("csi.errors.refusal-leaves-the-object-usable")
@refusals
def test_object_of_a_refused_call_is_served(csi: Bench, refusal: Callable[[Bench], Pair]) -> None:
    wrong, proper = refusal(csi)
    send_refused(csi, wrong)
    answer = wait_until(
        "the object of the refused call is not busy", lambda: csi.client.answer(proper), PATIENCE,
        accept=lambda answer: answer.code != "ABORTED",
    )  # fmt: skip
    if not answer.is_ok:
        raise Refused(answer)


@pytest.mark.clause("csi.errors.refusal-is-repeated")
@refusals
def test_refused_call_sent_again_is_refused(csi: Bench, refusal: Callable[[Bench], Pair]) -> None:
    wrong, _ = refusal(csi)
    send_refused(csi, wrong)
    again = csi.client.answer(wrong)
    if again.is_ok:
        raise ClauseViolation(
            f"{again.rpc} was refused, and is served when it is sent again", expected="a refusal", actual="OK",
            question="Is something recorded before the request is looked at?",
        )  # fmt: skip


@pytest.mark.clause("csi.probe.is-answered-again")
@refusals
def test_driver_that_refused_a_call_is_ready(csi: Bench, refusal: Callable[[Bench], Pair]) -> None:
    wrong, _ = refusal(csi)
    send_refused(csi, wrong)
    answer = csi.client.call(messages().ProbeRequest())
    assert not answer.HasField("ready") or answer.ready.value, "the driver is no longer ready after it refused a call"
