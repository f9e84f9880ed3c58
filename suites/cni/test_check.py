"""CHECK: passes on what ADD made, notices what was broken, changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.subjects.cni import PORT_MAPPING
from fixtures.subjects.cni.execution import encode
from fixtures.subjects.cni.network import Attachment, Container, Network, require_refusal, require_success
from fixtures.subjects.cni.state import snapshot
from reports.model import ClauseViolation, EnvironmentUnfit, NotApplicable


def host_port(network: Network, attachment: Attachment) -> str:
    """The host's end of the container's interface. NotApplicable: it is no port of a bridge."""
    links = network.host.links()
    ports = [entry["name"] for entry in attachment.outside() if links[entry["name"]].master]
    if not ports:
        raise NotApplicable("the container is not attached to a bridge")
    return str(ports[0])


def change_address(network: Network, attachment: Attachment) -> None:
    """Replace the address by a neighbour's and put the routes back, so that only the address is wrong."""
    inside, width = attachment.container.namespace, attachment.addresses[0].partition("/")[2]
    routes = inside.routes()
    inside.run("ip", "addr", "del", attachment.addresses[0], "dev", attachment.ifname)
    other = attachment.address.rpartition(".")[0] + ".250"
    inside.run("ip", "addr", "add", f"{other}/{width}", "dev", attachment.ifname)
    for destination, hop in routes - inside.routes():
        inside.run("ip", "route", "add", destination, "via", hop)


def remove_route(network: Network, attachment: Attachment) -> None:
    """Take the routes away that the result lists."""
    if not attachment.result.get("routes"):
        raise NotApplicable("the network gives its containers no routes")
    for route in attachment.result["routes"]:
        attachment.container.namespace.run("ip", "route", "del", route["dst"])


def remove_interface(network: Network, attachment: Attachment) -> None:
    """Remove the interface itself."""
    attachment.container.namespace.run("ip", "link", "del", attachment.ifname)


def change_mac(network: Network, attachment: Attachment) -> None:
    """Give the interface another hardware address; the link stays up, so routes stay too."""
    inside = attachment.container.namespace
    inside.run("ip", "link", "set", attachment.ifname, "address", "02:00:5e:00:53:01")


def leave_bridge(network: Network, attachment: Attachment) -> None:
    """Take the host's end out of its bridge."""
    network.host.run("ip", "link", "set", host_port(network, attachment), "nomaster")


def take_host_port_down(network: Network, attachment: Attachment) -> None:
    """Set the host's end down."""
    network.host.run("ip", "link", "set", host_port(network, attachment), "down")


def remove_gateway(network: Network, attachment: Attachment) -> None:
    """Take the gateway's address from the host."""
    for link in network.host.links().values():
        for address in link.addresses:
            if address.partition("/")[0] == attachment.gateway:
                network.host.run("ip", "addr", "del", address, "dev", link.name)
                return
    raise NotApplicable("the gateway is not on the host")


def drop_reservation(network: Network, attachment: Attachment) -> None:
    """Remove the container's reservation from host-local's store."""
    network.ipam("host-local")
    (network.store / network.configuration["name"] / attachment.address).unlink()


def exchange_reservation(network: Network, attachment: Attachment) -> None:
    """Make the container's reservation one for another address."""
    network.ipam("host-local")
    path = network.store / network.configuration["name"] / attachment.address
    path.rename(path.with_name(attachment.address.rpartition(".")[0] + ".250"))


def flush_rules(network: Network, attachment: Attachment) -> None:
    """Flush the host's packet filter."""
    if not network.plugins[0].get("ipMasq"):
        raise NotApplicable("the network does not masquerade")
    network.host.run("nft", "flush", "ruleset")


