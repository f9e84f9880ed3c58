"""What a plugin says it can do, and whether it does it."""

from __future__ import annotations

import pytest

from fixtures.subjects.gpu.client import CallRefused, PluginClient
from reports.model import ClauseViolation, NotApplicable

KUBELET_PRE_START_LIMIT = 30.0


def require_pre_start(plugin: PluginClient) -> None:
    if not plugin.options()[0]:
        raise NotApplicable("the plugin does not ask for PreStartContainer")


@pytest.mark.clause("gpu.options.answered")
def test_options_asked_twice_are_the_same(device_plugin: PluginClient) -> None:
    first, second = device_plugin.options(), device_plugin.options()
    if first != second:
        raise ClauseViolation("GetDevicePluginOptions changes its mind", expected=first, actual=second)


@pytest.mark.clause("gpu.options.preferred-honest")
def test_preferred_allocation_when_declared_is_answered(device_plugin: PluginClient) -> None:
    if not device_plugin.options()[1]:
        raise NotApplicable("the plugin does not declare GetPreferredAllocation")
    ids = device_plugin.healthy_ids()
    try:
        device_plugin.preferred([device_plugin.preferred_request(ids, [], 1)])
    except CallRefused as error:
        raise ClauseViolation(
            "GetPreferredAllocation is declared but not there",
            expected=f"one of {len(ids)} devices",
            actual=f"{error.code}: {error.details}",
        ) from error


@pytest.mark.clause("gpu.options.pre-start-honest", "gpu.options.pre-start-in-time")
def test_pre_start_when_declared_is_answered_in_time(device_plugin: PluginClient) -> None:
    require_pre_start(device_plugin)
    ids = device_plugin.healthy_ids()
    device_plugin.grant(ids[0])
    try:
        device_plugin.pre_start(ids[:1], limit=KUBELET_PRE_START_LIMIT)
    except CallRefused as error:
        raise ClauseViolation(
            "PreStartContainer is asked for but refused",
            expected="an answer for a healthy, allocated device",
            actual=f"{error.code}: {error.details}",
            clause="gpu.options.pre-start-honest",
        ) from error
    except ClauseViolation as error:
        error.clause = "gpu.options.pre-start-in-time"
        raise


@pytest.mark.clause("gpu.options.pre-start-unknown-id-refused")
def test_pre_start_for_unknown_device_is_refused(device_plugin: PluginClient) -> None:
    require_pre_start(device_plugin)
    try:
        device_plugin.pre_start(["seatrial-no-such-device"])
    except CallRefused:
        return
    raise ClauseViolation(
        "PreStartContainer answers for a device that does not exist", expected="an error", actual="an answer"
    )


@pytest.mark.clause("gpu.options.undeclared-calls-harmless")
def test_undeclared_calls_leave_plugin_serving(device_plugin: PluginClient) -> None:
    pre_start, preferred = device_plugin.options()
    if pre_start and preferred:
        raise NotApplicable("the plugin declares every call there is")
    ids = device_plugin.healthy_ids()
    try:
        if not pre_start:
            device_plugin.pre_start(ids[:1])
        if not preferred:
            device_plugin.preferred([device_plugin.preferred_request(ids, [], 1)])
    except CallRefused:
        pass  # UNIMPLEMENTED is the usual answer
    device_plugin.options()
