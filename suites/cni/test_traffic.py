"""The network that ADD makes, used: containers, gateway, the world outside, a mapped port."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import pytest

from fixtures.subjects.cni import PORT_MAPPING
from fixtures.subjects.cni.namespaces import Namespace, join
from fixtures.subjects.cni.network import Attachment, Container, Network
from fixtures.subjects.cni.traffic import converse, require_ipv4, require_neighbour
from reports.model import ClauseViolation, NotApplicable

HOST, OUTSIDE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def outside(network: Network, new_namespace: Callable[[str], Namespace]) -> Namespace:
    """A machine beside the host, on a cable: 192.0.2.2, without any route to the containers."""
    namespace = new_namespace("o")
    join((network.host, "uplink0", f"{HOST}/24"), (namespace, "eth0", f"{OUTSIDE}/24"))
    return namespace


@pytest.fixture
def pair(network: Network, new_container: Callable[[], Container]) -> tuple[Attachment, Attachment]:
    """Two containers of one network."""
    first, second = network.add(new_container()), network.add(new_container())
    require_ipv4(first)
    return first, second


@pytest.mark.clause("cni.traffic.gateway-reachable")
def test_container_after_add_reaches_its_gateway(network: Network, container: Container) -> None:
    """The address that the result calls the gateway answers."""
    attachment = network.add(container)
    require_ipv4(attachment)
    require_neighbour(attachment, attachment.gateway)


@pytest.mark.clause("cni.traffic.peers-reachable")
def test_containers_of_one_network_reach_each_other(pair: tuple[Attachment, Attachment]) -> None:
    """A TCP conversation in each direction, as soon as ADD has returned."""
    for client, server in (pair, reversed(pair)):
        converse(client.container.namespace, server.container.namespace, server.address)


@pytest.mark.clause("cni.traffic.peers-see-true-address")
def test_container_called_by_a_neighbour_sees_its_true_address(pair: tuple[Attachment, Attachment]) -> None:
    """Masquerading must not touch traffic inside the network."""
    client, server = pair
    seen = converse(client.container.namespace, server.container.namespace, server.address)
    if seen != client.address:
        raise ClauseViolation(
            "the source address of traffic inside the network is rewritten", expected=client.address, actual=seen
        )


@pytest.mark.clause("cni.traffic.survives-neighbour-del")
def test_containers_left_over_reach_each_other_after_a_neighbours_del(
    network: Network, pair: tuple[Attachment, Attachment], container: Container
) -> None:
    """A third container comes and goes; the two that stay still talk, and still reach their gateway."""
    network.delete(network.add(container))
    converse(pair[0].container.namespace, pair[1].container.namespace, pair[1].address)
    require_neighbour(pair[0], pair[0].gateway)


@pytest.mark.clause("cni.traffic.egress-masqueraded")
def test_container_calling_the_outside_is_masqueraded(
    network: Network, container: Container, outside: Namespace
) -> None:
    """With ipMasq a machine that has no route to the container sees the host's address, and the answer arrives."""
    if not network.plugins[0].get("ipMasq"):
        raise NotApplicable("the network does not masquerade (ipMasq)")
    attachment = network.add(container)
    require_ipv4(attachment)
    seen = converse(container.namespace, outside, OUTSIDE)
    if seen != HOST:
        raise ClauseViolation("traffic to the outside is not masqueraded", expected=HOST, actual=seen)


@pytest.mark.clause("cni.traffic.port-mapping-serves")
def test_container_with_a_mapped_port_is_reached_through_the_host(
    network: Network, container: Container, outside: Namespace
) -> None:
    """Port 8080 of the host, called from outside, is port 80 of the container."""
    network.plugin("portmap")
    attachment = network.add(container, capabilities=PORT_MAPPING)
    require_ipv4(attachment)
    converse(outside, container.namespace, attachment.address, 80, dial=(HOST, 8080))


@pytest.mark.clause("cni.traffic.port-mapping-ends")
def test_container_with_a_mapped_port_after_del_is_not_reached(
    network: Network, container: Container, outside: Namespace
) -> None:
    """After DEL the host's port is closed; while attached it was open."""
    network.plugin("portmap")
    attachment = network.add(container, capabilities=PORT_MAPPING)
    require_ipv4(attachment)
    converse(outside, container.namespace, attachment.address, 80, dial=(HOST, 8080))
    network.delete(attachment)
    with outside.open_socket() as caller:
        answer = caller.connect_ex((HOST, 8080))
    if answer != errno.ECONNREFUSED:
        raise ClauseViolation(
            "the host does not close the mapped port after DEL",
            expected="connection refused, by the host itself",
            actual=os.strerror(answer) if answer else "connected",
            question="Do the mapping's rules still send the traffic to an address that is gone?",
        )
