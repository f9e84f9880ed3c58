"""What a user of a volume counts on: emptiness at first, data kept, nothing left."""

from __future__ import annotations

from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import require_files, user_files, write_files
from fixtures.subjects.csi.leaks import lasting_loops, mounts_below
from fixtures.subjects.csi.requests import block, messages, mount
from reports.model import ClauseViolation, NotApplicable


@pytest.mark.clause("csi.data.new-volume-is-empty")
def test_new_volume_is_empty(csi: Bench) -> None:
    found = user_files(csi.bring_up(csi.create()).target)
    if found:
        raise ClauseViolation("a new volume holds files", expected="none", actual=found[:8])


@pytest.mark.clause("csi.data.survives-remount")
def test_data_survives_a_remount(csi: Bench, rng: Random) -> None:
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    csi.take_down(use)
    again = csi.bring_up(use.volume)
    require_files(again.target, content, "being taken down and brought up", "Is it formatted again at each stage?")


def lasting(csi: Bench) -> list[str]:
    """Mounts of this test, and loop devices of the driver where it is ours."""
    left = mounts_below(csi.folder)
    if csi.driver.owned and csi.driver.state is not None:
        left += [f"{device} on {file}" for device, file in lasting_loops(csi.driver.state).items()]
    return left


@pytest.mark.clause("csi.leaks.nothing-left")
def test_refused_stage_leaves_nothing(csi: Bench) -> None:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    volume, capability = csi.create(), mount(flags=["seatrial-no-such-flag"])
    request = csi.staging(volume, capability, csi.attach(volume, mount()))
    if csi.client.answer(request).is_ok:
        raise NotApplicable("the driver takes a mount flag that no file system knows")
    csi.client.call(
        messages().NodeUnstageVolumeRequest(volume_id=volume.volume_id, staging_target_path=request.staging_target_path)
    )
    if "controller.PUBLISH_UNPUBLISH_VOLUME" in csi.capabilities:
        csi.client.call(csi.detaching(volume))
    csi.delete(volume)
    left = lasting(csi)
    if left:
        raise ClauseViolation("a stage that was refused left something behind", expected="nothing", actual=left)


@pytest.mark.clause("csi.leaks.nothing-left")
@pytest.mark.parametrize("readonly", [False, True], ids=["writable", "read-only"])
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_whole_life_leaves_nothing(csi: Bench, kind: str, readonly: bool) -> None:
    capability = mount() if kind == "mount" else block()
    use = csi.bring_up(csi.create(capability), capability, readonly=readonly)
    csi.take_down(use)
    csi.delete(use.volume)
    left = lasting(csi)
    if left:
        raise ClauseViolation("a deleted volume left something behind", expected="nothing", actual=left)
