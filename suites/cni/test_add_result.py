"""The result of ADD: its shape in each version, and whether it says what the kernel says."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from fixtures.subjects.cni.execution import encode
from fixtures.subjects.cni.network import Attachment, Container, Network, require_success
from fixtures.subjects.cni.subject import NEWEST, OLDER
from reports.model import ClauseViolation, NotApplicable

VERSIONS = pytest.mark.parametrize("version", [*OLDER, NEWEST])


def add_at(network: Network, container: Container, version: str) -> Attachment:
    """Attach at a version of the specification that the first plugin speaks."""
    reply = network.executor.execute(
        network.main, network.executor.parameters("VERSION"), encode({"cniVersion": network.version})
    )
    if version not in require_success(reply).document().get("supportedVersions", ()):
        raise NotApplicable(f"{network.main} does not speak {version}")
    return network.at_version(version).add(container)


def require_equal(what: str, expected: Any, actual: Any, question: str = "") -> None:
    """Raise ClauseViolation unless the result says what the kernel says."""
    if expected != actual:
        raise ClauseViolation(f"the ADD result's {what} is wrong", expected=expected, actual=actual, question=question)


@pytest.mark.clause("cni.add.result-version")
@VERSIONS
def test_add_result_at_each_version_names_that_version(network: Network, container: Container, version: str) -> None:
    """cniVersion of the result is the request's."""
    result = add_at(network, container, version).result
    require_equal("cniVersion", version, result.get("cniVersion"), "Is the newest version built in?")


@pytest.mark.clause("cni.add.result-shape")
@VERSIONS
def test_add_result_at_each_version_has_that_versions_shape(
    network: Network, container: Container, version: str
) -> None:
    """Before 0.3.0 ip4/ip6; then interfaces and ips with an index; ips name their family only before 1.0.0."""
    result = add_at(network, container, version).result
    if version < "0.3":
        legacy = [key for key in ("interfaces", "ips") if key in result]
        require_equal("shape", (True, []), ("ip4" in result or "ip6" in result, legacy))
        return
    interfaces = result.get("interfaces")
    if not isinstance(interfaces, list) or not interfaces or not all(item.get("name") for item in interfaces):
        raise ClauseViolation("the ADD result lists no named interfaces", actual=result)
    for entry in result.get("ips") or [{}]:
        ipaddress.ip_interface(entry.get("address", "none"))
        family = str(ipaddress.ip_interface(entry["address"]).version)
        require_equal("ips[].version", family if version < "1" else None, entry.get("version"))
        index = entry.get("interface")
        if index is not None and not (isinstance(index, int) and 0 <= index < len(interfaces)):
            raise ClauseViolation("ips[].interface is no index into interfaces", actual=result)


@pytest.mark.clause("cni.add.reports-address")
def test_add_result_addresses_are_the_kernels(network: Network, container: Container) -> None:
    """The interface carries exactly the addresses that the result assigns to it."""
    attachment = network.add(container)
    require_equal("address", sorted(container.namespace.links()["eth0"].addresses), sorted(attachment.addresses))


@pytest.mark.clause("cni.add.reports-address-interface")
def test_add_result_address_points_to_the_containers_interface(network: Network, container: Container) -> None:
    """ips[].interface, where given, is the index of the interface that has the address."""
    result = network.add(container).result
    named = [result["interfaces"][entry["interface"]]["name"] for entry in result["ips"] if "interface" in entry]
    if not named:
        raise NotApplicable("the result does not say which interface has the address")
    require_equal("ips[].interface", ["eth0"] * len(named), named)


@pytest.mark.clause("cni.add.reports-mac")
def test_add_result_hardware_addresses_are_the_kernels(network: Network, container: Container) -> None:
    """Each interface's mac is what the kernel shows, in the container and on the host."""
    attachment = network.add(container)
    inside, outside = container.namespace.links(), network.host.links()
    for entry in (*attachment.inside(), *attachment.outside()):
        links = inside if entry.get("sandbox") else outside
        if entry["name"] not in links:
            raise ClauseViolation(f"the result names {entry['name']}, which is not there", actual=sorted(links))
        require_equal(f"mac of {entry['name']}", links[entry["name"]].mac, entry.get("mac", "").lower())


