"""Two processes of the reference driver over one state folder, and the requests that tests send them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fixtures import lease as leases
from fixtures.subjects.csi.client import Answer, Client, Refused
from fixtures.subjects.csi.leaks import force_unmount
from fixtures.subjects.csi.requests import create_volume, messages
from fixtures.subjects.csi.started import StartedDriver
from fixtures.wait import wait_until
from reports.model import ClauseViolation

SHARED = "MULTI_NODE_MULTI_WRITER"
OPTIONS = ("--attach", "--capacity", str(1 << 30), "--max-volumes", "3")


@dataclass
class Node:
    """One process, its client, and folders for its paths."""

    driver: StartedDriver
    client: Client
    folder: Path

    def path(self, name: str) -> str:
        """A path of this node, which the driver makes."""
        return str(self.folder / name)

    def stage(self, volume: Any, capability: Any) -> Any:
        """Stage at the path of the volume's id."""
        return messages().NodeStageVolumeRequest(
            volume_id=volume.volume_id, staging_target_path=self.path(f"s-{volume.volume_id}"),
            volume_capability=capability,
        )  # fmt: skip

    def publish(self, volume: Any, capability: Any) -> Any:
        """Publish from there."""
        return messages().NodePublishVolumeRequest(
            volume_id=volume.volume_id, staging_target_path=self.path(f"s-{volume.volume_id}"),
            target_path=self.path(f"t-{volume.volume_id}"), volume_capability=capability,
        )  # fmt: skip

    def unpublish(self, volume: Any) -> Any:
        """Take it from its target."""
        target = self.path(f"t-{volume.volume_id}")
        return messages().NodeUnpublishVolumeRequest(volume_id=volume.volume_id, target_path=target)

    def unstage(self, volume: Any) -> Any:
        """Take it from the node."""
        staging = self.path(f"s-{volume.volume_id}")
        return messages().NodeUnstageVolumeRequest(volume_id=volume.volume_id, staging_target_path=staging)

    def bring_up(self, volume: Any, capability: Any) -> Path:
        """Stage and publish; the target."""
        self.client.call(self.stage(volume, capability))
        self.client.call(self.publish(volume, capability))
        return Path(self.path(f"t-{volume.volume_id}"))

    def restart(self) -> None:
        """Kill it, and start it again."""
        self.driver.restart()
        self.client.reconnect()


@dataclass
class System:
    """Both nodes and what they share."""

    first: Node
    second: Node
    state: Path

    def halt(self) -> None:
        """Let the next copy or publish stop halfway."""
        (self.state / "halt").touch()

    def wait_until_halted(self) -> None:
        """Wait until a call stands still."""
        wait_until("a call stands still", (self.state / "halted").exists, 20)

    def go_on(self) -> None:
        """Let what stands still go on."""
        for name in ("halt", "halted"):
            (self.state / name).unlink(missing_ok=True)

    def halves(self) -> list[str]:
        """What is half made on disk."""
        return [path.name for kind in ("volumes", "snapshots") for path in (self.state / kind / ".halves").iterdir()]


@contextmanager
def two_nodes(*wrapper: str) -> Iterator[System]:
    """Two processes over one state folder. wrapper: put before the command of the second."""
    lease = leases.acquire("nodes of the reference")
    folder = lease.folder("csi")
    words = ["--endpoint", "{endpoint}", "--state-dir", "{state}", "--node-id", "{node_id}", *OPTIONS]
    first = StartedDriver(
        f"unix://{folder}/csi.sock", owned=True, state=folder / "state", is_ours=True, folder=folder, lease=lease,
        command=[sys.executable, "-m", "suites.selftest.csi.halting_driver", *words], node_id="one",
    )  # fmt: skip
    drivers = [first]
    try:
        first.start()
        second = replace(
            first, endpoint=f"unix://{folder}/csi-2.sock", node_id="one-2", command=[*wrapper, *first.command],
            process=None,
        )  # fmt: skip
        drivers.append(second)
        second.start()
        nodes = [Node(driver, Client(driver.endpoint), folder / driver.node_id) for driver in (first, second)]
        for node in nodes:
            node.folder.mkdir()
        yield System(nodes[0], nodes[1], folder / "state")
        for node in nodes:
            node.client.close()
    finally:
        for driver in drivers:
            driver.stop()
        force_unmount(folder)
        lease.release()


def sent(client: Client, request: Any) -> Future[Answer | None]:
    """The request on its way; None where the driver was killed meanwhile."""

    def send() -> Answer | None:
        with suppress(ClauseViolation):
            return client.answer(request, 60)
        return None

    pool = ThreadPoolExecutor(1)
    future = pool.submit(send)
    pool.shutdown(wait=False)
    return future


def zoned(name: str, *capabilities: Any, source: Any = None) -> Any:
    """A volume in a loop file that every node of the zone can reach."""
    return create_volume(name, *capabilities, source=source, parameters={"backing": "loop", "reach": "zone"})


def deletion(volume: Any) -> Any:
    return messages().DeleteVolumeRequest(volume_id=volume.volume_id)


def insist(client: Client, request: Any) -> Any:
    """Ask until it is done; the response. ABORTED: a node that starts looks at each volume for a moment."""
    answer = wait_until(
        "the call is done", lambda: client.answer(request), 20, accept=lambda found: found.code != "ABORTED"
    )
    if not answer.is_ok:
        raise Refused(answer)
    return answer.response


def listed(client: Client) -> list[str]:
    return [entry.volume.volume_id for entry in client.call(messages().ListVolumesRequest()).entries]


def free(client: Client) -> int:
    return int(client.call(messages().GetCapacityRequest()).available_capacity)


def attaching(volume: Any, node: str, capability: Any) -> Any:
    return messages().ControllerPublishVolumeRequest(
        volume_id=volume.volume_id, node_id=node, volume_capability=capability
    )
