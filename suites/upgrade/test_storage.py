"""What a volume acknowledged is there after the upgrade, and it goes on."""

from __future__ import annotations

import pytest

from fixtures.evidence import EvidenceFolder, Figures
from fixtures.subjects.upgrade import manifests
from fixtures.subjects.upgrade.trial import TIME_LIMIT, Trial
from fixtures.subjects.upgrade.watching import longest_gap
from reports.model import ClauseViolation

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(TIME_LIMIT)]


@pytest.mark.clause("upgrade.storage.acknowledged-writes-survive")
def test_acknowledged_writes_are_read_after_the_upgrade(
    completed: Trial, figures: Figures, evidence: EvidenceFolder
) -> None:
    writes = completed.of(manifests.LEDGER)
    kept = completed.workloads.kept()
    evidence.write("ledger.txt", "\n".join(map(str, kept)) + "\n")
    acknowledged = [item.number for item in writes if not item.error]
    during = [item for item in writes if not item.error and completed.begun < item.at < completed.ended]
    assert during, "nothing was acknowledged during the upgrade: nothing is proven"
    lost = sorted(set(acknowledged) - set(kept))
    figures.measure("ledger-acknowledged-writes", len(acknowledged))
    figures.measure("ledger-lost-writes", len(lost))
    twice = sorted({number for number in kept if kept.count(number) > 1})
    if lost or twice or kept != sorted(kept):
        raise ClauseViolation(
            f"{len(lost)} acknowledged writes are lost", expected="each once, in the order of the writes",
            actual={"lost": lost[:20], "twice": twice[:20], "kept": len(kept)},
        )  # fmt: skip


@pytest.mark.clause("upgrade.storage.driver-keeps-its-volumes")
def test_driver_tells_of_its_volumes_what_it_told_before(completed: Trial) -> None:
    before = completed.volumes_before
    assert len(before) > 1, "the driver had no volume: nothing is proven"
    after = completed.workloads.volumes()
    lost = {name: (told, after.get(name)) for name, told in before.items() if after.get(name) != told}
    if lost:
        raise ClauseViolation("the driver tells otherwise of what it had before", expected=before, actual=after)


@pytest.mark.clause("upgrade.storage.volume-is-written-afterwards")
def test_volume_acknowledges_writes_after_the_upgrade(upgraded: Trial, figures: Figures) -> None:
    writes = upgraded.of(manifests.LEDGER)
    figures.measure("ledger-unacknowledged-writes", len(upgraded.failures(manifests.LEDGER)))
    figures.measure("ledger-longest-gap-seconds", longest_gap([(item.at, not item.error) for item in writes]))
    last = [item.error for item in writes[-10:]]
    if not last or any(last):
        raise ClauseViolation(
            "the volume takes no writes after the upgrade", expected="ten acknowledged in a row", actual=last
        )
