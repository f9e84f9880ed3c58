"""volume_mount_group: how far it reaches, and to whom it gives nothing."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import usable, write_files
from fixtures.subjects.csi.requests import from_snapshot, from_volume, mount
from reports.model import ClauseViolation, NotApplicable
from suites.csi.node.test_mount_group import GROUP, MOUNT_GROUP, OTHER
from suites.csi.node.test_node_conflicts import volume_for
from suites.csi.resilience.test_kill_during_call import require_owned

NAMES = (
    ".hidden",
    ".hidden folder/file",
    "with a space",
    "größe",
    "new\nline",
    "-dash",
    "deep/.er/than/that",
    "empty/",
)
MODES = {"plain": "SINGLE_NODE_WRITER", "shared": "MULTI_NODE_MULTI_WRITER"}


def filled(csi: Bench, mode: str) -> InUse:
    """A volume with entries of all those names, taken down. NotApplicable: it is not served with a group."""
    csi.require(MOUNT_GROUP)
    plain = mount(mode)
    use = csi.bring_up(volume_for(csi, plain, mount(mode, group=str(GROUP))), plain)
    with usable("written to"):
        for name in NAMES:
            path = use.target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith("/"):
                path.mkdir()
            else:
                path.write_text("x")
        (use.target / "dangling").symlink_to("nowhere")
        (use.target / "deep" / "loop").symlink_to("loop")
        with contextlib.suppress(OSError):  # not every file system has those
            os.mkfifo(use.target / "fifo")
    return use


def given_to_group(csi: Bench, use: InUse, mode: str) -> Path:
    """Take the volume down and bring it up with the mount group; its target path."""
    csi.take_down(use)
    return csi.bring_up(use.volume, mount(mode, group=str(GROUP))).target


@pytest.mark.clause("csi.node-publish.mount-group-reaches-every-file")
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_mount_group_owns_files_of_every_name(csi: Bench, mode: str) -> None:
    target = given_to_group(csi, filled(csi, mode), mode)
    paths = {target / name for name in NAMES}
    paths |= {parent for path in paths for parent in path.parents if target in (parent, *parent.parents)}
    strange = {str(path): path.stat().st_gid for path in paths if path.stat().st_gid != GROUP}
    if strange:
        raise ClauseViolation("files of before do not belong to the mount group", expected=GROUP, actual=strange)


@pytest.mark.clause("csi.node-publish.mount-group-reaches-every-file")
@pytest.mark.parametrize("folder", [".", "deep", "deep/.er/than", "empty", ".hidden folder"])
def test_new_file_in_an_old_folder_belongs_to_the_mount_group(csi: Bench, folder: str) -> None:
    mode = MODES["plain"]
    path = given_to_group(csi, filled(csi, mode), mode) / folder / "new"
    with usable("written to"):
        path.write_text("x")
    if path.stat().st_gid != GROUP:
        raise ClauseViolation("a new file is of another group", expected=GROUP, actual=path.stat().st_gid)


@pytest.mark.clause("csi.node-publish.mount-group-gives-others-nothing")
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_mount_group_opens_nothing_to_others(csi: Bench, mode: str) -> None:
    use = filled(csi, mode)
    private = {use.target / "with a space": 0o600, use.target / ".hidden": 0o640, use.target / "deep": 0o700}
    for path, bits in private.items():
        path.chmod(bits)
        if path.stat().st_mode & 0o777 != bits:
            raise NotApplicable("the modes of all files are chosen when the volume is mounted")
    target = given_to_group(csi, use, mode)
    opened = {str(path): oct(path.stat().st_mode) for path in (target / one.name for one in private)}
    if any(int(bits, 8) & 0o007 for bits in opened.values()):
        raise ClauseViolation("private files are open to others than the group", expected="no rights", actual=opened)


def require_of_group(target: Path, group: int, after: str) -> None:
    """ClauseViolation unless the volume and all that is in it belongs to the group."""
    strange = {str(path): path.lstat().st_gid for path in (target, *target.rglob("*")) if path.lstat().st_gid != group}
    if strange:
        raise ClauseViolation(f"files are of another group after {after}", expected=group, actual=strange)


@pytest.mark.clause("csi.node-publish.mount-group-follows-the-request")
@pytest.mark.parametrize("next_group", [OTHER, 0])
@pytest.mark.parametrize("way", ["brought up again", "brought up after a kill", "cloned", "restored"])
def test_volume_brought_up_for_another_group_belongs_to_that(
    csi: Bench, rng: Random, way: str, next_group: int
) -> None:
    csi.require(MOUNT_GROUP)
    one, other = mount(group=str(GROUP)), mount(group=str(next_group))
    use = csi.bring_up(volume_for(csi, one, other), one)
    write_files(use.target, rng)
    if use.target.stat().st_gid != GROUP:
        raise NotApplicable("the group itself has no effect here, which is judged elsewhere")
    volume = use.volume
    if way == "brought up after a kill":
        require_owned(csi)
        csi.restart()
    if way.startswith("brought up"):
        csi.take_down(use)
    elif way == "cloned":
        csi.require("controller.CLONE_VOLUME")
        volume = csi.create(one, other, source=from_volume(volume.volume_id))
    else:
        volume = csi.create(one, other, source=from_snapshot(csi.snapshot(volume).snapshot_id))
    again = csi.bring_up(volume, other)
    require_of_group(again.target, next_group, f"being {way} for another group")
