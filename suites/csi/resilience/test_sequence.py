"""Any order of calls follows the life of a volume. Hypothesis chooses the order and shrinks what fails."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from fixtures.evidence import EvidenceFolder
from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.transcript import replay_script, write_transcript
from reports.model import ClauseViolation, NotApplicable
from suites.csi.resilience.life import kinds_of_volumes
from suites.csi.resilience.machine import Found, Machine

SCRIPT = "csi-sequence.jsonl"


def follow(csi: Bench, rng: Random, evidence: EvidenceFolder, examples: int, steps: int, kills: bool = False) -> None:
    """Run the machine. ClauseViolation: the shortest failing sequence found, as a script that plays it again."""
    csi.require("controller.CREATE_DELETE_VOLUME")

    class Ours(Machine):
        pass

    Ours.csi, Ours.rng, Ours.kinds, Ours.kills = csi, rng, kinds_of_volumes(csi), kills
    chosen = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, database=None, print_blob=False,
        phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
    )  # fmt: skip
    try:
        run_state_machine_as_test(Ours, settings=chosen)
    except (ClauseViolation, AssertionError, Flaky):
        if Ours.found is None:
            raise
        raise told(Ours.found, evidence) from Ours.found.error


def told(found: Found, evidence: EvidenceFolder) -> ClauseViolation:
    """The failure of the shortest sequence, with the sequence as a script."""
    transcript = write_transcript(found.calls)
    evidence.write(SCRIPT, transcript)
    error = found.error
    rpcs = " -> ".join(call.rpc for call in found.calls)
    play = replay_script(transcript.splitlines(), file=SCRIPT)
    return ClauseViolation(
        f"after {len(found.calls)} calls: {getattr(error, 'summary', error)}",
        expected=getattr(error, "expected", None), actual=f"{getattr(error, 'actual', error)}, after {rpcs}",
        question=f"Does a shorter part of the sequence leave a wrong state? To play it again:\n{play}",
    )  # fmt: skip


@pytest.mark.clause("csi.sequence.model-agrees")
def test_any_sequence_of_calls_follows_the_life_of_a_volume(csi: Bench, rng: Random, evidence: EvidenceFolder) -> None:
    follow(csi, rng, evidence, examples=16, steps=40)


@pytest.mark.clause("csi.sequence.kills-change-nothing")
def test_any_sequence_of_calls_and_kills_follows_the_life_of_a_volume(
    csi: Bench, rng: Random, evidence: EvidenceFolder
) -> None:
    if not csi.driver.owned:
        raise NotApplicable("the driver was not started by us, so we do not kill it")
    follow(csi, rng, evidence, examples=8, steps=30, kills=True)


@pytest.mark.full
@pytest.mark.clause("csi.sequence.model-agrees")
def test_many_sequences_of_calls_follow_the_life_of_a_volume(csi: Bench, rng: Random, evidence: EvidenceFolder) -> None:
    follow(csi, rng, evidence, examples=60, steps=60)
