"""STATUS and GC, new with version 1.1.0."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.subjects.cni.network import Configuration, Container, Network, require_refusal, require_success
from fixtures.subjects.cni.state import snapshot
from reports.model import ClauseViolation, NotApplicable


@pytest.fixture
def modern(network: Network) -> Network:
    """The network, where its configuration is of 1.1.0 or later."""
    if network.version < "1.1":
        raise NotApplicable(f"the configuration is of version {network.version}; STATUS and GC came with 1.1.0")
    return network


@pytest.mark.clause("cni.status.ready")
def test_status_of_a_plugin_that_can_add_is_ready(modern: Network, container: Container) -> None:
    """STATUS says yes, and the ADD that follows proves it right."""
    require_success(modern.status())
    modern.add(container)


@pytest.mark.clause("cni.status.exhausted")
def test_status_with_an_empty_address_pool_is_not_ready(
    modern: Network, new_container: Callable[[], Container]
) -> None:
    """One address, one container: no further ADD can be served, and STATUS must know."""
    modern.ipam("host-local")

    def change(configuration: Configuration) -> None:
        section = configuration["plugins"][0]["ipam"]
        section.update(ranges=[[{"subnet": "198.51.100.0/30"}]])
        section.pop("subnet", None)

    small = modern.altered(change)
    small.add(new_container())
    require_refusal(small.try_add(new_container()), "the only address is taken")
    require_refusal(small.status(), "no ADD can be served: the address pool is empty")


@pytest.mark.clause("cni.status.changes-nothing")
def test_status_changes_nothing(modern: Network, container: Container) -> None:
    """The host is the same before and after."""
    modern.add(container)
    before = snapshot(modern)
    modern.status()
    now = snapshot(modern)
    if now != before:
        raise ClauseViolation("STATUS changes something", expected="nothing", actual=now.gained(before))


@pytest.mark.clause("cni.gc.succeeds")
def test_gc_with_nothing_stale_succeeds(modern: Network, container: Container) -> None:
    """Every plugin of the chain completes GC, with attachments and with none."""
    for valid in ([modern.add(container)], []):
        for reply in modern.collect_garbage(valid):
            require_success(reply)


@pytest.mark.clause("cni.gc.spares-valid")
def test_gc_with_a_valid_attachment_spares_it(modern: Network, container: Container) -> None:
    """Nothing of an attachment that is listed as valid goes away."""
    attachment = modern.add(container)
    before = snapshot(modern), container.namespace.links()
    modern.collect_garbage([attachment])
    lost = snapshot(modern).lost(before[0])
    if lost or container.namespace.links() != before[1]:
        raise ClauseViolation("GC takes from a valid attachment", expected="nothing lost", actual=lost)


@pytest.mark.clause("cni.gc.removes-stale-address")
def test_gc_with_a_stale_attachment_releases_its_address(
    modern: Network, new_container: Callable[[], Container]
) -> None:
    """A container's namespace is gone and nobody called DEL; GC that does not list it releases its address."""
    modern.ipam("host-local")
    kept, stale = modern.add(new_container()), modern.add(new_container())
    stale.container.namespace.delete()
    modern.collect_garbage([kept])
    held = sorted(modern.reservations())
    if held != [kept.address]:
        raise ClauseViolation(
            "GC leaves the address of a stale attachment reserved",
            expected=[kept.address],
            actual=held,
            question="Is GC implemented, or answered by a skeleton?",
        )
