"""An engine for the tests of the kind provider: the machine's own, else one started for their time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from suites.selftest.provider.clouds import tofu
from suites.selftest.provider.makers import KIND, LOCAL, TOFU, MakerUnderTest, could_run_an_engine, engine_answers


@pytest.fixture(scope="session")
def container_engine() -> Iterator[None]:
    """An engine that answers. Skips, with the reason, where there is none to be had."""
    if engine_answers():
        yield
        return
    if not could_run_an_engine():
        pytest.skip("no container engine answers here, and none can be started (dockerd, as root)")
    from fixtures.clusters.kind.restricted.daemon import engine

    with engine() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", running.host)
        yield


@pytest.fixture(params=["local", *(pytest.param(name, marks=pytest.mark.full) for name in ("kind", "tofu"))])
def provider(request: pytest.FixtureRequest) -> MakerUnderTest:
    """Each provider that makes clusters, in turn."""
    if request.param == "kind":
        request.getfixturevalue("container_engine")
        return KIND
    if request.param == "tofu":
        tofu()
        return TOFU
    return LOCAL
