"""Two volumes at paths of which one begins with the other: a path is compared whole, not by how it begins."""

from __future__ import annotations

from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, InUse, require_mounted
from fixtures.subjects.csi.content import Content, require_files, user_files, write_files
from reports.model import ClauseViolation
from suites.csi.node.test_paths import bring_up_at

SHORT, LONG = "pod-1", "pod-10"


def bring_up_named(csi: Bench, name: str) -> InUse:
    """A fresh volume, staged at a path that ends with the name, and published at one."""
    return bring_up_at(csi, csi.path(f"stage-{name}"), name)


def require_exactly(use: InUse, content: Content, after: str) -> None:
    """ClauseViolation unless the volume at its target holds these files and no other."""
    require_mounted(use.target)
    require_files(use.target, content, after)
    found = user_files(use.target)
    if found != sorted(content.digests):
        raise ClauseViolation(
            "the target path shows another volume's files", expected=sorted(content.digests), actual=found[:8]
        )


@pytest.mark.clause("csi.node-publish.volume-is-at-target")
@pytest.mark.parametrize("order", [(SHORT, LONG), (LONG, SHORT)], ids=["short-first", "long-first"])
def test_volumes_at_paths_that_begin_alike_are_each_at_their_own(csi: Bench, rng: Random, order: list[str]) -> None:
    contents = {}
    for name in order:
        use = bring_up_named(csi, name)
        require_mounted(use.target)
        contents[name] = use, write_files(use.target, rng, name)
    for use, content in contents.values():
        require_exactly(use, content, "another volume was published at a path that begins alike")


@pytest.mark.clause("csi.node-unpublish.other-target-stays")
@pytest.mark.parametrize("ended", [SHORT, LONG])
def test_volume_stays_when_one_at_a_path_that_begins_alike_is_taken_down(csi: Bench, rng: Random, ended: str) -> None:
    uses = {name: bring_up_named(csi, name) for name in (SHORT, LONG)}
    contents = {name: write_files(use.target, rng, name) for name, use in uses.items()}
    csi.take_down(uses.pop(ended))
    for name, use in uses.items():
        require_exactly(use, contents[name], f"the volume at {ended} was taken down")
        csi.client.call(csi.unpublishing(use))
        csi.client.call(csi.publishing(use))
        require_exactly(use, contents[name], f"a publish after the volume at {ended} was taken down")
