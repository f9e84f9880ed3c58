"""GetPreferredAllocation: the set that the plugin would rather see together."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures.subjects.gpu.client import CallRefused, PluginClient
from reports.model import ClauseViolation, NotApplicable

MUST, SIZE, SUBSET = "gpu.preferred.must-include", "gpu.preferred.size", "gpu.preferred.subset-of-available"


@pytest.fixture
def preferring_plugin(device_plugin: PluginClient) -> PluginClient:
    """The plugin, if it declares GetPreferredAllocation. NotApplicable otherwise."""
    if not device_plugin.options()[1]:
        raise NotApplicable("the plugin does not declare GetPreferredAllocation")
    return device_plugin


def require_fitting(chosen: list[str], available: list[str], must_include: list[str], size: int) -> None:
    """Raise ClauseViolation, naming the clause, unless chosen answers the request."""
    asked = f"{size} of {available}, with {must_include} among them"
    if set(must_include) - set(chosen):
        raise ClauseViolation("a device that must be included is not", expected=asked, actual=chosen, clause=MUST)
    if set(chosen) - set(available):
        raise ClauseViolation("a device that is not available is chosen", expected=asked, actual=chosen, clause=SUBSET)
    if len(chosen) != size or len(set(chosen)) != size:
        raise ClauseViolation("not the asked number of devices is chosen", expected=asked, actual=chosen, clause=SIZE)


@pytest.mark.clause("gpu.preferred.must-include", "gpu.preferred.size", "gpu.preferred.subset-of-available")
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_preferred_allocation_of_generated_requests_fits(data: st.DataObject, preferring_plugin: PluginClient) -> None:
    ids = preferring_plugin.healthy_ids()
    available = data.draw(
        st.permutations(ids).flatmap(lambda order: st.integers(1, len(order)).map(lambda n: order[:n]))
    )
    size = data.draw(st.integers(1, len(available)))
    must_include = data.draw(st.lists(st.sampled_from(available), unique=True, max_size=size))
    try:
        chosen = preferring_plugin.prefer(available, must_include, size)
    except CallRefused as error:
        raise ClauseViolation(
            "a request that can be met is refused",
            expected=f"{size} of {available}, with {must_include} among them",
            actual=f"{error.code}: {error.details}",
            clause=SIZE,
        ) from error
    require_fitting(chosen, available, must_include, size)


@pytest.mark.clause("gpu.preferred.one-response-per-container")
def test_preferred_allocation_for_two_containers_has_two_responses(preferring_plugin: PluginClient) -> None:
    ids = preferring_plugin.healthy_ids(at_least=2)
    requests = [preferring_plugin.preferred_request(ids, [wanted], 1) for wanted in ids[:2]]
    try:
        answers = preferring_plugin.preferred(requests)
    except CallRefused as error:
        raise ClauseViolation(
            "a request for two containers is refused", expected="two", actual=error.details
        ) from error
    if len(answers) != len(requests):
        raise ClauseViolation(
            "GetPreferredAllocation has not one response for each container request",
            expected=len(requests),
            actual=len(answers),
        )


@pytest.mark.clause("gpu.preferred.impossible-survived")
@pytest.mark.parametrize("kind", ["too-many", "must-not-available", "none-available", "negative"])
def test_preferred_allocation_of_impossible_request_is_survived(preferring_plugin: PluginClient, kind: str) -> None:
    ids = preferring_plugin.healthy_ids(at_least=2)
    available, must_include, size = {
        "too-many": (ids, [], len(ids) + 5),
        "must-not-available": (ids[1:], ids[:1], 1),
        "none-available": ([], [], 1),
        "negative": (ids, [], -1),
    }[kind]
    # A refusal is as good as an answer; the kubelet then chooses by itself.
    with contextlib.suppress(CallRefused):
        preferring_plugin.preferred([preferring_plugin.preferred_request(available, must_include, size)])
    preferring_plugin.options()
