"""DEL: what it takes back, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.subjects.cni import PORT_MAPPING
from fixtures.subjects.cni.network import Attachment, Container, Network, require_success
from fixtures.subjects.cni.state import require_restored, snapshot
from reports.model import ClauseViolation, NotApplicable


@pytest.mark.clause("cni.del.removes-interface")
def test_del_of_an_attachment_removes_the_interface(network: Network, container: Container) -> None:
    """No link but loopback is left in the container."""
    network.delete(network.add(container))
    left = sorted(container.namespace.links())
    if left:
        raise ClauseViolation("DEL leaves a link in the container", expected="none", actual=left)


@pytest.mark.clause("cni.del.restores-host")
def test_del_of_an_attachment_restores_the_host(used_network: Network, container: Container) -> None:
    """Links, addresses, routes, filter rules and reservations of the host are as before ADD."""
    before = snapshot(used_network)
    used_network.delete(used_network.add(container, capabilities=PORT_MAPPING))
    require_restored(used_network, before, "ADD and DEL")


@pytest.mark.clause("cni.del.idempotent")
def test_del_of_an_attachment_twice_succeeds_twice(network: Network, container: Container) -> None:
    """The second DEL finds nothing and says yes."""
    attachment = network.add(container)
    network.delete(attachment)
    network.delete(attachment)


@pytest.mark.clause("cni.del.never-added")
def test_del_of_a_container_never_added_succeeds(network: Network, container: Container) -> None:
    """A runtime that crashed before ADD still owes the DEL."""
    network.delete(Attachment(container, "eth0", {}))


@pytest.mark.clause("cni.del.without-previous-result")
def test_del_without_the_previous_result_releases_everything(used_network: Network, container: Container) -> None:
    """A runtime that lost its store cannot supply prevResult."""
    before = snapshot(used_network)
    attachment = used_network.add(container)
    used_network.delete(Attachment(container, "eth0", {}))
    require_restored(used_network, before, f"DEL of {attachment.address} without prevResult")


@pytest.mark.clause("cni.del.older-versions")
@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0"])
def test_del_at_an_older_version_restores_the_host(used_network: Network, container: Container, version: str) -> None:
    """ADD and DEL at an older version of the specification leave nothing."""
    before = snapshot(used_network)
    older = used_network.at_version(version)
    older.delete(older.add(container))
    require_restored(used_network, before, f"ADD and DEL at {version}")


@pytest.mark.clause("cni.del.spares-other-interface")
def test_del_of_one_interface_spares_the_containers_other(network: Network, container: Container) -> None:
    """eth0 and eth1 of one container are two attachments: DEL of eth1 takes nothing from eth0."""
    first = network.add(container, "eth0")
    # What is looked at is what was there before eth1 came.
    before = snapshot(network)
    network.delete(network.add(container, "eth1"))
    lost = snapshot(network).lost(before)
    if lost or container.namespace.links().get("eth0") is None or first.address not in str(container.namespace.links()):
        raise ClauseViolation(
            "DEL of eth1 took something from eth0 of the same container",
            expected="nothing lost",
            actual="\n".join(lost) or container.namespace.links(),
            question="Are resources looked up by the container id alone, without the interface name?",
        )


@pytest.mark.clause("cni.del.spares-other-container")
def test_del_of_one_container_spares_the_others(network: Network, new_container: Callable[[], Container]) -> None:
    """DEL of a neighbour takes nothing from a container, on the host or inside."""
    first = network.add(new_container())
    kept = snapshot(network)
    network.delete(network.add(new_container()))
    lost = snapshot(network).lost(kept)
    if lost or "eth0" not in first.container.namespace.links():
        raise ClauseViolation("DEL of a neighbour took something away", expected="nothing lost", actual=lost)
    if first.address not in str(first.container.namespace.links()["eth0"].addresses):
        raise ClauseViolation("DEL of a neighbour took the address away", expected=first.address, actual="none")


@pytest.mark.clause("cni.del.netns-gone-succeeds")
def test_del_after_the_namespace_vanished_succeeds(network: Network, container: Container) -> None:
    """The container's namespace is gone before DEL comes; CNI_NETNS still names it."""
    attachment = network.add(container)
    container.namespace.delete()
    network.delete(attachment)


