"""Allocate: who gets which device."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import pytest

from fixtures.subjects.gpu.answers import Mark, marks, own_marks, words
from fixtures.subjects.gpu.client import CallRefused, PluginClient
from fixtures.subjects.gpu.subject import PluginSubject
from reports.model import ClauseViolation

UNKNOWN = "seatrial-no-such-device"


def granted_one_by_one(plugin: PluginClient, most: int = 4) -> dict[str, frozenset[Mark]]:
    """What Allocate answers for each device alone."""
    return {device: marks(plugin.grant(device)) for device in plugin.healthy_ids(at_least=2)[:most]}


def require_refusal(plugin: PluginClient, why: str, *containers: list[str]) -> None:
    """Raise ClauseViolation unless Allocate for containers is refused."""
    try:
        answer = plugin.call("Allocate", plugin.allocate_request(*containers))
    except CallRefused:
        return
    granted = [words(marks(one)) for one in answer.container_responses]
    raise ClauseViolation(f"Allocate grants {why}", expected="an error", actual=f"an answer: {granted}")


@pytest.mark.clause("gpu.allocate.ids-honoured")
def test_allocate_of_each_device_grants_something_of_its_own(device_plugin: PluginClient) -> None:
    granted = granted_one_by_one(device_plugin)
    alike = [(one, two) for one, two in combinations(granted, 2) if granted[one] == granted[two]]
    if alike:
        one, two = alike[0]
        raise ClauseViolation(
            "Allocate gives the same for different devices",
            expected=f"different answers for {one} and {two}",
            actual=f"for both: {words(granted[one])}",
        )


@pytest.mark.clause("gpu.allocate.set-is-union")
def test_allocate_of_two_devices_grants_exactly_these(device_plugin: PluginClient) -> None:
    granted = granted_one_by_one(device_plugin)
    own = own_marks(granted)
    one, two, *others = granted
    pair = marks(device_plugin.grant(one, two))
    missing = (own[one] | own[two]) - pair
    foreign = frozenset(mark for other in others for mark in own[other] - own[one] - own[two]) & pair
    if missing or foreign:
        raise ClauseViolation(
            "Allocate of two devices does not grant exactly these two",
            expected=words(own[one] | own[two]),
            actual=f"missing: {words(missing)}; of other devices: {words(foreign)}",
        )


@pytest.mark.clause("gpu.allocate.disjoint")
def test_allocates_of_different_devices_share_no_device(device_plugin: PluginClient) -> None:
    own = own_marks(granted_one_by_one(device_plugin))
    for one, two in combinations(own, 2):
        both = frozenset(mark for mark in own[one] & own[two] if mark[0] in ("device", "cdi"))
        if both:
            raise ClauseViolation(
                "two containers with different devices share a device",
                expected=f"nothing in common between {one} and {two} but what every container gets",
                actual=f"in common: {words(both)}",
            )


@pytest.mark.clause("gpu.allocate.one-response-per-container")
def test_allocate_for_three_containers_has_three_responses(device_plugin: PluginClient) -> None:
    ids = device_plugin.healthy_ids(at_least=2)
    containers = [[ids[0]], [ids[1]], [ids[-1]]]
    answers = device_plugin.allocate(*containers)
    if len(answers) != len(containers):
        raise ClauseViolation(
            "Allocate has not one response for each container request", expected=len(containers), actual=len(answers)
        )


@pytest.mark.clause("gpu.allocate.responses-in-order")
def test_allocate_for_several_containers_answers_in_order(device_plugin: PluginClient) -> None:
    own = own_marks(granted_one_by_one(device_plugin))
    ids = sorted(own, reverse=True)
    for device, answer in zip(ids, device_plugin.allocate(*([device] for device in ids)), strict=False):
        if missing := own[device] - marks(answer):
            raise ClauseViolation(
                f"the response in the place of {device} is not its own",
                expected=words(own[device]),
                actual=f"missing: {words(missing)}; there: {words(marks(answer))}",
            )


@pytest.mark.clause("gpu.allocate.idempotent")
def test_allocate_repeated_gives_the_same_answer(device_plugin: PluginClient) -> None:
    device = device_plugin.healthy_ids()[-1]
    first, second = marks(device_plugin.grant(device)), marks(device_plugin.grant(device))
    if first != second:
        raise ClauseViolation(
            "the same Allocate gives another answer the second time", expected=words(first), actual=words(second)
        )


@pytest.mark.clause("gpu.allocate.concurrent")
def test_allocates_at_the_same_time_get_their_own_devices(device_plugin: PluginClient) -> None:
    alone = granted_one_by_one(device_plugin)
    asked = list(alone) * 4
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = list(pool.map(lambda device: marks(device_plugin.grant(device)), asked))
    for device, answer in zip(asked, answers, strict=True):
        if answer != alone[device]:
            raise ClauseViolation(
                f"Allocate of {device} among {len(asked)} at the same time gives another answer than alone",
                expected=words(alone[device]),
                actual=words(answer),
            )


@pytest.mark.clause("gpu.allocate.unknown-id-refused")
def test_allocate_of_unknown_device_is_refused(device_plugin: PluginClient) -> None:
    require_refusal(device_plugin, "a device that does not exist", [UNKNOWN])


@pytest.mark.clause("gpu.allocate.fails-as-a-whole")
def test_allocate_of_good_and_unknown_device_is_refused(device_plugin: PluginClient) -> None:
    good = device_plugin.healthy_ids()[0]
    require_refusal(device_plugin, "part of what was asked, and leaves a device out", [good, UNKNOWN])


@pytest.mark.clause("gpu.allocate.unhealthy-id-refused")
def test_allocate_of_unhealthy_device_is_refused(device_plugin: PluginClient, gpu_subject: PluginSubject) -> None:
    gpu_subject.require_faults()
    victim = device_plugin.healthy_ids(at_least=2)[1]
    before = len(device_plugin.lists.lists)
    gpu_subject.report(victim, "Unhealthy")
    device_plugin.lists.wait_until_told(before)
    require_refusal(device_plugin, "a device that it lists as unhealthy", [victim])
