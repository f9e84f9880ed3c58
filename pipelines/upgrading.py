"""The release that an upgrade trial comes from: read, checked against the candidate, narrowed to what is upgraded."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from pipelines import basis
from pipelines.candidate import Candidate, narrowed
from pipelines.candidate import load as load_candidate
from pipelines.configuration import Misconfigured
from pipelines.pipeline import Pipeline, Stage
from reports.model import Component

REPLACED = ("kubernetes", "etcd", "containerd", "runc", "cni-plugins", "kube-router")
"""What an upgrade replaces. Everything else of the release before is not used: pods have the candidate's images."""
FROM = "what upgrade stages come from: a candidate file, or the folder of a run that was signed off"


def chosen(pipeline: Pipeline, path: Path | None) -> Pipeline:
    """The pipeline whose upgrade stages come from this release. Misconfigured: it has no such stage."""
    if path is None:
        return pipeline
    if not any(stage.upgrade_from for stage in pipeline.stages):
        problem = f"--from {path}: no stage of {pipeline.path} upgrades. Take --pipeline pipelines/upgrade.toml."
        raise Misconfigured([problem])
    stages = tuple(
        dataclasses.replace(stage, upgrade_from=path.resolve()) if stage.upgrade_from else stage
        for stage in pipeline.stages
    )
    return dataclasses.replace(pipeline, stages=stages)


def load(path: Path, candidate: Candidate) -> Candidate:
    """The release before. Misconfigured: it cannot be read, was not signed off, or cannot be upgraded from."""
    if path.is_dir():
        basis.of_run(path)
        path = path / "candidate.toml"
    earlier = load_candidate(path)
    replaced = [item for item in earlier.components if item.name in REPLACED]
    if not [item for item in replaced if item != candidate.component(item.name)]:
        names = ", ".join(REPLACED)
        raise Misconfigured([f"{path}: has nothing of {names} that differs from the candidate's {candidate.path}."])
    before, after = earlier.component("kubernetes"), candidate.component("kubernetes")
    if before and after:
        _require_reachable(path, before.version, after.version)
    return earlier


def _require_reachable(path: Path, before: str, after: str) -> None:
    """Misconfigured: the version skew policy knows no way from one Kubernetes to the other."""
    found = [re.match(r"v?(\d+)\.(\d+)\.(\d+)", version) for version in (before, after)]
    if not all(found):
        return  # a version of the user's own, which says nothing of its order
    old, new = ([int(part) for part in item.groups()] for item in found if item)
    if old > new:
        raise Misconfigured([f"{path}: Kubernetes {before} is newer than the candidate's {after}: that is no upgrade."])
    if old[0] != new[0] or new[1] - old[1] > 1:
        problem = f"{path}: from Kubernetes {before} to {after} skips a minor version, which is not supported."
        raise Misconfigured([problem])


def order(earlier: Candidate, stage: Stage) -> list[Component]:
    """What has to be provided of the release before, for a stage."""
    wanted = [item for item in earlier.components if item.name in REPLACED and item.name in stage.needs]
    return [narrowed(item, stage.files.get(stage.profile, {})) for item in wanted]


def stage_of(stages: Sequence[Stage]) -> Stage | None:
    """The last of the stages that upgrades; None where none does."""
    return next((stage for stage in reversed(stages) if stage.upgrade_from), None)
