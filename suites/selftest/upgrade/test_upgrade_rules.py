"""What an upgrade stage comes from is checked before any work starts; what was seen is counted right."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path

import pytest

from fixtures.clusters.local.installation import install
from fixtures.clusters.local.plan import plan_nodes
from fixtures.clusters.local.upgrade import is_rolled_out
from fixtures.images.archive import name_in
from fixtures.images.catalogue import COREDNS, RECIPES, make
from fixtures.plugin import Parts
from fixtures.subjects.upgrade import before_upgrade
from fixtures.subjects.upgrade.watching import longest_gap
from pipelines import pipeline, upgrading
from pipelines.candidate import Candidate, load
from pipelines.configuration import Misconfigured
from reports.model import EnvironmentUnfit, Part
from suites.upgrade.test_workloads import missing

PIPELINES = Path(pipeline.__file__).parent
SHIPPED = PIPELINES / "upgrade.toml"
EARLIER = PIPELINES / "candidates" / "kubernetes-1.36.toml"


@pytest.fixture
def candidate() -> Candidate:
    """The default one."""
    return load(PIPELINES / "candidates" / "default.toml")


def written(folder: Path, kubernetes: str) -> Path:
    """The release before, with another Kubernetes."""
    text = EARLIER.read_text().replace("1.36.3", kubernetes)
    (folder / "earlier.toml").write_text(text)
    return folder / "earlier.toml"


def test_shipped_pipeline_upgrades_from_the_minor_version_before(candidate: Candidate) -> None:
    stage = upgrading.stage_of(pipeline.load(SHIPPED).stages)
    assert stage is not None
    assert stage.upgrade_from is not None
    earlier = upgrading.load(stage.upgrade_from, candidate).candidate
    parts = {item.name: item for item in upgrading.order(earlier, stage, candidate)}
    assert set(parts) == {"kubernetes", "etcd", "containerd", "runc", "cni-plugins", "coredns", "images"}
    differ = {name: item for name, item in parts.items() if name != "images"}
    assert all(item.version != candidate.component(name).version for name, item in differ.items())  # type: ignore[union-attr]
    assert set(parts["images"].sources[0].packages.values()) == {"pause.tar", "coredns.tar"}, "workloads keep theirs"
    assert list(parts).index("coredns") < list(parts).index("images"), "images are made of what was provided before"


@pytest.mark.parametrize(
    ("kubernetes", "why"),
    [("1.35.4", "skips a minor version"), ("1.38.0", "is newer than the candidate's"), ("2.0.0", "is newer")],
)
def test_release_that_cannot_be_upgraded_from_is_refused(
    tmp_path: Path, candidate: Candidate, kubernetes: str, why: str
) -> None:
    with pytest.raises(Misconfigured, match=why):
        upgrading.load(written(tmp_path, kubernetes), candidate)


def test_patch_release_and_unordered_versions_are_taken(tmp_path: Path, candidate: Candidate) -> None:
    assert upgrading.load(written(tmp_path, "1.37.1"), candidate).candidate.name
    assert upgrading.load(written(tmp_path, "ours"), candidate).candidate.name


def test_candidate_itself_is_no_release_to_come_from(candidate: Candidate) -> None:
    with pytest.raises(Misconfigured, match="has nothing of kubernetes"):
        upgrading.load(candidate.path, candidate)


def test_release_with_dns_and_no_image_of_it_is_refused(tmp_path: Path, candidate: Candidate) -> None:
    text, images = EARLIER.read_text(), '\n[[component]]\nname = "images"'
    (tmp_path / "earlier.toml").write_text(text[: text.index(images)])
    with pytest.raises(Misconfigured, match="names coredns and no images"):
        upgrading.load(tmp_path / "earlier.toml", candidate)


def test_two_releases_of_dns_are_told_apart_by_their_images(tmp_path: Path) -> None:
    (tmp_path / "coredns").write_text("a program")
    found = []
    for version in ("1.14.7", "v1.15.0", "ours+2"):
        name = RECIPES["coredns"].name({"coredns": version})
        found.append(name_in(make("coredns", name, {"coredns/coredns": tmp_path / "coredns"}, tmp_path / "c.tar")))
    assert [name.rpartition(":")[2] for name in found] == ["v1.14.7", "v1.15.0", "vours-2"]
    assert found[1] == COREDNS
    assert RECIPES["pause"].name({"coredns": "1.14.7"}) == RECIPES["pause"].reference


def test_image_archive_of_docker_names_its_image_and_one_without_a_name_is_refused(tmp_path: Path) -> None:
    def archive(tags: list[str]) -> Path:
        data = json.dumps([{"RepoTags": tags}]).encode()
        with tarfile.open(tmp_path / "d.tar", "w") as made:
            entry = tarfile.TarInfo("manifest.json")
            entry.size = len(data)
            made.addfile(entry, io.BytesIO(data))
        return tmp_path / "d.tar"

    assert name_in(archive(["mine/coredns:2"])) == "mine/coredns:2"
    with pytest.raises(EnvironmentUnfit, match="names no image"):
        name_in(archive([]))


def test_platforms_images_come_from_the_release_before_and_workloads_keep_theirs() -> None:
    now = Part("images", "0.1.0", "builtin", "", {"coredns.tar": "/new", "agnhost.tar": "/a"}, {"coredns.tar": "n"})
    before = Parts(
        {"images": Part("images", "0.1.0", "builtin", "", {"coredns.tar": "/old"}, {"coredns.tar": "o"})}, ""
    )
    found = before_upgrade(Parts({"images": now}, ""), before).get("images")
    assert (dict(found.files), found.sha256["coredns.tar"]) == ({"coredns.tar": "/old", "agnhost.tar": "/a"}, "o")
    assert before_upgrade(Parts({"images": now}, ""), Parts({}, "")).get("images") == now


def test_deployment_is_rolled_out_once_only_new_pods_are_there() -> None:
    counts = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
    whole = {"metadata": {"generation": 2}, "spec": {"replicas": 1}, "status": counts}
    assert is_rolled_out(whole)
    for name, value in {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 0, "availableReplicas": 0}.items():
        assert not is_rolled_out({**whole, "status": {**counts, name: value}}), name


def test_run_that_was_not_signed_is_no_release_to_come_from(tmp_path: Path, candidate: Candidate) -> None:
    with pytest.raises(Misconfigured, match="no release to come from"):
        upgrading.load(tmp_path, candidate)


def test_other_release_replaces_that_of_the_stage(tmp_path: Path) -> None:
    changed = upgrading.chosen(pipeline.load(SHIPPED), tmp_path / "mine.toml")
    assert [stage.upgrade_from for stage in changed.stages if stage.upgrade_from] == [tmp_path / "mine.toml"]


def test_release_for_a_pipeline_without_upgrade_is_refused() -> None:
    with pytest.raises(Misconfigured, match="no stage of"):
        upgrading.chosen(pipeline.load(), EARLIER)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('upgrade-from = "candidates/kubernetes-1.36.toml"\n', "", "does not say from what"),
        ("kubernetes-1.36.toml", "gone.toml", "there is no file"),
        ('suites = ["upgrade"]', 'suites = ["csi"]', "is for a stage whose suites are"),
        ('suites = ["upgrade"]', 'suites = ["upgrade"]\nworkers = 2', "one upgrade is judged by all tests"),
    ],
)
def test_stage_that_cannot_upgrade_is_told_with_its_line(tmp_path: Path, old: str, new: str, why: str) -> None:
    for folder in ("policy", "candidates"):
        (tmp_path / folder).symlink_to(PIPELINES / folder)
    text = SHIPPED.read_text()
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new))
    with pytest.raises(Misconfigured) as caught:
        pipeline.load(tmp_path / "mine.toml")
    assert re.search(rf"mine\.toml:\d+: .*{why}", str(caught.value))


def test_gap_is_from_the_last_success_to_the_next() -> None:
    assert longest_gap([(1.0, True), (2.0, True)]) == 0
    assert longest_gap([(1.0, True), (2.0, False), (5.0, True), (6.0, False), (6.5, True)]) == 4.0
    assert longest_gap([(1.0, False), (3.0, True), (9.0, False)]) == 6.0
    assert longest_gap([]) == 0


def test_what_an_upgrade_adds_to_an_object_is_no_loss() -> None:
    before = {"spec": {"a": 1, "b": [1, 2]}}
    assert missing(before, {"spec": {"a": 1, "b": [1, 2], "new": True}}) == []
    assert missing(before, {"spec": {"a": 2}}) == ["/spec/a", "/spec/b"]
    assert missing(before, None) == ["/"]


def test_program_is_replaced_while_others_stay(tmp_path: Path) -> None:
    (node,) = plan_nodes(1, "10.131.7.0/24", tmp_path, tmp_path / "run")
    for folder in ("bin", "cni/bin"):
        (node.root / folder).mkdir(parents=True)
    old = {name: f"/old/{name}" for name in ("kubelet", "kube-proxy")}
    install({"kubernetes": old, "cni-plugins": {"ptp": "/old/ptp"}}, node)
    install({"kubernetes": {"kubelet": "/new/kubelet"}}, node)
    links = [path for folder in ("bin", "cni/bin") for path in (node.root / folder).iterdir()]
    found = {path.name: str(path.readlink()) for path in links}
    assert found == {"kubelet": "/new/kubelet", "kube-proxy": "/old/kube-proxy", "ptp": "/old/ptp"}
