"""ADD: what it makes in the container and on the host."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from fixtures.subjects.cni.execution import encode
from fixtures.subjects.cni.network import Container, Network, require_refusal, require_success
from fixtures.subjects.cni.state import snapshot
from reports.model import ClauseViolation


@pytest.mark.clause("cni.add.creates-interface")
def test_add_to_an_empty_container_creates_the_interface_up(network: Network, container: Container) -> None:
    """After ADD there is a link of that name in the container, it is up and carries an address."""
    network.add(container)
    link = container.namespace.links().get("eth0")
    if link is None or not link.up:
        raise ClauseViolation("ADD leaves no working eth0", expected="eth0, up", actual=link or "no such link")


@pytest.mark.clause("cni.add.honours-ifname")
@pytest.mark.parametrize("ifname", ["net1", "a", "fifteen.chars-x"])
def test_add_with_another_interface_name_uses_just_that_name(
    network: Network, container: Container, ifname: str
) -> None:
    """The interface gets the asked name, and no other link appears in the container."""
    network.add(container, ifname)
    names = sorted(container.namespace.links())
    if names != [ifname]:
        raise ClauseViolation(
            "ADD did not create the interface under the asked name",
            expected=[ifname],
            actual=names,
            question="Is the name eth0 built in?",
        )


@pytest.mark.clause("cni.add.refuses-taken-ifname")
def test_add_onto_an_existing_interface_is_refused(network: Network, container: Container) -> None:
    """The container has an eth0 that somebody else made: ADD must fail."""
    container.namespace.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other0")
    require_refusal(network.try_add(container), "the container already has an eth0")


@pytest.mark.clause("cni.add.refused-leaves-first-whole")
def test_add_refused_for_a_taken_name_leaves_the_first_attachment_whole(network: Network, container: Container) -> None:
    """The first attachment is, for the kernel and the address store, the same before and after the refusal."""
    first = network.add(container)
    before = snapshot(network), container.namespace.links(), container.namespace.routes()
    require_refusal(network.try_add(container), "the container already has this attachment")
    after = snapshot(network), container.namespace.links(), container.namespace.routes()
    lost = after[0].lost(before[0])
    if lost or after[1:] != before[1:]:
        raise ClauseViolation(
            f"the refused ADD damaged {first.address}'s attachment",
            expected=f"{before[1]} {before[2]}",
            actual=f"{after[1]} {after[2]} lost on the host: {lost}",
        )


@pytest.mark.clause("cni.add.refuses-vanished-netns")
def test_add_into_a_vanished_namespace_is_refused(network: Network, container: Container) -> None:
    """CNI_NETNS names a file that is not there."""
    container.namespace.delete()
    require_refusal(network.try_add(container), "CNI_NETNS does not exist")


@pytest.mark.clause("cni.add.refused-keeps-no-address")
def test_add_refused_for_a_taken_name_keeps_no_address(network: Network, container: Container) -> None:
    """After an ADD that failed the address store holds nothing for that container."""
    network.ipam("host-local")
    container.namespace.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other0")
    require_refusal(network.try_add(container), "the container already has an eth0")
    held = [address for address, holder in network.reservations().items() if holder[0] == container.id]
    if held:
        raise ClauseViolation("a failed ADD keeps its address", expected="no reservation", actual=held)


@pytest.mark.clause("cni.add.second-interface")
def test_add_under_a_second_name_attaches_a_second_time(network: Network, container: Container) -> None:
    """eth0 and eth1 of one container get different addresses, and both links exist."""
    first, second = network.add(container, "eth0"), network.add(container, "eth1")
    names = sorted(container.namespace.links())
    if names != ["eth0", "eth1"] or first.address == second.address:
        raise ClauseViolation(
            "a second interface of one container is not an attachment of its own",
            expected="eth0 and eth1 with an address each",
            actual=f"{names}: {first.address}, {second.address}",
        )


@pytest.mark.clause("cni.add.unknown-keys-accepted")
def test_add_with_generic_arguments_attaches(network: Network, container: Container) -> None:
    """CNI_ARGS with IgnoreUnknown, as every runtime sends it, does not stop a plugin."""
    plugin = network.plugins[0]
    parameters = network.parameters("ADD", container, "eth0", args="IgnoreUnknown=1;K8S_POD_NAME=probe")
    stdin = network.request(plugin)
    require_success(network.executor.execute(plugin["type"], parameters, encode(stdin)))


@pytest.mark.clause("cni.concurrency.parallel-attachments")
def test_add_of_sixteen_containers_at_once_gives_each_its_own_address(
    network: Network, new_container: Callable[[], Container]
) -> None:
    """Sixteen ADDs run side by side: all succeed, no address twice; sixteen DELs leave no reservation."""
    containers = [new_container() for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        attachments = list(pool.map(network.add, containers))
        addresses = sorted(item.address for item in attachments)
        if len(set(addresses)) != len(addresses):
            raise ClauseViolation("parallel ADDs share an address", expected="16 addresses", actual=addresses)
        list(pool.map(network.delete, attachments))
