"""One stage that has tests: its parts checked file by file, its cluster made, its tests started, all cleaned up."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipelines import ground, policy, testing
from pipelines.findings import Finding
from pipelines.inputs import Wishes
from pipelines.interrupts import Interrupts
from pipelines.logbook import Logbook
from pipelines.names import CLUSTER_READY
from pipelines.pipeline import Stage
from pipelines.provisioning import Provisioning
from pipelines.screen import Screen
from pipelines.standings import in_scope
from reports import catalogue
from reports.model import EnvironmentUnfit, Part, Verdict


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
            self.book.note(departures=[ground.departure_of_existing()])
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
        state = self.book.folder / stage.name / "cluster"
        keep = self.wishes.keep_cluster
        self.screen.status(f"{stage.name}: starting a cluster of {self.wishes.nodes} node(s)")
        begun = time.monotonic()

        def tell(text: str) -> None:
            self.screen.status(f"{stage.name}: {text}")

        cluster = ground.create_cluster(
            self.wishes.provider, parts_file, name=stage.name, state=state, nodes=self.wishes.nodes, keep=keep,
            tell=tell, settings=self.wishes.cluster_file, run=self.book.folder.name,
        )  # fmt: skip
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
