"""Any order of calls, against a model of a volume's life. Hypothesis chooses the order and shrinks it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.leaks import is_mounted
from reports.model import ClauseViolation

STEPS = st.sampled_from(["create", "stage", "publish", "unpublish", "unstage", "delete"])
SEQUENCES = st.lists(st.tuples(STEPS, st.integers(0, 1)), min_size=3, max_size=14)
AFTER = {"create": "made", "stage": "staged", "publish": "published", "unpublish": "staged", "unstage": "made"}
FROM = {
    "create": {"gone", "made", "staged", "published"}, "stage": {"made", "staged", "published"},
    "publish": {"staged", "published"}, "unpublish": {"made", "staged", "published"},
    "unstage": {"made", "staged"}, "delete": {"gone", "made"},
}  # fmt: skip


@dataclass
class Model:
    """Two volumes, each with the state the specification gives it."""

    csi: Bench
    uses: list[InUse | None] = field(default_factory=lambda: [None, None])
    states: list[str] = field(default_factory=lambda: ["gone", "gone"])
    requests: list[Any] = field(default_factory=list)

    def step(self, name: str, slot: int) -> None:
        """Take one step that the orchestrator may take now, and compare the answer; others are left out."""
        state = self.states[slot]
        if state not in FROM[name] or (name != "create" and self.uses[slot] is None):
            return
        if name == "create":
            self._create(slot)
            return
        use = self.uses[slot]
        assert use is not None
        request = {
            "stage": lambda: self.csi.staging(use.volume, use.capability, use.context, use.staging),
            "publish": lambda: self.csi.publishing(use), "unpublish": lambda: self.csi.unpublishing(use),
            "unstage": lambda: self.csi.unstaging(use), "delete": lambda: self.csi.deletion(use.volume.volume_id),
        }[name]()  # fmt: skip
        if name == "delete" and "controller.PUBLISH_UNPUBLISH_VOLUME" in self.csi.capabilities:
            self.csi.client.call(self.csi.detaching(use.volume))
        self.csi.client.call(request)
        self._move(name, slot, state, use)

    def _create(self, slot: int) -> None:
        volume = self.csi.client.call(self.requests[slot]).volume
        known = self.uses[slot]
        if self.states[slot] != "gone" and known is not None and known.volume.volume_id != volume.volume_id:
            raise ClauseViolation("a volume that exists was made again", expected=known.volume, actual=volume)
        if self.states[slot] == "gone":
            capability = self.requests[slot].volume_capabilities[0]
            staging = self.csi.path(f"sequence-stage-{volume.volume_id[-8:]}")
            target = self.csi.folder / f"sequence-target-{volume.volume_id[-8:]}"
            use = InUse(volume, capability, staging, target, self.csi.attach(volume, capability))
            self.uses[slot], self.states[slot] = use, "made"

    def _move(self, name: str, slot: int, state: str, use: InUse) -> None:
        if name == "delete":
            self.uses[slot], self.states[slot] = None, "gone"
        elif not (name == "unpublish" and state == "made") and not (name == "stage" and state == "published"):
            self.states[slot] = AFTER[name]
        if is_mounted(use.target) != (self.states[slot] == "published"):
            raise ClauseViolation(
                f"after {name} the target path is not as it should be", expected=self.states[slot],
                actual="mounted" if is_mounted(use.target) else "not mounted",
            )  # fmt: skip


@pytest.mark.clause("csi.sequence.model-agrees")
def test_any_sequence_of_calls_follows_the_life_of_a_volume(csi: Bench) -> None:
    csi.require("controller.CREATE_DELETE_VOLUME", "node.STAGE_UNSTAGE_VOLUME")

    @settings(
        max_examples=20, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(SEQUENCES)
    def follow(sequence: list[tuple[str, int]]) -> None:
        model = Model(csi, requests=[csi.creation(), csi.creation()])
        for name, slot in sequence:
            model.step(name, slot)

    follow()
