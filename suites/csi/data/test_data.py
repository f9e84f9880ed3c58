"""What a user of a volume counts on: emptiness at first, data kept, nothing left."""

from __future__ import annotations

from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import require_files, user_files, write_files
from fixtures.subjects.csi.leaks import lasting_loops, mounts_below
from fixtures.subjects.csi.requests import block, mount
from reports.model import ClauseViolation


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


@pytest.mark.clause("csi.leaks.nothing-left")
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_whole_life_leaves_nothing(csi: Bench, kind: str) -> None:
    capability = mount() if kind == "mount" else block()
    use = csi.bring_up(csi.create(capability), capability)
    csi.take_down(use)
    csi.delete(use.volume)
    left = mounts_below(csi.folder)
    if csi.driver.owned and csi.driver.state is not None:
        left += [f"{device} on {file}" for device, file in lasting_loops(csi.driver.state).items()]
    if left:
        raise ClauseViolation("a deleted volume left something behind", expected="nothing", actual=left)
