"""What OpenTofu made is destroyed, however the run ends, or told of: with the real program, on a folder as a cloud."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fixtures import lease as leases
from fixtures.clusters.provider import ClusterFailed, PlanRefused
from fixtures.clusters.state import read_state
from fixtures.clusters.tofu import cluster as clusters
from fixtures.clusters.tofu.order import SHIPPED
from fixtures.clusters.tofu.provider import TofuProvider
from fixtures.wait import wait_until
from suites.selftest.provider.clouds import Cloud, tofu
from suites.selftest.provider.traces import traces_of

# A reaper of one of these tests would take away what another makes under a lease folder of its own.
pytestmark = [pytest.mark.full, pytest.mark.xdist_group("reapers"), pytest.mark.timeout(300)]


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """An empty one, with leases of its own. No cluster comes up in it: the API server is never reached."""
    tofu()
    (tmp_path / "things").mkdir()
    monkeypatch.setenv("SEATRIAL_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(clusters.TofuCluster, "wait_until_ready", lambda *_: None)
    return Cloud(tmp_path)


def test_cluster_made_and_destroyed_leaves_nothing(cloud: Cloud) -> None:
    made = TofuProvider().create(cloud.spec(cloud.order()))
    assert cloud.things == ["first", "first.second"]
    label = made.lease.label
    assert traces_of(label)
    assert (made.destroy(), cloud.things, traces_of(label)) == ([], [], [])
    assert made.destroy() == [], "ending it again is no error"


def test_module_is_given_marks_that_name_lease_run_owner_and_expiry(cloud: Cloud) -> None:
    made = TofuProvider().create(cloud.spec(cloud.order(), run="20261125-Nightly"))
    try:
        given = json.loads((made.work.module / "seatrial.auto.tfvars.json").read_text())["seatrial_tags"]
        expires = given.pop("seatrial-expires")
        assert given == {
            "seatrial-lease": made.lease.label, "seatrial-run": "20261125-nightly", "seatrial-owner": "the-selftest"
        }  # fmt: skip
        assert read_state(cloud.folder / "run")["expires"] == expires
    finally:
        assert made.destroy() == []


def test_state_and_kubeconfig_are_for_their_owner_alone_and_no_evidence(cloud: Cloud) -> None:
    made = TofuProvider().create(cloud.spec(cloud.order(kubeconfig="apiVersion: v1 # hidden-word")))
    try:
        for path in (made.work.state, made.kubeconfig, made.work.plan, made.work.module / "seatrial.auto.tfvars.json"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert stat.S_IMODE(made.work.folder.stat().st_mode) == 0o700
        assert "hidden-word" in made.work.state.read_text()
        kept = [path for path in (cloud.folder / "run").rglob("*") if path.is_file()]
        assert {path.name for path in kept} >= {"plan.json", "estimate.txt", "state.json", "tofu.log"}
        assert [path for path in kept if "hidden-word" in path.read_text()] == []
    finally:
        assert made.destroy() == []


def test_apply_that_fails_half_way_is_told_and_destroyed(cloud: Cloud) -> None:
    with pytest.raises(ClusterFailed, match=r"(?s)tofu apply failed: .*the quota is used up.*what to do: .*quota"):
        TofuProvider().create(cloud.spec(cloud.order(fails=True)))
    assert (cloud.things, leases.leases()) == ([], [])
    assert read_state(cloud.folder / "run")["phase"] == "failed"


def test_apply_that_fails_and_cannot_be_destroyed_lists_what_is_left_and_the_command(cloud: Cloud) -> None:
    block = cloud.folder / "block"
    block.touch()
    with pytest.raises(ClusterFailed, match=r"(?s)left: terraform_data.first of seatrial-.*pipelines clean.*by hand"):
        TofuProvider().create(cloud.spec(cloud.order(fails=True, blocked=block)))
    assert cloud.things
    again = leases.reap()
    assert [line for line in again if "destroy it with" in line] == [], "the owner lives, so nobody reaps it"
    block.unlink()
    assert cloud.work().destroy() == []
    assert (cloud.things, leases.leases()) == ([], [])


@pytest.mark.parametrize("seconds", [0, 600])
def test_owner_killed_leaves_nothing_after_clean(cloud: Cloud, seconds: int) -> None:
    order = cloud.order(seconds=seconds)
    with cloud.owner(order) as owner:
        wait_until("the second thing is begun", lambda: "first.second" in cloud.things, 120, interval=0.01)
        label = read_state(cloud.folder / "run")["label"]
        owner.kill()
        owner.wait()
    told = leases.reap(orphans=True)
    assert [line for line in told if line.startswith("left:")] == []
    assert [line for line in told if line.startswith("terraform_data.first")]
    assert (cloud.things, traces_of(label), leases.leases()) == ([], [], [])


def test_owner_killed_where_nothing_can_be_destroyed_is_listed_until_it_can(cloud: Cloud) -> None:
    block = cloud.folder / "block"
    with cloud.owner(cloud.order(seconds=600, blocked=block)) as owner:
        wait_until("the second thing is begun", lambda: "first.second" in cloud.things, 120, interval=0.01)
        block.touch()
        owner.kill()
        owner.wait()
    for _ in range(2):
        told = leases.reap()
        assert any(line.startswith("left: destroy it with python -m pipelines clean") for line in told), told
        assert "first" in cloud.things
    block.unlink()
    assert [line for line in leases.reap() if line.startswith("left:")] == []
    assert (cloud.things, leases.leases()) == ([], [])


def test_kept_cluster_stays_until_its_time_has_passed(cloud: Cloud) -> None:
    made = TofuProvider().create(cloud.spec(cloud.order(), keep=True))
    held = leases.leases()[0]
    assert held.kept
    assert abs(held.expires - time.time() - 7200) < 600
    gone = leases.Owner(1 << 22, "1", held.owner.boot)  # no process has such an id
    lasting = leases.Lease(held.label, held.purpose, gone, held.root)
    lasting.keep(held.expires)
    assert leases.reap() == []
    assert len(cloud.things) == 2
    lasting.keep(time.time() - 1)
    assert [line for line in leases.reap() if line.startswith("left:")] == []
    assert (cloud.things, traces_of(made.lease.label)) == ([], [])


def test_cluster_that_is_not_as_it_was_made_is_told(cloud: Cloud) -> None:
    made = TofuProvider().create(cloud.spec(cloud.order()))
    try:
        assert made.incidents() == []
        values = made.work.module / "seatrial.auto.tfvars.json"
        values.write_text(json.dumps({**json.loads(values.read_text()), "cloud": str(cloud.folder)}))
        assert any("is not as it was made: tofu would" in line for line in made.incidents())
    finally:
        made.destroy()


def test_plan_that_is_refused_makes_nothing(cloud: Cloud) -> None:
    with pytest.raises(PlanRefused, match=r"values.colour: the module has no such variable"):
        TofuProvider().create(cloud.spec(cloud.order(colour="red")))
    assert (cloud.things, leases.leases()) == ([], [])
    kept = json.loads((cloud.folder / "run" / "plan.json").read_text())
    assert [item["address"] for item in kept["changes"]] == ["terraform_data.first", "terraform_data.second"]
    assert len(kept["problems"]) == 1


def test_value_of_a_wrong_type_is_told_by_its_variable(cloud: Cloud) -> None:
    with pytest.raises(ClusterFailed, match=r"tofu plan failed: Error: Invalid value for input variable.*seconds"):
        TofuProvider().create(cloud.spec(cloud.order(seconds="soon")))
    assert leases.leases() == []


def test_things_that_a_killed_program_did_not_note_are_told_until_somebody_looked(cloud: Cloud) -> None:
    with ThreadPoolExecutor() as pool:
        creation = pool.submit(TofuProvider().create, cloud.spec(cloud.order(seconds=600)))
        wait_until("the second thing is begun", lambda: "first.second" in cloud.things, 120, interval=0.01)
        for pid in cloud.work().work.others():
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(ClusterFailed, match=r"tofu apply failed: (?s:.*)terraform_data.first of .*perhaps made"):
            creation.result(120)
    work = cloud.work().work
    for _ in range(2):
        told = cloud.work().destroy()
        assert [line for line in told if line.startswith("left: terraform_data.second")]
        assert told[-1].endswith(f"seatrial-lease = {work.label}; once it is gone, remove {work.folder}")
    shutil.rmtree(work.folder)
    assert leases.leases()[0].release() == [f"folder {work.folder.parent}"]
    assert leases.leases() == []


def test_program_that_is_none_is_refused_before_anything_is_made(cloud: Cloud) -> None:
    order = cloud.order()
    for program, said in (("no-such-tofu", "there is no no-such-tofu"), ("/bin/true", "is no OpenTofu or Terraform")):
        order.write_text(f'program = "{program}"\n' + cloud.order().read_text())
        with pytest.raises(ClusterFailed, match=said):
            TofuProvider().create(cloud.spec(order))
    assert leases.leases() == []


def test_shipped_modules_are_written_as_tofu_formats_them() -> None:
    done = subprocess.run([tofu(), "fmt", "-check", "-recursive", str(SHIPPED)], capture_output=True, text=True)
    assert (done.returncode, [line for line in done.stdout.splitlines() if line.endswith(".tf")]) == (0, [])
