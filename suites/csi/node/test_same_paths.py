"""Paths that are used again, by another volume or by the same one; and mount flags of one file system only."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import Content, usable
from fixtures.subjects.csi.leaks import is_mounted
from fixtures.subjects.csi.requests import block, mount
from reports.model import ClauseViolation, NotApplicable
from suites.csi.data.kinds import Kind
from suites.csi.node.file_systems import in_use_with
from suites.csi.node.test_use_again import DISK_FILE_SYSTEMS, file_systems_at

STAGE = "node.STAGE_UNSTAGE_VOLUME"
KINDS = {"mount": Kind(mount()), "block": Kind(block())}


def up_at(csi: Bench, volume: object, capability: object, target: Path) -> InUse:
    """The volume at the same staging and target path as every other one of the test."""
    context = csi.attach(volume, capability)
    staging = ""
    if STAGE in csi.capabilities:
        request = csi.staging(volume, capability, context, csi.path("the-stage"))
        csi.client.call(request)
        staging = str(request.staging_target_path)
    use = InUse(volume, capability, staging, target, context)
    csi.client.call(csi.publishing(use))
    return use


@pytest.mark.clause("csi.node-publish.paths-can-be-used-again")
@pytest.mark.parametrize("first", ["kept", "deleted"])
@pytest.mark.parametrize("kind", KINDS)
def test_volumes_at_the_same_paths_in_turn_show_each_its_own(csi: Bench, rng: Random, kind: str, first: str) -> None:
    here, target = KINDS[kind], csi.folder / "the-target"
    volumes = [csi.create(here.capability) for _ in range(2)]
    contents: list[Content] = []
    for number, volume in enumerate(volumes):
        use = up_at(csi, volume, here.capability, target)
        contents.append(here.write(use, rng, f"volume-{number}"))
        csi.take_down(use)
        if number == 0 and first == "deleted":
            csi.delete(volume)
    for number in (1, 0, 1) if first == "kept" else (1,):
        use = up_at(csi, volumes[number], here.capability, target)
        here.require(use, contents[number], "another volume was at its paths")
        csi.take_down(use)


@pytest.mark.clause("csi.node-publish.paths-can-be-used-again")
@pytest.mark.parametrize("kind", KINDS)
def test_volume_that_left_its_target_is_published_at_another(csi: Bench, rng: Random, kind: str) -> None:
    here = KINDS[kind]
    use = csi.bring_up(csi.create(here.capability), here.capability)
    content = here.write(use, rng)
    for name in ("another", "a-third", "another"):
        csi.client.call(csi.unpublishing(use))
        use = replace(use, target=csi.folder / name)
        csi.client.call(csi.publishing(use))
        here.require(use, content, "being published at another path")


@pytest.mark.clause("csi.node-publish.mount-flags-are-applied")
@pytest.mark.parametrize("flag", ["commit=37", "stripe=16"])
def test_mount_flag_of_a_file_system_takes_effect(csi: Bench, flag: str) -> None:
    use = in_use_with(csi, mount(fs_type="ext4", flags=["noatime", flag]))
    if not file_systems_at(use.target) & set(DISK_FILE_SYSTEMS):
        raise NotApplicable("the volume is no file system on a disk")
    real = os.path.realpath(use.target)
    lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").split("\n")
    options = [line.rpartition(" ")[2].split(",") for line in lines if line.split(" ")[4:5] == [real]]
    if not any(flag in found for found in options):
        raise ClauseViolation("a mount flag has no effect", expected=flag, actual=options)


@pytest.mark.clause("csi.node-unstage.ok-means-out-of-use")
@pytest.mark.parametrize("opened", ["target", "staging"])
def test_file_that_is_open_at_an_unstage_is_not_lost(csi: Bench, rng: Random, opened: str) -> None:
    csi.require(STAGE)
    use = csi.bring_up(csi.create())
    data = rng.randbytes(4096)
    if opened == "staging" and not is_mounted(Path(use.staging)):
        raise NotApplicable("the volume is not mounted at its staging path")
    # Who opens it at the target keeps the unpublish from its end already; at the staging path only the unstage.
    with (Path(use.target if opened == "target" else use.staging) / "open").open("wb", buffering=0) as stream:
        for request in (csi.unpublishing(use), csi.unstaging(use)):
            if not csi.client.answer(request).is_ok:
                return  # the volume is in use, and the driver says so
        csi.client.call(csi.staging(use.volume, use.capability, use.context, use.staging))
        csi.client.call(csi.publishing(use))
        try:
            stream.write(data)
            os.fsync(stream.fileno())
        except OSError:
            return  # whoever had the file open was told that it is gone
    with usable("read"):
        found = (use.target / "open").read_bytes() if (use.target / "open").is_file() else b""
    if found != data:
        raise ClauseViolation(
            "a volume was unstaged while a file was open, and what was written to it later is lost",
            expected="the unstage is refused, the write fails, or its bytes are there", actual=f"{len(found)} bytes",
            question="Is a volume unmounted lazily, and its device let go on beside the next one?",
        )  # fmt: skip
