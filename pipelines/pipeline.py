"""A pipeline: its stages in order, read from one TOML file that a user can read and edit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.candidate import COMPONENTS, Candidate
from pipelines.configuration import Misconfigured, Table, read
from pipelines.environments import Environment, take
from reports.catalogue import SUITES
from reports.model import Layer
from reports.spelling import nearest

PROFILES = ("quick", "full")
DEFAULT = Path(__file__).with_name("stages.toml")


@dataclass(frozen=True)
class Stage:
    """One stage. kind "tests" judges by suites, kind "sign-off" by the decisions of the stages it requires.

    needs: components, in the order in which they are provided; takes: more of them, where the candidate has them.
    files: profile -> component -> file names, where the profile needs fewer than all (or none).
    policy: the policy file. time_limit in seconds, for the tests alone. upgrade_from: the release (a candidate file)
    that the stage's cluster is upgraded from.
    """

    name: str
    title: str
    kind: str = "tests"
    suites: tuple[str, ...] = ()
    layer: Layer = Layer.PROTOCOL
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    files: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    policy: Path = Path()
    workers: int = 0
    time_limit: float = 1800.0
    profile: str = "quick"
    upgrade_from: Path | None = None

    @property
    def needs_cluster(self) -> bool:
        return self.kind == "tests" and self.layer is Layer.CLUSTER

    def leaves_out(self, component: str) -> bool:
        """Whether the stage's profile does without this component, though the stage could use it."""
        return self.files.get(self.profile, {}).get(component) == ()

    def components(self, candidate: Candidate) -> tuple[str, ...]:
        """What the stage is given of this candidate, in the order in which it is provided."""
        taken = [name for name in self.takes if candidate.component(name) and not self.leaves_out(name)]
        return (*self.needs, *taken)

    @property
    def marks(self) -> str:
        """What pytest is told to select: the tests of the stage's layer and profile, no more and no less."""
        layer = "cluster" if self.needs_cluster else "not cluster"
        return f"{layer} and not full" if self.profile == "quick" else layer


@dataclass(frozen=True)
class Pipeline:
    """The stages in order, and the environments that a candidate is promoted through."""

    name: str
    description: str
    stages: tuple[Stage, ...]
    path: Path = DEFAULT
    environments: tuple[Environment, ...] = ()

    def until(self, last: str) -> tuple[Stage, ...]:
        """The stages up to and including the named one; all of them for "". Misconfigured: no such stage."""
        names = [stage.name for stage in self.stages]
        if last and last not in names:
            raise Misconfigured([f'{self.path}: there is no stage "{last}". {nearest(last, names)}'])
        return self.stages[: names.index(last) + 1] if last else self.stages


def load(path: Path = DEFAULT, profile: str = "quick", policies: Path | None = None) -> Pipeline:
    """Read a pipeline file for a profile. Misconfigured: every mistake in it, with file, line and field.

    policies: a folder with <stage>.toml to take instead of the policies that the file names.
    """
    document = read(path)
    root = document.root()
    head = root.table("pipeline")
    name, description = head.text("name", required=True), head.text("description")
    head.finish()
    stages: list[Stage] = []
    for table in root.tables("stage", required=True):
        stages.append(_stage(table, path, profile, [stage.name for stage in stages], policies))
    environments = take(root, [stage.name for stage in stages])
    root.finish()
    document.require_clean()
    return Pipeline(name, description, tuple(stages), path, environments)


def require_components(stages: tuple[Stage, ...], candidate: Candidate) -> None:
    """Misconfigured: a stage needs a component that the candidate does not declare."""
    problems = [
        f'{candidate.path}: the stage "{stage.name}" needs the component "{name}", which this candidate does not '
        f"declare. Add a [[component]] entry for it, or take it out of needs in the pipeline file."
        for stage in stages
        for name in stage.needs
        if candidate.component(name) is None
    ]
    if problems:
        raise Misconfigured(problems)


def _stage(table: Table, path: Path, profile: str, earlier: list[str], policies: Path | None) -> Stage:
    name = table.text("name", required=True)
    if name in earlier:
        table.problem("name", f'there is already a stage "{name}". Give each its own name.')
    if name and not name.replace("-", "").isalnum():
        table.problem("name", f'"{name}" names a folder: use letters, digits and hyphens.')
    kind = table.text("kind", "tests", choices=("tests", "sign-off"))
    policy = path.parent / table.text("policy", "policy/default.toml")
    policy = policy if policies is None else policies / f"{name}.toml"
    if not policy.is_file():
        table.problem("policy", f"there is no file {policy}. Policies are files, relative to the pipeline file.")
    if policies is None:  # A recorded pipeline is read as it was.
        _require_some(table, "requires" if kind == "sign-off" else "suites")
    stage = Stage(
        name=name,
        title=table.text("title", name),
        kind=kind,
        suites=_names(table, "suites", SUITES, required=kind == "tests"),
        layer=Layer(table.text("layer", "protocol", choices=tuple(Layer))),
        needs=_names(table, "needs", tuple(COMPONENTS)),
        takes=_names(table, "takes", tuple(COMPONENTS)),
        files=_files(table.table("files")),
        requires=_names(table, "requires", earlier, required=kind == "sign-off"),
        policy=policy,
        workers=int(table.number("workers", 0)),
        time_limit=60 * table.number("time-limit-minutes", 30, least=0.01),
        profile=profile,
        upgrade_from=_upgrade_from(table, path.parent, recorded=policies is not None),
    )
    table.finish()
    return stage


def _upgrade_from(table: Table, folder: Path, *, recorded: bool) -> Path | None:
    """The candidate file that the stage names. A recorded pipeline may lie elsewhere than what it named."""
    named = table.text("upgrade-from")
    upgrades = "upgrade" in table.data.get("suites", ())
    if upgrades and not named:
        table.problem("", 'judges upgrades and does not say from what. Add a line upgrade-from = "candidates/...".')
    if upgrades and table.data.get("workers"):
        table.problem(
            "workers", "must be 0 here: one upgrade is judged by all tests, and each worker would make its own."
        )
    if named and not upgrades:
        table.problem("upgrade-from", 'is for a stage whose suites are ["upgrade"].')
    if named and not recorded and not (folder / named).is_file():
        table.problem("upgrade-from", f"there is no file {folder / named}. It is relative to the pipeline file.")
    return folder / named if named else None


def _names(table: Table, key: str, known: tuple[str, ...] | list[str], required: bool = False) -> tuple[str, ...]:
    names = table.texts(key, required=required)
    for name in names:
        if name not in known:
            hint = nearest(name, known) if known else "No stage comes before this one."
            table.problem(key, f'"{name}" is not known. {hint}')
    return names


def _require_some(table: Table, key: str) -> None:
    if table.data.get(key) == []:
        table.problem(key, "is empty, so the stage could never pass. Name at least one.")


def _files(table: Table) -> dict[str, dict[str, tuple[str, ...]]]:
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for profile in PROFILES:
        inner = table.table(profile)
        found[profile] = {name: inner.texts(name) for name in inner.data}
        _check_components(inner)
    table.finish()
    return found


def _check_components(table: Table) -> None:
    for name in table.data:
        if name not in COMPONENTS:
            table.problem(name, f"is not a component. {nearest(name, tuple(COMPONENTS))}")
