"""What a user of a volume counts on: room, emptiness at first, data kept, figures that are true, nothing left."""

from __future__ import annotations

import errno
import os
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import require_files, user_files, write_files
from fixtures.subjects.csi.leaks import lasting_loops, mounts_below
from fixtures.subjects.csi.requests import MIB, block, messages, mount, span
from reports.model import ClauseViolation

WRITTEN = 4 * MIB


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


@pytest.mark.clause("csi.capacity.is-enforced")
def test_volume_takes_no_more_than_its_capacity(csi: Bench) -> None:
    use = csi.bring_up(csi.create(capacity=span(csi.options.capacity)))
    room = max(use.volume.capacity_bytes, csi.options.capacity)
    descriptor = os.open(use.target / "filler", os.O_CREAT | os.O_WRONLY)
    try:
        os.posix_fallocate(descriptor, 0, room + MIB)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return
        raise
    finally:
        os.close(descriptor)
    raise ClauseViolation("a volume takes more than its capacity", expected=f"{room} bytes", actual=f"{room + MIB}")


@pytest.mark.clause("csi.node-stats.usage-is-plausible")
def test_statistics_are_plausible(csi: Bench) -> None:
    csi.require("node.GET_VOLUME_STATS")
    use = csi.bring_up(csi.create())
    request = messages().NodeGetVolumeStatsRequest(volume_id=use.volume.volume_id, volume_path=str(use.target))
    usage = {entry.unit: entry for entry in csi.client.call(request).usage}
    space = usage.get(messages().VolumeUsage.BYTES)
    assert space is not None, "the statistics name no bytes"
    for entry in usage.values():
        if min(entry.total, entry.available, entry.used) < 0 or entry.used + entry.available > entry.total > 0:
            raise ClauseViolation("the statistics are impossible", expected="0 <= parts <= total", actual=str(entry))
    capacity = use.volume.capacity_bytes  # 0: the driver does not say
    assert not capacity or space.total <= capacity * 1.1 + MIB, f"{space.total} bytes in all, in a volume of {capacity}"


@pytest.mark.clause("csi.node-stats.usage-follows-writes")
def test_statistics_follow_writes(csi: Bench) -> None:
    csi.require("node.GET_VOLUME_STATS")
    use = csi.bring_up(csi.create())
    request = messages().NodeGetVolumeStatsRequest(volume_id=use.volume.volume_id, volume_path=str(use.target))

    def used() -> int:
        usage = csi.client.call(request).usage
        return int(next(entry.used for entry in usage if entry.unit == messages().VolumeUsage.BYTES))

    before = used()
    with (use.target / "filler").open("wb") as stream:
        stream.write(b"x" * WRITTEN)
        stream.flush()
        os.fsync(stream.fileno())
    grown = used() - before
    if not WRITTEN * 0.5 <= grown <= WRITTEN * 2:
        raise ClauseViolation("the usage does not follow a write", expected=f"about {WRITTEN} more", actual=grown)


@pytest.mark.clause("csi.node-stats.absent-volume-is-not-found")
def test_statistics_of_an_absent_volume_are_not_found(csi: Bench) -> None:
    csi.require("node.GET_VOLUME_STATS")
    request = messages().NodeGetVolumeStatsRequest(volume_id=csi.absent_id(), volume_path=str(csi.folder))
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.node-stats.foreign-path-is-not-found")
def test_statistics_of_a_foreign_path_are_not_found(csi: Bench) -> None:
    csi.require("node.GET_VOLUME_STATS")
    use = csi.bring_up(csi.create())
    request = messages().NodeGetVolumeStatsRequest(volume_id=use.volume.volume_id, volume_path=str(csi.folder))
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is not published there")


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
