"""The driver is killed after each step of a volume's life: the steps that follow find everything as it was."""

from __future__ import annotations

from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.leaks import force_unmount, mounts_below
from reports.model import ClauseViolation
from suites.csi.data.kinds import KINDS
from suites.csi.data.test_lineage import size_of
from suites.csi.node.test_readonly import require_refused_write
from suites.csi.resilience.test_kill_during_call import require_owned
from suites.csi.volumes.growth import EXPAND, NODE_EXPAND, expanding, node_expanding, require_room

ATTACH = "controller.PUBLISH_UNPUBLISH_VOLUME"


@pytest.mark.clause("csi.restart.life-goes-on")
@pytest.mark.parametrize("kind", ["block", "shared"])
def test_volume_whose_driver_is_killed_after_each_step_lives_on(csi: Bench, rng: Random, kind: str) -> None:
    require_owned(csi)
    here = KINDS[kind]
    use = here.bring_up(csi)
    content = here.write(use, rng)
    csi.take_down(use)
    context = csi.attach(use.volume, use.capability)
    staging = csi.stage(use.volume, use.capability, context)
    csi.restart()
    again = InUse(use.volume, use.capability, staging, use.target, context)
    csi.client.call(csi.publishing(again, readonly=True))
    csi.restart()
    here.require(again, content, f"a kill after each step ({kind})")
    require_refused_write(again.target, "block" if here.is_block else "mount")
    csi.client.call(csi.unpublishing(again))
    csi.restart()
    csi.client.call(csi.publishing(again))
    content = here.write(again, rng)
    csi.take_down(again)
    if mounts_below(csi.folder):
        raise ClauseViolation("kills left mounts that no call takes away", expected="none", actual="some")
    here.require(csi.bring_up(use.volume, use.capability), content, f"a kill after each step ({kind})")


@pytest.mark.clause("csi.restart.expansion-goes-on")
@pytest.mark.parametrize("kind", ["ext4", "block"])
def test_expansion_whose_driver_is_killed_between_its_halves_is_completed(csi: Bench, rng: Random, kind: str) -> None:
    require_owned(csi)
    csi.require(EXPAND, NODE_EXPAND)
    here = KINDS[kind]
    use = here.bring_up(csi)
    content, size = here.write(use, rng), 2 * size_of(csi, use)
    csi.take_down(use)
    needs_node = csi.client.call(expanding(use.volume, size, capability=use.capability)).node_expansion_required
    use = csi.bring_up(use.volume, use.capability)
    csi.restart()
    if needs_node:
        csi.client.call(node_expanding(use, size))
    require_room(use.target, size, "an expansion with a kill between its halves")
    here.require(use, content, "an expansion with a kill between its halves")


@pytest.mark.clause("csi.restart.reboot-is-noticed")
@pytest.mark.parametrize("kind", ["ext4", "block"])
def test_volume_in_use_at_a_reboot_is_taken_down_and_deleted(csi: Bench, kind: str) -> None:
    require_owned(csi)
    use = KINDS[kind].bring_up(csi)
    csi.driver.kill()
    force_unmount(csi.folder)  # what a reboot leaves of mounts: none
    if use.target.is_dir():
        use.target.rmdir()
    csi.restart()
    csi.take_down(use)
    csi.delete(use.volume)
