"""What every provider that makes clusters must do: come up, be used, end without a trace, however it ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fixtures import lease as leases
from fixtures.clusters.choice import maker_of
from fixtures.clusters.provider import LOAD_IMAGE, NODE_EXEC, ClusterFailed
from fixtures.clusters.state import read_state
from fixtures.images.archive import Contents, build_image
from fixtures.images.catalogue import find_busybox
from fixtures.plugin import Parts
from reports.model import EnvironmentUnfit
from suites.selftest.provider.makers import NEVER_PULLED, MakerUnderTest, label_of

# A reaper of one of these tests would take away what another makes under a lease folder of its own.
pytestmark = [pytest.mark.xdist_group("reapers"), pytest.mark.timeout(900)]


def test_cluster_made_and_ended_twice_leaves_nothing_each_time(
    provider: MakerUnderTest, parts: Parts, tmp_path: Path
) -> None:
    for folder in (tmp_path, tmp_path):
        made = provider.create(parts, folder)
        label = label_of(folder)
        assert provider.traces(label), "a running cluster has to show, or the check below proves nothing"
        provider.require_work(made)
        assert (made.destroy(), provider.traces(label)) == ([], [])
        assert made.destroy() == [], "ending it again is no error"


def test_clusters_of_one_name_side_by_side_do_not_meet(provider: MakerUnderTest, parts: Parts, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda folder: provider.create(parts, folder), folders))
    try:
        provider.require_work(both[0])
        assert both[0].destroy() == []
        provider.require_work(both[1])  # the end of one takes nothing of the other along
    finally:
        left = [line for made in both for line in made.destroy()]
    assert (left, [provider.traces(label_of(folder)) for folder in folders]) == ([], [[], []])


def test_folder_of_a_running_cluster_is_refused_and_the_cluster_unharmed(
    provider: MakerUnderTest, parts: Parts, tmp_path: Path
) -> None:
    made = provider.create(parts, tmp_path)
    try:
        before = read_state(tmp_path)
        with pytest.raises(ClusterFailed, match=r"is running from .*name another folder"):
            provider.create(parts, tmp_path)
        assert read_state(tmp_path) == before
        provider.require_work(maker_of(tmp_path).attach(tmp_path))
    finally:
        assert made.destroy() == []
    with pytest.raises(ClusterFailed, match=r"no cluster is running from|is gone"):
        maker_of(tmp_path).attach(tmp_path)


def test_owner_killed_in_any_phase_leaves_nothing_after_reap(
    provider: MakerUnderTest, parts: Parts, tmp_path: Path
) -> None:
    for number, phase in enumerate(provider.phases):
        folder = tmp_path / str(number)
        with provider.owner(parts, folder) as owner:
            label = provider.reached(folder, phase)
            owner.kill()
            owner.wait()
        left = [line for line in leases.reap() if line.startswith("left:")]
        assert (phase, left, provider.traces(label)) == (phase, [], [])


def test_image_loaded_is_run_on_every_node(provider: MakerUnderTest, parts: Parts, tmp_path: Path) -> None:
    busybox = find_busybox()
    assert busybox is not None
    name = "seatrial.local/conformance:1"
    archive = build_image(name, Contents({"/busybox": busybox}), tmp_path / "image.tar")
    made = provider.create(parts, tmp_path / "run", nodes=2)
    try:
        if LOAD_IMAGE not in made.capabilities:
            with pytest.raises(EnvironmentUnfit) as told:
                made.load_image(archive)
            pytest.skip(f"could not run: {told.value}")
        made.load_image(archive)
        for node in made.nodes():
            provider.require_work(
                made,
                image=name,
                command=["/busybox", "sleep", "600"],
                node=node.name,
                container=NEVER_PULLED,
            )
    finally:
        assert made.destroy() == []


def test_program_of_a_node_that_is_killed_runs_again_and_the_node_with_it(
    provider: MakerUnderTest, parts: Parts, tmp_path: Path
) -> None:
    made = provider.create(parts, tmp_path)
    try:
        if NODE_EXEC not in made.capabilities:
            with pytest.raises(EnvironmentUnfit) as told:
                made.start_on_node("any", ["true"], "probe")
            pytest.skip(f"could not run: {told.value}")
        (node,) = made.nodes()
        for program in ("containerd", "kubelet"):
            node.restart(program)
        assert node.exec(["echo", "here"]).require_success("echo") == "here\n"
        provider.require_work(made)
    finally:
        assert made.destroy() == []


def test_failure_in_a_cluster_is_in_its_logs(provider: MakerUnderTest, parts: Parts, tmp_path: Path) -> None:
    made = provider.create(parts, tmp_path / "run")
    try:
        said = provider.cause_failure(made)
        made.collect_logs(tmp_path / "logs")
        written = [path.read_text(errors="replace") for path in (tmp_path / "logs").rglob("*") if path.is_file()]
        assert any(said in text for text in written), said
    finally:
        assert made.destroy() == []
