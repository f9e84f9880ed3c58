"""Templates and their values: what is allowed comes out typed, and what is not is named before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fixtures.clusters.capi import template
from fixtures.clusters.capi.provider import name_of
from fixtures.clusters.capi.values import WrongValues
from fixtures.clusters.provider import ClusterFailed
from suites.selftest.capi.samples import OURS, values_for

CLOUDS = ("aws", "azure", "gcp", "tinkerbell")


def _kind(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(item for item in objects if item["kind"] == kind)


@pytest.mark.parametrize("name", template.names())
def test_template_with_fitting_values_is_rendered_whole(name: str, tmp_path: Path) -> None:
    made = template.load(name).render(OURS, values_for(name, tmp_path) | {"workers": 3})
    assert _kind(made, "MachineDeployment")["spec"]["replicas"] == 3
    assert {item["metadata"]["namespace"] for item in made} == {OURS.namespace}
    assert "${" not in str(made)


@pytest.mark.parametrize("name", CLOUDS)
def test_template_without_a_required_value_says_which_and_what_it_has_to_be(name: str, tmp_path: Path) -> None:
    given = values_for(name, tmp_path)
    del given["kubernetes_version"]
    with pytest.raises(WrongValues, match=r"cluster.toml: kubernetes_version is not given; .*like v1.37.2"):
        template.load(name).render(OURS, given, "cluster.toml")


@pytest.mark.parametrize(
    ("name", "value", "given", "allowed"),
    [
        ("in-memory", "workers", "two", "a whole number from 0 to 50"),
        ("in-memory", "workers", True, "a whole number from 0 to 50"),
        ("in-memory", "control_planes", 2, "an odd whole number from 1 to 7"),
        ("in-memory", "kubernetes_version", "1.36", "a Kubernetes version like v1.37.2"),
        ("aws", "region", "europe", "an AWS region, like eu-west-1"),
        ("aws", "api_allowed_from", "0.0.0.0/0", "of a prefix of at least /8"),
        ("aws", "identity_kind", "AWSClusterStaticIdentity", "one of AWSClusterControllerIdentity, AWSClusterRoleI"),
        ("aws", "addons", "/no/such/file", "the path of a file that can be read"),
        ("gcp", "image", "my-image", "an image, like projects/"),
        ("azure", "subscription", "mine", "a subscription id"),
        ("tinkerbell", "endpoint", "192.0.2.0/24", "an IP address like"),
    ],
)  # fmt: skip
def test_wrong_value_is_named_with_what_is_allowed(
    name: str, value: str, given: Any, allowed: str, tmp_path: Path
) -> None:
    fitting = values_for(name, tmp_path)
    assert template.load(name).render(OURS, fitting)
    with pytest.raises(WrongValues) as raised:
        template.load(name).render(OURS, fitting | {value: given})
    (problem,) = raised.value.problems
    assert problem.startswith(f"{value}: {given!r} is not ")
    assert allowed in problem


def test_every_mistake_is_told_at_once_with_the_nearest_name() -> None:
    with pytest.raises(WrongValues) as raised:
        template.load("in-memory").render(OURS, {"wokers": 1, "control_planes": 0})
    assert len(raised.value.problems) == 2
    assert "there is no value 'wokers'. Did you mean \"workers\"?" in raised.value.problems


def test_unknown_template_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ClusterFailed, match=r'no cluster template .inmemory.\. Did you mean "in-memory"'):
        template.load("inmemory")


def test_optional_value_that_is_not_given_takes_its_field_with_it(tmp_path: Path) -> None:
    given = values_for("aws", tmp_path)
    with_ami = _kind(template.load("aws").render(OURS, given), "AWSMachineTemplate")
    del given["ami"]
    without = _kind(template.load("aws").render(OURS, given), "AWSMachineTemplate")
    assert with_ami["spec"]["template"]["spec"]["ami"] == {"id": "ami-0123456789abcdef0"}
    assert "ami" not in without["spec"]["template"]["spec"]


def test_static_pod_of_the_endpoint_is_laid_down_where_it_is_given(tmp_path: Path) -> None:
    given = values_for("tinkerbell", tmp_path)
    manifest = given.pop("vip_manifest")
    without = _kind(template.load("tinkerbell").render(OURS, given), "KubeadmControlPlane")
    with_it = _kind(
        template.load("tinkerbell").render(OURS, given | {"vip_manifest": manifest}),
        "KubeadmControlPlane",
    )
    assert "files" not in without["spec"]["kubeadmConfigSpec"]
    (file,) = with_it["spec"]["kubeadmConfigSpec"]["files"]
    assert (file["path"], file["content"]) == ("/etc/kubernetes/manifests/vip.yaml", Path(manifest).read_text())


@pytest.mark.parametrize("asked", ["one", "staging", "nine-long", "a-name-that-is-long"])
def test_name_holds_the_lease_and_fits_into_what_a_cloud_makes_of_it(asked: str) -> None:
    name = name_of(asked, OURS.lease)
    assert name.startswith(asked[:8].rstrip("-"))
    assert name.endswith(f"-{OURS.lease}")
    longest = "northamerica-northeast1-a"
    assert all(len(text) <= 63 for text in (f"{name}-apiserver-{longest}", f"allow-{name}-healthchecks"))
    assert "--" not in name
