"""DEL after an ADD that was killed: a runtime that dies must be able to clean up."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable

import pytest

from fixtures.subjects.cni.execution import encode, kill_group
from fixtures.subjects.cni.network import Attachment, Container, Network
from fixtures.subjects.cni.state import require_restored, snapshot

ROUNDS = 8
TRIES = 3  # a runtime repeats a DEL that failed


def time_add(network: Network, container: Container) -> float:
    """How long one ADD of the first plugin takes, in seconds."""
    began = time.monotonic()
    network.executor.execute(
        network.main, network.parameters("ADD", container, "eth0"), encode(network.request(network.plugins[0]))
    )
    took = time.monotonic() - began
    network.delete(Attachment(container, "eth0", {}))
    return took


@pytest.mark.clause("cni.del.completes-after-killed-add")
def test_del_after_an_add_killed_at_any_moment_restores_the_host(
    used_network: Network, new_container: Callable[[], Container], rng: random.Random
) -> None:
    """ADD and its children get SIGKILL at some moment of the time that an ADD takes; DEL leaves nothing on the host."""
    plugin = used_network.plugins[0]
    whole = time_add(used_network, new_container())
    before = snapshot(used_network)
    for _ in range(ROUNDS):
        container = new_container()
        parameters = used_network.parameters("ADD", container, "eth0")
        process = used_network.executor.start(plugin["type"], parameters, encode(used_network.request(plugin)))
        try:
            process.communicate(timeout=whole * rng.uniform(0.05, 1.0))
        except subprocess.TimeoutExpired:
            kill_group(process)
            process.communicate()
        for _attempt in range(TRIES):
            if used_network.try_delete(Attachment(container, "eth0", {})).succeeded:
                break
    require_restored(used_network, before, f"{ROUNDS} killed ADDs, each followed by DEL")
