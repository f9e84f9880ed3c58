"""The release that an upgrade trial comes from: read, checked against the candidate, narrowed to what is upgraded."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines import basis
from pipelines.candidate import Candidate, narrowed
from pipelines.candidate import load as load_candidate
from pipelines.configuration import Misconfigured
from pipelines.logbook import text_of, write
from pipelines.pipeline import Pipeline, Stage
from reports import attest, earlier
from reports.earlier import Signed, vouching
from reports.model import Component, to_json
from reports.run_folder import sha256_of

REPLACED = (
    "kubernetes", "etcd", "containerd", "runc", "cni-plugins", "kube-router", "coredns", "csi-attacher", "images",
)  # fmt: skip
"""What an upgrade replaces. Everything else of the release before is not used."""
_IMAGES = {"images": ("pause.tar", "coredns.tar")}  # those of pods that belong to the platform; workloads keep theirs
USE = "release to come from"
UNSIGNED = "Where nobody is to vouch for it, name its candidate file: --from RUN/candidate.toml."
FROM = "what upgrade stages come from: the folder of a run that was signed off, or a candidate file (nobody vouches)"
FROM_KEY = "who must have signed the run that --from names"


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


@dataclass(frozen=True)
class Release:
    """What is upgraded from. file: its sign-off, where it was named as a signed run; signed: what vouches for it."""

    candidate: Candidate
    signed: Signed | None = None
    file: Path | None = None

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.candidate.name} {self.candidate.version}; vouched for by {vouching(self.signed)}"

    def write(self, folder: Path) -> None:
        """Put into a stage's folder what a run folder holds of it (reports/earlier.py)."""
        write(folder / earlier.RELEASE, self.candidate.path.read_bytes())
        if self.file:
            write(folder / earlier.SIGNOFF, self.file.read_bytes())
        told = {**self.candidate.summary(), "signoff": to_json(self.signed) if self.signed else None}
        write(folder / earlier.FILE, text_of(told))


def releases(stages: Sequence[Stage], candidate: Candidate, keys: Sequence[Path] = ()) -> dict[str, Release]:
    """Of every stage that upgrades, what it comes from. keys: as of load. Misconfigured: one cannot be had."""
    found = {stage.name: load(stage.upgrade_from, candidate, keys) for stage in stages if stage.upgrade_from}
    if keys and not found:
        raise Misconfigured(["--from-key: no stage of this run upgrades. Take --pipeline pipelines/upgrade.toml."])
    return found


def load(path: Path, candidate: Candidate, keys: Sequence[Path] = ()) -> Release:
    """The release before. keys: one of these must have signed it.

    Misconfigured: it cannot be read, was not signed off, or cannot be upgraded from."""
    if path.is_dir():
        return _signed(path, keys, candidate)
    if keys:
        problem = f"{path}: has no signature that --from-key could check. Name the signed run folder with --from."
        raise Misconfigured([problem])
    return Release(_read(path, candidate))


def _signed(run: Path, keys: Sequence[Path], candidate: Candidate) -> Release:
    """A run that was signed off, as release to come from. Misconfigured: it was not, or not to its end."""
    try:
        signed = basis.signed_off(run, keys, USE)
    except Misconfigured as error:
        raise Misconfigured([*error.problems, UNSIGNED]) from error
    if signed.undecided:
        names = ", ".join(signed.undecided)
        raise Misconfigured([f"{run}: was asked to end before {names}, so it is no {USE}. {UNSIGNED}"])
    release, told = _read(run / "candidate.toml", candidate), signed.predicate["candidate"]
    if release.digest != told["sha256"]:
        raise Misconfigured([f"{run}: signed was {told['name']} ({told['sha256'][:12]}), candidate.toml is another."])
    vouched = "development" if signed.development else "keys" if keys else "nobody"
    name, time = str(signed.predicate["run"]["id"]), str(signed.predicate["time"])
    file = run / attest.SIGNOFF
    return Release(release, Signed(name, time, sha256_of(file), signed.keyids, vouched), file)


def _read(path: Path, candidate: Candidate) -> Candidate:
    """A release that can be upgraded from. Misconfigured: this one cannot."""
    release = load_candidate(path)
    if release.component("coredns") and not release.component("images"):
        problem = f"{path}: names coredns and no images, so nothing would run it. Copy the component images from"
        raise Misconfigured([f"{problem} pipelines/candidates/kubernetes-1.36.toml."])
    replaced = [item for item in release.components if item.name in REPLACED and item.name not in _IMAGES]
    if not [item for item in replaced if item != candidate.component(item.name)]:
        names = ", ".join(name for name in REPLACED if name not in _IMAGES)
        raise Misconfigured([f"{path}: has nothing of {names} that differs from the candidate's {candidate.path}."])
    before, after = release.component("kubernetes"), candidate.component("kubernetes")
    if before and after:
        _require_reachable(path, before.version, after.version)
    return release


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


def order(release: Candidate, stage: Stage, candidate: Candidate) -> list[Component]:
    """What has to be provided of the release before, for a stage that takes it to the candidate."""
    wanted = [release.component(name) for name in stage.components(candidate) if name in REPLACED]
    files = {**stage.files.get(stage.profile, {}), **_IMAGES}
    return [narrowed(item, files) for item in wanted if item is not None]


def stage_of(stages: Sequence[Stage]) -> Stage | None:
    """The last of the stages that upgrades; None where none does."""
    return next((stage for stage in reversed(stages) if stage.upgrade_from), None)
