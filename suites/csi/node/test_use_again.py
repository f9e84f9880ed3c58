"""What a publish asks for holds at the next publish too, and only as long as it is asked for."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import mount
from reports.model import ClauseViolation
from suites.csi.node.file_systems import in_use_with
from suites.csi.node.test_node_conflicts import volume_for

DISK_FILE_SYSTEMS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "ntfs", "vfat")


@pytest.mark.clause("csi.node-publish.flags-hold-at-each-publish")
@pytest.mark.parametrize(("flag", "bit"), [("noexec", os.ST_NOEXEC), ("nosuid", os.ST_NOSUID)])
def test_mount_flag_holds_at_the_second_publish(csi: Bench, flag: str, bit: int) -> None:
    capability = mount(flags=[flag])
    use = csi.bring_up(csi.create(capability), capability)
    csi.client.call(csi.unpublishing(use))
    csi.client.call(csi.publishing(use))
    if not os.statvfs(use.target).f_flag & bit:
        raise ClauseViolation("a mount flag is lost at the second publish", expected=flag, actual="not set")


@pytest.mark.clause("csi.node-publish.flags-hold-at-each-publish")
def test_mount_flag_of_a_publish_alone_is_in_effect_or_refused(csi: Bench) -> None:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    plain, flagged = mount(), mount(flags=["noexec"])
    use = csi.prepare(volume_for(csi, plain, flagged), plain)
    answer = csi.client.answer(csi.publishing(replace(use, capability=flagged)))
    if answer.is_ok and not os.statvfs(use.target).f_flag & os.ST_NOEXEC:
        raise ClauseViolation(
            "a publish with a flag that the stage did not have is answered OK", expected="noexec, or a refusal",
            actual="not set",
        )  # fmt: skip


@pytest.mark.clause("csi.node-publish.flags-are-not-invented")
def test_volume_without_flags_has_none(csi: Bench) -> None:
    use = csi.bring_up(csi.create())
    found = os.statvfs(use.target).f_flag & (os.ST_RDONLY | os.ST_NOEXEC)
    if found:
        raise ClauseViolation("a volume is mounted with flags nobody asked for", expected="none", actual=hex(found))


def file_systems_at(target: Path) -> set[str]:
    """The types of the mounted file systems that a path may be of, by the number of its device."""
    device = target.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    return {line.partition(" - ")[2].split()[0] for line in lines if line.split()[2] == number}


@pytest.mark.clause("csi.node-publish.fs-type-is-used")
@pytest.mark.parametrize("fs_type", ["ext4", "xfs"])
def test_volume_has_the_file_system_asked_for(csi: Bench, fs_type: str) -> None:
    capability = mount(fs_type=fs_type)
    use = in_use_with(csi, capability)
    kinds = file_systems_at(use.target)
    # a driver of shares or folders has no file system of its own to choose
    if kinds & set(DISK_FILE_SYSTEMS) and fs_type not in kinds:
        raise ClauseViolation("the volume has another file system", expected=fs_type, actual=sorted(kinds))
