"""What a plan may not do, what it may cost, what is wrong with a user's file: pure, on plans as tofu writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.clusters import cost
from fixtures.clusters.tofu import order, planned, policy

MARKS = {policy.LEASE: "seatrial-00000001", policy.OWNER: "me", policy.EXPIRES: "20261125t120000z"}
RULES = policy.Rules(MARKS)


def plan_of(kind: str, after: dict[str, Any], unknown: dict[str, Any] | None = None, **more: Any) -> planned.Plan:
    """A plan with one resource in it."""
    change = {"actions": ["create"], "after": after, "after_unknown": unknown or {}, **more.pop("change", {})}
    item = {"address": f"{kind}.x", "type": kind, "mode": "managed", "provider_name": "cloud", "change": change}
    module: dict[str, Any] = {"variables": {policy.VARIABLE: {}}}
    return planned.read(
        {"format_version": "1.2", "resource_changes": [{**item, **more}], "configuration": {"root_module": module}}
    )


def refused(kind: str, after: dict[str, Any], rules: policy.Rules = RULES, **more: Any) -> list[str]:
    """What the policy says of it."""
    return policy.refusals(plan_of(kind, after, **more), rules)


EKS = {"tags_all": MARKS, "vpc_config": [{"endpoint_public_access": False, "public_access_cidrs": None}]}


@pytest.mark.parametrize(
    ("kind", "after"),
    [
        ("aws_vpc", {"tags": None, "tags_all": MARKS, "cidr_block": "10.0.0.0/16"}),
        ("aws_vpc", {"tags_all": {**MARKS, "team": "x"}}),
        ("aws_iam_role_policy_attachment", {"role": "x"}),
        ("aws_eks_cluster", EKS),
        ("aws_route", {"destination_cidr_block": "0.0.0.0/0"}),
        ("aws_security_group", {"tags_all": MARKS, "egress": [{"cidr_blocks": ["0.0.0.0/0"]}], "ingress": []}),
        ("aws_security_group_rule", {"type": "egress", "cidr_blocks": ["0.0.0.0/0"]}),
        ("google_compute_instance", {"tags": ["http"], "labels": None, "effective_labels": MARKS}),
        ("google_compute_firewall", {"direction": "EGRESS", "destination_ranges": ["0.0.0.0/0"]}),
        ("google_compute_network", {"description": "of x: " + " ".join(f"{key}={MARKS[key]}" for key in MARKS)}),
        ("google_project_service", {"description": None}),
        ("azurerm_kubernetes_cluster", {"tags": MARKS, "private_cluster_enabled": True}),
        ("kubectl_manifest", {"yaml_body": json.dumps({"metadata": {"labels": MARKS}})}),
        ("kubernetes_manifest", {"manifest": {"metadata": {"labels": {**MARKS, "app": "x"}}}}),
    ],
)
def test_plan_that_keeps_the_rules_is_not_refused(kind: str, after: dict[str, Any]) -> None:
    assert refused(kind, after) == []


@pytest.mark.parametrize(
    ("kind", "after", "said"),
    [
        ("aws_vpc", {"tags_all": None}, "tags_all lack seatrial-expires, seatrial-lease, seatrial-owner"),
        ("aws_vpc", {"tags_all": {**MARKS, policy.LEASE: "seatrial-00000002"}}, "lack seatrial-lease"),
        ("google_container_node_pool", {"effective_labels": {}}, "effective_labels lack"),
        ("google_compute_router", {"description": None}, "description lacks seatrial-expires, seatrial-lease"),
        (
            "google_compute_network",
            {"description": f"{policy.LEASE}={MARKS[policy.LEASE]}0"},
            "lacks seatrial-expires,",
        ),
        ("google_compute_network", {"labels": {"a": "b"}, "tags": ["x"]}, "labels lack"),
        ("aws_eks_cluster", {**EKS, "vpc_config": [{"endpoint_public_access": True}]}, "its endpoint is public"),
        ("aws_eks_cluster", {"tags_all": MARKS, "vpc_config": []}, "its endpoint is public"),
        ("google_container_cluster", {"resource_labels": MARKS}, "its endpoint is public"),
        ("azurerm_kubernetes_cluster", {"tags": MARKS}, "its endpoint is public"),
        ("aws_security_group", {"ingress": [{"cidr_blocks": ["10.0.0.0/8", "0.0.0.0/0"]}]}, "0.0.0.0/0: everybody"),
        ("aws_vpc_security_group_ingress_rule", {"tags_all": MARKS, "cidr_ipv6": "::/0"}, "::/0: everybody"),
        ("google_compute_firewall", {"direction": "INGRESS", "source_ranges": ["0.0.0.0/0"]}, "everybody"),
        ("azurerm_network_security_rule", {"direction": "Inbound", "source_address_prefix": "*"}, "everybody"),
        ("aws_subnet", {"tags_all": MARKS, "map_public_ip_on_launch": True}, "map_public_ip_on_launch is true"),
        ("kubectl_manifest", {"yaml_body": json.dumps({"metadata": {"name": "x"}})}, "yaml_body.metadata.labels lack"),
        ("kubectl_manifest", {"yaml_body": "metadata:\n  name: x\n"}, "the object is no JSON"),
        (
            "kubernetes_manifest",
            {"manifest": {"metadata": {"labels": {policy.LEASE: "x"}}}},
            "manifest.metadata.labels",
        ),
        (
            "kubectl_manifest",
            {"yaml_body": json.dumps({"spec": {"from": [{"cidr": "0.0.0.0/0"}]}})},
            "0.0.0.0/0: everybody",
        ),
    ],
)
def test_plan_that_breaks_a_rule_is_refused_with_the_reason(kind: str, after: dict[str, Any], said: str) -> None:
    found = refused(kind, after)
    assert any(line.startswith(f"{kind}.x: ") and said in line for line in found), found


def test_what_is_not_known_before_the_apply_is_refused() -> None:
    assert refused("aws_vpc", {}, unknown={"tags_all": True}) == ["aws_vpc.x: tags_all are not known before the apply"]
    assert refused("google_compute_firewall", {"direction": "INGRESS"}, unknown={"source_ranges": True})
    assert refused("aws_instance", {"tags_all": MARKS}, unknown={"associate_public_ip_address": True})
    assert refused("kubectl_manifest", {}, unknown={"yaml_body": True})
    assert refused("kubernetes_manifest", {"manifest": {}}, unknown={"manifest": {"metadata": True}})


def test_endpoint_is_open_to_the_ranges_that_are_named_and_no_others() -> None:
    fenced = {"endpoint_public_access": True, "public_access_cidrs": ["203.0.113.4/32"]}
    after = {**EKS, "vpc_config": [fenced]}
    office = policy.Rules(MARKS, public_from=("203.0.113.0/24",))
    assert refused("aws_eks_cluster", after, office) == []
    assert len(refused("aws_eks_cluster", after)) == 1
    wider = {**EKS, "vpc_config": [{**fenced, "public_access_cidrs": ["203.0.0.0/16"]}]}
    assert len(refused("aws_eks_cluster", wider, office)) == 1
    assert refused("aws_eks_cluster", wider, policy.Rules(MARKS, allow_public=True)) == []


@pytest.mark.parametrize("actions", [["delete"], ["delete", "create"], ["create", "delete"], ["update"], ["forget"]])
def test_plan_that_touches_what_is_there_is_refused(actions: list[str]) -> None:
    assert refused("aws_iam_role_policy_attachment", {}, change={"actions": actions})[0].endswith("what is not ours")


def test_plan_that_imports_is_refused() -> None:
    said = refused("aws_vpc", {"tags_all": MARKS}, change={"actions": ["no-op"], "importing": {"id": "vpc-1"}})
    assert said == ["aws_vpc.x: it imports what is there already, which is not ours"]


def test_module_that_takes_no_marks_is_refused() -> None:
    plan = planned.read({"format_version": "1.0", "configuration": {"root_module": {}}})
    assert policy.refusals(plan, RULES) == ['the module declares no variable "seatrial_tags" (a map of strings)']


@pytest.mark.parametrize("data", [{}, [], None, {"format_version": "2.0"}, {"format_version": "1.2", "errored": True}])
def test_text_that_is_no_plan_is_refused(data: Any) -> None:
    with pytest.raises(planned.NotAPlan):
        planned.read(data)


def test_evidence_of_a_plan_holds_no_sensitive_value() -> None:
    change = {"after_sensitive": {"password": True, "nested": [{"key": True}]}}
    after = {"password": "swordfish", "nested": [{"key": "swordfish", "name": "n"}], "size": 3}
    kept = planned.evidence(plan_of("aws_db_instance", after, change=change))
    assert "swordfish" not in str(kept)
    assert kept["changes"][0]["after"] == {
        "password": planned.HIDDEN, "nested": [{"key": planned.HIDDEN, "name": "n"}], "size": 3,
    }  # fmt: skip


def test_state_with_other_marks_is_not_ours() -> None:
    def state(tags: Any) -> dict[str, Any]:
        held = {"address": "aws_vpc.x", "type": "aws_vpc", "mode": "managed", "values": {"tags_all": tags}}
        return {"values": {"root_module": {"child_modules": [{"resources": [held]}]}}}

    lease = MARKS[policy.LEASE]
    assert policy.strangers(state(MARKS), lease) == []
    assert policy.strangers(state({**MARKS, policy.LEASE: "seatrial-00000002"}), lease) == ["aws_vpc.x"]
    assert policy.strangers(state({"team": "theirs"}), lease) == ["aws_vpc.x"]
    assert policy.strangers(state({"team": "theirs"}), lease, {"aws_vpc"}) == []
    known = {"address": "kubectl_manifest.x", "mode": "managed"}
    other = {**MARKS, policy.LEASE: "seatrial-00000002"}
    for text, found in ((json.dumps({"metadata": {"labels": other}}), ["kubectl_manifest.x"]), ("kind: Pod", [])):
        held = {**known, "type": "kubectl_manifest", "values": {"yaml_body": text}}
        assert policy.strangers({"values": {"root_module": {"resources": [held]}}}, lease) == found
    assert policy.strangers(state(None), lease) == [], "an apply that was cut short notes no tags"


POOL = plan_of(
    "aws_eks_node_group", {"instance_types": ["t3.large"], "scaling_config": [{"max_size": 3}], "capacity_type": "SPOT"}
)
PRICE = cost.Price("aws_eks_node_group", 0.1, "a list", {"instance_types.0": "t3.large"}, "scaling_config.0.max_size")


def test_cost_is_what_the_prices_say_for_the_time_it_stays() -> None:
    made = cost.estimate(POOL.items, cost.Budget(1, prices=(PRICE,)), hours=4)
    assert made.total == pytest.approx(1.2)
    assert cost.refusals(made, 1.2) == []
    assert cost.refusals(made, 1.19) == ["it would cost 1.20 USD in 4 hours; the ceiling is 1.19"]
    assert "a list" in made.text()


@pytest.mark.parametrize(
    "price",
    [
        cost.Price("aws_eks_node_group", 0.1, "", {"instance_types.0": "m5.large"}),
        cost.Price("aws_eks_node_group", 0.1, "", {}, times="scaling_config.0.size"),
        cost.Price("aws_eks_cluster", 0.1, "", {}),
    ],
)
def test_resource_without_a_price_is_refused_unless_it_is_free(price: cost.Price) -> None:
    made = cost.estimate(POOL.items, cost.Budget(100, prices=(price,)), hours=1)
    assert cost.refusals(made, 100)[0].startswith("aws_eks_node_group.x: there is no price for it")
    free = cost.Budget(0, free=frozenset({"aws_eks_node_group"}))
    assert cost.refusals(cost.estimate(POOL.items, free, 1), 0) == []


@given(st.text())
def test_owner_becomes_a_value_that_all_clouds_take(text: str) -> None:
    value = order.label_value(text)
    assert len(value) <= 63
    assert set(value) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")


GOOD = 'module = "m"\nowner = "me"\nttl = "2h"\n[cost]\nceiling = 1\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "module: it is missing"),
        (GOOD.replace("ttl", "tll"), 'tll: there is no such key; did you mean "ttl"?'),
        (GOOD.replace('"2h"', '"2 hours"'), "ttl: "),
        (GOOD.replace('"2h"', '"15d"'), "14d at most"),
        ('ready_within = "soon"\n' + GOOD, 'ready_within: "soon" is no time'),
        (GOOD.replace("ceiling = 1", "ceiling = true"), "cost.ceiling: True is of another type"),
        (GOOD.replace("ceiling = 1", "ceiling = -1"), "cost.ceiling: it is below 0"),
        (GOOD.replace("[cost]\nceiling = 1", "cost = 3"), "cost: 3 is of another type"),
        (GOOD + "[values]\ndb_password = 'x'\n", "set TF_VAR_db_password"),
        (GOOD + "[[cost.price]]\ntype = 'aws_vpc'\n", "cost.price.hourly: it is missing"),
        (GOOD.replace('"m"', '"n"'), "holds no .tf file"),
        ("module = ", "it is no TOML"),
    ],
)
def test_file_that_is_wrong_is_told_by_its_key(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "main.tf").touch()
    (tmp_path / "order.toml").write_text(text)
    with pytest.raises(order.WrongOrder) as told:
        order.read(tmp_path / "order.toml")
    assert said in str(told.value)


def test_file_that_is_right_is_read(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "main.tf").touch()
    (tmp_path / "order.toml").write_text('ready_within = "45m"\n' + GOOD)
    asked = order.read(tmp_path / "order.toml")
    assert (asked.ttl, asked.ready_within) == (7200, 2700)


@pytest.mark.parametrize("module", sorted(path.name for path in order.SHIPPED.iterdir() if path.is_dir()))
def test_shipped_module_takes_marks_and_gives_a_kubeconfig(module: str) -> None:
    text = "\n".join(path.read_text() for path in (order.SHIPPED / module).glob("*.tf"))
    assert f'variable "{policy.VARIABLE}" {{' in text
    assert 'output "kubeconfig" {' in text
