"""Calls back that name one volume and the path of another one: the other one stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import read_block, require_files, write_block, write_files
from fixtures.subjects.csi.requests import block, mount
from reports.model import ClauseViolation
from suites.csi.data.kinds import Kind

STAGE = "node.STAGE_UNSTAGE_VOLUME"
CAPABILITIES = {"mount": mount(), "block": block()}


@pytest.mark.clause("csi.node-unpublish.other-volume-is-left")
@pytest.mark.parametrize("kind", CAPABILITIES)
@pytest.mark.parametrize("state", ["published", "staged", "made"])
def test_unpublish_at_the_target_of_another_volume_leaves_it(csi: Bench, rng: Random, kind: str, state: str) -> None:
    capability = CAPABILITIES[kind]
    volume = csi.create(capability)
    one = csi.bring_up(volume, capability) if state == "published" else csi.prepare(volume, capability)
    if state == "made":
        csi.take_down(one)
    there = csi.bring_up(csi.create(capability), capability)
    written = Kind(capability).write(there, rng)
    csi.client.answer(csi.unpublishing(replace(one, target=there.target)))
    if kind == "block" and not there.target.is_block_device():
        raise ClauseViolation("another volume's target was taken away", expected="a device", actual="none")
    Kind(capability).require(there, written, "an unpublish of another volume at its target path")


@pytest.mark.clause("csi.node-unpublish.other-volume-is-left")
@pytest.mark.parametrize("kind", CAPABILITIES)
def test_unstage_at_the_staging_path_of_another_volume_leaves_it(csi: Bench, rng: Random, kind: str) -> None:
    csi.require(STAGE)
    capability = CAPABILITIES[kind]
    one, there = (csi.prepare(csi.create(capability), capability) for _ in range(2))
    csi.client.answer(csi.unstaging(replace(one, staging=there.staging)))
    csi.client.call(csi.publishing(there))
    if kind == "mount":
        require_files(there.target, write_files(there.target, rng), "an unstage of another volume at its staging path")
    else:
        written = write_block(there.target, rng)
        assert read_block(there.target) == written, "the device does not keep what is written"
    csi.client.call(csi.publishing(one))


@pytest.mark.clause("csi.node-unstage.neighbours-are-left")
def test_unstage_leaves_what_is_beside_the_staging_path(csi: Bench) -> None:
    csi.require(STAGE)
    volume = csi.create()
    request = csi.staging(volume, mount(), csi.attach(volume, mount()), csi.path("above/stage"))
    beside = Path(request.staging_target_path).parent / "beside"
    beside.write_text("x")
    csi.client.call(request)
    back = InUse(volume, mount(), request.staging_target_path, csi.folder / "target", {})
    for _ in range(2):
        csi.client.call(csi.unstaging(back))
        if not beside.is_file():
            raise ClauseViolation("an unstage removed what lay beside its path", expected="it stays", actual="gone")
