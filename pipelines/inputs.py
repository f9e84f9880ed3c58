"""What a run is asked and what it judges by: options, and the files that they name, all read before work starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pipelines import basis, deviations, foreseen, names, pipeline, policy, quarantine, upgrading, waivers
from pipelines.candidate import Candidate
from pipelines.candidate import load as load_candidate
from pipelines.configuration import read_all
from pipelines.deviations import Deviation
from pipelines.pipeline import Pipeline, Stage
from pipelines.quarantine import Entry
from pipelines.statistics import Basis
from pipelines.waivers import Waiver
from reports import catalogue as clauses
from reports.catalogue import Catalogue


@dataclass(frozen=True)
class Wishes:
    """What the user chose for the cluster and the tests."""

    seed: int
    provider: str = "local"
    kubeconfig: str = ""
    kube_context: str = ""
    as_user: str = ""
    as_groups: tuple[str, ...] = ()
    pod_security: str = "baseline"
    nodes: int = 2
    keep_cluster: bool = False
    allow_disruptive: bool = False
    pytest_options: tuple[str, ...] = ()
    cluster_file: Path | None = None


@dataclass(frozen=True)
class Options:
    """What the user asked for. Empty: the default. shard: I/N, of the run that all shards call run_id."""

    candidate: Path
    pipeline: Path
    waivers: Path
    runs: Path
    wishes: Wishes
    policy: Path | None = None
    quarantine: Path = quarantine.DEFAULT
    basis: Path | None = None
    basis_keys: tuple[Path, ...] = ()
    stage: str = ""
    profile: str = "quick"
    install: bool = True
    upgrade_from: Path | None = None
    upgrade_keys: tuple[Path, ...] = ()
    shard: str = ""
    run_id: str = ""


@dataclass(frozen=True)
class Inputs:
    """Everything that the gates judge by, read and checked before any work starts."""

    candidate: Candidate
    pipeline: Pipeline
    stages: tuple[Stage, ...]
    catalogue: Catalogue
    waivers: tuple[Waiver, ...]
    deviations: tuple[Deviation, ...]
    quarantine: tuple[Entry, ...] = ()
    basis: Basis | None = None
    earlier: Mapping[str, upgrading.Release] = field(default_factory=dict)


def read_inputs(options: Options) -> Inputs:
    """Read candidate, pipeline, policies, waivers, deviations, quarantine, basis and clauses.

    Misconfigured or HarnessError: a file of the user's, or one of ours, cannot be used, or names what there is not.
    """
    catalogue = clauses.load()
    candidate = load_candidate(options.candidate, is_here=True)
    chosen = upgrading.chosen(pipeline.load(options.pipeline, options.profile), options.upgrade_from)
    if options.policy is not None:
        stages = tuple(dataclasses.replace(stage, policy=options.policy) for stage in chosen.stages)
        chosen = dataclasses.replace(chosen, stages=stages)
    chosen = dataclasses.replace(
        chosen, stages=tuple(dataclasses.replace(stage, profile=options.profile) for stage in chosen.stages)
    )
    requested = chosen.until(options.stage)
    _require_names(options, requested, catalogue)
    read_all(partial(foreseen.require_judged, stage, chosen.stages, catalogue) for stage in requested)
    pipeline.require_components(requested, candidate)
    return Inputs(
        candidate,
        chosen,
        requested,
        catalogue,
        waivers.load(options.waivers),
        deviations.load(),
        quarantine.load(options.quarantine),
        basis.load(options.basis, options.basis_keys) if options.basis else None,
        upgrading.releases(requested, candidate, options.upgrade_keys),
    )


def _require_names(options: Options, stages: Sequence[Stage], catalogue: Catalogue) -> None:
    """Misconfigured: every mistake in the policies, waivers and quarantine, also clauses, tests and figures that they
    name and that do not exist: hours later the gate could only call such a run INVALID."""
    known = names.of_checkout(catalogue)
    readers: list[Callable[[], Any]] = [partial(policy.load, stage.policy, known) for stage in stages]
    readers += [partial(waivers.load, options.waivers, known), partial(quarantine.load, options.quarantine, known)]
    read_all(readers)


def by_copies(inputs: Inputs, folder: Path) -> Inputs:
    """The same, judged by the policies that were copied into the run's folder: an edit of the files while the run goes
    on is for the next one."""
    copied = {
        stage.name: dataclasses.replace(stage, policy=folder / "policies" / f"{stage.name}.toml")
        for stage in inputs.pipeline.stages
    }
    whole = dataclasses.replace(inputs.pipeline, stages=tuple(copied.values()))
    return dataclasses.replace(inputs, pipeline=whole, stages=tuple(copied[stage.name] for stage in inputs.stages))
