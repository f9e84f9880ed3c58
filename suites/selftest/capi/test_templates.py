"""Templates of clouds against the definitions of the providers themselves, by a dry run on the management cluster.

No controller of a cloud runs here: what is proven is that the apiserver takes every object of a template, with
unknown fields refused and Cluster API's own webhooks asked; not that a cloud makes machines of it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.clusters.capi import management, template
from fixtures.clusters.capi.definitions import MODULES, definitions
from fixtures.clusters.capi.objects import Object, Refused
from fixtures.clusters.workloads import new_namespace
from suites.selftest.capi.bench import Bench
from suites.selftest.capi.samples import OURS, values_for

pytestmark = pytest.mark.full
_GROUP = "infrastructure.cluster.x-k8s.io/"


@pytest.fixture(scope="module")
def namespace(bench: Bench) -> Iterator[str]:
    """Where the objects of a template would lie."""
    yield new_namespace(bench.api, {"name": OURS.namespace})
    bench.objects.delete("v1", "Namespace", "", OURS.namespace)


@pytest.fixture(params=sorted(MODULES))
def rendered(request: pytest.FixtureRequest, bench: Bench, namespace: str, tmp_path: Path) -> Iterator[list[Object]]:
    """A template with fitting values, its infrastructure's definitions being served."""
    made = template.load(request.param).render(OURS, values_for(request.param, tmp_path))
    kinds = {item["kind"] for item in made if item["apiVersion"].startswith(_GROUP)}
    defined = definitions(request.param, kinds, print)
    management.define(bench.objects, defined)
    yield made
    for item in defined:
        bench.objects.delete(*management.CRD, "", item["metadata"]["name"])


def test_template_is_accepted_whole_and_nothing_of_it_is_kept(bench: Bench, rendered: list[Object]) -> None:
    for item in rendered:
        taken = bench.objects.apply(item, dry_run=True)
        assert taken["metadata"]["uid"], item["kind"]
        meta = item["metadata"]
        assert bench.objects.find(item["apiVersion"], item["kind"], meta["namespace"], meta["name"]) is None


def test_wrong_field_in_any_infrastructure_object_is_refused(bench: Bench, rendered: list[Object]) -> None:
    tried = 0
    for item in rendered:
        if not item["apiVersion"].startswith(_GROUP):
            continue
        wrong: dict[str, Any] = copy.deepcopy(item)
        wrong["spec"]["regoin"] = "nowhere"
        with pytest.raises(Refused, match="regoin"):
            bench.objects.apply(wrong, dry_run=True)
        wrong = copy.deepcopy(item)
        wrong["spec"] = {next(iter(item["spec"])): ["no", "list", "is", "meant"]}
        with pytest.raises(Refused):
            bench.objects.apply(wrong, dry_run=True)
        tried += 1
    assert tried == 3
