"""After a kill the driver says yes and no to the same calls as before, with the same answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.client import Refused
from fixtures.subjects.csi.requests import messages
from reports.model import ClauseViolation, NotApplicable
from suites.csi.requests.complete import BUILDERS
from suites.csi.requests.refusals import REFUSALS
from suites.csi.resilience.interrupted import wait_until_settled
from suites.csi.resilience.repeated import facts, listed
from suites.csi.resilience.test_kill_during_call import require_owned

ASK = "What does the driver know only in memory?"
# Calls whose second answer may differ, or whose object is gone after the first.
ONCE = {"modify-volume", "node-stats", "node-health", "get-volume-health", "delete-snapshot", "get-snapshot"}


def built(csi: Bench, builders: dict[str, Callable[[Bench], Any]]) -> dict[str, Any]:
    """What each builder makes. Those that the driver declares nothing for are left out."""
    made = {}
    for name, builder in builders.items():
        try:
            made[name] = builder(csi)
        except NotApplicable:
            continue
    if not made:
        raise NotApplicable("the driver serves none of these calls")
    return made


@pytest.mark.clause("csi.restart.refusals-are-the-same")
def test_killed_driver_refuses_what_it_refused(csi: Bench) -> None:
    require_owned(csi)
    pairs = built(csi, {builder.__name__.replace("_", " "): builder for builder in REFUSALS})
    before = {name: csi.client.answer(wrong).code for name, (wrong, _) in pairs.items()}
    csi.restart()
    for name, (wrong, _) in pairs.items():
        again = csi.client.answer(wrong) if before[name] == "ABORTED" else wait_until_settled(csi, wrong)
        if again.code != before[name]:
            raise ClauseViolation(
                f"a kill of the driver changed how it answers a {name}", expected=before[name], actual=str(again),
                question=ASK,
            )  # fmt: skip
    for name, (_, proper) in pairs.items():
        answer = wait_until_settled(csi, proper)
        if not answer.is_ok:
            raise ClauseViolation(
                f"after a kill, and a {name} that was refused, the proper call is not served", expected="OK",
                actual=str(answer), question=ASK,
            )  # fmt: skip


@pytest.mark.clause("csi.restart.answers-are-the-same")
def test_killed_driver_answers_what_it_answered(csi: Bench) -> None:
    require_owned(csi)
    requests = built(csi, {name: builder for name, builder in BUILDERS.items() if name not in ONCE})
    before = {}
    for name, request in requests.items():
        answer = wait_until_settled(csi, request)
        if not answer.is_ok:
            raise Refused(answer)
        before[name] = facts(answer.response)
    csi.restart()
    for name, request in requests.items():
        again = wait_until_settled(csi, request)
        after = facts(again.response) if again.is_ok else str(again)
        if after != before[name]:
            raise ClauseViolation(
                f"a kill of the driver changed what it answers to {name}", expected=before[name], actual=after,
                question=ASK,
            )  # fmt: skip


@pytest.mark.clause("csi.restart.answers-are-the-same")
def test_killed_driver_lists_what_it_listed(csi: Bench) -> None:
    require_owned(csi)
    plain, used = csi.create(), csi.bring_up(csi.create()).volume
    ids = [plain.volume_id, used.volume_id]
    if "controller.CREATE_DELETE_SNAPSHOT" in csi.capabilities:
        ids.append(csi.snapshot(plain).snapshot_id)
    before = listed(csi, *ids)
    csi.restart()
    after = listed(csi, *ids)
    if after != before:
        raise ClauseViolation("a kill of the driver changed its listings", expected=before, actual=after, question=ASK)


@pytest.mark.clause("csi.restart.answers-are-the-same")
def test_killed_driver_has_the_place_and_capacity_it_had(csi: Bench) -> None:
    require_owned(csi)
    csi.create()
    questions = [messages().NodeGetInfoRequest(), messages().NodeGetCapabilitiesRequest()]
    questions += [messages().ControllerGetCapabilitiesRequest(), messages().GetPluginCapabilitiesRequest()]
    before = [facts(csi.client.call(question)) for question in questions]
    csi.restart()
    after = [facts(csi.client.call(question)) for question in questions]
    if after != before:
        raise ClauseViolation("a kill of the driver changed what it declares", expected=before, actual=after)
