"""The reference driver, killed at random moments: `python -m suites.selftest.matrix.kills` does it more often."""

from __future__ import annotations

from fixtures.lease import Lease
from suites.selftest.matrix.kills import campaign

KILLS = 6


def test_csi_reference_killed_at_random_moments_keeps_data_and_leaves_nothing(lease: Lease, seed: int) -> None:
    with campaign(lease, seed) as made:
        for _ in range(KILLS):
            made.kill_once()
    assert made.kills == KILLS
    assert not made.faults, f"seed {seed}: " + "; ".join(made.faults)
