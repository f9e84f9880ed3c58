"""The kubeconfig provider keeps away from what looks like production, and says how to insist."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fixtures.clusters.kubeconfig import choose_context, looks_like_production
from fixtures.clusters.provider import ClusterFailed


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
        choose_context(path, None)
    assert choose_context(path, name).name == name


def test_context_whose_server_looks_like_production_is_refused(tmp_path: Path) -> None:
    path = _kubeconfig(tmp_path, "innocent", "https://api.prod.example.test")
    with pytest.raises(ClusterFailed, match="looks like production"):
        choose_context(path, None)


@pytest.mark.parametrize("name", ["kind-dev", "non-prod", "nonprod", "product-catalog-test", "minikube", "delivery"])
def test_harmless_context_is_taken(name: str) -> None:
    assert not looks_like_production(name)


def test_context_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ClusterFailed, match=r"no context 'other'.*prod, staging"):
        choose_context(_kubeconfig(tmp_path, "prod"), "other")
