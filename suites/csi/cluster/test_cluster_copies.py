"""Volumes that grow and volumes made from others: expansion, snapshots, clones."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.csi.in_cluster import CAPACITY, LIMIT
from fixtures.subjects.csi.requests import messages
from fixtures.subjects.csi.workshop import Workshop
from fixtures.wait import wait_until
from reports.model import ClauseViolation

pytestmark = pytest.mark.cluster


@pytest.mark.clause("csi.cluster.snapshot-is-restored")
def test_restored_snapshot_has_the_data_of_its_moment(shop: Workshop) -> None:
    klass = shop.storage.storage_class()
    source = shop.storage.claim("source", klass)
    writer = shop.start("writer", "/data", source)
    shop.shell(writer, "echo before > /data/file && sync")
    snapshot = shop.storage.snapshot("moment", "source")
    shop.shell(writer, "echo after > /data/file && sync")
    restored = shop.storage.claim("restored", klass, source=snapshot)
    reader = shop.start("reader", "/data", restored)
    _require("before", shop.shell(reader, "cat /data/file"), "the restored volume differs from the snapshot's moment")
    _require("after", shop.shell(writer, "cat /data/file"), "the source of the snapshot was changed")


@pytest.mark.full
@pytest.mark.clause("csi.cluster.clone-has-the-data")
def test_clone_has_the_data_and_a_life_of_its_own(shop: Workshop) -> None:
    klass = shop.storage.storage_class()
    writer = shop.start("writer", "/data", shop.storage.claim("source", klass))
    shop.shell(writer, "echo original > /data/file && sync")
    clone = shop.storage.claim("clone", klass, source={"kind": "PersistentVolumeClaim", "name": "source"})
    reader = shop.start("reader", "/data", clone)
    _require("original", shop.shell(reader, "cat /data/file"), "the clone lacks its source's data")
    shop.shell(reader, "echo changed > /data/file && sync")
    _require("original", shop.shell(writer, "cat /data/file"), "writing to the clone changed its source")


@pytest.mark.full
@pytest.mark.clause("csi.cluster.expanded-claim-is-larger-in-the-pod")
def test_expanded_claim_is_larger_in_the_pod(shop: Workshop) -> None:
    shop.driver.sidecars.require("csi-resizer")
    source = shop.storage.claim("growing", shop.storage.storage_class(expand=True))
    pod = shop.start("user", "/data", source)
    shop.shell(pod, "echo kept > /data/file && sync")
    before = _size(shop, pod)
    if not _is_online(shop):
        shop.delete(pod)
        shop.wait_until_unmounted()
    shop.storage.expand("growing", 3 * CAPACITY)
    if not _is_online(shop):
        wait_until("the volume is larger", lambda: shop.storage.size_of_volume("growing") >= 3 * CAPACITY, LIMIT)
        pod = shop.start("again", "/data", source)
    wait_until("the claim is larger", lambda: shop.storage.size("growing") >= 3 * CAPACITY, LIMIT)
    after = _size(shop, pod)
    if after < 2 * before:
        raise ClauseViolation(
            "the file system in the pod did not grow", expected=f"about 3 times {before} bytes", actual=after,
            question="Is NodeExpandVolume a stub?",
        )  # fmt: skip
    _require("kept", shop.shell(pod, "cat /data/file"), "the expanded volume lost its data")


def _size(shop: Workshop, pod: Any) -> int:
    """Bytes of the pod's file system."""
    return 1024 * int(shop.shell(pod, "df -k /data | tail -n 1").split()[1])


def _is_online(shop: Workshop) -> bool:
    """Whether the driver says that it expands volumes in use."""
    kind = messages().PluginCapability.VolumeExpansion
    answer = shop.first.client.call(messages().GetPluginCapabilitiesRequest())
    return any(item.volume_expansion.type == kind.ONLINE for item in answer.capabilities)


def _require(expected: str, actual: str, summary: str) -> None:
    if actual != expected:
        raise ClauseViolation(summary, expected=expected, actual=actual)
