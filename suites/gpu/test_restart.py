"""Restarts: of the kubelet, and of the plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.subjects.gpu.answers import marks, words
from fixtures.subjects.gpu.subject import PluginSubject
from fixtures.wait import WaitTimeout, wait_until
from reports.model import ClauseViolation


@pytest.mark.clause("gpu.restart.kubelet-restarted")
def test_plugin_after_kubelet_restart_registers_again(gpu_subject: PluginSubject) -> None:
    gpu_subject.ready()
    before = gpu_subject.kubelet.restart()
    registration = gpu_subject.next_registration(before, "after a restart of the kubelet")
    try:
        wait_until("a connection", registration.answers, 10.0)
    except WaitTimeout as error:
        raise ClauseViolation(
            "the plugin registers again but does not serve its socket again",
            expected=f"{registration.socket}, which the kubelet had removed, made anew",
            actual="nothing answers there",
        ) from error


@pytest.mark.clause("gpu.restart.plugin-killed")
def test_plugin_after_sigkill_and_start_registers_again(gpu_subject: PluginSubject) -> None:
    gpu_subject.ready()
    registration = gpu_subject.restart()
    wait_until("a connection to the restarted plugin", registration.answers, 10.0)


@pytest.mark.clause("gpu.restart.ids-stable")
def test_device_ids_after_plugin_restart_are_the_same(gpu_subject: PluginSubject) -> None:
    client = gpu_subject.connect()
    earlier = sorted(device.ID for device in client.devices())
    client.close()
    client = gpu_subject.connect(gpu_subject.restart())
    later = sorted(device.ID for device in client.devices())
    client.close()
    if later != earlier:
        raise ClauseViolation("the device ids changed with a restart of the plugin", expected=earlier, actual=later)


def identities(response: object) -> set[str]:
    """Device numbers behind the device nodes of an answer: a name may stay while the device behind it changes."""
    specs = response.devices  # type: ignore[attr-defined]
    return {f"{spec.host_path} = {Path(spec.host_path).stat().st_rdev:#x}" for spec in specs}


@pytest.mark.clause("gpu.restart.grant-stable")
def test_device_behind_an_id_after_plugin_restart_is_the_same(gpu_subject: PluginSubject) -> None:
    client = gpu_subject.connect()
    device_id = client.healthy_ids()[0]
    answer = client.grant(device_id)
    earlier, nodes = marks(answer), identities(answer)
    client.close()
    client = gpu_subject.connect(gpu_subject.restart())
    if device_id not in client.healthy_ids():
        client.close()
        return  # ids that change are another clause's matter: gpu.restart.ids-stable
    answer = client.grant(device_id)
    client.close()
    if marks(answer) != earlier or identities(answer) != nodes:
        raise ClauseViolation(
            f"{device_id} stands for another device after a restart of the plugin",
            expected=f"{words(earlier)}; {sorted(nodes)}",
            actual=f"{words(marks(answer))}; {sorted(identities(answer))}",
        )


@pytest.mark.clause("gpu.restart.ends-on-sigterm")
def test_plugin_with_open_stream_ends_on_sigterm(gpu_subject: PluginSubject) -> None:
    gpu_subject.require_startable()
    client = gpu_subject.connect()
    try:
        client.devices()
        if not gpu_subject.terminate(grace=10.0):
            raise ClauseViolation(
                "the plugin does not end on SIGTERM", expected="its end within 10 s", actual="SIGKILL was needed"
            )
    finally:
        client.close()
