"""Who the driver is, what it says it can do, whether it is ready."""

from __future__ import annotations

import re

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.capabilities import read_capabilities
from fixtures.subjects.csi.client import Client
from fixtures.subjects.csi.requests import messages
from reports.model import ClauseViolation, NotApplicable

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")
EXTENDS = {
    "controller.PUBLISH_READONLY": "controller.PUBLISH_UNPUBLISH_VOLUME",
    "controller.LIST_VOLUMES_PUBLISHED_NODES": "controller.LIST_VOLUMES",
    "controller.LIST_VOLUME_HEALTH": "controller.GET_VOLUME_HEALTH",
    "plugin.SNAPSHOT_ACCESSIBILITY_CONSTRAINTS": "plugin.VOLUME_ACCESSIBILITY_CONSTRAINTS",
}
EXPANDS = {
    "expansion.ONLINE": ("controller.EXPAND_VOLUME", "node.EXPAND_VOLUME"),
    "expansion.OFFLINE": ("controller.EXPAND_VOLUME",),
}
LIMIT, MAP_LIMIT = 128, 4096  # bytes of a text and of a map


@pytest.mark.clause("csi.plugin-info.name-is-well-formed")
def test_plugin_name_is_well_formed(csi: Bench) -> None:
    name = csi.client.call(messages().GetPluginInfoRequest()).name
    if not NAME.fullmatch(name):
        raise ClauseViolation(
            "the driver's name is not a domain name", expected="letters, digits, - and ., at most 63", actual=repr(name)
        )


@pytest.mark.clause("csi.plugin-info.name-is-the-same-everywhere")
@pytest.mark.parametrize("where", ["later", "second node"])
def test_plugin_name_is_the_same_everywhere(csi: Bench, where: str) -> None:
    first = csi.client.call(messages().GetPluginInfoRequest()).name
    if where == "later":
        csi.create()
    client = csi.client if where == "later" else csi.second_node().client
    assert client.call(messages().GetPluginInfoRequest()).name == first, f"the driver has another name ({where})"


@pytest.mark.clause("csi.plugin-info.version-is-stated")
def test_plugin_version_is_stated(csi: Bench) -> None:
    assert csi.client.call(messages().GetPluginInfoRequest()).vendor_version, "the driver states no vendor version"


@pytest.mark.clause("csi.plugin-info.answer-is-within-limits")
def test_plugin_info_is_within_the_size_limits(csi: Bench) -> None:
    info = csi.client.call(messages().GetPluginInfoRequest())
    version = len(info.vendor_version.encode())
    manifest = sum(len(key.encode()) + len(value.encode()) for key, value in info.manifest.items())
    if version > LIMIT or manifest > MAP_LIMIT:
        raise ClauseViolation(
            "the driver's description is too long", expected=f"a version of {LIMIT} bytes, a manifest of {MAP_LIMIT}",
            actual=f"{version} and {manifest} bytes",
        )  # fmt: skip


@pytest.mark.clause("csi.plugin-capabilities.are-answered")
def test_plugin_capabilities_have_types(csi: Bench) -> None:
    for capability in csi.client.call(messages().GetPluginCapabilitiesRequest()).capabilities:
        which = capability.WhichOneof("type")
        if which is not None and getattr(capability, which).type == 0:
            raise ClauseViolation("a plugin capability has no type", expected="a type", actual=f"{which}: UNKNOWN")


@pytest.mark.clause("csi.controller-capabilities.have-types")
@pytest.mark.parametrize("service", ["Controller", "Node", "GroupController"])
def test_capabilities_of_a_service_have_types(csi: Bench, service: str) -> None:
    needs = {"Controller": "plugin.CONTROLLER_SERVICE", "GroupController": "plugin.GROUP_CONTROLLER_SERVICE"}
    csi.require(*filter(None, [needs.get(service)]))
    answer = csi.client.call(getattr(messages(), f"{service}GetCapabilitiesRequest")())
    if any(capability.HasField("rpc") and capability.rpc.type == 0 for capability in answer.capabilities):
        raise ClauseViolation(f"a capability of {service} has no type", expected="a type", actual="UNKNOWN")


@pytest.mark.clause("csi.controller-capabilities.are-consistent")
def test_capabilities_come_with_what_they_extend(csi: Bench) -> None:
    csi.require("plugin.CONTROLLER_SERVICE")
    for extension, base in EXTENDS.items():
        if extension in csi.capabilities and base not in csi.capabilities:
            raise ClauseViolation(f"{extension} is declared without {base}", expected=base, actual="not declared")


@pytest.mark.clause("csi.plugin-capabilities.expansion-is-backed")
def test_declared_expansion_comes_with_a_call_that_expands(csi: Bench) -> None:
    declared = [kind for kind in EXPANDS if kind in csi.capabilities]
    if not declared:
        raise NotApplicable("the driver declares no kind of expansion")
    for kind in declared:
        if not any(call in csi.capabilities for call in EXPANDS[kind]):
            raise ClauseViolation(
                f"{kind} is declared and nothing expands", expected=" or ".join(EXPANDS[kind]), actual="not declared"
            )


@pytest.mark.clause("csi.plugin-capabilities.are-the-same-everywhere")
@pytest.mark.parametrize("where", ["later", "controller-socket", "second-node"])
def test_plugin_capabilities_are_the_same(csi: Bench, where: str) -> None:
    client = csi.client
    if where == "later":
        csi.create()
    elif where == "second-node":
        client = csi.second_node().client
    elif csi.driver.controller_endpoint:
        client = Client(csi.driver.controller_endpoint)
    else:
        raise NotApplicable("the controller has no socket of its own")
    # One instance answers the same for all its services; others have to agree on what the plugin as a whole can do.
    kinds = ("plugin.", "expansion.", *(("controller.", "node.", "group.") if where == "later" else ()))
    found = {name for name in read_capabilities(client).declared if name.startswith(kinds)}
    first = {name for name in csi.capabilities.declared if name.startswith(kinds)}
    if found != first:
        raise ClauseViolation(
            f"the plugin's capabilities differ ({where})", expected=sorted(first), actual=sorted(found)
        )


@pytest.mark.clause("csi.probe.ready-driver-says-ready")
def test_probe_of_a_serving_driver_is_ready(csi: Bench) -> None:
    answer = csi.client.call(messages().ProbeRequest())
    if answer.HasField("ready") and not answer.ready.value:
        raise ClauseViolation("the driver serves requests and says that it is not ready", expected="true", actual=False)


@pytest.mark.clause("csi.probe.is-answered-again")
def test_probe_many_times_and_in_between_is_answered(csi: Bench) -> None:
    for _ in range(10):
        csi.client.call(messages().ProbeRequest())
    csi.create()
    answer = csi.client.call(messages().ProbeRequest())
    assert not answer.HasField("ready") or answer.ready.value, "the driver is no longer ready after it made a volume"


@pytest.mark.clause("csi.probe.ill-driver-fails")
def test_probe_of_a_driver_without_its_state_fails(csi: Bench) -> None:
    state = csi.driver.state
    if state is None or not csi.driver.owned or not (state / "volumes").is_dir():
        raise NotApplicable("what this driver stands on is not known to us")
    aside = state.with_name(f"{state.name}.aside")
    state.rename(aside)
    try:
        answer = csi.client.answer(messages().ProbeRequest())
    finally:
        aside.rename(state)
    if answer.code != "FAILED_PRECONDITION":
        raise ClauseViolation(
            "the driver has lost its state folder and Probe does not say so", expected="FAILED_PRECONDITION",
            actual=str(answer),
        )  # fmt: skip
