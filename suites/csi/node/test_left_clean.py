"""The driver adds nothing to a user's volume, and leaves nothing at the paths where it was."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import usable
from reports.model import ClauseViolation
from suites.csi.data.kinds import KINDS
from suites.csi.data.test_lineage import after_a_kill, cloned, expanded, remounted, restored

# What file systems and shares make themselves.
OWN = {"lost+found", ".snapshot", ".snapshots", ".zfs", ".recycle"}
WAYS = {
    "remounted": remounted, "expanded": expanded, "cloned": cloned, "restored": restored, "after a kill": after_a_kill,
}  # fmt: skip


@usable("read")
def entries(root: Path) -> set[str]:
    """Every entry below root, empty ones too."""
    found = {str(path.relative_to(root)) for path in root.rglob("*")}
    return {name for name in found if name.split("/")[0] not in OWN}


def rights(root: Path) -> tuple[str, int, int]:
    """Mode, owner and group of a folder."""
    status = root.stat()
    return oct(status.st_mode), status.st_uid, status.st_gid


@pytest.mark.clause("csi.data.driver-adds-nothing")
@pytest.mark.parametrize("kind", ["ext4", "xfs", "shared"])
def test_new_volume_has_no_entry_at_all(csi: Bench, kind: str) -> None:
    use = KINDS[kind].bring_up(csi)
    found = entries(use.target)
    if found:
        raise ClauseViolation("a new volume holds something", expected="nothing", actual=sorted(found)[:8])


@pytest.mark.clause("csi.data.driver-adds-nothing")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["ext4", "shared"])
def test_volume_has_only_what_its_user_put_there(csi: Bench, rng: Random, kind: str, way: str) -> None:
    use: InUse = KINDS[kind].bring_up(csi)
    KINDS[kind].write(use, rng)
    with contextlib.suppress(OSError):  # a share may have its own idea of owners
        os.chown(use.target, 1234, 4321)
        use.target.chmod(0o1751)
    before, root = entries(use.target), rights(use.target)
    use = remounted(csi, WAYS[way](csi, use))
    if rights(use.target) != root:
        raise ClauseViolation(f"the root is another's after being {way}", expected=root, actual=rights(use.target))
    more = entries(use.target) - before
    if more:
        raise ClauseViolation(
            f"a volume holds more after being {way}", expected="nothing more", actual=sorted(more)[:8]
        )


@pytest.mark.clause("csi.data.new-volume-can-be-entered")
@pytest.mark.parametrize("kind", ["ext4", "xfs", "shared"])
def test_root_of_a_new_volume_is_open_to_its_users(csi: Bench, kind: str) -> None:
    mode = KINDS[kind].bring_up(csi).target.stat().st_mode
    if mode & 0o005 != 0o005:
        raise ClauseViolation(
            "only root can enter a new volume", expected="r-x for everybody", actual=oct(mode & 0o777)
        )


@pytest.mark.clause("csi.node-unstage.paths-are-left-empty")
@pytest.mark.parametrize("kind", ["ext4", "block", "shared"])
def test_paths_of_a_volume_are_empty_after_its_life(csi: Bench, rng: Random, kind: str) -> None:
    use = KINDS[kind].bring_up(csi)
    KINDS[kind].write(use, rng)
    csi.take_down(use)
    left = [str(path) for path in csi.folder.rglob("*") if str(path) != use.staging]
    if left:
        raise ClauseViolation(
            "something is left at or beside the paths of a volume", expected="at most the empty staging folder",
            actual=left[:8], question="An orchestrator removes the staging folder, which has to be empty for that.",
        )  # fmt: skip
    if use.staging and os.path.lexists(use.staging) and not Path(use.staging).is_dir():
        raise ClauseViolation("the staging path is no folder any more", expected="a folder", actual=use.staging)
