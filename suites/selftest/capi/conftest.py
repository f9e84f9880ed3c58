"""A management cluster for the tests of this room: one local node with Cluster API's managers."""

from __future__ import annotations

import os
from collections.abc import Iterator

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
