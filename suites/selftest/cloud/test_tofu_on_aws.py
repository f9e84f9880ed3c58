"""The shipped EKS module with the real AWS plugin, on an AWS that moto plays: made, marked, destroyed, and swept.

The plugin comes as `tofu init` gets it: from its registry, or from the mirror that TF_CLI_CONFIG_FILE names, then with
SEATRIAL_AWS_PLUGIN telling its version where that is 4. moto runs no Kubernetes, so the cluster is not waited for.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fixtures import lease as leases
from fixtures.cloud.aws import Aws
from fixtures.cloud.janitor import sweep
from fixtures.clusters.provider import ClusterFailed, ClusterSpec, PlanRefused
from fixtures.clusters.tofu import cluster as clusters
from fixtures.clusters.tofu.order import SHIPPED
from fixtures.clusters.tofu.policy import EXPIRES, LEASE, OWNER
from fixtures.clusters.tofu.provider import TofuProvider
from fixtures.plugin import Parts
from fixtures.wait import wait_until
from suites.selftest.cloud.emulated import REGION, Emulated, emulated
from suites.selftest.provider.clouds import tofu

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("reapers"), pytest.mark.timeout(900)]

_OVERRIDE = """
provider "aws" {{
  skip_metadata_api_check = true
  endpoints {{
    ec2 = "{0}"
    eks = "{0}"
    iam = "{0}"
    sts = "{0}"
  }}
}}
"""
# Version 4 of the plugin has to be told what later ones, which do not know the word, take for granted.
_BEFORE_5 = 'resource "aws_eip" "nat" {\n  vpc = true\n}\n'
_ORDER = """
module = "eks"
owner = "Team A"
ttl = "{ttl}"
[values]
region = "{region}"
kubernetes = "1.33"
{values}
[rules]
public_from = ["203.0.113.0/24"]
[cost]
ceiling = {ceiling}
free = ["aws_vpc", "aws_subnet", "aws_internet_gateway", "aws_route_table", "aws_route", "aws_route_table_association",
  "aws_iam_role", "aws_iam_role_policy_attachment", "aws_launch_template"]
price = [
  {{ type = "aws_eks_cluster", hourly = 0.10, source = "an example" }},
  {{ type = "aws_eks_node_group", hourly = 0.08, source = "an example", times = "scaling_config.0.max_size" }},
  {{ type = "aws_nat_gateway", hourly = 0.05, source = "an example" }},
  {{ type = "aws_eip", hourly = 0.005, source = "an example" }},
]
"""


class Bench:
    """An account, and a folder from which clusters are made in it."""

    def __init__(self, aws: Emulated, folder: Path) -> None:
        self.aws = aws
        self.folder = folder

    def spec(self, ttl: str = "2h", ceiling: float = 1.0, **values: Any) -> ClusterSpec:
        """Of the shipped module, copied beside the file, with the emulator's address laid over it."""
        module = self.folder / "eks"
        shutil.copytree(SHIPPED / "eks", module, dirs_exist_ok=True)
        (module / "emulated_override.tf").write_text(_OVERRIDE.format(self.aws.address))
        if os.environ.get("SEATRIAL_AWS_PLUGIN", "").startswith("4."):
            (module / "before_5_override.tf").write_text(_BEFORE_5)
        order = self.folder / "order.toml"
        lines = "\n".join(f"{key} = {value}" for key, value in values.items())
        order.write_text(_ORDER.format(ttl=ttl, region=REGION, values=lines, ceiling=ceiling))
        return ClusterSpec("selftest", Parts({}, ""), self.folder / "run", settings=order)

    def create(self, spec: ClusterSpec) -> clusters.TofuCluster:
        """Skips where the plugin cannot be had."""
        try:
            return TofuProvider().create(spec)
        except ClusterFailed as error:
            if str(error).startswith("tofu init failed"):
                pytest.skip(f"there is no AWS plugin to be had: {error}")
            raise


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """An empty account, and leases of its own."""
    tofu()
    monkeypatch.setenv("SEATRIAL_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(clusters.TofuCluster, "wait_until_ready", lambda *_: None)
    with emulated() as aws:
        yield Bench(aws, tmp_path)


def test_cluster_is_made_marked_watched_and_destroyed(bench: Bench) -> None:
    empty = bench.aws.there()
    made = bench.create(bench.spec(public_from='["203.0.113.7/32"]'))
    full = bench.aws.there()
    assert all(full[kind] > empty[kind] for kind in empty if kind != "instance" and kind != "group")
    marked = [item for item in Aws([REGION]).find() if item.marks[LEASE] == made.lease.label]
    assert {item.marks[OWNER] for item in marked} == {"team-a"}
    assert len(marked) == 14, [item.id for item in marked]
    assert "exec:" in made.kubeconfig.read_text() or '"exec"' in made.kubeconfig.read_text()
    invented = made.incidents()
    assert {line.split()[0] for line in invented} <= {"aws_eks_node_group.this", "aws_launch_template.nodes"}, (
        "moto gives node groups a key that nobody asked for, and templates other words; it invents nothing else"
    )
    ec2 = bench.aws.client("ec2")
    vpc = next(item.id.rpartition("/")[2] for item in marked if ":vpc/" in item.id)
    ec2.delete_tags(Resources=[vpc], Tags=[{"Key": OWNER}])
    assert [line for line in made.incidents() if line not in invented] == [
        "aws_vpc.this is not as it was made: tofu would update it, since somebody else changed it"
    ]
    assert (made.destroy(), bench.aws.there(), leases.leases()) == ([], empty, [])


def test_plan_that_is_too_dear_or_too_open_makes_nothing(bench: Bench) -> None:
    empty = bench.aws.there()
    with pytest.raises(PlanRefused, match=r"it would cost 0.63 USD in 2 hours; the ceiling is 0.62"):
        bench.create(bench.spec(ceiling=0.62))
    with pytest.raises(PlanRefused, match=r"its endpoint is public for 198.51.100.0/24"):
        bench.create(bench.spec(public_from='["198.51.100.0/24"]'))
    with pytest.raises(ClusterFailed, match="A test cluster has 1 to 10 nodes"):
        bench.create(bench.spec(nodes=11))
    assert (bench.aws.there(), leases.leases()) == (empty, [])


def test_what_a_killed_tofu_did_not_note_is_swept_once_it_has_expired(bench: Bench) -> None:
    empty = bench.aws.there()
    with ThreadPoolExecutor() as pool:
        creation = pool.submit(bench.create, bench.spec(ttl="1m"))
        vpcs = bench.aws.client("ec2").describe_vpcs
        wait_until("a network is there", lambda: creation.done() or len(vpcs()["Vpcs"]) > 1, 300, interval=0.02)
        if creation.done():
            creation.result()
        found = TofuProvider().find(bench.folder / "run")
        assert found is not None
        for pid in found.work.others():
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(ClusterFailed, match="perhaps made, for tofu was killed before it noted it"):
            creation.result(300)
    assert bench.aws.there() != empty
    shutil.rmtree(found.work.folder)
    assert leases.leases()[0].release()
    until = datetime.strptime(Aws([REGION]).find()[0].marks[EXPIRES], "%Y%m%dt%H%M%Sz").replace(tzinfo=UTC).timestamp()
    wait_until("its time has passed", lambda: time.time() > until, 120)
    swept = sweep(Aws([REGION], pause=0.1), "Team A", delete=True)
    assert (swept.left, bench.aws.there()) == (0, empty), swept.lines
