"""Data that was on the volume when the driver was killed, looked at once the volume was taken down and brought up."""

from __future__ import annotations

from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import read_block, require_files, write_block, write_files
from fixtures.subjects.csi.requests import block
from reports.model import ClauseViolation
from suites.csi.resilience.test_kill_during_call import require_owned


@pytest.mark.clause("csi.restart.synced-data-is-kept")
def test_data_written_before_a_kill_is_kept(csi: Bench, rng: Random) -> None:
    require_owned(csi)
    use = csi.bring_up(csi.create())
    content = write_files(use.target, rng)
    csi.restart()
    csi.take_down(use)
    require_files(csi.bring_up(use.volume).target, content, "a kill of the driver, and being taken down")


@pytest.mark.clause("csi.restart.synced-data-is-kept")
def test_block_data_written_before_a_kill_is_kept(csi: Bench, rng: Random) -> None:
    require_owned(csi)
    use = csi.bring_up(csi.create(block()), block())
    written = write_block(use.target, rng)
    csi.restart()
    csi.take_down(use)
    if read_block(csi.bring_up(use.volume, block()).target) != written:
        raise ClauseViolation("a block volume lost its data in a kill", expected=written, actual="other bytes")
