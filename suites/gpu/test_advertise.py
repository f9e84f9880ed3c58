"""The list of devices, and the stream on which it comes."""

from __future__ import annotations

import socket
from collections import Counter
from pathlib import Path

import pytest

from fixtures.subjects.gpu.client import PluginClient
from fixtures.subjects.gpu.subject import PluginSubject
from reports.model import ClauseViolation


@pytest.mark.clause("gpu.watch.first-list")
def test_new_stream_without_change_gets_list_at_once(device_plugin: PluginClient) -> None:
    devices = device_plugin.watch().first()
    if not devices:
        raise ClauseViolation(
            "the plugin lists no device",
            expected="the devices of this machine",
            actual="an empty list",
            question="Did the driver library fail to load, and is it never tried again?",
        )


@pytest.mark.clause("gpu.watch.stream-stays-open")
def test_stream_while_nothing_changes_stays_open(device_plugin: PluginClient) -> None:
    stream = device_plugin.watch()
    stream.first()
    if stream.ends_within(1.0):
        raise ClauseViolation("the stream ends though nothing happened", expected="an open stream", actual=stream.end)


@pytest.mark.clause("gpu.watch.ids-unique")
def test_device_ids_of_a_list_are_unique(device_plugin: PluginClient) -> None:
    counts = Counter(device.ID for device in device_plugin.devices())
    twice = {name: count for name, count in counts.items() if count > 1}
    if twice:
        raise ClauseViolation("devices have the same id", expected="an id of its own for each", actual=twice)


@pytest.mark.clause("gpu.watch.id-length")
def test_device_ids_have_a_fitting_length(device_plugin: PluginClient) -> None:
    bad = {device.ID: len(device.ID) for device in device_plugin.devices() if not 1 <= len(device.ID) <= 63}
    if bad:
        raise ClauseViolation("device ids of the wrong length", expected="1 to 63 characters", actual=bad)


@pytest.mark.clause("gpu.watch.health-value")
def test_device_health_is_one_of_two_words(device_plugin: PluginClient) -> None:
    found = {device.ID: device.health for device in device_plugin.devices()}
    bad = {name: health for name, health in found.items() if health not in ("Healthy", "Unhealthy")}
    if bad:
        raise ClauseViolation("a health that the kubelet does not know", expected="Healthy or Unhealthy", actual=bad)


@pytest.mark.clause("gpu.watch.topology-valid")
def test_device_topology_names_numa_nodes_of_this_machine(device_plugin: PluginClient) -> None:
    present = {int(path.name[4:]) for path in Path("/sys/devices/system/node").glob("node[0-9]*")} or {0}
    bad = {}
    for device in device_plugin.devices():
        named = [node.ID for node in device.topology.nodes]
        if not set(named) <= present or len(set(named)) < len(named):
            bad[device.ID] = named
    if bad:
        raise ClauseViolation(
            "the topology names NUMA nodes that are not there, or one twice",
            expected=f"some of the nodes {sorted(present)}, or none",
            actual=bad,
        )


@pytest.mark.clause("gpu.watch.second-stream-full")
def test_second_stream_after_broken_one_gets_full_list(gpu_subject: PluginSubject) -> None:
    first = gpu_subject.connect()
    known = {device.ID for device in first.devices()}
    first.close()
    second = gpu_subject.connect()
    try:
        seen = {device.ID for device in second.devices()}
    finally:
        second.close()
    if seen != known:
        raise ClauseViolation(
            "the second stream's list is not the full one", expected=sorted(known), actual=sorted(seen)
        )


@pytest.mark.clause("gpu.watch.broken-stream-survived")
def test_plugin_after_broken_streams_goes_on_serving(gpu_subject: PluginSubject) -> None:
    registration = gpu_subject.ready()
    for _ in range(5):
        client = gpu_subject.connect(registration)
        client.devices()
        client.close()
    client = gpu_subject.connect(registration)
    try:
        client.options()
        client.devices()
    finally:
        client.close()


@pytest.mark.clause("gpu.watch.garbage-survived")
def test_plugin_after_garbage_on_its_socket_goes_on_serving(
    device_plugin: PluginClient, gpu_subject: PluginSubject
) -> None:
    for garbage in (b"", b"\x00" * 64, b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 16):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2.0)
            try:
                client.connect(str(device_plugin.registration.socket))
                client.sendall(garbage)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the server hung up while we wrote: its right
            except OSError as error:
                raise ClauseViolation(
                    "the plugin no longer accepts connections",
                    expected="a connection",
                    actual=f"{error}; {gpu_subject.state()}",
                ) from error
    device_plugin.options()
