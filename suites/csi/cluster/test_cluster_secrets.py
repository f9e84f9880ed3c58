"""Secrets that a storage class names, with a driver that serves nobody without them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fixtures.clusters.provider import Cluster
from fixtures.evidence import EvidenceFolder
from fixtures.lease import Lease
from fixtures.plugin import Parts
from fixtures.subjects.csi import FAILED
from fixtures.subjects.csi.choice import reference_module
from fixtures.subjects.csi.in_cluster import LIMIT, start_in
from fixtures.subjects.csi.workshop import Workshop, at_work
from fixtures.wait import wait_until
from reports.model import ClauseViolation

pytestmark = [pytest.mark.cluster, pytest.mark.full]
KEY, VALUE = "token", "open sesame"
CALLS = ("provisioner", "controller-publish", "node-stage", "node-publish")


@pytest.fixture
def guarded(
    cluster: Cluster, api: Any, lease: Lease, parts: Parts, namespace: str, evidence: EvidenceFolder,
    request: pytest.FixtureRequest,
) -> Iterator[Workshop]:  # fmt: skip
    """Pods and volumes of a driver that wants a secret with every call."""
    module = reference_module(request.config.option, parts)
    driver = start_in(cluster, api, lease, parts, module, "-guarded", ["--require-secret", f"{KEY}={VALUE}"])
    try:
        with at_work(driver, namespace, evidence, lambda: request.node.stash.get(FAILED, False)) as workshop:
            yield workshop
    finally:
        driver.stop()


def _class(shop: Workshop, suffix: str, value: str) -> str:
    """A class whose calls bring a secret of that value."""
    shop.storage.core.create_namespaced_secret(
        shop.namespace, {"metadata": {"name": suffix}, "stringData": {KEY: value}}
    )
    parameters = {}
    for call in CALLS:
        parameters[f"csi.storage.k8s.io/{call}-secret-name"] = suffix
        parameters[f"csi.storage.k8s.io/{call}-secret-namespace"] = shop.namespace
    return shop.storage.storage_class(suffix, parameters=parameters)


@pytest.mark.clause("csi.cluster.secrets-reach-the-driver")
def test_secret_of_a_class_reaches_every_call_of_the_driver(guarded: Workshop) -> None:
    guarded.storage.claim("refused", _class(guarded, "wrong", "guess"))
    told = wait_until("the refusal is told in an event", lambda: guarded.storage.warnings("refused"), LIMIT)
    source = guarded.storage.claim("served", _class(guarded, "right", VALUE))
    pod = guarded.start("user", "/data", source)
    guarded.shell(pod, "echo x > /data/file")
    if guarded.storage.phase("refused") != "Pending":
        raise ClauseViolation("a wrong secret was taken", expected="the claim Pending", actual=told)
