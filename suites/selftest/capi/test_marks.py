"""Whatever a template makes carries the lease, the run, their owner and the expiry, wherever it can carry anything."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.clusters import own_namespaces
from fixtures.clusters.capi import template
from fixtures.clusters.capi.definitions import MODULES, definitions
from fixtures.clusters.capi.objects import Object
from fixtures.clusters.provider import LEASE_LABEL, MANAGED_BY
from fixtures.clusters.tofu.policy import EXPIRES, LEASE, OWNER, RUN
from suites.selftest.capi.samples import OURS, values_for

#: Template -> the field that leads to tags or labels in the cloud. Tinkerbell has no cloud.
FIELDS = {"aws": "additionalTags", "gcp": "additionalLabels", "azure": "additionalTags"}
MARKS = {LEASE: OURS.lease, RUN: OURS.run, OWNER: OURS.owner, EXPIRES: OURS.expires}
LABELS = {
    MANAGED_BY[0]: MANAGED_BY[1], LEASE_LABEL: OURS.lease, own_namespaces.RUN: OURS.run,
    own_namespaces.OWNER: OURS.owner, own_namespaces.EXPIRES: OURS.expires,
}  # fmt: skip
_GROUP = "infrastructure.cluster.x-k8s.io/"


def _infrastructure(objects: list[Object]) -> list[Object]:
    return [item for item in objects if item["apiVersion"].startswith(_GROUP)]


def _inner(item: Any) -> Any:
    """What an infrastructure object says of the thing in the cloud; of its schema, if that is given."""
    spec = item["spec"] if "spec" in item else item["properties"]["spec"]["properties"]
    if "template" not in spec:
        return spec
    made = spec["template"]
    return made["spec"] if "spec" in made else made["properties"]["spec"]["properties"]


def unmarked(name: str, objects: list[Object]) -> Iterator[str]:
    """A line for each object that lacks a mark in the cloud, or a label on the management cluster."""
    for item in objects:
        carried = item["metadata"].get("labels", {})
        if not LABELS.items() <= carried.items():
            yield f"{item['kind']} {item['metadata']['name']}: labels"
    for item in _infrastructure(objects) if name in FIELDS else ():
        if _inner(item).get(FIELDS[name]) != MARKS:
            yield f"{item['kind']} {item['metadata']['name']}: {FIELDS[name]}"


@pytest.mark.parametrize("name", template.names())
def test_everything_that_a_template_makes_is_marked(name: str, tmp_path: Path) -> None:
    made = template.load(name).render(OURS, values_for(name, tmp_path))
    assert list(unmarked(name, made)) == []
    for kind, place in (("MachineDeployment", "template"), ("KubeadmControlPlane", "machineTemplate")):
        owner = next(item for item in made if item["kind"] == kind)
        assert LABELS.items() <= owner["spec"][place]["metadata"]["labels"].items(), "machines carry them, too"


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_template_that_leaves_out_a_mark_is_found(name: str, tmp_path: Path) -> None:
    whole, given = template.load(name), values_for(name, tmp_path)
    tried = 0
    for number, item in enumerate(whole.objects):
        if not item["apiVersion"].startswith(_GROUP):
            continue
        for mark in (*MARKS, ""):
            objects = copy.deepcopy(list(whole.objects))
            carrier = _inner(objects[number])
            del (carrier[FIELDS[name]] if mark else carrier)[mark or FIELDS[name]]
            made = dataclasses.replace(whole, objects=tuple(objects)).render(OURS, given)
            assert list(unmarked(name, made)) == [f"{item['kind']} {made[number]['metadata']['name']}: {FIELDS[name]}"]
            tried += 1
    assert tried == 3 * 5, "the cluster, and the machines of control plane and workers"


def test_object_without_labels_is_found(tmp_path: Path) -> None:
    made = template.load("tinkerbell").render(OURS, values_for("tinkerbell", tmp_path))
    del made[0]["metadata"]["labels"][own_namespaces.RUN]
    assert list(unmarked("tinkerbell", made)) == ["Cluster one: labels"]


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(MODULES))
def test_infrastructure_has_no_other_field_that_leads_to_tags(name: str, tmp_path: Path) -> None:
    """By the providers' own definitions: what they call additional tags or labels is what the templates fill in."""
    made = _infrastructure(template.load(name).render(OURS, values_for(name, tmp_path)))
    known = definitions(name, {item["kind"] for item in made}, print)
    fields = {}
    for item in known:
        version = made[0]["apiVersion"].removeprefix(_GROUP)
        schema = next(one["schema"]["openAPIV3Schema"] for one in item["spec"]["versions"] if one["name"] == version)
        fields[item["spec"]["names"]["kind"]] = {one for one in _inner(schema) if re.search("tags|labels", one, re.I)}
    # Google's network tags are names of firewall targets, and resource manager tags have to be made beforehand.
    others = {"additionalNetworkTags", "resourceManagerTags"}
    expected = {FIELDS[name]} if name in FIELDS else set()
    assert {kind: found - others for kind, found in fields.items()} == dict.fromkeys(fields, expected)
    assert len(fields) == 2