@pytest.mark.parametrize(
    ("act", "damaged"),
    [
        pytest.param(
            change_address,
            "the container's address is another",
            marks=pytest.mark.clause("cni.check.detects-address-changed"),
            id="detects-address-changed",
        ),
        pytest.param(
            remove_route,
            "the routes of the result are gone",
            marks=pytest.mark.clause("cni.check.detects-route-removed"),
            id="detects-route-removed",
        ),
        pytest.param(
            remove_interface,
            "the interface is gone",
            marks=pytest.mark.clause("cni.check.detects-interface-removed"),
            id="detects-interface-removed",
        ),
        pytest.param(
            change_mac,
            "the interface has another hardware address",
            marks=pytest.mark.clause("cni.check.detects-mac-changed"),
            id="detects-mac-changed",
        ),
        pytest.param(
            leave_bridge,
            "the host's end is no longer in the bridge",
            marks=pytest.mark.clause("cni.check.detects-bridge-left"),
            id="detects-bridge-left",
        ),
        pytest.param(
            take_host_port_down,
            "the host's end is down",
            marks=pytest.mark.clause("cni.check.detects-host-port-down"),
            id="detects-host-port-down",
        ),
        pytest.param(
            remove_gateway,
            "the gateway's address is gone from the host",
            marks=pytest.mark.clause("cni.check.detects-gateway-gone"),
            id="detects-gateway-gone",
        ),
        pytest.param(
            drop_reservation,
            "the address is no longer reserved",
            marks=pytest.mark.clause("cni.check.detects-reservation-lost"),
            id="detects-reservation-lost",
        ),
        pytest.param(
            exchange_reservation,
            "another address is reserved",
            marks=pytest.mark.clause("cni.check.detects-reservation-exchanged"),
            id="detects-reservation-exchanged",
        ),
        pytest.param(
            flush_rules,
            "the masquerading rules are gone",
            marks=pytest.mark.clause("cni.check.detects-rules-flushed"),
            id="detects-rules-flushed",
        ),
    ],
)
def test_check_of_a_damaged_attachment_fails(
    network: Network, container: Container, act: Callable[[Network, Attachment], None], damaged: str
) -> None:
    """One thing is broken by hand; CHECK, content before, must notice."""
    attachment = network.add(container)
    require_content(network, attachment)
    act(network, attachment)
    require_refusal(network.try_check(attachment), damaged)


def require_content(network: Network, attachment: Attachment) -> None:
    """Without a CHECK that passes before the damage, one that fails after it says nothing."""
    reply = network.try_check(attachment)
    if not reply.succeeded:
        raise EnvironmentUnfit(f"CHECK fails on an undamaged attachment (cni.check.passes-after-add): {reply}")


@pytest.mark.clause("cni.check.detects-port-mapping-removed")
def test_check_with_a_flushed_port_mapping_fails(network: Network, container: Container) -> None:
    """A chained port mapper notices that its rules are gone."""
    network.plugin("portmap")
    attachment = network.add(container, capabilities=PORT_MAPPING)
    require_content(network, attachment)
    network.host.run("nft", "flush", "ruleset")
    require_refusal(network.try_check(attachment), "the port mapping's rules were flushed")


@pytest.mark.clause("cni.check.passes-after-add")
@pytest.mark.parametrize("version", ["0.4.0", "1.0.0", "1.1.0"])
def test_check_right_after_add_passes(network: Network, container: Container, version: str) -> None:
    """Nothing has happened since ADD, so there is nothing to complain of; with a port mapping too."""
    asked = network.at_version(version)
    require_success(asked.try_check(asked.add(container, capabilities=PORT_MAPPING)))


@pytest.mark.clause("cni.check.allows-later-changes")
def test_check_after_a_later_plugin_added_a_route_passes(network: Network, container: Container) -> None:
    """A later plugin of the chain may add routes that ADD's result does not know."""
    attachment = network.add(container)
    require_content(network, attachment)
    container.namespace.run("ip", "route", "add", "198.51.100.0/24", "via", attachment.gateway)
    require_success(network.try_check(attachment))


@pytest.mark.clause("cni.check.changes-nothing")
def test_check_of_an_attachment_changes_nothing(network: Network, container: Container) -> None:
    """Host and container are the same before and after."""
    attachment = network.add(container)
    before = snapshot(network).lines, container.namespace.links(), container.namespace.routes()
    network.try_check(attachment)
    after = snapshot(network).lines, container.namespace.links(), container.namespace.routes()
    if before != after:
        raise ClauseViolation("CHECK changes something", expected=before, actual=after)


@pytest.mark.clause("cni.check.consults-previous-result")
def test_check_against_another_previous_result_fails(network: Network, container: Container) -> None:
    """prevResult lists an address that the interface never had: the expectation comes from there."""
    attachment = network.add(container)
    require_content(network, attachment)
    told = [{**entry, "address": "10.88.0.251/24"} for entry in attachment.result["ips"]]
    other = Attachment(container, "eth0", {**attachment.result, "ips": told})
    require_refusal(network.try_check(other), "prevResult lists an address that the container does not have")


@pytest.mark.clause("cni.check.not-before-0-4-0")
def test_check_at_a_version_without_it_is_refused(network: Network, container: Container) -> None:
    """CHECK came with 0.4.0; a request at 0.3.1 cannot be meant."""
    older = network.at_version("0.3.1")
    attachment = older.add(container)
    plugin = older.plugins[0]
    parameters = older.parameters("CHECK", container, "eth0")
    stdin = encode(older.request(plugin, attachment.result))
    require_refusal(older.executor.execute(plugin["type"], parameters, stdin), "version 0.3.1 has no CHECK")
