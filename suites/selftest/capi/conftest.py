"""A management cluster for the tests of this room: one local node with Cluster API's managers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.plugin import Parts
from suites.selftest.capi.bench import Bench, management_cluster


@pytest.fixture(scope="session")
def bench(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The management cluster, ready. Its complete end is checked after the last test."""
    if os.geteuid() != 0:
        pytest.skip("a management cluster is made by the local provider, which needs root")
    with management_cluster(parts, tmp_path_factory.mktemp("management")) as made:
        yield made


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """Of a management cluster that nobody asks anything."""
    path = tmp_path / "kubeconfig"
    content = {
        "apiVersion": "v1", "kind": "Config", "current-context": "management",
        "clusters": [{"name": "management", "cluster": {"server": "https://192.0.2.1:6443"}}],
        "users": [{"name": "management", "user": {}}],
        "contexts": [{"name": "management", "context": {"cluster": "management", "user": "management"}}],
    }  # fmt: skip
    path.write_text(json.dumps(content))
    return path
