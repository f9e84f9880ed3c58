"""The reference plugin's parts: what it prefers, and what lasts in its state folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.references.gpu.inventory import Inventory, free_major
from fixtures.references.gpu.preference import ImpossibleRequest, choose

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="device nodes need root")


@given(st.integers(1, 8), st.integers(1, 4), st.data())
def test_choice_has_the_asked_size_and_few_numa_nodes(count: int, nodes: int, data: st.DataObject) -> None:
    numa = {f"d{index}": index % nodes for index in range(count)}
    must = data.draw(st.lists(st.sampled_from(sorted(numa)), unique=True))
    size = data.draw(st.integers(len(must), count))
    chosen = choose(list(numa), must, size, numa)
    assert len(set(chosen)) == size == len(chosen)
    assert set(must) <= set(chosen) <= set(numa)
    roomiest = max(list(numa.values()).count(node) for node in range(nodes))
    if not must and 0 < size <= roomiest:
        assert len({numa[device] for device in chosen}) == 1


@pytest.mark.parametrize(
    ("available", "must", "size"), [(["a"], [], 2), (["a"], ["b"], 1), (["a", "b"], ["a", "b"], 1)]
)
def test_choice_that_cannot_be_made_is_refused(available: list[str], must: list[str], size: int) -> None:
    with pytest.raises(ImpossibleRequest):
        choose(available, must, size, {"a": 0, "b": 0})


@needs_root
def test_inventory_opened_again_has_the_same_devices(tmp_path: Path) -> None:
    first = Inventory(tmp_path, 2)
    first.gpus[1].node.unlink()
    second, larger = Inventory(tmp_path, 2), Inventory(tmp_path, 3)
    assert first.gpus == second.gpus == larger.gpus[:2]
    assert all(stat.S_ISCHR(gpu.node.stat().st_mode) for gpu in larger.gpus)


@needs_root
def test_simulated_gpu_has_no_driver_behind_it(tmp_path: Path) -> None:
    gpu = Inventory(tmp_path, 1).gpus[0]
    assert os.major(gpu.node.stat().st_rdev) == free_major()
    with pytest.raises(OSError, match=r"No such device or address|Permission denied"):
        gpu.node.open("rb")
