"""The janitor on an Azure that is played on loopback: what has expired goes in its order, everything else stays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.cloud.azure import Azure
from fixtures.cloud.azure_kinds import group_of, rank, type_of
from fixtures.cloud.janitor import Swept, sweep
from fixtures.clusters.tofu.policy import EXPIRES, LEASE, OWNER
from reports.model import EnvironmentUnfit
from suites.selftest.cloud.azure_scenes import CLUSTERS, GROUPS, INTERFACES, MACHINES, NETWORKS, VOLUMES, aks, capz
from suites.selftest.cloud.emulated_azure import SUBSCRIPTION, EmulatedAzure, emulated_azure, refusal
from suites.selftest.cloud.marking import ROOT, janitor, marks

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[EmulatedAzure]:
    """An empty subscription."""
    with emulated_azure(tmp_path) as running:
        yield running
        assert running.wrong == []


def swept(owner: str = "team-a", delete: bool = True, regions: tuple[str, ...] = ()) -> Swept:
    """What the janitor does, with short pauses."""
    return sweep(Azure(regions, seconds=20, pause=0.02), owner, delete)


def there(azure: EmulatedAzure) -> set[str]:
    """All ids."""
    return {*azure.groups, *azure.things}


@pytest.mark.parametrize("scene", [aks, capz])
def test_expired_cluster_is_listed_first_and_removed_when_asked(azure: EmulatedAzure, scene: Any) -> None:
    made = scene(azure, marks(1, -1))
    before = there(azure)
    told = swept("Team A", delete=False)
    assert (told.left, there(azure)) == (len(made), before), told.lines
    assert not any(call.startswith("DELETE") for call in azure.calls)
    told = swept("Team A")
    assert (told.left, there(azure)) == (0, set()), told.lines
    assert {line.split()[1] for line in told.lines} == set(made)


@pytest.mark.parametrize("scene", [aks, capz])
@pytest.mark.parametrize("change", [
    {EXPIRES: marks(1, 1)[EXPIRES]}, {OWNER: "team-b"}, {EXPIRES: "soon"}, {EXPIRES: ""}, {LEASE: "production"},
])  # fmt: skip
def test_what_is_not_expired_not_readable_or_of_others_stays(
    azure: EmulatedAzure, scene: Any, change: dict[str, str]
) -> None:
    made = scene(azure, {**marks(1, -1), **change})
    before = there(azure)
    told = swept()
    assert (told.left, there(azure)) == (0, before)
    assert len(told.lines) == len(made)
    assert all(line.startswith("stays: ") for line in told.lines)


def test_what_carries_other_tags_is_not_even_listed(azure: EmulatedAzure) -> None:
    strange = {f"x{key}" if key == LEASE else key: value for key, value in marks(1, -1).items()}
    group = azure.group("seatrial-00000001", strange)
    azure.put(group, VOLUMES, "seatrial-00000001", {"team": "team-a"})
    azure.put(group, VOLUMES, "no-tags")
    before = there(azure)
    assert swept("").lines == ("nothing there carries our marks",)
    assert there(azure) == before


def test_tag_whose_name_was_written_otherwise_is_ours(azure: EmulatedAzure) -> None:
    azure.put(azure.group("g", None), VOLUMES, "d", {key.title(): value for key, value in marks(1, -1).items()})
    assert swept().left == 0
    assert there(azure) == {f"/subscriptions/{SUBSCRIPTION}/resourcegroups/g"}


def test_expired_cluster_beside_others_goes_alone(azure: EmulatedAzure) -> None:
    aks(azure, marks(1, 1))
    capz(azure, marks(2, -1, owner="team-b"))
    stay = there(azure)
    aks(azure, marks(3, -1))
    capz(azure, marks(4, -1))
    told = swept()
    assert (told.left, there(azure)) == (0, stay), told.lines


def test_lone_things_in_a_group_of_others_go_in_their_order(azure: EmulatedAzure) -> None:
    group, tags = azure.group("shared", {"team": "all"}), marks(1, -1)
    theirs = azure.put(group, VOLUMES, "theirs")
    network = azure.put(group, NETWORKS, "net", tags)
    interface = azure.put(group, INTERFACES, "nic", tags, network)
    azure.put(group, MACHINES, "vm", tags, interface)
    assert swept().left == 0
    assert there(azure) == {group.lower(), theirs.lower()}


@pytest.mark.parametrize(("name", "tags", "told"), [
    ("shared", None, "carries no marks, and its own name does not hold the lease"),
    ("seatrial-00000001", marks(2, 1), "which stays"),
    ("seatrial-00000001", marks(1, -1, owner="team-b"), "which stays"),
])  # fmt: skip
def test_group_that_holds_what_stays_is_not_removed_whole(
    azure: EmulatedAzure, name: str, tags: dict[str, str] | None, told: str
) -> None:
    group = azure.group(name, marks(1, -1))
    azure.put(group, VOLUMES, "ours", marks(1, -1))
    kept = azure.put(group, VOLUMES, "theirs", tags)
    swept_up = swept()
    assert (swept_up.left, there(azure)) == (1, {group.lower(), kept.lower()}), swept_up.lines
    (left,) = [line for line in swept_up.lines if line.startswith("left: ")]
    assert told in left
    assert left.endswith(f"by hand: az group delete --name {name} --subscription {SUBSCRIPTION}")


def test_nodes_of_a_cluster_that_lost_its_tags_stay(azure: EmulatedAzure) -> None:
    aks(azure, marks(1, -1))
    cluster = azure.group("kept", None)
    kept = azure.put(cluster, CLUSTERS, "kept", {})
    nodes = azure.group("seatrial-00000002-nodes", marks(2, -1), managed_by=kept)
    told = swept()
    assert (told.left, there(azure)) == (1, {item.lower() for item in (cluster, kept, nodes)}), told.lines
    assert "is still there, which manages it" in " ".join(told.lines)


def test_group_of_nodes_whose_cluster_is_gone_goes(azure: EmulatedAzure) -> None:
    gone = azure.put(azure.group("other", None), CLUSTERS, "gone")
    azure.group("seatrial-00000002-nodes", marks(2, -1), managed_by=gone)
    azure.put(azure.group("another", None), CLUSTERS, "tells-the-version")
    del azure.things[gone.lower()]
    assert swept().left == 0
    assert not [name for name in there(azure) if "seatrial" in name]


def test_locked_group_is_left_with_its_command_and_not_tried_again(azure: EmulatedAzure) -> None:
    made = capz(azure, marks(1, -1))
    capz(azure, marks(2, -1))
    azure.locks.add(made[1].lower())
    told = swept()
    assert (told.left, len(azure.groups)) == (len(made), 1)
    assert sum(call.endswith("00000001") for call in azure.calls if call.startswith("DELETE")) == 1
    assert "az lock list" in " ".join(told.lines)
    assert "az group delete --name staging-seatrial-00000001" in " ".join(told.lines)


def test_group_whose_removal_is_blocked_is_left_after_its_time(azure: EmulatedAzure) -> None:
    made = capz(azure, marks(1, -1))
    user = azure.put(azure.group("theirs", None), INTERFACES, "nic", None, made[1])
    told = sweep(Azure(seconds=5, pause=0.02), "", delete=True)
    assert told.left == len(made)
    assert f"is blocked by {user.lower()}" in " ".join(told.lines)


def test_thing_whose_removal_fails_later_is_tried_again(azure: EmulatedAzure) -> None:
    group = azure.group("shared", None)
    network = azure.put(group, NETWORKS, "net", marks(1, -1))
    azure.put(group, GROUPS, "rules", marks(1, -1))
    busy = azure.put(group, INTERFACES, "nic", None)
    cloud = Azure(seconds=5, pause=0.02)
    found = cloud.find()
    azure.references[busy.lower()] = [network.lower()]
    reasons = cloud.remove(found)
    assert {name: reason.split(":")[0] for name, reason in reasons.items() if reason} == {network: "InUse"}
    azure.references.clear()
    assert not any(cloud.remove(found).values())
    assert there(azure) == {group.lower(), busy.lower()}


def test_refusal_for_the_number_of_requests_passes(azure: EmulatedAzure) -> None:
    azure.put(azure.group("g", None), VOLUMES, "d", marks(1, -1))
    busy = refusal(429, "TooManyRequests", "The request is being throttled.")
    azure.faults += [("GET /subscriptions", busy), ("DELETE", busy)]
    assert swept().left == 0
    assert (azure.things, azure.faults) == ({}, [])


@pytest.mark.parametrize(("status", "code", "told"), [
    (403, "AuthorizationFailed", "give the account a role that may"),
    (401, "ExpiredAuthenticationToken", "az login"),
    (404, "SubscriptionNotFound", "SubscriptionNotFound: It is so."),
])  # fmt: skip
def test_refused_listing_is_told_with_what_to_do(azure: EmulatedAzure, status: int, code: str, told: str) -> None:
    azure.faults += [("GET", refusal(status, code, "It is so."))] * 3
    with pytest.raises(EnvironmentUnfit, match=r"Azure does not tell what there is: .*It is so") as raised:
        swept()
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_right_that_is_lost_half_way_is_told_for_what_is_left(azure: EmulatedAzure) -> None:
    azure.put(azure.group("g", None), VOLUMES, "d", marks(1, -1))
    azure.faults.append(("DELETE", refusal(403, "AuthorizationFailed", "The client may not.")))
    told = swept()
    assert (told.left, len(azure.things)) == (1, 1)
    assert "The client may not.; give the account a role" in told.lines[0]
    assert "by hand: az resource delete --ids /subscriptions/" in told.lines[0]


def test_region_that_is_not_asked_for_is_left_alone(azure: EmulatedAzure) -> None:
    group = azure.group("g", None)
    far = azure.put(group, VOLUMES, "far", marks(1, -1), location="eastus")
    azure.put(group, VOLUMES, "near", marks(1, -1))
    assert swept(regions=("westeurope",)).left == 0
    assert list(azure.things) == [far.lower()]


def test_command_lists_removes_and_ends_with_its_codes(azure: EmulatedAzure) -> None:
    azure.put(azure.group("g", None), VOLUMES, "d", marks(1, -1))
    status, told = janitor("azure", "--owner", "Team A")
    assert (status, len(azure.things)) == (2, 1), told
    assert "nothing was removed; --delete removes" in told
    status, told = janitor("azure", "--owner", "Team A", "--delete")
    assert (status, azure.things) == (0, {}), told


@pytest.mark.parametrize(("name", "value", "told"), [
    ("ARM_ENDPOINT", "https://127.0.0.1:9", "it cannot be reached"),
    ("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential", "az login"),
    ("AZURE_SUBSCRIPTION_ID", "", "name the Azure subscription in AZURE_SUBSCRIPTION_ID"),
    ("AZURE_CLIENT_ID", "00000000-0000-4000-8000-00000000000f", "az login"),
])  # fmt: skip
def test_cloud_that_is_out_of_reach_is_told_in_one_line(
    azure: EmulatedAzure, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    status, output = janitor("azure", "--anybody")
    assert (status, len(output.strip().splitlines())) == (2, 1), output
    assert told in output


@pytest.mark.parametrize(("name", "kind", "group"), [
    ("/subscriptions/s/resourceGroups/G", "resourcegroups", "G"),
    ("/subscriptions/s/resourcegroups/g/providers/Microsoft.Compute/disks/n", "microsoft.compute/disks", "g"),
    ("/subscriptions/s/resourceGroups/g/providers/A.B/c/d/providers/E.F/g/h/i/j", "e.f/g/i", "g"),
])  # fmt: skip
def test_id_tells_kind_and_group(name: str, kind: str, group: str) -> None:
    assert (type_of(name), group_of(name)) == (kind, group)
    assert rank("/subscriptions/s/resourceGroups/g/providers/Any.One/k/n") < rank("/subscriptions/s/resourceGroups/g")


def test_janitor_without_the_client_tells_how_to_get_it() -> None:
    code = "import sys; sys.modules['azure.identity'] = None; from fixtures.cloud.azure import Azure; Azure()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "pip install --require-hashes -r fixtures/cloud/azure.lock" in done.stderr
