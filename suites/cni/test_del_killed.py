"""DEL after an ADD that was killed: a runtime that dies must be able to clean up."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable

import pytest

from fixtures.subjects.cni.execution import encode, kill_group
from fixtures.subjects.cni.network import Attachment, Container, Network
from fixtures.subjects.cni.state import require_restored, snapshot

ROUNDS = 8
TRIES = 3  # a runtime repeats a DEL that failed


@pytest.mark.clause("cni.del.completes-after-killed-add")
def test_del_after_an_add_killed_at_any_moment_restores_the_host(
    used_network: Network, new_container: Callable[[], Container], rng: random.Random
) -> None:
    """ADD and its children get SIGKILL 2 to 60 ms after the start; DEL then leaves nothing on the host."""
    before = snapshot(used_network)
    plugin = used_network.plugins[0]
    for _ in range(ROUNDS):
        container = new_container()
        parameters = used_network.parameters("ADD", container, "eth0")
        process = used_network.executor.start(plugin["type"], parameters, encode(used_network.request(plugin)))
        try:
            process.communicate(timeout=rng.uniform(0.002, 0.060))
        except subprocess.TimeoutExpired:
            kill_group(process)
            process.communicate()
        for _attempt in range(TRIES):
            if used_network.try_delete(Attachment(container, "eth0", {})).succeeded:
                break
    require_restored(used_network, before, f"{ROUNDS} killed ADDs, each followed by DEL")
