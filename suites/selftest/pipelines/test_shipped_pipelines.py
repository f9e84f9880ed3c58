"""The pipelines that are shipped beside the default one fit the default candidate, component by component."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import pipeline
from pipelines.candidate import load

PIPELINES = Path(pipeline.__file__).parent


@pytest.mark.parametrize("profile", pipeline.PROFILES)
@pytest.mark.parametrize("name", ["stages.toml", "upgrade.toml", "existing.toml"])
def test_every_component_is_given_to_a_stage_or_left_out(name: str, profile: str) -> None:
    candidate = load(PIPELINES / "candidates" / "default.toml")
    *judging, last = pipeline.load(PIPELINES / name, profile).stages
    given = {component for stage in judging for component in stage.components(candidate)}
    nobody = [item.name for item in candidate.components if item.name not in given and not last.leaves_out(item.name)]
    assert nobody == [], "the sign-off would be INCONCLUSIVE"
