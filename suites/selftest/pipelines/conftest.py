"""Registries that several tests here promote in or keep runs in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reports.model import EnvironmentUnfit
from suites.selftest.pipelines import registry


@pytest.fixture(scope="module", params=registry.KINDS)
def registry_host(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[str]:
    """A running registry of each kind, HOST:PORT. The first on a machine is built."""
    try:
        with registry.running(tmp_path_factory.mktemp("registry"), request.param) as host:
            yield host
    except EnvironmentUnfit as error:
        pytest.skip(f"could-not-run: the registry cannot be built here: {error}")


@pytest.fixture
def repository_name(request: pytest.FixtureRequest) -> str:
    """The name of a repository of the test's own."""
    return "".join(letter if letter.isalnum() else "-" for letter in request.node.name.lower()).strip("-")
