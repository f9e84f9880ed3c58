"""Volumes made for claims: bound at once or where the first pod goes, deleted or kept, within what there is."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.csi.in_cluster import LIMIT
from fixtures.subjects.csi.requests import messages
from fixtures.subjects.csi.workshop import Workshop
from fixtures.wait import WaitTimeout, wait_until
from reports.model import ClauseViolation

pytestmark = pytest.mark.cluster


@pytest.mark.clause("csi.cluster.dynamic-provisioning-works", "csi.cluster.reclaim-delete-deletes")
def test_claim_of_a_class_gets_a_volume_that_ends_with_it(shop: Workshop) -> None:
    source = shop.storage.claim("made", shop.storage.storage_class())
    volume = shop.storage.bound("made")
    if volume.spec.csi.volume_handle not in shop.driver.volumes():
        raise ClauseViolation(
            "the bound volume is not one of the driver's", expected="its handle among ListVolumes",
            actual=volume.spec.csi.volume_handle, clause="csi.cluster.dynamic-provisioning-works",
        )  # fmt: skip
    pod = shop.start("user", "/data", source)
    shop.shell(pod, "echo x > /data/file && sync")
    shop.delete(pod)
    shop.storage.delete_claim("made")
    try:
        shop.storage.wait_until_deleted(volume)
    except WaitTimeout as error:
        raise ClauseViolation(
            "a volume of reclaim policy Delete outlives its claim", expected="no object, attachment or volume",
            actual=error.last, clause="csi.cluster.reclaim-delete-deletes",
        ) from error  # fmt: skip


@pytest.mark.clause("csi.cluster.volume-waits-for-its-first-pod")
def test_late_volume_is_made_where_its_pod_goes(shop: Workshop) -> None:
    target = shop.driver.nodes[-1]  # not the one that the provisioner runs on, where there are two
    source = shop.storage.claim("late", shop.storage.storage_class(late=True))
    pod = shop.start("user", "/data", source, node=target.node.name, wait=False)
    volume = shop.storage.bound("late")
    segments = dict(target.client.call(messages().NodeGetInfoRequest()).accessible_topology.segments)
    if not any(_admits(term, segments) for term in volume.spec.node_affinity.required.node_selector_terms):
        raise ClauseViolation(
            "the volume cannot be used where its first pod runs", expected=f"a term that admits {segments}",
            actual=volume.spec.node_affinity, question="Is the preferred topology of CreateVolume ignored?",
        )  # fmt: skip
    shop.wait_until_ready(pod)
    shop.shell(pod, "echo x > /data/file")


def _admits(term: Any, segments: dict[str, str]) -> bool:
    return all(segments.get(item.key) in item.values for item in term.match_expressions or ())


@pytest.mark.full
@pytest.mark.clause("csi.cluster.volume-waits-for-its-first-pod")
def test_late_claim_without_a_pod_makes_no_volume(shop: Workshop) -> None:
    before = set(shop.driver.volumes())
    shop.storage.claim("idle", shop.storage.storage_class("late", late=True))
    # A claim made later and bound is the proof that the provisioner had its chance with the first.
    shop.storage.claim("busy", shop.storage.storage_class("soon"))
    made = shop.storage.bound("busy").spec.csi.volume_handle
    if shop.storage.phase("idle") != "Pending" or set(shop.driver.volumes()) - before != {made}:
        raise ClauseViolation(
            "a volume was made for a claim that no pod uses", expected=f"only {made}",
            actual=sorted(set(shop.driver.volumes()) - before),
        )  # fmt: skip


@pytest.mark.full
@pytest.mark.clause("csi.cluster.reclaim-retain-keeps")
def test_retained_volume_outlives_its_claim_with_its_data(shop: Workshop) -> None:
    klass = shop.storage.storage_class(reclaim="Retain")
    pod = shop.start("writer", "/data", shop.storage.claim("first", klass))
    shop.shell(pod, "echo kept > /data/file && sync")
    volume = shop.storage.bound("first")
    shop.delete(pod)
    shop.storage.delete_claim("first")
    shop.storage.wait_until_released(volume)
    found = shop.shell(shop.start("reader", "/data", shop.storage.adopt(volume, "second")), "cat /data/file")
    if found != "kept":
        raise ClauseViolation("the retained volume lost its data", expected="kept", actual=found)


@pytest.mark.full
@pytest.mark.clause("csi.cluster.capacity-is-published")
def test_capacity_of_the_driver_is_published_for_each_topology(shop: Workshop) -> None:
    before = shop.driver.capacity()
    klass = shop.storage.storage_class(late=True)
    found = wait_until("the capacity of the class is published", lambda: shop.storage.capacities(klass), LIMIT)
    now = shop.driver.capacity()
    if max(found) > max(before, now):
        raise ClauseViolation(
            "more is published than the driver has", expected=f"at most {max(before, now)}", actual=found
        )
    # Other workers' volumes come and go meanwhile, so only a share of it can be asked for.
    if max(found) < min(before, now) // 2:
        raise ClauseViolation(
            "much less is published than the driver has", expected=f"about {now}", actual=found,
            question="Does GetCapacity answer for the topology of its own nodes?",
        )  # fmt: skip


@pytest.mark.full
@pytest.mark.clause("csi.cluster.too-large-claim-stays-pending")
def test_claim_beyond_the_capacity_makes_no_volume(shop: Workshop) -> None:
    before = set(shop.driver.volumes())
    shop.storage.claim("huge", shop.storage.storage_class(), size=1 << 50)
    wait_until("the failure is told in an event", lambda: shop.storage.warnings("huge"), LIMIT)
    made = set(shop.driver.volumes()) - before
    if shop.storage.phase("huge") != "Pending" or made:
        raise ClauseViolation("a claim of 1 PiB was met", expected="Pending, no volume", actual=sorted(made))
