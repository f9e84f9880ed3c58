"""What a template's cluster costs: all that its objects make is in the bill, and a bill above the ceiling stops it."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from fixtures.clusters import access
from fixtures.clusters.capi import preview, settings, template
from fixtures.clusters.capi.objects import Object
from fixtures.clusters.capi.provider import CapiProvider, Request
from fixtures.clusters.capi.template import Template
from fixtures.clusters.cost import Budget, Price
from fixtures.clusters.provider import ClusterSpec, PlanRefused
from fixtures.lease import leases
from fixtures.plugin import Parts
from suites.selftest.capi.samples import OURS, types_of, values_for

#: Template -> the type of its machines and of their disks, where machine's and disk's attributes stand in its objects.
MACHINES = {
    "aws": ("aws_instance", "aws_ebs_volume", "instanceType", ("rootVolume", "size")),
    "gcp": ("google_compute_instance", "google_compute_disk", "instanceType", ("rootDeviceSize",)),
    "azure": ("azurerm_linux_virtual_machine", "azurerm_managed_disk", "vmSize", ("osDisk", "diskSizeGB")),
}
CHOSEN = {
    "aws": {"control_plane_type": "m6i.xlarge", "worker_type": "c6i.large"},
    "gcp": {"control_plane_type": "n2-standard-4", "worker_type": "e2-standard-2"},
    "azure": {"control_plane_size": "Standard_D4s_v5", "worker_size": "Standard_D2s_v5"},
}
PRICES = (
    Price("aws_instance", 0.1, "a list", {"instance_type": "m6i.large"}),
    Price("aws_ebs_volume", 0.0001, "a list", {"type": "gp3"}, "size"),
    Price("aws_nat_gateway", 0.05, "a list", {}),
    Price("aws_lb", 0.02, "a list", {}),
    Price("aws_eip", 0.005, "a list", {}),
)


def _of_objects(name: str, objects: list[Object]) -> list[tuple[str, Any, int]]:
    """Machines and disks as the objects ask for them: type, size, how many; of each owner in turn."""
    machine, disk, size_at, disk_at = MACHINES[name]
    templates = {item["metadata"]["name"]: item for item in objects if item["kind"].endswith("MachineTemplate")}
    found: list[tuple[str, Any, int]] = []
    for owner in ("KubeadmControlPlane", "MachineDeployment"):
        spec = next(item["spec"] for item in objects if item["kind"] == owner)
        inner = (spec["machineTemplate"] if "machineTemplate" in spec else spec["template"])["spec"]
        made = templates[inner["infrastructureRef"]["name"]]["spec"]["template"]["spec"]
        gigabytes = made
        for key in disk_at:
            gigabytes = gigabytes[key]
        found += [(machine, made[size_at], spec["replicas"]), (disk, gigabytes, spec["replicas"])]
    return found


def _of_bill(name: str, made: Template, given: dict[str, Any]) -> list[tuple[str, Any, int]]:
    """The same as the bill has them."""
    return [
        (item.type, list(item.attributes.values())[-1], item.count)
        for item in made.bill(given)
        if item.type in MACHINES[name][:2]
    ]


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_bill_has_the_machines_and_disks_that_the_objects_ask_for(name: str, tmp_path: Path) -> None:
    made = template.load(name)
    given = values_for(name, tmp_path) | CHOSEN[name] | {"control_planes": 3, "workers": 4, "disk_gb": 77}
    asked = _of_objects(name, made.render(OURS, given))
    assert [count for _, _, count in asked] == [3, 3, 4, 4]
    assert _of_bill(name, made, given) == asked
    for number in range(len(made.costs)):
        billed = copy.deepcopy(list(made.costs))
        del billed[number]
        assert _of_bill(name, dataclasses.replace(made, costs=tuple(billed)), given) != asked or number > 3


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_bill_of_a_cloud_has_its_way_out_its_load_balancer_and_their_addresses(name: str, tmp_path: Path) -> None:
    types = [item.type for item in template.load(name).bill(values_for(name, tmp_path) | {"workers": 0})]
    assert len(types) == 5, "without workers their machines and disks cost nothing"
    for words in (("nat",), ("lb", "forwarding"), ("eip", "address", "public_ip")):
        assert any(word in kind for kind in types for word in words), words


@pytest.mark.parametrize("name", ["in-memory", "tinkerbell"])
def test_cluster_that_no_cloud_is_paid_for_costs_nothing_and_says_so(name: str, tmp_path: Path) -> None:
    made = Request(None, name, values_for(name, tmp_path)).require_affordable()  # type: ignore[arg-type] # not asked
    assert (made.total, made.unpriced) == (0, ())
    assert "machines are" in made.text()


def test_estimate_is_the_sum_of_all_items_for_the_life_of_the_cluster(tmp_path: Path) -> None:
    given = values_for("aws", tmp_path) | {"disk_gb": 100}
    request = Request(None, "aws", given, life=10, budget=Budget(8, prices=PRICES))  # type: ignore[arg-type] # not asked
    hourly = 3 * 0.1 + 3 * 100 * 0.0001 + 3 * 0.05 + 0.02 + 6 * 0.005
    assert request.estimate().total == pytest.approx(10 * hourly)
    assert request.require_affordable().sum == "5.30 USD"
    with pytest.raises(PlanRefused, match=r"it would cost 5.30 USD in 10 hours; the ceiling is 5.29"):
        dataclasses.replace(request, budget=Budget(5.29, prices=PRICES)).require_affordable()


def test_cluster_above_the_ceiling_is_refused_before_anything_is_made(kubeconfig: Path, tmp_path: Path) -> None:
    request = Request(access.find([kubeconfig]), "aws", values_for("aws", tmp_path), budget=Budget(1, prices=PRICES))
    before = leases()
    told: list[str] = []
    spec = ClusterSpec("dear", Parts({}, "none"), tmp_path / "state", tell=told.append)
    with pytest.raises(PlanRefused, match="the plan is refused, and nothing was made"):
        CapiProvider(request).create(spec)
    assert (leases(), told, (tmp_path / "state").exists()) == (before, [], False)


@pytest.mark.parametrize("lacking", sorted(types_of("aws")))
def test_item_without_a_price_is_refused_unless_it_is_free(lacking: str, tmp_path: Path) -> None:
    prices = tuple(price for price in PRICES if price.type != lacking)
    given = values_for("aws", tmp_path)
    request = Request(None, "aws", given, budget=Budget(99, prices=prices))  # type: ignore[arg-type] # not asked
    with pytest.raises(PlanRefused, match=rf"{lacking}: .*: there is no price for it; give one in"):
        request.require_affordable()
    free = Budget(99, prices=prices, free=frozenset({lacking}))
    assert dataclasses.replace(request, budget=free).require_affordable().unpriced == ()


def test_preview_shows_objects_and_cost_and_a_file_is_known_by_its_template(kubeconfig: Path, tmp_path: Path) -> None:
    kubeconfig.write_text(kubeconfig.read_text().replace("192.0.2.1:6443", "127.0.0.1:9"))
    request = Request(access.find([kubeconfig]), "aws", values_for("aws", tmp_path), budget=Budget(1, prices=PRICES))
    seen = preview.preview(request)
    assert len(seen.missing) == 2
    for line in (
        "  AWSMachineTemplate seatrial-workers", "0.1000 an hour  (1 x, a list)",
        "refused: it would cost 3.09 USD in 6 hours; the ceiling is 1.00",
        "refused: the cluster at https://127.0.0.1:9 cannot be reached",
        "  not counted: traffic,",
    ):  # fmt: skip
        assert line in seen.text(), seen.text()
    file = tmp_path / "cluster.toml"
    file.write_text('template = "aws"')
    assert settings.names_template(file)
    file.write_text('module = "eks"')
    assert not settings.names_template(file)
