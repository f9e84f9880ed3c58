"""The pipelines' only door to fixtures: what a run stands on, of this machine, of clusters and of clouds. Fixtures are
imported when they are asked for, so that a gate can be evaluated where none of their packages is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipelines.configuration import Misconfigured
from reports.model import Component, Part


class Fact(Protocol):
    """One thing about this machine (fixtures.toolchain.machine.Fact). required: the default pipeline needs it."""

    @property
    def name(self) -> str: ...

    @property
    def ok(self) -> bool: ...

    @property
    def detail(self) -> str: ...

    @property
    def repair(self) -> str: ...

    @property
    def needed_for(self) -> str: ...

    @property
    def required(self) -> bool: ...


def provide(components: Sequence[Component], tell: Callable[[str, bool], None] | None, install: bool) -> Iterator[Part]:
    """Fetch or build the components in order, each as soon as it is there.

    tell gets lines of news, and whether one is worth keeping; without it they go to the terminal.
    """
    from fixtures.toolchain import progress, system
    from fixtures.toolchain.cache import Cache
    from fixtures.toolchain.provide import provide as provided

    def hear(event: progress.Event) -> None:
        if tell is not None:
            tell(progress.line_of(event), event.state in ("note", "started"))

    news = hear if tell else progress.ScreenProgress()
    system.ensure(system.missing("run"), lambda text: news(progress.Event("system", "started", text)), install)
    yield from provided(components, Cache(), news, install)


def machine_facts(network: bool) -> Sequence[Fact]:
    """What this machine can and cannot do."""
    from fixtures.toolchain import machine

    return machine.facts(network=network)


def cache_root() -> Path:
    """Where everything fetched and built is kept."""
    from fixtures.plugin import cache_root as root

    return root()


def remove_tree(folder: Path) -> None:
    """Remove a folder, also where Go left read-only folders in it."""
    from fixtures.toolchain.cache import remove_tree as remove

    remove(folder)


@dataclass(frozen=True)
class Reach:
    """How an existing cluster is reached: a kubeconfig ("": as with kubectl), a context in it, and as whom."""

    kubeconfig: str
    context: str
    as_user: str
    as_groups: tuple[str, ...]

    def find(self) -> Any:
        """A fixtures.clusters.access.Access. EnvironmentUnfit: there is none, or it looks like production."""
        from fixtures.clusters import access

        return access.find(access.kubeconfig_files(self.kubeconfig), self.context, self.as_user, self.as_groups)


class Previewed(Protocol):
    """What would be made (fixtures.clusters.preview.Preview). missing: why it cannot."""

    @property
    def missing(self) -> tuple[str, ...]: ...

    def text(self) -> str: ...


def preview_cluster(reach: Reach, pod_security: str) -> Previewed:
    """What a run would make there and which rights it lacks. EnvironmentUnfit: it cannot be reached."""
    from fixtures.clusters.preview import preview

    return preview(reach.find(), pod_security)


def require_cluster_file(cluster_file: Path) -> None:
    """Misconfigured: all that is wrong with the file of --provider tofu."""
    from fixtures.clusters.tofu import order

    try:
        order.read(cluster_file)
    except order.WrongOrder as error:
        raise Misconfigured([f"{cluster_file}: {problem}" for problem in error.problems]) from error


def require_cluster_settings(cluster_file: Path) -> None:
    """Misconfigured: what is wrong with the file of --provider capi, or a cluster of it could judge nothing."""
    from fixtures.clusters.capi import settings
    from fixtures.clusters.provider import ClusterFailed, PlanRefused

    try:
        settings.require(cluster_file)
    except PlanRefused as error:
        raise Misconfigured([f"{cluster_file}: {problem}" for problem in error.problems]) from error
    except ClusterFailed as error:
        raise Misconfigured(str(error).splitlines()) from error


def preview_file(cluster_file: Path) -> Previewed:
    """What the file of --provider capi or tofu would make and cost, and why it is refused. Misconfigured: the file is
    wrong. EnvironmentUnfit: it cannot be planned."""
    from fixtures.clusters.capi import preview, settings
    from fixtures.clusters.provider import ClusterFailed
    from fixtures.clusters.tofu.provider import TofuProvider
    from fixtures.plugin import read_parts

    if settings.names_template(cluster_file):
        try:
            request = settings.load(cluster_file)
            request.estimate()
        except ClusterFailed as error:
            raise Misconfigured(str(error).splitlines()) from error
        return preview.preview(request)
    require_cluster_file(cluster_file)
    return TofuProvider().preview(cluster_file, read_parts(None))


def departure_of_existing() -> str:
    """How sure it is that an existing cluster runs the candidate."""
    from fixtures.clusters.kubeconfig import DEPARTURE

    return DEPARTURE


def rights_manifest(namespace: str, pod_security: str) -> str:
    """YAML of an account with the least rights."""
    from fixtures.clusters.rights import manifest

    return manifest(namespace, pod_security)


def clean_cluster(reach: Reach, *, everything: bool) -> list[str]:
    """Remove labelled namespaces that dead runs left in an existing cluster. EnvironmentUnfit: it cannot be reached."""
    from fixtures.clusters import own_namespaces

    return own_namespaces.clean(reach.find(), everything)


def reap(*, kept: bool = False, orphans: bool = False) -> list[str]:
    """Remove what dead runs left on this machine; one line for each thing."""
    from fixtures import lease

    return lease.reap(include_kept=kept, orphans=orphans)


class Swept(Protocol):
    """What the janitor found and did (fixtures.cloud.janitor.Swept)."""

    @property
    def lines(self) -> tuple[str, ...]: ...

    @property
    def left(self) -> int: ...


def sweep(cloud: str, regions: Sequence[str], owner: str, *, delete: bool) -> Swept:
    """List, or remove, what has expired in a cloud. EnvironmentUnfit: it does not tell."""
    from fixtures.cloud import janitor

    return janitor.sweep(janitor.cloud_of(cloud, regions), owner, delete)


def lease() -> Any:
    """A fixtures.lease.Lease of this process: what its children make is removed once it is gone."""
    from fixtures import lease as leases

    return leases.acquire("pipeline")


def create_cluster(provider: str, parts: Path, **wanted: Any) -> Any:
    """A fixtures.clusters.provider.Cluster of a parts file's parts. EnvironmentUnfit: it did not come up.

    wanted: fields of a fixtures.clusters.provider.ClusterSpec.
    """
    from fixtures.clusters.choice import maker
    from fixtures.clusters.provider import ClusterSpec
    from fixtures.plugin import read_parts

    return maker(provider).create(ClusterSpec(parts=read_parts(parts), **wanted))
