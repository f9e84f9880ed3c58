"""volume_mount_group: whose files are made, odd groups, another group at the same path."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import usable, write_files
from fixtures.subjects.csi.requests import changed, mount
from reports.model import ClauseViolation, NotApplicable

MOUNT_GROUP, STAGE = "node.VOLUME_MOUNT_GROUP", "node.STAGE_UNSTAGE_VOLUME"
GROUP, OTHER = 61234, 61235
LARGE = 4_294_967_290  # below the number that means "no group"
REFUSED = ("INVALID_ARGUMENT", "FAILED_PRECONDITION")


def published(csi: Bench, capability: Any) -> InUse | None:
    """The volume at its target path, or None where the driver refused the capability on the way there."""
    volume, staging = csi.create(), ""
    context = csi.attach(volume, mount())
    if STAGE in csi.capabilities:
        request = csi.staging(volume, capability, context)
        answer = csi.client.answer(request)
        if not answer.is_ok:
            require_said_so(answer)
            return None
        staging = str(request.staging_target_path)
    use = InUse(volume, capability, staging, csi.folder / "target", context)
    answer = csi.client.answer(csi.publishing(use))
    if not answer.is_ok:
        require_said_so(answer)
    return use if answer.is_ok else None


def require_said_so(answer: Any) -> None:
    """ClauseViolation unless the refusal says that the request cannot be served."""
    if answer.code not in REFUSED:
        raise ClauseViolation(
            "an odd mount group fails the call", expected="INVALID_ARGUMENT, or the group", actual=str(answer)
        )


@pytest.mark.clause("csi.node-publish.new-files-belong-to-mount-group")
def test_new_file_belongs_to_the_mount_group(csi: Bench) -> None:
    csi.require(MOUNT_GROUP)
    capability = mount(group=str(GROUP))
    use = csi.bring_up(csi.create(capability), capability)
    with usable("written to"):
        (use.target / "folder").mkdir()
        (use.target / "folder" / "file").write_text("x")
        (use.target / "file").write_text("x")
    for path in (use.target / "file", use.target / "folder" / "file"):
        if path.stat().st_gid != GROUP:
            raise ClauseViolation("a new file is of another group", expected=GROUP, actual=path.stat().st_gid)


@pytest.mark.clause("csi.node-publish.mount-group-owns-the-volume")
def test_mount_group_stays_within_the_volume(csi: Bench) -> None:
    csi.require(MOUNT_GROUP)
    capability, outside = mount(group=str(GROUP)), csi.folder / "outside"
    outside.write_text("not in the volume")
    use = csi.bring_up(csi.create(capability), capability)
    with usable("written to"):
        (use.target / "link").symlink_to(outside)
    csi.take_down(use)
    csi.bring_up(use.volume, capability)
    if outside.stat().st_gid == GROUP:
        raise ClauseViolation("a file outside the volume got its group", expected="its own group", actual=GROUP)


@pytest.mark.clause("csi.node-publish.odd-mount-group-is-not-ignored")
def test_large_mount_group_is_used_or_refused(csi: Bench) -> None:
    csi.require(MOUNT_GROUP)
    use = published(csi, mount(group=str(LARGE)))
    if use is not None and use.target.stat().st_gid != LARGE:
        raise ClauseViolation("a large mount group is ignored", expected=LARGE, actual=use.target.stat().st_gid)


@pytest.mark.clause("csi.node-publish.odd-mount-group-is-not-ignored")
@pytest.mark.parametrize("group", ["seatrial-no-such-group", "-5", "99999999999999"])
def test_impossible_mount_group_is_not_ignored(csi: Bench, group: str) -> None:
    csi.require(MOUNT_GROUP)
    use = published(csi, mount(group=group))
    if use is not None and use.target.stat().st_gid == 0:  # a driver may have its own way to understand a name
        raise ClauseViolation("an impossible mount group is ignored", expected="a refusal", actual="OK, and group 0")


@pytest.mark.clause("csi.node-publish.other-mount-group-is-not-ignored")
def test_published_volume_with_another_mount_group_conflicts_or_follows(csi: Bench) -> None:
    csi.require(MOUNT_GROUP)
    capability = mount(group=str(GROUP))
    use = csi.bring_up(csi.create(capability), capability)
    if use.target.stat().st_gid != GROUP:
        raise NotApplicable("the group itself has no effect here, which is judged elsewhere")
    answer = csi.client.answer(changed(csi.publishing(use), volume_capability=mount(group=str(OTHER))))
    found = use.target.stat().st_gid
    if answer.is_ok and found != OTHER:
        raise ClauseViolation("another mount group is confirmed and not used", expected=OTHER, actual=found)
    if not answer.is_ok and found != GROUP:
        raise ClauseViolation("a refused publish changed the group", expected=GROUP, actual=found)


@pytest.mark.clause("csi.node-publish.mount-group-owns-what-was-there")
def test_mount_group_owns_what_was_in_the_volume_before(csi: Bench, rng: Random) -> None:
    csi.require(MOUNT_GROUP)
    plain, grouped = mount(), mount(group=str(GROUP))
    use = csi.bring_up(csi.create(plain, grouped), plain)
    names = write_files(use.target, rng).digests
    csi.take_down(use)
    target = csi.bring_up(use.volume, grouped).target
    strange = {name: target.joinpath(name).stat().st_gid for name in names}
    if set(strange.values()) != {GROUP}:
        raise ClauseViolation("files of before do not belong to the mount group", expected=GROUP, actual=strange)


@pytest.mark.clause("csi.node-publish.mount-group-takes-nothing-away")
def test_mount_group_leaves_what_owners_may_do(csi: Bench) -> None:
    csi.require(MOUNT_GROUP)
    plain, grouped = mount(), mount(group=str(GROUP))
    use = csi.bring_up(csi.create(plain, grouped), plain)
    with usable("written to"):
        (use.target / "program").write_text("#!/bin/sh\n")
        (use.target / "program").chmod(0o755)
        (use.target / "owned").write_text("x")
        os.chown(use.target / "owned", OTHER, OTHER)
    csi.take_down(use)
    target = csi.bring_up(use.volume, grouped).target
    program, owned = (target / "program").stat(), (target / "owned").stat()
    found = (oct(program.st_mode & 0o700), owned.st_uid)
    if found != (oct(0o700), OTHER):
        raise ClauseViolation(
            "the mount group takes from owners what they had", expected=(oct(0o700), OTHER), actual=found,
            question="Are mode and owner set anew where only the group was asked for?",
        )  # fmt: skip
