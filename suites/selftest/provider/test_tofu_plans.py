"""The shipped GKE and AKS modules planned by their real plugins, judged and priced. No cloud is there to be asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.clusters.provider import ClusterFailed
from fixtures.clusters.tofu.provider import Preview, TofuProvider
from fixtures.plugin import Parts
from suites.selftest.provider.clouds import tofu
from suites.selftest.provider.plugins import copy, mirror

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("reapers"), pytest.mark.timeout(300)]

_ORDER = """
module = "{module}"
owner = "Team A"
ttl = "10h"
[values]
{values}
kubernetes = "1.33"
[rules]
public_from = ["203.0.113.0/24"]
[cost]
ceiling = {ceiling}
"""
_VALUES = {
    "gke": 'project = "a-project"\nregion = "europe-west3"\nzone = "europe-west3-a"',
    "aks": 'location = "westeurope"',
}
_PRICES = {
    "gke": """
free = ["google_compute_network", "google_compute_subnetwork", "google_compute_router"]
[[cost.price]]
type = "google_container_cluster"
hourly = 0.10
source = "an example"
[[cost.price]]
type = "google_compute_router_nat"
hourly = 0.05
source = "an example"
[[cost.price]]
type = "google_container_node_pool"
hourly = 0.08
times = "node_count"
where = { "node_config.0.machine_type" = "e2-standard-2" }
source = "an example"
""",
    "aks": """
free = ["azurerm_resource_group"]
[[cost.price]]
type = "azurerm_kubernetes_cluster"
hourly = 0.10
times = "default_node_pool.0.node_count"
where = { "default_node_pool.0.vm_size" = "Standard_D2s_v5" }
source = "an example"
""",
}
_MADE = {
    "gke": {
        "google_compute_network", "google_compute_subnetwork", "google_compute_router", "google_compute_router_nat",
        "google_container_cluster", "google_container_node_pool",
    },
    "aks": {"azurerm_resource_group", "azurerm_kubernetes_cluster"},
}  # fmt: skip
#: What ten hours cost: two nodes, and for GKE the cluster and the way out.
_TOTAL = {"gke": 3.1, "aks": 2.0}
Planned = Callable[..., Preview]


@pytest.fixture(params=["gke", "aks"])
def module(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planned:
    """Plans a copy of a module, some text of which may be changed. Log-ins are such that no plugin asks for one."""
    tofu()
    monkeypatch.setenv("SEATRIAL_STATE", str(tmp_path / "state"))
    # Whoever still asked somebody would be refused on loopback.
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "none")
    zero = "00000000-0000-0000-0000-000000000000"
    login = {"SUBSCRIPTION_ID": zero, "TENANT_ID": zero, "USE_MSI": "true", "MSI_ENDPOINT": "http://127.0.0.1:9"}
    for name, value in {**login, "SKIP_PROVIDER_REGISTRATION": "true", "PROVIDER_ENHANCED_VALIDATION": "false"}.items():
        monkeypatch.setenv(f"ARM_{name}", value)

    def plan(module: str, pattern: str = "", instead: str = "", ceiling: float = 10, **values: str) -> Preview:
        monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(mirror(module, tmp_path)))
        main = copy(module, tmp_path) / "main.tf"
        if pattern:
            text, count = re.subn(pattern, instead, main.read_text(), count=1, flags=re.DOTALL)
            assert count == 1, f"{pattern} stands {count} times"
            main.write_text(text)
        given = "\n".join([_VALUES[module], *(f"{name} = {value}" for name, value in values.items())])
        order = tmp_path / "order.toml"
        order.write_text(_ORDER.format(module=main.parent, values=given, ceiling=ceiling) + _PRICES[module])
        return TofuProvider().preview(order, Parts({}, ""))

    return plan


def test_plan_of_the_module_is_not_refused_and_priced(planned: Planned, module: str) -> None:
    seen = planned(module)
    assert {change.type for change in seen.plan.created} == _MADE[module]
    assert seen.problems == ()
    assert seen.estimate.total == pytest.approx(_TOTAL[module])


def test_plan_that_is_too_dear_is_refused(planned: Planned, module: str) -> None:
    seen = planned(module, ceiling=_TOTAL[module] - 0.01)
    assert [line for line in seen.problems if "the ceiling is" in line] == list(seen.problems)
    assert len(seen.problems) == 1


def test_plan_with_a_machine_of_no_price_is_refused(planned: Planned, module: str) -> None:
    (problem,) = planned(module, machine='"another"').problems
    assert "there is no price for it" in problem


def test_endpoint_is_open_to_the_ranges_that_are_named_and_no_others(planned: Planned, module: str) -> None:
    (problem,) = planned(module, public_from='["203.0.113.7/32", "198.51.100.7/32"]').problems
    assert "its endpoint is public for 198.51.100.7/32, which public_from does not name" in problem


def test_endpoint_is_open_to_ranges_that_are_named(planned: Planned, module: str) -> None:
    assert planned(module, public_from='["203.0.113.7/32"]').problems == ()


@pytest.mark.parametrize(
    ("module", "pattern", "instead", "said"),
    [
        ("gke", r"(resource_labels +)= var.seatrial_tags", r"\1= {}", "resource_labels lack seatrial-expires, sea"),
        ("gke", r"(enable_private_endpoint = ).*?\n", r"\1false\n", "its endpoint is public, and reachable from"),
        ("aks", r"(\n  tags +)= var.seatrial_tags", r"\1= { team = var.nodes }", "tags lack seatrial-expires, sea"),
        ("aks", r"(private_cluster_enabled = ).*?\n", r"\1false\n", "its endpoint is public, and reachable from"),
    ],
)
def test_module_that_was_spoilt_is_refused(
    planned: Planned, module: str, pattern: str, instead: str, said: str
) -> None:
    assert any(said in line for line in planned(module, pattern, instead).problems)


def test_wrong_value_is_told_by_its_variable(planned: Planned, module: str) -> None:
    with pytest.raises(ClusterFailed, match="A test cluster has 1 to 10 nodes"):
        planned(module, nodes="11")
