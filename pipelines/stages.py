"""What a stage stands on: its parts, checked file by file, and its cluster. The only module, beside the command
line, that reaches into fixtures."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipelines import policy, testing
from pipelines.configuration import Misconfigured
from pipelines.findings import Finding
from pipelines.interrupts import Interrupts
from pipelines.logbook import Logbook
from pipelines.names import CLUSTER_READY
from pipelines.pipeline import Stage
from pipelines.provisioning import Provisioning
from pipelines.screen import Screen
from pipelines.standings import in_scope
from reports import catalogue
from reports.model import Component, EnvironmentUnfit, Part, Verdict


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
    from fixtures.clusters.provider import ClusterFailed

    try:
        settings.require(cluster_file)
    except ClusterFailed as error:
        raise Misconfigured(str(error).splitlines()) from error


def preview_module(cluster_file: Path) -> Previewed:
    """What a module would make and cost, and why it is refused. EnvironmentUnfit: it cannot be planned."""
    from fixtures.clusters.tofu.provider import TofuProvider
    from fixtures.plugin import read_parts

    return TofuProvider().preview(cluster_file, read_parts(None))


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


def changed_files(parts: Sequence[Part]) -> list[Finding]:
    """Files that are not any more what was provided: somebody or something wrote to them."""
    findings = []
    for part in parts:
        for name, path in part.files.items():
            declared = part.sha256.get(name)
            if declared is not None and _sha256(Path(path)) != declared:
                text = f"{part.component}/{name} has changed on disk since it was provided ({path})."
                remedy = "Run python -m pipelines clean --cache and run again."
                findings.append(Finding.of(Verdict.INVALID, text, remedy))
    return findings


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable: {error.strerror}"


def _repeated(stage: Stage, judged_by: policy.Policy) -> Iterator[str]:
    """What pytest is told of the tests that the policy wants more than one run of: those of informing clauses only."""
    wanted = judged_by.statistics
    informing = [clause.id for clause, required in in_scope(stage, catalogue.load(), judged_by) if not required]
    named = [name for name in informing if wanted and (name in wanted.repeated or not wanted.repeated)]
    if wanted and wanted.repeat > 1 and named:
        yield from ("--repeat", str(wanted.repeat))
        for name in named:
            yield from ("--repeat-clause", name)


class Doing:
    """What a stage's tests are at that tell it in a file, while its first test has no result yet."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @property
    def doing(self) -> str:
        try:
            return self._file.read_text(errors="replace")
        except OSError:
            return ""