@pytest.mark.clause("cni.add.reports-mtu")
def test_add_result_at_the_newest_version_tells_the_interfaces_mtu(network: Network, container: Container) -> None:
    """The container's interface has an MTU, so the result tells it."""
    if network.version < "1.1":
        raise NotApplicable("mtu is in results since 1.1.0")
    told = {entry["name"]: entry.get("mtu") for entry in network.add(container).inside()}
    require_equal("mtu", {"eth0": container.namespace.links()["eth0"].mtu}, told)


@pytest.mark.clause("cni.add.sets-mtu")
def test_add_with_an_mtu_in_the_configuration_sets_it(network: Network, container: Container) -> None:
    """The interface has the MTU that the configuration asks for."""
    if not network.plugins[0].get("mtu"):
        raise NotApplicable("the configuration asks for no MTU")
    network.add(container)
    require_equal("mtu on the link", network.plugins[0]["mtu"], container.namespace.links()["eth0"].mtu)


@pytest.mark.clause("cni.add.reports-sandbox")
def test_add_result_sandbox_is_the_namespace_it_was_given(network: Network, container: Container) -> None:
    """The container's interface is listed with CNI_NETNS as its sandbox."""
    told = [(entry["name"], entry["sandbox"]) for entry in network.add(container).inside()]
    require_equal("sandbox", [("eth0", container.netns)], told)


@pytest.mark.clause("cni.add.reports-host-interfaces")
def test_add_result_lists_every_link_made_on_the_host(network: Network, container: Container) -> None:
    """Links that appeared on the host with this attachment are in the result."""
    before = set(network.host.links())
    told = {entry["name"] for entry in network.add(container).outside()}
    made = set(network.host.links()) - before
    require_equal("list of host interfaces", [], sorted(made - told), "Are host links part of `interfaces`?")


@pytest.mark.clause("cni.add.reports-routes")
def test_add_result_routes_are_the_kernels(network: Network, container: Container) -> None:
    """Every route of the result is in the container, with its next hop or the address's gateway."""
    attachment = network.add(container)
    routes = attachment.result.get("routes") or []
    if not routes:
        raise NotApplicable("the network gives its containers no routes")
    told = {(str(ipaddress.ip_network(item["dst"])), item.get("gw") or attachment.gateway) for item in routes}
    require_equal("routes", [], sorted(told - container.namespace.routes()))


@pytest.mark.clause("cni.add.reports-dns")
def test_add_with_dns_in_the_configuration_returns_it(network: Network, container: Container) -> None:
    """Name servers, domain and search list of the configuration come back in the result."""
    wanted = network.plugins[0].get("dns")
    if not wanted:
        raise NotApplicable("the configuration has no dns section")
    require_equal("dns", wanted, network.add(container).result.get("dns"))


@pytest.mark.clause("cni.add.keeps-previous-result")
def test_add_of_a_chained_plugin_passes_the_previous_result_on(network: Network, container: Container) -> None:
    """A chained plugin that changes nothing in the result returns the one it was given, foreign entries too."""
    if len(network.plugins) < 2:
        raise NotApplicable("the configuration has no chained plugin")
    first = network.altered(lambda configuration: configuration.update(plugins=configuration["plugins"][:1]))
    previous = dict(first.add(container).result)
    previous["routes"] = [*previous.get("routes", ()), {"dst": "198.51.100.0/24", "gw": "10.88.0.1"}]
    previous["dns"] = {"nameservers": ["192.0.2.53"], "options": ["ndots:2"]}
    for plugin in network.plugins[1:]:
        stdin = encode(network.request(plugin, previous))
        reply = network.executor.execute(plugin["type"], network.parameters("ADD", container, "eth0"), stdin)
        require_equal(f"previous result after {plugin['type']}", previous, require_success(reply).document())
