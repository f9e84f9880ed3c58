"""Staging and target paths: long ones, odd ones, ones where something empty is already."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, InUse, require_mounted
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.leaks import mounts_below
from fixtures.subjects.csi.requests import block, changed, messages, mount
from reports.model import ClauseViolation, EnvironmentUnfit

STAGE = "node.STAGE_UNSTAGE_VOLUME"
LENGTH = 128  # bytes that every path field has to take


def long_path(csi: Bench, name: str) -> str:
    """A path below the test's folder of exactly LENGTH bytes."""
    lacking = LENGTH - len(csi.path(name).encode())
    if lacking < 0:
        raise EnvironmentUnfit(f"{csi.folder} is too long itself (set SEATRIAL_STATE to a shorter path)")
    return csi.path(name + "x" * lacking)


def bring_up_at(csi: Bench, staging: str, target: str) -> InUse:
    """A fresh volume, staged and published at these paths."""
    volume = csi.create()
    context = csi.attach(volume, mount())
    if STAGE in csi.capabilities:
        csi.client.call(csi.staging(volume, mount(), context, staging))
    else:
        staging = ""
    use = InUse(volume, mount(), staging, csi.folder / target, context)
    csi.client.call(csi.publishing(use))
    return use


@pytest.mark.clause("csi.node-publish.long-path-is-served")
def test_volume_at_paths_of_128_bytes_is_served(csi: Bench, rng: Random) -> None:
    use = bring_up_at(csi, long_path(csi, "s"), long_path(csi, "t"))
    require_files(use.target, write_files(use.target, rng), "a publish at a path of 128 bytes")
    csi.take_down(use)


@pytest.mark.clause("csi.node-stats.long-path-is-served")
def test_statistics_at_a_path_of_128_bytes_are_served(csi: Bench) -> None:
    csi.require("node.GET_VOLUME_STATS")
    use = bring_up_at(csi, long_path(csi, "s"), long_path(csi, "t"))
    csi.client.call(
        messages().NodeGetVolumeStatsRequest(
            volume_id=use.volume.volume_id, volume_path=str(use.target), staging_target_path=use.staging
        )
    )


@pytest.mark.clause("csi.node-publish.odd-path-is-served")
@pytest.mark.parametrize(
    "name", ["with spaces", "größe-日本", "both größe", "a,b=c:d", "back\\slash", "#50%40", 'it\'s "$x";&']
)
def test_volume_at_an_odd_path_is_served(csi: Bench, rng: Random, name: str) -> None:
    use = bring_up_at(csi, csi.path(f"s {name}"), f"t {name}")
    require_mounted(use.target)
    require_files(use.target, write_files(use.target, rng), f"a publish at {name!r}")
    csi.take_down(use)
    if use.target.exists():
        raise ClauseViolation("the target path is left", expected="nothing there", actual=str(use.target))


@pytest.mark.clause("csi.node-publish.empty-target-is-used")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_volume_with_something_empty_at_its_target_is_published(csi: Bench, kind: str) -> None:
    capability = mount() if kind == "mount" else block()
    use = replace(csi.prepare(csi.create(capability), capability), target=csi.folder / "there")
    if kind == "mount":
        csi.place.make(str(use.target))
    else:
        use.target.touch()
    csi.client.call(csi.publishing(use))
    if kind == "mount":
        require_mounted(use.target)
    elif not use.target.is_block_device():
        raise ClauseViolation("the volume is not at its target path", expected="a device", actual=str(use.target))


@pytest.mark.clause("csi.node-publish.odd-path-is-served")
@pytest.mark.parametrize("spelling", ["{}/", "{}//", "//{}"], ids=["slash", "slashes", "double slash"])
def test_volume_at_a_path_of_another_spelling_is_served_and_taken_away(csi: Bench, rng: Random, spelling: str) -> None:
    volume = csi.create()
    context = csi.attach(volume, mount())
    request = csi.staging(volume, mount(), context)
    staging = spelling.format(request.staging_target_path) if STAGE in csi.capabilities else ""
    if staging:
        csi.client.call(changed(request, staging_target_path=staging))
    use = InUse(volume, mount(), staging, csi.folder / "t", context)
    target = spelling.format(use.target)
    csi.client.call(changed(csi.publishing(use), target_path=target))
    require_mounted(use.target)
    require_files(use.target, write_files(use.target, rng), f"a publish at {target}")
    csi.client.call(changed(csi.unpublishing(use), target_path=target))
    if use.target.exists():
        raise ClauseViolation("the target path is left", expected="nothing there", actual=str(use.target))
    csi.take_down(use)
    if mounts_below(csi.folder):
        raise ClauseViolation("the staging path is left", expected="no mount", actual=mounts_below(csi.folder))


@pytest.mark.clause("csi.node-unstage.nothing-stays-mounted")
def test_staging_path_below_a_link_is_unstaged(csi: Bench) -> None:
    csi.require(STAGE)
    csi.place.make(csi.path("real/stage"))
    (csi.folder / "link").symlink_to(csi.folder / "real")
    csi.take_down(bring_up_at(csi, csi.path("link/stage"), "target"))
    if mounts_below(csi.folder):
        raise ClauseViolation("a stage below a link is left", expected="no mount", actual=mounts_below(csi.folder))