class StageRun:
    """Runs one stage that has tests: checks its parts, makes its cluster, starts its tests, cleans up."""

    def __init__(
        self,
        book: Logbook,
        wishes: Wishes,
        *,
        screen: Screen,
        interrupts: Interrupts,
        environment: dict[str, str],
    ) -> None:
        self.book = book
        self.wishes = wishes
        self.screen = screen
        self.interrupts = interrupts
        self.environment = environment

    def run(
        self, stage: Stage, parts: Sequence[Part], build: Provisioning, earlier: Sequence[Part] = ()
    ) -> list[Finding]:
        """Returns what went wrong outside the tests; their results are in the stage's record.

        earlier: the parts that the stage's cluster is upgraded from; then its tests make it."""
        findings = changed_files([*parts, *earlier])
        if findings:
            return findings
        parts_file = self.book.parts(parts, stage.name)
        meanwhile = "" if build.is_done else "; the rest still builds"
        if not stage.needs_cluster:
            self.screen.event(f"{stage.name}: {stage.title}{meanwhile}", "bold")
            return self._tests(stage, parts_file, (), build)
        self.screen.event(f"{stage.name}: {stage.title}", "bold")
        if stage.upgrade_from:
            options = self._upgrade(self.book.parts(earlier, stage.name, "from"))
            findings = self._tests(stage, parts_file, options, build)
            told = self.book.folder / stage.name / "upgrade" / "departures.txt"
            if told.is_file():
                self.book.note(departures=told.read_text(encoding="utf-8").splitlines())
            return findings
        if self.wishes.provider == "kubeconfig":
            return self._tests(stage, parts_file, self._existing_cluster(), build)
        try:
            with self._cluster(stage, parts_file) as options:
                findings += self._tests(stage, parts_file, options, build)
        except EnvironmentUnfit as error:
            text = f"No cluster came up: {error}"
            remedy = f"The logs are in {self.book.folder / stage.name / 'cluster'}; python -m pipelines doctor."
            findings.append(Finding.of(Verdict.INCONCLUSIVE, text, remedy))
        return findings

    def _tests(self, stage: Stage, parts: Path, options: tuple[str, ...], build: Provisioning) -> list[Finding]:
        folder = self.book.folder
        judged_by = policy.load(stage.policy)
        order = testing.Order(
            stage,
            folder / stage.name,
            folder / "log" / f"{stage.name}.log",
            parts,
            self.wishes.seed,
            (*options, *_repeated(stage, judged_by), *self.wishes.pytest_options),
            retries=judged_by.budgets.retries,
        )
        build.is_in_front = False
        at = Doing(folder / stage.name / "upgrade" / "doing.txt") if stage.upgrade_from else None
        begun = time.monotonic()
        try:
            return testing.run(
                order,
                screen=self.screen,
                interrupts=self.interrupts,
                environment=self.environment,
                beside=at if build.is_done else build,
            )
        finally:
            build.is_in_front = True
            self.book.time(f"{stage.name} tests", time.monotonic() - begun)

    def _upgrade(self, earlier: Path) -> tuple[str, ...]:
        """What tests are told that make a cluster of the release before, and upgrade it."""
        if self.wishes.provider == "kubeconfig":
            return self._existing_cluster()
        nodes = ("--nodes", str(self.wishes.nodes))
        return ("--provider", self.wishes.provider, *nodes, "--upgrade-from", str(earlier))

    def _existing_cluster(self) -> tuple[str, ...]:
        options = ["--provider", "kubeconfig"]
        if self.wishes.kubeconfig:
            options += ["--kubeconfig", self.wishes.kubeconfig]
        if self.wishes.kube_context:
            options += ["--kube-context", self.wishes.kube_context]
        if self.wishes.as_user:
            options += ["--as", self.wishes.as_user]
        options += [word for group in self.wishes.as_groups for word in ("--as-group", group)]
        options += ["--pod-security", self.wishes.pod_security]
        return (*options, *(["--allow-disruptive"] if self.wishes.allow_disruptive else []))

    @contextmanager
    def _cluster(self, stage: Stage, parts_file: Path) -> Iterator[tuple[str, ...]]:
        """A fresh cluster for the time of the block; its logs are evidence, whatever happens."""
        from fixtures.clusters.choice import maker
        from fixtures.clusters.provider import ClusterSpec
        from fixtures.plugin import read_parts

        state = self.book.folder / stage.name / "cluster"
        keep = self.wishes.keep_cluster
        self.screen.status(f"{stage.name}: starting a cluster of {self.wishes.nodes} node(s)")
        begun = time.monotonic()

        def tell(text: str) -> None:
            self.screen.status(f"{stage.name}: {text}")

        spec = ClusterSpec(
            stage.name, read_parts(parts_file), state, self.wishes.nodes, keep=keep, tell=tell,
            settings=self.wishes.cluster_file, run=self.book.folder.name,
        )  # fmt: skip
        cluster = maker(self.wishes.provider).create(spec)
        took = time.monotonic() - begun
        try:
            self.book.time("cluster ready", took)
            self.book.figures(stage.name, **{CLUSTER_READY: round(took, 2)})
            self.book.note(departures=list(cluster.departures()))
            self.screen.event(f"cluster ready after {took:.1f} s ({len(cluster.nodes())} node(s))", "dim")
            yield ("--cluster-state", str(state))
        finally:
            with self.interrupts.shielded():
                self.screen.status(f"{stage.name}: collecting the cluster's logs")
                cluster.collect_logs(state / "logs")
                for incident in cluster.incidents():
                    self.screen.event(f"cluster: {incident}", "INCONCLUSIVE")
                if keep:
                    self._tell_kept(cluster.kubeconfig)
                else:
                    begun = time.monotonic()
                    for line in cluster.destroy():
                        if line.startswith("left:"):
                            self.screen.event(f"not removed: {line}; python -m pipelines clean tries again")
                    self.book.time("cluster teardown", time.monotonic() - begun)

    def _tell_kept(self, kubeconfig: Path) -> None:
        self.screen.event("the cluster stays, as asked:")
        self.screen.line(f"         use it:     export KUBECONFIG={kubeconfig}")
        self.screen.line("         remove it:  python -m pipelines clean --kept")
