"""Devices that fail and recover, as the stream tells it."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.gpu.client import PluginClient
from fixtures.subjects.gpu.stream import DeviceStream
from fixtures.subjects.gpu.subject import PluginSubject
from reports.model import ClauseViolation


def health_of(devices: list[Any], device_id: str) -> str:
    """A device's health in a list, "" when the list does not name it."""
    return next((device.health for device in devices if device_id == device.ID), "")


def fail_device(subject: PluginSubject, plugin: PluginClient) -> tuple[str, DeviceStream, int]:
    """Make a device fail. Its id, the open stream, and how many lists had come before."""
    subject.require_faults()
    victim = plugin.healthy_ids(at_least=2)[1]
    stream = plugin.lists
    before = len(stream.lists)
    subject.report(victim, "Unhealthy")
    return victim, stream, before


@pytest.mark.clause("gpu.health.unhealthy-reported")
def test_failed_device_on_open_stream_is_not_healthy(device_plugin: PluginClient, gpu_subject: PluginSubject) -> None:
    victim, stream, before = fail_device(gpu_subject, device_plugin)
    stream.wait_until_list(
        f"a list in which {victim} is not Healthy", lambda found: health_of(found, victim) != "Healthy", before
    )


@pytest.mark.clause("gpu.health.full-list")
def test_list_after_failure_names_all_other_devices(device_plugin: PluginClient, gpu_subject: PluginSubject) -> None:
    known = {device.ID for device in device_plugin.devices()}
    victim, stream, before = fail_device(gpu_subject, device_plugin)
    told = {device.ID for device in stream.wait_until_told(before)}
    if missing := known - told - {victim}:
        raise ClauseViolation(
            "the list sent upon a change lacks devices that did not change",
            expected=sorted(known),
            actual=f"{sorted(told)}, without {sorted(missing)}",
        )


@pytest.mark.clause("gpu.health.only-that-device")
def test_failure_of_one_device_leaves_others_as_they_were(
    device_plugin: PluginClient, gpu_subject: PluginSubject
) -> None:
    earlier = {device.ID: device.health for device in device_plugin.devices()}
    victim, stream, before = fail_device(gpu_subject, device_plugin)
    later = {device.ID: device.health for device in stream.wait_until_told(before)}
    changed = {
        name: f"{earlier[name]} -> {health}"
        for name, health in later.items()
        if name != victim and name in earlier and health != earlier[name]
    }
    if changed:
        raise ClauseViolation(
            "devices changed their health though another one failed", expected=f"only {victim}", actual=changed
        )


@pytest.mark.clause("gpu.health.recovery-reported")
def test_recovered_device_on_open_stream_is_healthy(device_plugin: PluginClient, gpu_subject: PluginSubject) -> None:
    victim, stream, before = fail_device(gpu_subject, device_plugin)
    stream.wait_until_told(before)
    before = len(stream.lists)
    gpu_subject.report(victim, "Healthy")
    stream.wait_until_list(
        f"a list in which {victim} is Healthy again", lambda found: health_of(found, victim) == "Healthy", before
    )


@pytest.mark.clause("gpu.health.reported-after-reconnect")
def test_failure_after_broken_stream_reaches_the_new_stream(
    device_plugin: PluginClient, gpu_subject: PluginSubject
) -> None:
    gpu_subject.require_faults()
    victim = device_plugin.healthy_ids(at_least=2)[1]
    for _ in range(3):
        broken = device_plugin.watch()
        broken.first()
        broken.close()
    stream = device_plugin.watch()
    stream.first()
    before = len(stream.lists)
    gpu_subject.report(victim, "Unhealthy")
    stream.wait_until_told(before)


@pytest.mark.clause("gpu.health.kept-over-restart")
def test_failed_device_after_plugin_restart_is_not_healthy(
    device_plugin: PluginClient, gpu_subject: PluginSubject
) -> None:
    gpu_subject.require_startable()
    victim, stream, before = fail_device(gpu_subject, device_plugin)
    stream.wait_until_told(before)
    client = gpu_subject.connect(gpu_subject.restart())
    try:
        found = health_of(client.devices(), victim)
    finally:
        client.close()
    if found == "Healthy":
        raise ClauseViolation(
            f"{victim} is Healthy after a restart of the plugin, though it has not recovered",
            expected="Unhealthy, or not listed",
            actual=found,
        )
