"""Address management: who gets which address, when the pool is empty, what is never handed out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.subjects.cni.execution import Reply, encode
from fixtures.subjects.cni.network import (
    Attachment,
    Configuration,
    Container,
    Network,
    require_refusal,
    require_success,
)
from reports.model import ClauseViolation


@pytest.fixture
def small(network: Network) -> Network:
    """The network with a pool of 198.51.100.0/29: network, gateway, five addresses, broadcast."""
    network.ipam("host-local")

    def change(configuration: Configuration) -> None:
        section = configuration["plugins"][0]["ipam"]
        section.update(ranges=[[{"subnet": "198.51.100.0/29"}]])
        section.pop("subnet", None)
        configuration["plugins"] = configuration["plugins"][:1]

    return network.altered(change)


def ask(network: Network, command: str, container: Container) -> Reply:
    """Call the delegate itself, as an upper plugin does; quicker than a whole attachment."""
    stdin = encode(network.request(network.plugins[0]))
    return network.executor.execute(network.ipam()["type"], network.parameters(command, container, "eth0"), stdin)


def lease_address(network: Network, container: Container) -> str:
    """One address from the pool, without its prefix length."""
    reply = require_success(ask(network, "ADD", container))
    return Attachment(container, "eth0", reply.document()).address


def empty(network: Network, container: Container) -> dict[str, Container]:
    """Ask until the pool refuses: address -> its container. ClauseViolation: it never refuses, or gives one twice."""
    taken: dict[str, Container] = {}
    for number in range(9):
        asking = Container(f"{container.id}.{number}", container.namespace)
        reply = ask(network, "ADD", asking)
        if not reply.succeeded:
            return taken
        address = Attachment(asking, "eth0", reply.document()).address
        if address in taken:
            raise ClauseViolation("the pool gives one address to two containers", expected="unique", actual=address)
        taken[address] = asking
    raise ClauseViolation("a pool of five addresses gave nine", actual=sorted(taken))


@pytest.mark.clause("cni.ipam.result-abbreviated")
def test_ipam_result_of_add_has_no_interfaces(network: Network, container: Container) -> None:
    """A delegate answers with addresses and routes only: no interfaces, no index into them."""
    network.ipam()
    result = require_success(ask(network, "ADD", container)).document()
    if "interfaces" in result or any("interface" in entry for entry in result.get("ips", ())) or not result.get("ips"):
        raise ClauseViolation(
            "a delegate's result is not the short one", expected="ips without interfaces", actual=result
        )


@pytest.mark.clause("cni.ipam.exhaustion-refused")
def test_ipam_with_an_empty_pool_makes_add_fail(small: Network, container: Container) -> None:
    """The sixth container of a pool of five is refused, by the upper plugin too."""
    empty(small, container)
    require_refusal(small.try_add(container), "the pool is empty")


@pytest.mark.clause("cni.ipam.exhaustion-keeps-others")
def test_ipam_refusing_for_want_of_addresses_keeps_the_others(small: Network, container: Container) -> None:
    """After the refusal and its DEL, those who have an address still have it."""
    taken = empty(small, container)
    ask(small, "ADD", container)
    ask(small, "DEL", container)
    if sorted(small.reservations()) != sorted(taken):
        raise ClauseViolation(
            "the refusal cost others their address", expected=sorted(taken), actual=small.reservations()
        )


@pytest.mark.clause("cni.ipam.reuse-after-del")
def test_ipam_after_del_gives_the_address_again(small: Network, container: Container) -> None:
    """An empty pool serves again as soon as one address came back."""
    taken = empty(small, container)
    address, holder = sorted(taken.items())[2]
    require_success(ask(small, "DEL", holder))
    given = lease_address(small, container)
    if given != address:
        raise ClauseViolation("the pool does not give a returned address again", expected=address, actual=given)


@pytest.mark.clause("cni.ipam.reserved-never-given")
def test_ipam_with_an_emptied_pool_never_gave_a_reserved_address(small: Network, container: Container) -> None:
    """Network, broadcast and gateway address are nobody's."""
    given = sorted(set(empty(small, container)) & {"198.51.100.0", "198.51.100.1", "198.51.100.7"})
    if given:
        raise ClauseViolation("a reserved address was given to a container", expected="none", actual=given)


@pytest.mark.clause("cni.ipam.pool-usable-whole")
def test_ipam_pool_gives_every_usable_address(small: Network, container: Container) -> None:
    """Five addresses are usable in a /29 with a gateway, and five are given."""
    given = empty(small, container)
    if len(given) != 5:
        raise ClauseViolation("the pool is not used whole", expected="5 addresses", actual=sorted(given))


@pytest.mark.clause("cni.ipam.not-reused-at-once")
def test_ipam_after_del_prefers_another_address(small: Network, new_container: Callable[[], Container]) -> None:
    """While others are free, the address that was just returned is not given to the next container."""
    first, second = new_container(), new_container()
    address = lease_address(small, first)
    require_success(ask(small, "DEL", first))
    given = lease_address(small, second)
    if given == address:
        raise ClauseViolation(
            "a returned address is given to the next container at once",
            expected=f"another than {address}",
            actual=given,
            question="Do neighbours and connection tracking forget the old owner that quickly?",
        )


@pytest.mark.clause("cni.ipam.del-spares-others")
def test_ipam_del_of_one_container_spares_the_others(small: Network, new_container: Callable[[], Container]) -> None:
    """The other container's reservation stays."""
    first, second = new_container(), new_container()
    lease_address(small, first)
    address = lease_address(small, second)
    require_success(ask(small, "DEL", first))
    if list(small.reservations()) != [address]:
        raise ClauseViolation("DEL changes others' reservations", expected=[address], actual=small.reservations())


@pytest.mark.clause("cni.ipam.networks-independent")
def test_ipam_of_another_network_has_a_pool_of_its_own(small: Network, container: Container) -> None:
    """Two networks of different names share a store, not a pool: emptying one leaves the other full."""
    empty(small, container)
    other = small.altered(lambda configuration: configuration.update(name=f"{configuration['name']}-other"))
    require_success(ask(other, "ADD", container))


@pytest.mark.clause("cni.ipam.requested-address-honoured")
def test_ipam_asked_for_an_address_gives_that_one(small: Network, container: Container) -> None:
    """The convention's key ips in the args section asks for one address."""
    stdin = small.request(small.plugins[0], args={"cni": {"ips": ["198.51.100.5"]}})
    parameters = small.parameters("ADD", container, "eth0")
    reply = require_success(small.executor.execute("host-local", parameters, encode(stdin)))
    given = Attachment(container, "eth0", reply.document()).address
    if given != "198.51.100.5":
        raise ClauseViolation("the requested address is not given", expected="198.51.100.5", actual=given)
