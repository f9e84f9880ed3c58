"""Facts about the machine: complete, repairable, and without side effects."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fixtures.toolchain import machine, probes, system
from fixtures.toolchain.cache import Cache
from fixtures.toolchain.errors import CannotProvide
from fixtures.toolchain.system import SystemPackage
from pipelines import housekeeping
from pipelines.housekeeping import WIDTH
from pipelines.screen import Screen
from reports.model import EnvironmentUnfit


def test_facts_that_are_not_ok_name_a_repair(tmp_path: Path) -> None:
    found = machine.facts(Cache(tmp_path / "cache"), network=False)
    assert {"root", "disk", "memory", "system packages", "kernel overlay"} <= {fact.name for fact in found}
    assert [fact.name for fact in found if not fact.ok and not (fact.repair and fact.detail)] == []


def test_fact_of_every_name_stands_apart_from_what_doctor_says_of_it() -> None:
    names = [fact.name for fact in machine.facts(network=False)]
    assert [name for name in names if len(name) >= WIDTH] == []


def test_probes_leave_no_link_and_no_mount() -> None:
    def state() -> tuple[set[str], int]:
        return {link.name for link in Path("/sys/class/net").iterdir()}, Path("/proc/self/mountinfo").read_text().count(
            " /mnt "
        )

    before = state()
    probes.kernel.cache_clear()
    probes.kernel()
    links, mounts = state()
    assert not {name for name in links - before[0] if name.startswith("st-")}
    assert mounts == before[1]


def test_probe_agrees_with_doing_it_by_hand() -> None:
    done = subprocess.run(
        ["unshare", "--net", "ip", "link", "add", "x", "type", "veth", "peer", "y"], check=False, capture_output=True
    )
    assert ("veth" in machine.features()) == (done.returncode == 0)


def test_feature_unknown_to_the_kernel_is_refused_by_name() -> None:
    with pytest.raises(EnvironmentUnfit, match="no_such_feature"):
        machine.require("no_such_feature")


def test_missing_package_without_leave_to_install_prints_the_command() -> None:
    absent = SystemPackage("seatrial-no-such-package", "this test", ("seatrial-no-such-program",))
    with pytest.raises(CannotProvide, match="apt-get install -y --no-install-recommends seatrial-no-such-package"):
        system.ensure([absent], print, install=False)


def test_package_that_is_here_is_not_installed() -> None:
    assert system.ensure([SystemPackage("coreutils", "this test", ("ls",))], print, install=False) == []


@pytest.mark.parametrize("containers", [True, False])
def test_machine_without_writable_cgroups_is_refused_only_where_containers_are_judged(
    containers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = [machine.Fact("cgroups", False, "v2, read-only", "mount it read-write", "limits of containers", True)]
    monkeypatch.setattr("pipelines.ground.machine_facts", lambda network: without)
    refused = False
    try:
        housekeeping.require_able(Screen(), install=True, containers=containers)
    except EnvironmentUnfit as error:
        refused = "mount it read-write" in str(error)
    assert refused is containers
