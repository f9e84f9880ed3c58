"""An existing cluster: what looks like production is kept away from, and no roundabout way leads there."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest
from kubernetes import client

from fixtures.clusters.access import Identity, find, kubeconfig_files, looks_like_production
from fixtures.clusters.provider import ClusterFailed
from pipelines.cli import main


def _kubeconfig(folder: Path, current: str, server: str = "https://192.0.2.1:6443") -> Path:
    names = sorted({current, "staging"})
    data = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in names],
        "users": [{"name": "u", "user": {}}],
        "current-context": current,
    }
    path = folder / "config"
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize("name", ["prod", "eu-production-2", "gke_acme-prd_europe", "live", "PROD1", "admin@prodeast"])
def test_production_context_current_is_refused_with_the_way_to_insist(tmp_path: Path, name: str) -> None:
    path = _kubeconfig(tmp_path, name)
    with pytest.raises(ClusterFailed, match=f"looks like production.*--kube-context {name}"):
        find([path])
    assert find([path], name).context == name


def test_context_whose_server_looks_like_production_is_refused(tmp_path: Path) -> None:
    path = _kubeconfig(tmp_path, "innocent", "https://api.prod.example.test")
    with pytest.raises(ClusterFailed, match="looks like production"):
        find([path])


@pytest.mark.parametrize("name", ["kind-dev", "non-prod", "nonprod", "product-catalog-test", "minikube", "delivery"])
def test_harmless_context_is_taken(name: str) -> None:
    assert not looks_like_production(name)


def test_context_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ClusterFailed, match=r"no context 'other'.*prod, staging"):
        find([_kubeconfig(tmp_path, "prod")], "other")


def _edited(path: Path, **sections: object) -> Path:
    before = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**before, **sections}))
    return path


def test_context_named_by_an_empty_text_is_not_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterFailed, match="looks like production"):
        find([_kubeconfig(tmp_path, "prod")], "")


def test_context_is_not_made_harmless_by_acting_as_somebody(tmp_path: Path) -> None:
    with pytest.raises(ClusterFailed, match="looks like production"):
        find([_kubeconfig(tmp_path, "prod")], None, "viewer", ["viewers"])


def test_no_current_context_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ClusterFailed, match=r"no current context.*prod, staging"):
        find([_edited(_kubeconfig(tmp_path, "prod"), **{"current-context": ""})])


def test_plugin_that_logs_in_to_production_is_refused_and_not_started(tmp_path: Path) -> None:
    started = tmp_path / "started"
    plugin = {"command": "touch", "args": [str(started), "--cluster-name", "eu-prod"]}
    path = _edited(_kubeconfig(tmp_path, "alias"), users=[{"name": "u", "user": {"exec": plugin}}])
    with pytest.raises(ClusterFailed, match="looks like production"):
        find([path])
    assert not started.exists()


def test_list_of_kubeconfigs_is_judged_as_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kubectl takes the first of a name: here the context of one file, the cluster of the other."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    first = _edited(_kubeconfig(folders[0], "dev"), clusters=[], users=[])
    second = _kubeconfig(folders[1], "other", "https://api.prod.example.test")
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, [first, tmp_path / "none", second])))
    files = kubeconfig_files(None)
    assert files == (first, second)
    with pytest.raises(ClusterFailed, match=r"'dev' \(https://api.prod.example.test\) looks like production"):
        find(files)
    chosen = find(files, "dev")
    assert (chosen.server, chosen.configuration().host) == ("https://api.prod.example.test",) * 2


def test_file_with_two_entries_of_one_name_is_refused(tmp_path: Path) -> None:
    twice = [{"name": "c", "cluster": {"server": f"https://{name}.example.test"}} for name in ("dev", "prod")]
    with pytest.raises(ClusterFailed, match="clusters has 'c' twice"):
        find([_edited(_kubeconfig(tmp_path, "dev"), clusters=twice)])


def test_identity_of_the_kubeconfig_is_taken_and_the_options_come_before_it(tmp_path: Path) -> None:
    user = {"token": "t", "as": "eve", "as-groups": ["seers"]}
    path = _edited(_kubeconfig(tmp_path, "dev"), users=[{"name": "u", "user": user}])
    assert find([path]).identity == Identity("eve", ("seers",))
    assert find([path], None, "bob").identity == Identity("bob")
    with pytest.raises(ClusterFailed, match="--as-group needs --as"):
        find([path], None, "", ["seers"])


def test_cluster_that_does_not_answer_is_named_with_its_server(tmp_path: Path) -> None:
    chosen = find([_kubeconfig(tmp_path, "dev", "https://127.0.0.1:1")])
    with pytest.raises(ClusterFailed, match=r"https://127.0.0.1:1 cannot be reached"), chosen.connect() as api:
        client.VersionApi(api).get_code()


def test_clean_command_of_a_list_of_kubeconfigs_goes_to_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A list has no option: the context alone says that a cluster is meant, and not this machine."""
    path = _kubeconfig(tmp_path, "dev", "https://127.0.0.1:1")
    files = (path, _edited(tmp_path / "second"))
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, files)))
    words = shlex.split(find(files, "dev").options)
    assert (words, main(["clean", *words])) == (["--kube-context", "dev"], 2)
    assert "https://127.0.0.1:1 cannot be reached" in capsys.readouterr().err
