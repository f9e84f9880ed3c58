"""How a device plugin makes itself known to the kubelet."""

from __future__ import annotations

import re
import subprocess

import pytest

from fixtures.subjects.gpu.client import PluginClient
from fixtures.subjects.gpu.kubelet import Registration
from fixtures.subjects.gpu.subject import PluginSubject
from fixtures.wait import WaitTimeout, wait_until
from reports.model import ClauseViolation

LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")


def faults_of_resource_name(name: str) -> list[str]:
    """What is wrong with an extended resource name, in words."""
    domain, slash, label = name.partition("/")
    if not slash:
        return ["it has no domain: vendor.example/name"]
    faults = []
    if not DOMAIN.fullmatch(domain) or len(f"requests.{domain}") > 253:
        faults.append(f"{domain!r} is no domain name")
    if domain == "kubernetes.io" or domain.endswith(".kubernetes.io"):
        faults.append("kubernetes.io is Kubernetes' own")
    if name.startswith("requests."):
        faults.append("the prefix requests. is for quotas")
    if not LABEL.fullmatch(label):
        faults.append(f"{label!r} is not a name of 1 to 63 letters, digits, -, _ and .")
    return faults


@pytest.mark.clause("gpu.register.version")
def test_registration_at_start_names_supported_version(gpu_registration: Registration) -> None:
    if gpu_registration.version != "v1beta1":
        raise ClauseViolation(
            "the plugin registers with a version that no kubelet supports",
            expected="v1beta1",
            actual=gpu_registration.version,
        )


@pytest.mark.clause("gpu.register.resource-name-qualified")
def test_registration_at_start_names_extended_resource(gpu_registration: Registration) -> None:
    faults = faults_of_resource_name(gpu_registration.resource)
    if faults:
        raise ClauseViolation(
            f"{gpu_registration.resource!r} is no extended resource name: {'; '.join(faults)}",
            expected="a name such as vendor.example/gpu",
            actual=gpu_registration.resource,
        )


@pytest.mark.clause("gpu.register.endpoint-served")
def test_registration_at_start_names_served_socket(gpu_registration: Registration) -> None:
    endpoint = gpu_registration.endpoint
    if gpu_registration.socket.resolve().parent != gpu_registration.folder.resolve():
        raise ClauseViolation(
            "the endpoint is not in the plugin folder",
            expected=f"a name below {gpu_registration.folder}",
            actual=endpoint,
        )
    try:
        wait_until("a connection", gpu_registration.answers, 10.0)
    except WaitTimeout as error:
        there = sorted(path.name for path in gpu_registration.folder.iterdir())
        raise ClauseViolation(
            f"nothing answers on the registered endpoint {endpoint!r}",
            expected=f"a socket {gpu_registration.socket} that accepts connections within 10 s",
            actual=f"the plugin folder holds {there}",
        ) from error


@pytest.mark.clause("gpu.register.options-agree")
def test_registration_options_agree_with_answered_ones(device_plugin: PluginClient) -> None:
    registration = device_plugin.registration
    answered = device_plugin.options()
    if registration.has_options and registration.options != answered:
        raise ClauseViolation(
            "the options of the registration differ from those of GetDevicePluginOptions",
            expected=f"(pre start, preferred allocation) = {answered}",
            actual=registration.options,
        )


@pytest.mark.clause("gpu.register.not-repeated")
def test_registration_while_kubelet_stays_happens_once(gpu_subject: PluginSubject) -> None:
    gpu_subject.ready()
    before = len(gpu_subject.kubelet.registrations)
    seen = gpu_subject.kubelet.counts_within(1.5, more_than=before)
    if seen > before:
        raise ClauseViolation(
            "the plugin registers again though the kubelet is the same",
            expected="no further Register call",
            actual=f"{seen - before} more within 1.5 s",
        )


@pytest.mark.clause("gpu.register.kubelet-later")
def test_registration_when_kubelet_comes_later_happens(gpu_subject: PluginSubject) -> None:
    gpu_subject.require_startable()
    gpu_subject.ready()
    gpu_subject.kill()
    gpu_subject.kubelet.stop()
    gpu_subject.kubelet.empty_folder()
    gpu_subject.start()
    assert gpu_subject.process is not None
    try:
        gpu_subject.process.popen.wait(1.5)
        gpu_subject.start()  # it ended, as a plugin may: its DaemonSet would start it again
    except subprocess.TimeoutExpired:
        pass
    before = len(gpu_subject.kubelet.registrations)
    gpu_subject.kubelet.start()
    gpu_subject.next_registration(before, "after a kubelet that came later than the plugin")


@pytest.mark.clause("gpu.register.refusal-acted-on")
def test_registration_when_refused_ends_plugin_or_is_tried_again(gpu_subject: PluginSubject) -> None:
    kubelet = gpu_subject.kubelet
    gpu_subject.ready()
    kubelet.refusals_left = 1
    before = kubelet.restart()
    try:
        refused = gpu_subject.next_registration(before, "after a restart of the kubelet")

        def acted() -> bool:
            again = len(kubelet.registrations) > before + 1
            ended = gpu_subject.process is not None and not gpu_subject.process.is_alive
            return again or ended or not refused.answers()

        wait_until("an end of the plugin, or a second try", acted, gpu_subject.recipe.patience)
    except WaitTimeout as error:
        raise ClauseViolation(
            "the plugin goes on as if its registration had not been refused",
            expected="it ends, or registers again",
            actual=gpu_subject.state(),
        ) from error
    finally:
        kubelet.refusals_left = 0
