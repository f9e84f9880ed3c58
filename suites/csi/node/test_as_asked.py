"""Mount flags and read-only access: on every kind of volume, and as long as the volume is used."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.requests import block, mount
from reports.model import ClauseViolation, NotApplicable
from suites.csi.node.file_systems import brought_up
from suites.csi.node.test_node_conflicts import volume_for
from suites.csi.node.test_readonly import require_refused_write
from suites.csi.resilience.test_kill_during_call import require_owned
from suites.csi.volumes.growth import NODE_EXPAND, node_expanding

MULTI, FLAG = "SINGLE_NODE_MULTI_WRITER", "noexec"
FLAGS, BITS = (FLAG, "noatime"), os.ST_NOEXEC | os.ST_NOATIME
GROUP = "61234"
KINDS: dict[str, Callable[[Sequence[str]], Any]] = {
    "ext4": lambda flags: mount(fs_type="ext4", flags=flags),
    "xfs": lambda flags: mount(fs_type="xfs", flags=flags),
    "of a group": lambda flags: mount(group=GROUP, flags=flags),
    "for one writer": lambda flags: mount("SINGLE_NODE_SINGLE_WRITER", flags=flags),
    "for several writers": lambda flags: mount(MULTI, flags=flags),
    "shared": lambda flags: mount("MULTI_NODE_MULTI_WRITER", flags=flags),
    "shared by readers": lambda flags: mount("MULTI_NODE_READER_ONLY", flags=flags),
}
NEEDS = {
    "of a group": "node.VOLUME_MOUNT_GROUP", "for one writer": "node.SINGLE_NODE_MULTI_WRITER",
    "for several writers": "node.SINGLE_NODE_MULTI_WRITER",
}  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """What a publish asks for: a mount flag or read-only access, of a file system or a device."""

    flags: tuple[str, ...] = ()
    readonly: bool = False
    is_block: bool = False

    def capability(self, mode: str = MULTI) -> Any:
        return block(mode) if self.is_block else mount(mode, flags=self.flags)

    def require_granted(self, use: InUse) -> None:
        """ClauseViolation unless the volume is at its target as asked."""
        if self.readonly:
            require_refused_write(use.target, "block" if self.is_block else "mount")
        found = os.statvfs(use.target).f_flag & BITS
        if self.flags and found != BITS:
            raise ClauseViolation("a mount flag is not in effect", expected=FLAGS, actual=hex(found))


WISHES = {"flags": Wish(FLAGS), "read-only": Wish(readonly=True), "read-only device": Wish((), True, True)}


@pytest.mark.clause("csi.node-publish.every-kind-is-as-asked")
@pytest.mark.parametrize("wish", [Wish(FLAGS), Wish(readonly=True), Wish(FLAGS, True)], ids=["f", "ro", "f+ro"])
@pytest.mark.parametrize("kind", KINDS)
def test_volume_of_any_kind_is_mounted_as_asked(csi: Bench, kind: str, wish: Wish) -> None:
    csi.require(*filter(None, [NEEDS.get(kind)]))
    capability = KINDS[kind](wish.flags)
    wish.require_granted(brought_up(csi, volume_for(csi, capability), capability, wish.readonly))


def again(csi: Bench, use: InUse, wish: Wish) -> list[InUse]:
    csi.client.call(csi.publishing(use, wish.readonly))
    return [use]


def second(csi: Bench, use: InUse, wish: Wish) -> list[InUse]:
    other = replace(use, target=csi.folder / "second")
    csi.client.call(csi.publishing(other, wish.readonly))
    return [use, other]


def second_gone(csi: Bench, use: InUse, wish: Wish) -> list[InUse]:
    _, other = second(csi, use, wish)
    csi.client.call(csi.unpublishing(other))
    return [use]


def expanded(csi: Bench, use: InUse, wish: Wish) -> list[InUse]:
    csi.require(NODE_EXPAND)
    csi.client.answer(node_expanding(use, use.volume.capacity_bytes or csi.options.capacity))  # there is nothing to do
    return [use]


def killed(csi: Bench, use: InUse, wish: Wish) -> list[InUse]:
    require_owned(csi)
    csi.restart()
    for one in again(csi, use, wish):
        wish.require_granted(one)
    csi.client.call(csi.unpublishing(use))
    return again(csi, use, wish)


def neighbour(csi: Bench, use: InUse, wish: Wish) -> list[InUse]:
    plain = replace(wish, flags=(), readonly=False).capability()
    csi.take_down(csi.bring_up(csi.create(plain), plain))
    return [use]


EVENTS = {
    "the same publish": again, "a second target": second, "an unpublish of another target": second_gone,
    "a node expansion": expanded, "a kill": killed, "another volume": neighbour,
}  # fmt: skip


@pytest.mark.clause("csi.node-publish.stays-as-asked")
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("asked", WISHES)
def test_published_volume_stays_as_asked(csi: Bench, asked: str, event: str) -> None:
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    wish = WISHES[asked]
    use = csi.bring_up(volume_for(csi, wish.capability()), wish.capability(), wish.readonly)
    for one in EVENTS[event](csi, use, wish):
        wish.require_granted(one)


@pytest.mark.clause("csi.node-publish.flags-follow-the-request")
@pytest.mark.parametrize("order", ["flag first", "flag later"])
def test_volume_brought_up_with_other_flags_has_those(csi: Bench, order: str) -> None:
    plain, flagged = mount(), mount(flags=[FLAG])
    first, later = (flagged, plain) if order == "flag first" else (plain, flagged)
    use = csi.bring_up(volume_for(csi, plain, flagged), first)
    csi.take_down(use)
    found = bool(os.statvfs(csi.bring_up(use.volume, later).target).f_flag & os.ST_NOEXEC)
    if found != (later is flagged):
        raise ClauseViolation(
            "a volume has the mount flags of its last use", expected=list(later.mount.mount_flags), actual=found
        )


@pytest.mark.clause("csi.node-publish.readonly-holds-for-one-target")
@pytest.mark.parametrize("order", ["writable first", "read-only first"])
def test_readonly_device_beside_a_writable_one_refuses_writes(csi: Bench, order: str) -> None:
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    first = csi.bring_up(volume_for(csi, block(MULTI)), block(MULTI), readonly=order == "read-only first")
    other = replace(first, target=csi.folder / "other")
    csi.client.call(csi.publishing(other, readonly=order == "writable first"))
    locked, opened = (other, first) if order == "writable first" else (first, other)
    require_refused_write(locked.target, "block")
    try:
        require_refused_write(opened.target, "block")
    except ClauseViolation:
        return  # it was written to, as it should be
    raise ClauseViolation("a writable device refuses writes", expected="it is writable", actual="a write failed")


@pytest.mark.clause("csi.node-publish.stays-as-asked")
def test_flags_of_one_target_are_its_own(csi: Bench) -> None:
    csi.require("node.SINGLE_NODE_MULTI_WRITER")
    plain, flagged = mount(MULTI), mount(MULTI, flags=[FLAG])
    first = csi.bring_up(volume_for(csi, plain, flagged), plain)
    other = replace(first, capability=flagged, target=csi.folder / "other")
    if not csi.client.answer(csi.publishing(other)).is_ok:
        raise NotApplicable("the driver publishes only as it staged")
    found = [bool(os.statvfs(use.target).f_flag & os.ST_NOEXEC) for use in (first, other)]
    if found != [False, True]:
        raise ClauseViolation("two target paths share their mount flags", expected=[False, True], actual=found)
