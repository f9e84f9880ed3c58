"""A policy: what a gate requires of a stage, read from TOML. docs/policy.md lists the same keys, made from here."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines import pooling
from pipelines.configuration import Table, read
from pipelines.names import Names
from pipelines.settings import setting, take
from pipelines.statistics import Rules
from reports.attempts import MOST_REPETITIONS
from reports.catalogue import SUITES
from reports.model import Level
from reports.validity import DEFAULT_DAYS, MOST_DAYS

PROVEN = ("pass", "waived", "not-applicable", "uncovered")
IMPORTS = ("conformance", "csi-sanity", "critest")
NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Waiving:
    """Who may let a failure by, for how long. No owners: anybody who puts a name to it."""

    owners: frozenset[str] = setting(
        NONE, "owners", "texts", "who may own a waiver; one of somebody else does not count. Empty: anybody"
    )
    longest: float = setting(
        366.0, "longest-days", "number", "days from now on; a waiver that is valid for longer is over-broad", least=1
    )
    refuses_over_broad: bool = setting(
        False,
        "refuse-over-broad",
        "flag",
        "an over-broad waiver does not count; otherwise it is reported. Over-broad: a longer term, or a version-range "
        "that still holds another major release than the candidate's version, or ten minor releases on (no real end)",
    )


@dataclass(frozen=True)
class Budgets:
    """What a run may cost. None: as much as it likes."""

    retries: int = setting(
        0, "retries", "count", "how often a failed test is run again; a later attempt does not count"
    )
    flakes: int = setting(
        0, "flakes", "count", "tests that may fail and then pass on a retry; one more is a FAIL of the stage"
    )
    minutes: float = setting(
        0.0, "minutes", "number", "time that the tests may take; longer is INCONCLUSIVE. 0: no limit"
    )


@dataclass(frozen=True)
class Sample:
    """How much must have been seen."""

    results: int = setting(
        0, "results", "count", "tests that must have passed or failed; fewer is INCONCLUSIVE (a lost shard, a filter)"
    )
    runs: int = setting(
        1, "runs", "count", "runs of an informing clause; with fewer it is said to be too small a sample", least=1
    )


@dataclass(frozen=True)
class Statistics:
    """How informing clauses are compared with the last signed sign-off."""

    level: float = setting(
        0.05, "level", "number", "share of false alarms that is accepted among all alarms", least=0.000001, most=0.5
    )
    minimum_failures: int = setting(3, "minimum-failures", "count", "fewer failures are no regression", least=1)
    pity: float = setting(5.0, "pity-points", "number", "points that a clause may lose before it counts", most=100)
    keep_level: float = setting(
        0.10, "keep-level", "number", "a clause once called worse stays so while its own p is at most this", most=1
    )
    keep_pity: float = setting(
        3.0, "keep-pity-points", "number", "... and while it is worse by more than these points", most=100
    )
    power: float = setting(
        0.8, "power", "number", "how surely a drop must be seen to be called one that can be seen", least=0.5, most=0.99
    )
    blocks: bool = setting(True, "regression-blocks", "flag", "a clause that became worse is a FAIL; otherwise a note")
    claim: float = setting(
        0.0,
        "claim-drop-points",
        "number",
        "the policy claims that a drop of so many points would have been seen; where the sample cannot carry that, "
        "the answer is INCONCLUSIVE. 0: no claim, low power is a note. Without a last sign-off nothing is compared, so "
        "nothing is claimed: the gate says so, and needs-basis refuses it",
        most=100,
    )
    claimed: frozenset[str] = setting(
        NONE, "claim-clauses", "texts", "the clauses and pools that the claim is about. Empty: all compared"
    )
    pools: frozenset[str] = setting(
        NONE,
        "pools",
        "texts",
        "tests of informing clauses that are compared together as well: those of a suite (csi.*), of a topic "
        "(csi.create-volume.*)",
        choices=("suite", "topic"),
    )
    pool_pity: float = setting(
        2.0,
        "pool-pity-points",
        "number",
        "points that a pool may lose before it counts; one once called worse stays so beyond half of them",
        most=100,
    )
    repeat: int = setting(
        1, "repeat", "count", "how often a stage runs each test that judges only repeat-clauses", least=1
    )
    repeated: frozenset[str] = setting(
        NONE, "repeat-clauses", "texts", "informing clauses that repeat is about. Empty: all of them"
    )
    needs_basis: bool = setting(
        False, "needs-basis", "flag", "without a last sign-off: INCONCLUSIVE; otherwise the gate declares that"
    )

    def rules(self, runs: int = 1) -> Rules:
        """As statistics.py takes them; runs: the smallest sample. ValueError: they contradict each other."""
        return Rules(self.level, self.minimum_failures, self.pity, self.keep_level, self.keep_pity, self.power, runs)


@dataclass(frozen=True)
class Quarantining:
    """When a test may be in quarantine: it runs, and its failures do not block."""

    allowed: bool = setting(True, "allowed", "flag", "whether any entry counts")
    failures: int = setting(
        1, "entry-failures", "count", "failures that an entry must show; with fewer it does not count", least=1
    )
    rate: float = setting(
        0.0, "entry-percent", "number", "failures among the runs that an entry must show, in percent", most=100
    )
    clean: int = setting(
        5, "clean-runs", "count", "signed runs in a row without a failure that end the quarantine", least=1
    )
    longest: float = setting(
        30.0, "longest-days", "number", "days from entry to deadline; an entry with a later deadline ends then", least=1
    )


@dataclass(frozen=True)
class Threshold:
    """What a measured figure must keep to."""

    figure: str = setting("", "figure", "text", "its name, as the record or the stage gives it", required=True)
    direction: str = setting(
        "lower", "direction", "text", "which way is better", choices=("higher", "lower"), required=True
    )
    limit: float | None = setting(None, "limit", "number", "the worst value that is still good", least=-1e12)
    tolerance: float | None = setting(
        None, "tolerance-percent", "number", "how much worse than at the last sign-off it may be, in percent"
    )
    required: bool = setting(
        True, "required", "flag", "worse is a FAIL and not measured INCONCLUSIVE; otherwise both are notes"
    )


@dataclass(frozen=True)
class Policy:
    """What one stage must show. A clause is required by its id or its level, unless it is said to inform."""

    name: str = setting("", "name", "text", "what decisions call it", required=True)
    description: str = setting("", "description", "text", "one sentence for readers")
    levels: frozenset[Level] = setting(
        frozenset({Level.MUST}),
        "required-levels",
        "texts",
        "clauses of these levels are required",
        choices=tuple(Level),
        required=True,
    )
    clauses: frozenset[str] = setting(NONE, "required-clauses", "texts", "ids that are required whatever their level")
    suites: frozenset[str] = setting(
        NONE, "required-suites", "texts", "each must show at least one required clause to hold", choices=SUITES
    )
    imports: frozenset[str] = setting(
        NONE,
        "required-imports",
        "texts",
        "suites whose imported results must be there, whole and without a failure; others only inform",
        choices=IMPORTS,
    )
    capabilities: frozenset[str] = setting(
        NONE, "required-capabilities", "texts", "a subject that does not declare one of these fails"
    )
    informing: frozenset[str] = setting(NONE, "informing-clauses", "texts", "ids that only inform whatever their level")
    informing_suites: frozenset[str] = setting(
        NONE, "informing-suites", "texts", "suites whose clauses only inform, but for required-clauses", choices=SUITES
    )
    allowed: frozenset[str] = setting(
        frozenset(PROVEN),
        "allowed-outcomes",
        "texts",
        "what a required clause may end as: pass, and any of waived, not-applicable, uncovered (its catalogue gives a "
        "reason). could-not-run and missing are never allowed",
        choices=PROVEN,
    )
    key_tests: frozenset[str] = setting(
        NONE,
        "key-tests",
        "texts",
        "tests (patterns with *) without which no result means anything, such as that the cluster is up: one that "
        "fails makes the run INVALID, and blames no component",
    )
    waivers: bool = setting(True, "waivers", "flag", "false: no waiver counts")
    max_age: float = setting(
        86400.0, "max-age-hours", "number", "an older record or decision is stale", least=0.01, scale=3600
    )
    sign_off: float = setting(
        DEFAULT_DAYS,
        "sign-off-days",
        "number",
        "days from the verdict on that a sign-off may be used, less where a waiver expires before; of several stages' "
        "policies that set it, the fewest",
        least=0.01,
        most=MOST_DAYS,
    )
    waiving: Waiving = field(default_factory=Waiving)
    budgets: Budgets = field(default_factory=Budgets)
    sample: Sample = field(default_factory=Sample)
    statistics: Statistics | None = None
    quarantining: Quarantining = field(default_factory=Quarantining)
    thresholds: tuple[Threshold, ...] = ()


TABLES: tuple[tuple[str, type], ...] = (
    ("policy", Policy),
    ("waivers", Waiving),
    ("budgets", Budgets),
    ("sample", Sample),
    ("statistics", Statistics),
    ("quarantine", Quarantining),
)
"""The tables of a policy file; [[threshold]] entries come beside them."""


def load(path: Path, names: Names | None = None) -> Policy:
    """Read a policy file. Misconfigured: every mistake in it, with file, line and field.

    names: what it may name; without, that is left to the gate.
    """
    document = read(path)
    root = document.root()
    thresholds: list[Threshold] = []
    for entry in root.tables("threshold"):
        thresholds.append(_threshold(entry, [item.figure for item in thresholds]))
        if names:
            names.check_figure(entry, "figure", thresholds[-1].figure)
    head = root.table("policy")
    statistics = root.table("statistics")
    policy = take(
        Policy,
        head,
        waiving=take(Waiving, root.table("waivers")),
        budgets=take(Budgets, root.table("budgets")),
        sample=take(Sample, root.table("sample")),
        statistics=_statistics(statistics) if "statistics" in root.data else None,
        quarantining=take(Quarantining, root.table("quarantine")),
        thresholds=tuple(thresholds),
    )
    _check(head, policy)
    if names:
        _check_names(head, statistics, policy, names)
    root.finish()
    document.require_clean()
    return dataclasses.replace(policy, levels=frozenset(Level(level) for level in policy.levels))


def _check(head: Table, policy: Policy) -> None:
    for key, both in (
        ("informing-clauses", policy.clauses & policy.informing),
        ("informing-suites", policy.suites & policy.informing_suites),
    ):
        for name in sorted(both):
            head.problem(key, f'"{name}" is required above and informs here. Take it out of one of the two.')
    if "pass" not in policy.allowed:
        head.problem("allowed-outcomes", 'must hold "pass": a clause that holds can always go on.')


def _check_names(head: Table, statistics: Table, policy: Policy, names: Names) -> None:
    names.check_clauses(head, "required-clauses", policy.clauses)
    names.check_clauses(head, "informing-clauses", policy.informing)
    names.check(head, "required-capabilities", policy.capabilities, names.capabilities, "capability")
    for pattern in sorted(policy.key_tests):
        names.check_pattern(head, "key-tests", pattern)
    if policy.statistics:
        pools = pooling.names(names.clauses, policy.statistics.pools)
        names.check(statistics, "claim-clauses", policy.statistics.claimed, names.clauses | pools, "clause or pool")
        names.check_clauses(statistics, "repeat-clauses", policy.statistics.repeated)


def _statistics(table: Table) -> Statistics:
    found = take(Statistics, table)
    try:
        found.rules()
    except ValueError as error:
        if not table.wrong & {"level", "keep-level", "pity-points", "keep-pity-points"}:
            table.problem(
                "keep-level", f"{error}. Set keep-level at least to level, keep-pity-points at most to pity-points."
            )
    if found.repeated and found.repeat == 1 and "repeat" not in table.wrong:
        table.problem("repeat-clauses", "names clauses and repeats nothing. Add repeat.")
    if found.repeat > MOST_REPETITIONS:
        table.problem("repeat", f"{found.repeat} runs of a test are more than {MOST_REPETITIONS}, the most there are.")
    if found.claimed and not found.claim and "claim-drop-points" not in table.wrong:
        table.problem("claim-clauses", "names clauses and claims nothing. Add claim-drop-points.")
    return found


def _threshold(table: Table, earlier: Sequence[str]) -> Threshold:
    found = take(Threshold, table)
    if found.limit is None and found.tolerance is None and not table.wrong & {"limit", "tolerance-percent"}:
        table.problem("", "sets neither limit nor tolerance-percent, so any value would do. Add one.")
    if found.figure in earlier:
        table.problem("figure", f'"{found.figure}" has a threshold above. Give each figure one.')
    return found
