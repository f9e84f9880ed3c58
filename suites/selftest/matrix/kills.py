"""`python -m suites.selftest.matrix.kills`: the reference driver, killed at random moments over a mix of calls.

After each kill it is started again, the call that was cut off is repeated, and the rest of the round goes on. Then the
data of a volume in use must be what was written, it must take writes, and nothing may be left of the round.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fixtures import lease as leases
from fixtures.lease import Lease
from fixtures.subjects.csi.client import Client, Refused
from fixtures.subjects.csi.leaks import loops_below, mounts_below
from fixtures.subjects.csi.requests import block, create_volume, from_snapshot, from_volume, messages, mount, span
from fixtures.subjects.csi.started import StartedDriver, unstarted_reference
from fixtures.wait import WaitTimeout, wait_until
from reports.model import ClauseViolation

SIZE = 16 << 20
KEPT = b"written before the kill" * 4096
WRITING = 20  # seconds that a write may take before the file system counts as frozen


@dataclass
class Campaign:
    """A driver, a volume in use whose data must stay, and what was seen. faults: in words;
    left: what was reported as left once."""

    driver: StartedDriver
    client: Client
    root: Path
    rng: random.Random
    kept: Any = None
    faults: list[str] = field(default_factory=list)
    cut: Counter[str] = field(default_factory=Counter)
    lengths: dict[str, float] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    kills: int = 0
    _killed: threading.Event = field(default_factory=threading.Event)

    def call(self, request: Any) -> Any:
        """Send a request; where the kill cut it off, start the driver again and repeat it once."""
        try:
            return self.client.call(request)
        except Refused:
            raise
        except ClauseViolation:
            if not self._killed.wait(5):
                raise
        self.cut[request.DESCRIPTOR.name.removesuffix("Request")] += 1
        self.revive()
        return self.client.call(request)

    def revive(self) -> None:
        """Start the driver again if it was killed."""
        if not self.driver.is_running:
            self.driver.restart()
        self.client.reconnect()

    def create(self, capability: Any, size: int = SIZE, **more: Any) -> Any:
        name = f"kill-{self.rng.randbytes(6).hex()}"
        return self.call(create_volume(name, capability, capacity=span(size), **more)).volume

    def stage(self, volume: Any, capability: Any) -> str:
        path = self.root / f"stage-{volume.volume_id[-8:]}"
        path.mkdir(exist_ok=True)
        kind = messages()
        self.call(kind.ControllerPublishVolumeRequest(
            volume_id=volume.volume_id, node_id=self.driver.node_id, volume_capability=capability))  # fmt: skip
        self.call(kind.NodeStageVolumeRequest(
            volume_id=volume.volume_id, staging_target_path=str(path), volume_capability=capability))  # fmt: skip
        return str(path)

    def publish(self, volume: Any, capability: Any, staging: str) -> str:
        target = staging.replace("stage-", "target-")
        self.call(messages().NodePublishVolumeRequest(
            volume_id=volume.volume_id, staging_target_path=staging, target_path=target,
            volume_capability=capability))  # fmt: skip
        return target

    def remove(self, volume: Any, staging: str = "", target: str = "") -> None:
        kind, known = messages(), volume.volume_id
        if target:
            self.call(kind.NodeUnpublishVolumeRequest(volume_id=known, target_path=target))
        if staging:
            self.call(kind.NodeUnstageVolumeRequest(volume_id=known, staging_target_path=staging))
            self.call(kind.ControllerUnpublishVolumeRequest(volume_id=known))
        self.call(kind.DeleteVolumeRequest(volume_id=known))

    def life(self, capability: Any) -> None:
        """Made, formatted, in use, and gone."""
        volume = self.create(capability)
        staging = self.stage(volume, capability)
        self.remove(volume, staging, self.publish(volume, capability, staging))

    def copies(self) -> None:
        """A snapshot of the volume in use, a restore that is mounted, a clone."""
        kind = messages()
        asked = kind.CreateSnapshotRequest(source_volume_id=self.kept.volume_id, name=self.rng.randbytes(6).hex())
        snapshot = self.call(asked).snapshot
        restored = self.create(mount(), 2 * SIZE, source=from_snapshot(snapshot.snapshot_id))
        staging = self.stage(restored, mount())
        self._compare(Path(staging, "kept"), "a restore")
        self.remove(restored, staging)
        self.remove(self.create(mount(), source=from_volume(self.kept.volume_id)))
        self.call(kind.DeleteSnapshotRequest(snapshot_id=snapshot.snapshot_id))

    def growth(self, capability: Any, size: int) -> None:
        """Formatted, taken down, expanded, brought up larger with its data."""
        volume, kind = self.create(capability, size), messages()
        staging = self.stage(volume, capability)
        Path(staging, "kept").write_bytes(KEPT)
        before = os.statvfs(staging).f_blocks
        self.call(kind.NodeUnstageVolumeRequest(volume_id=volume.volume_id, staging_target_path=staging))
        larger = span(size + (32 << 20))
        self.call(kind.ControllerExpandVolumeRequest(volume_id=volume.volume_id, capacity_range=larger))
        staging = self.stage(volume, capability)
        self._compare(Path(staging, "kept"), "an expanded volume")
        if os.statvfs(staging).f_blocks <= before:
            self.faults.append(f"an expanded volume spans {before} blocks as before")
        self.remove(volume, staging)

    def group(self) -> None:
        """Snapshots of two volumes at one moment."""
        other, kind = self.create(block()), messages()
        sources = [other.volume_id, self.kept.volume_id]
        asked = kind.CreateVolumeGroupSnapshotRequest(name=self.rng.randbytes(6).hex(), source_volume_ids=sources)
        group = self.call(asked).group_snapshot
        members = [item.snapshot_id for item in group.snapshots]
        self.call(kind.DeleteVolumeGroupSnapshotRequest(
            group_snapshot_id=group.group_snapshot_id, snapshot_ids=members))  # fmt: skip
        self.remove(other)

    def rounds(self) -> dict[str, Callable[[], None]]:
        """The mix of calls."""
        return {
            "life of a mount": partial(self.life, mount()), "life of a device": partial(self.life, block()),
            "copies": self.copies, "growth": partial(self.growth, mount(), SIZE), "group": self.group,
            "growth of an xfs": partial(self.growth, mount(fs_type="xfs"), 300 << 20),
        }  # fmt: skip

    def _compare(self, file: Path, what: str) -> None:
        if not file.exists() or file.read_bytes() != KEPT:
            self.faults.append(f"{what} has not the data that was written")

    def begin(self) -> None:
        """Make the volume that is in use all the time, and see how long each round takes without a kill."""
        self.kept = self.create(mount())
        staging = self.stage(self.kept, mount())
        target = self.publish(self.kept, mount(), staging)
        with Path(target, "kept").open("wb") as stream:
            stream.write(KEPT)
            os.fsync(stream.fileno())
        for name, act in self.rounds().items():
            began = time.monotonic()
            act()
            self.lengths[name] = time.monotonic() - began

    def kill_once(self) -> None:
        """One round with a kill somewhere in it, and the look around after it."""
        name = self.rng.choice(sorted(self.lengths))
        self._killed.clear()

        def strike() -> None:
            self.driver.kill()
            self._killed.set()

        timer = threading.Timer(self.rng.uniform(0, self.lengths[name]), strike)
        timer.start()
        self.kills += 1
        before = len(self.faults)
        try:
            self.rounds()[name]()
        except ClauseViolation as error:
            self.faults.append(error.summary)
        timer.join()
        self.revive()
        self.look()
        self.faults[before:] = [f"kill {self.kills} in {name}: {text}" for text in self.faults[before:]]

    def look(self) -> None:
        """Whether the kept data is there and writable, and nothing else is."""
        target = self.root / f"target-{self.kept.volume_id[-8:]}"
        self._compare(target / "kept", "the volume in use")
        command = ["dd", "if=/dev/zero", f"of={target}/new", "bs=4096", "count=1", "conv=fsync"]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=WRITING)
        except (subprocess.SubprocessError, OSError) as error:
            self.faults.append(f"the volume in use takes no writes: {error}")
        left = set(self._left()) - self.left
        self.left |= left
        self.faults += sorted(left)

    def _left(self) -> Iterator[str]:
        kind, known = messages(), self.kept.volume_id
        for entry in self.client.call(kind.ListVolumesRequest()).entries:
            if entry.volume.volume_id != known:
                yield f"volume {entry.volume.volume_id} is left"
        for snapshot in self.client.call(kind.ListSnapshotsRequest()).entries:
            yield f"snapshot {snapshot.snapshot.snapshot_id} is left"
        for path in mounts_below(self.root):
            if known[-8:] not in path:
                yield f"a mount at {path} is left"
        state = self.driver.state
        assert state is not None
        try:
            wait_until("devices are gone", partial(self._foreign_loops, state), 3, accept=lambda left: not left)
        except WaitTimeout as late:
            yield f"loop devices are left: {late.last}"
        for half in [*state.glob("*/.new-*"), *state.glob("*/.gone-*")]:
            yield f"{half.name} is left in {half.parent.name}"

    def _foreign_loops(self, state: Path) -> list[str]:
        return [file for file in loops_below(state).values() if self.kept.volume_id not in file]


@contextlib.contextmanager
def campaign(lease: Lease, seed: int) -> Iterator[Campaign]:
    """A driver and its volume in use, ready to be killed."""
    driver = unstarted_reference(lease)
    driver.start()
    client = Client(driver.endpoint)
    made = Campaign(driver, client, lease.folder("kills"), random.Random(seed))
    made.begin()
    yield made
    client.close()
    driver.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill, and print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m suites.selftest.matrix.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    lease = leases.acquire("kills")
    try:
        with campaign(lease, chosen.seed) as made:
            for _ in range(chosen.kills):
                made.kill_once()
                for fault in made.faults:
                    print(fault, flush=True)
                made.faults, found = [], made.faults
                made.cut["faults"] += len(found)
            cut = ", ".join(f"{rpc} {count}" for rpc, count in made.cut.most_common() if rpc != "faults")
            print(f"{made.kills} kills; calls cut off: {cut}; faults: {made.cut['faults']}")
            return 1 if made.cut["faults"] else 0
    finally:
        lease.release()


if __name__ == "__main__":
    sys.exit(main())
