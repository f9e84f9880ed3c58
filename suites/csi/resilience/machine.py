"""Any order of calls as a Hypothesis state machine: each step is a call that an orchestrator may make now.

After every step the driver is held against the model (life.py): what is published is there, and holds what was
written. Hypothesis shrinks a failing run; the shortest one is kept with its calls, to be printed and replayed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.client import Call
from fixtures.subjects.csi.leaks import force_unmount
from fixtures.subjects.csi.ledger import Ledger
from fixtures.subjects.csi.requests import from_snapshot, from_volume, messages, span
from reports.model import ClauseViolation
from suites.csi.resilience.life import Life

SHRINKING = 10.0  # seconds that the search for a shorter sequence may take
MIB = 1 << 20
VOLUMES, SNAPSHOTS, DEEDS_BETWEEN_KILLS = 4, 2, 5
SNAPSHOT = "controller.CREATE_DELETE_SNAPSHOT"
WEIGHTS = {
    "create": 1, "stage": 2, "stage_again": 1, "publish": 3, "publish_again": 1, "write": 3, "unpublish": 3,
    "unstage": 4, "delete": 1, "snapshot": 2, "restore": 2, "delete_snapshot": 1, "clone": 2, "expand": 1,
    "list_volumes": 1, "kill": 3,
}  # fmt: skip
ONWARD = ("make", "stage", "publish", "write")
DEEDS = [deed for deed, weight in WEIGHTS.items() for _ in range(weight)]


@dataclass
class Found:
    """The shortest failing sequence so far."""

    error: ClauseViolation | AssertionError
    calls: list[Call]
    since: float = field(default_factory=time.monotonic)


class Machine(RuleBasedStateMachine):
    """Two volumes and their copies, two snapshots, one node. A subclass made for one test sets csi, rng, kinds
    of volumes and kills."""

    csi: Bench
    rng: Any
    kills: bool = False
    kinds: Sequence[Any] = ()
    found: Found | None = None

    def __init__(self) -> None:
        super().__init__()
        self.lives: list[Life] = []
        self.snapshots: list[tuple[str, Life]] = []
        self.deeds, self.looked, self.killed, self.last = 0, 0, 0, "the start"
        self.ledger = Ledger()
        self.watch = self.ledger.watching(self.csi.client)
        self.began = len(self.csi.client.calls)

    @initialize(first=st.integers(0, 5), second=st.integers(0, 5))
    def begin(self, first: int, second: int) -> None:
        if self.is_short_enough:
            return
        if self.csi.client.lost and self.csi.driver.owned:
            self.csi.restart()
        self.csi.client.observers.append(self.watch)
        kinds = self.kinds
        self.lives = [Life(self.csi.creation(kinds[number % len(kinds)])) for number in (first, second)]

    @property
    def is_short_enough(self) -> bool:
        """Whether the time for shrinking is over. Then nothing is done any more: no shorter sequence will fail."""
        found = type(self).found
        return found is not None and time.monotonic() - found.since > SHRINKING

    def teardown(self) -> None:
        self.ledger.give_back()
        if self.watch in self.csi.client.observers:
            self.csi.client.observers.remove(self.watch)
        force_unmount(self.csi.folder)

    # One rule for all deeds: Hypothesis leaves out some rules of each run, and a run would then seldom come from a
    # creation to a write and back. For the same reason a deed that may not be done now gives way to the volume's
    # next step towards data in use.
    @rule(deed=st.sampled_from(DEEDS), which=st.integers(0, VOLUMES - 1))
    def step(self, deed: str, which: int) -> None:
        if self.is_short_enough or which >= len(self.lives):
            return
        life = self.lives[which]
        chosen = next((name for name in (deed, *ONWARD) if self.may(name, life)), "")
        if chosen:
            self.deeds += 1
            getattr(self, chosen)(life)

    @invariant()
    def driver_agrees_with_the_model(self) -> None:
        looked, self.looked = self.looked, self.deeds
        for life in self.lives:
            if life.targets and looked != self.deeds:
                self.act(self.last, partial(life.require_mounts, self.last))
                self.act(self.last, partial(life.require_content, self.last))

    def may(self, deed: str, life: Life) -> bool:
        """Whether an orchestrator may do this now with that volume, and the driver declares it."""
        there, in_use = life.volume is not None, bool(life.targets)
        room = len(self.lives) < VOLUMES
        return {
            "create": lambda: not life.is_copy,
            "make": lambda: not there and not life.is_copy,
            "stage": lambda: there and not life.staged,
            "stage_again": lambda: life.staged and not in_use,
            "publish": lambda: life.staged and len(life.targets) < len(life.slots),
            "publish_again": lambda: in_use,
            "write": lambda: in_use,
            "unpublish": lambda: life.used,
            "unstage": lambda: life.staged and not in_use,
            "delete": lambda: life.is_idle,
            "snapshot": lambda: there and len(self.snapshots) < SNAPSHOTS and self._has(SNAPSHOT),
            "restore": lambda: bool(self.snapshots) and room,
            "delete_snapshot": lambda: bool(self.snapshots),
            "clone": lambda: there and room and self._has("controller.CLONE_VOLUME"),
            "expand": lambda: there and self._may_grow(life),
            "list_volumes": lambda: there and self._has("controller.LIST_VOLUMES"),
            "kill": lambda: self.kills and self.deeds >= self.killed + DEEDS_BETWEEN_KILLS,
        }[deed]()

    def _has(self, capability: str) -> bool:
        return capability in self.csi.capabilities

    def _may_grow(self, life: Life) -> bool:
        may = self._has("expansion.ONLINE") or (self._has("controller.EXPAND_VOLUME") and life.is_idle)
        return may and bool(life.volume.capacity_bytes < 3 * self.csi.options.capacity)

    def act(self, words: str, deed: Callable[[], Any]) -> Any:
        """Do one thing; a failure is kept if its sequence is the shortest."""
        self.last = words
        try:
            return deed()
        except (ClauseViolation, AssertionError) as error:
            calls, kept = self.csi.client.calls[self.began :], type(self).found
            if kept is None:
                type(self).found = Found(error, calls)
            elif len(calls) <= len(kept.calls):
                type(self).found = Found(error, calls, kept.since)
            raise

    def call(self, request: Any) -> Any:
        """Send what has to succeed."""
        return self.act(type(request).DESCRIPTOR.name.removesuffix("Request"), lambda: self.csi.client.call(request))

    def create(self, life: Life) -> None:
        """A name that is there answers its volume, another one a new volume."""
        volume = self.call(life.request).volume
        others = [other.volume.volume_id for other in self.lives if other.volume is not None and other is not life]
        self.act("CreateVolume", partial(require_right_id, life.volume, volume, others))
        if life.volume is None:
            life.born(volume)

    make = create

    def delete(self, life: Life) -> None:
        """A volume that is on no node can be deleted, also when it is gone; a driver may keep what copies stand on."""
        request = self.csi.deletion(life.volume.volume_id)
        if life.copies and self.csi.client.answer(request).code == "FAILED_PRECONDITION":
            return
        self.call(request)
        life.ended()

    def stage(self, life: Life) -> None:
        """Attach and stage, also where it is so already."""
        life.context = self.act("ControllerPublishVolume", lambda: self.csi.attach(life.volume, life.capability))
        life.staging = self.act("NodeStageVolume", lambda: self.csi.stage(life.volume, life.capability, life.context))
        life.staged = True

    stage_again = stage

    def publish(self, life: Life) -> None:
        """Bring a staged volume to the next of its targets."""
        slot = next((slot for slot in life.slots if slot not in life.targets), life.slots[0])
        target = self.csi.folder / f"{slot}-{life.request.name}"
        self.call(self.csi.publishing(life.use(target)))
        life.targets[slot], life.used = target, True
        if life.has_to_grow and self._has("node.EXPAND_VOLUME"):
            self._expand_on_node(life)

    def publish_again(self, life: Life) -> None:
        """The same publish changes nothing."""
        self.call(self.csi.publishing(life.use(next(iter(life.targets.values())))))

    def write(self, life: Life) -> None:
        self.act("a write", lambda: life.write(self.rng, self.deeds))

    def unpublish(self, life: Life) -> None:
        """Take a volume from a target, also where it is not any more."""
        slot = next(iter(life.targets), life.slots[0])
        target = self.csi.folder / f"{slot}-{life.request.name}"
        self.call(self.csi.unpublishing(life.use(target)))
        life.targets.pop(slot, None)
        self.act("NodeUnpublishVolume", partial(require_nothing_at, target))

    def unstage(self, life: Life) -> None:
        """Unstage and detach a volume that is at no target."""
        if life.staging:
            self.call(self.csi.unstaging(life.use(self.csi.folder)))
        if self._has("controller.PUBLISH_UNPUBLISH_VOLUME"):
            self.call(self.csi.detaching(life.volume))
        life.staged, life.context = False, None

    def snapshot(self, life: Life) -> None:
        made = self.act("CreateSnapshot", lambda: self.csi.snapshot(life.volume))
        life.copies += 1
        self.snapshots.append((made.snapshot_id, life.remembered()))

    def delete_snapshot(self, _: Life) -> None:
        """A driver may keep a snapshot that volumes stand on."""
        held = self.snapshots[0]
        request = messages().DeleteSnapshotRequest(
            snapshot_id=held[0], secrets=self.csi.options.secrets_of("DeleteSnapshot")
        )
        if held[1].copies and self.csi.client.answer(request).code == "FAILED_PRECONDITION":
            return
        self.call(request)
        self.snapshots.remove(held)

    def restore(self, _: Life) -> None:
        """A volume of a snapshot holds what the snapshot's source held then."""
        snapshot_id, then = self.snapshots[-1]
        self._copy(then, from_snapshot(snapshot_id))

    def clone(self, life: Life) -> None:
        """A clone holds what its source holds now."""
        self._copy(life, from_volume(life.volume.volume_id))

    def _copy(self, then: Life, source: Any) -> None:
        room = span(max(self.csi.options.capacity, then.volume.capacity_bytes))
        made = Life(self.csi.creation(then.capability, capacity=room, source=source))
        made.born(self.call(made.request).volume, then)
        then.copies += 1
        self.lives.append(made)

    def expand(self, life: Life) -> None:
        answer = self.call(
            messages().ControllerExpandVolumeRequest(
                volume_id=life.volume.volume_id, capacity_range=span(life.volume.capacity_bytes + 4 * MIB),
                volume_capability=life.capability, secrets=self.csi.options.secrets_of("ControllerExpandVolume"),
            )
        )  # fmt: skip
        life.volume.capacity_bytes = answer.capacity_bytes
        life.has_to_grow = life.has_to_grow or answer.node_expansion_required
        if life.targets and answer.node_expansion_required:
            self._expand_on_node(life)

    def _expand_on_node(self, life: Life) -> None:
        self.call(
            messages().NodeExpandVolumeRequest(
                volume_id=life.volume.volume_id, volume_path=str(next(iter(life.targets.values()))),
                staging_target_path=life.staging, capacity_range=span(life.volume.capacity_bytes),
                volume_capability=life.capability,
            )
        )  # fmt: skip
        life.has_to_grow = False

    def list_volumes(self, _: Life) -> None:
        """What is there is listed once; other people's volumes may be between them."""
        entries = self.call(messages().ListVolumesRequest()).entries
        listed = [entry.volume.volume_id for entry in entries]
        ours = [life.volume.volume_id for life in self.lives if life.volume is not None]
        self.act("ListVolumes", partial(require_each_listed_once, ours, listed))

    def kill(self, _: Life) -> None:
        """SIGKILL and a new start change nothing."""
        self.act("a kill of the driver", self.csi.restart)
        self.killed = self.deeds


def require_right_id(known: Any, volume: Any, others: list[str]) -> None:
    """ClauseViolation for a second volume of a name, or one volume of two names."""
    if known is not None and known.volume_id != volume.volume_id:
        raise ClauseViolation("a volume that exists was made again", expected=known.volume_id, actual=volume.volume_id)
    if volume.volume_id in others:
        raise ClauseViolation("two names have one volume", expected="another id", actual=volume.volume_id)


def require_nothing_at(target: Any) -> None:
    """ClauseViolation unless the target path was removed."""
    if target.exists():
        raise ClauseViolation("the target path is left", expected="nothing there", actual=str(target))


def require_each_listed_once(ours: list[str], listed: list[str]) -> None:
    """ClauseViolation unless each of our volumes is in the listing exactly once."""
    wrong = {name: listed.count(name) for name in ours if listed.count(name) != 1}
    if wrong:
        raise ClauseViolation("the listing is wrong about our volumes", expected="each once", actual=wrong)