@pytest.mark.clause("cni.del.netns-unset-accepted")
def test_del_without_a_namespace_variable_succeeds(network: Network, container: Container) -> None:
    """CNI_NETNS is optional for DEL."""
    attachment = network.add(container)
    container.namespace.delete()
    network.delete(attachment, netns=None)


@pytest.mark.clause("cni.del.netns-gone-releases-address")
def test_del_after_the_namespace_vanished_releases_the_address(network: Network, container: Container) -> None:
    """The address store holds nothing for the container afterwards."""
    require_released(network, container, netns=container.netns)


@pytest.mark.clause("cni.del.netns-unset-releases-address")
def test_del_without_a_namespace_variable_releases_the_address(network: Network, container: Container) -> None:
    """The address store holds nothing for the container afterwards."""
    require_released(network, container, netns=None)


def require_released(network: Network, container: Container, netns: str | None) -> None:
    """Attach, remove the namespace, DEL; raise ClauseViolation if an address stays reserved."""
    attachment = network.add(container)
    network.ipam("host-local")
    container.namespace.delete()
    network.try_delete(attachment, netns=netns)
    held = [address for address, holder in network.reservations().items() if holder[0] == container.id]
    if held:
        raise ClauseViolation(
            "DEL without a namespace keeps the address",
            expected="no reservation",
            actual=held,
            question="Does DEL return early, before it asks the address management?",
        )


@pytest.mark.clause("cni.del.netns-gone-removes-rules")
def test_del_after_the_namespace_vanished_removes_the_filter_rules(
    used_network: Network, new_container: Callable[[], Container]
) -> None:
    """Whether CNI_NETNS names a vanished namespace or is unset, no rule of the container stays behind."""
    before = snapshot(used_network)
    gone, unset = new_container(), new_container()
    for container, netns in ((gone, gone.netns), (unset, None)):
        attachment = used_network.add(container, capabilities=PORT_MAPPING)
        container.namespace.delete()
        used_network.try_delete(attachment, netns=netns)
    left = [line for line in snapshot(used_network).gained(before) if line.startswith(("nft", "iptables"))]
    if left:
        raise ClauseViolation(
            "DEL without a namespace leaves filter rules on the host",
            expected="no rule of the container",
            actual="\n".join(left),
            question="Are the rules found only by the addresses inside the namespace?",
        )


@pytest.mark.clause("cni.del.address-taken-removes-rules")
def test_del_after_the_address_was_taken_away_removes_the_filter_rules(
    used_network: Network, container: Container
) -> None:
    """Somebody flushed the container's interface; DEL knows the address from prevResult."""
    before = snapshot(used_network)
    attachment = used_network.add(container)
    container.namespace.run("ip", "addr", "flush", "dev", "eth0")
    require_success(used_network.try_delete(attachment))
    left = [line for line in snapshot(used_network).gained(before) if line.startswith(("nft", "iptables"))]
    if left:
        raise ClauseViolation(
            "DEL leaves filter rules when the container's address is gone",
            expected="no rule of the container",
            actual="\n".join(left),
            question="Is the address read from the interface instead of prevResult?",
        )


@pytest.mark.clause("cni.del.chained-without-interface")
def test_del_of_each_plugin_without_the_interface_succeeds(network: Network, container: Container) -> None:
    """Every plugin of the chain on its own accepts that the interface is gone."""
    attachment = network.add(container, capabilities=PORT_MAPPING)
    container.namespace.run("ip", "link", "del", "eth0")
    if "eth0" in container.namespace.links():
        raise NotApplicable("the interface cannot be removed by hand")
    network.delete(attachment)
