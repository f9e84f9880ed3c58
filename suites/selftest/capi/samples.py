"""Values that fit each template, as a user would write them, and a wrong field for each infrastructure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fixtures.clusters.capi import template
from fixtures.clusters.capi.template import Ours

OURS = Ours("one", "seatrial-0123abcd-capi", "seatrial-0123abcd", "somebody-host", "20270101t000000z", "run-1")

VALUES: Mapping[str, Mapping[str, Any]] = {
    "in-memory": {},
    "aws": {"region": "eu-west-1", "api_allowed_from": "198.51.100.0/24", "ami": "ami-0123456789abcdef0"},
    "gcp": {
        "project": "seatrial-tests", "region": "europe-west1", "zone": "europe-west1-b",
        "image": "projects/seatrial-tests/global/images/kubernetes-1-36",
    },
    "azure": {
        "subscription": "00000000-0000-4000-8000-000000000001", "location": "westeurope", "identity": "seatrial",
        "identity_namespace": "identities",
    },
    "tinkerbell": {
        "endpoint": "192.0.2.10", "image_registry": "registry.example/images", "control_plane_label": "control-plane",
        "worker_label": "workers",
    },
}  # fmt: skip


def values_for(name: str, folder: Path) -> dict[str, Any]:
    """A whole set of values for a template."""
    given = dict(VALUES[name])
    if name != "in-memory":
        addons = folder / "addons.yaml"
        addons.write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: network}\n")
        given |= {"kubernetes_version": "v1.36.2", "addons": str(addons)}
    if name == "tinkerbell":
        (folder / "vip.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: vip, namespace: kube-system}\n")
        given |= {"vip_manifest": str(folder / "vip.yaml")}
    return given


def types_of(name: str) -> frozenset[str]:
    """The types of what a template's cluster has to be paid for."""
    return frozenset(cost["type"] for cost in template.load(name).costs)


def free(name: str) -> str:
    """The table of a settings file by which a template's cluster costs nothing."""
    return f"[cost]\nceiling = 0\nfree = {sorted(types_of(name))}\n"
