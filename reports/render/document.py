"""A run's report as plain blocks, most important first: what the Markdown summary and the PDF are drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from reports import earlier
from reports.attempts import Told
from reports.earlier import Earlier
from reports.failed_tests import tally_of, told_of
from reports.findings import OPEN, UNTESTED, Findings
from reports.model import Comparison, Measurement
from reports.render.words import clean, plural, span, when
from reports.run_folder import RunFolder, Stage

CALLS = {
    "regressed": "worse", "still-regressed": "worse still", "not-seen": "no drop seen",
    "no-basis": "nothing to compare with", "no-sample": "no result",
}  # fmt: skip

COMPARED = (
    "Clause", "Judgement", "Failures now", "Failures before", "p", "Least p possible", "p adjusted",
    "Smallest drop that would show",
)  # fmt: skip
MEASURED = ("Figure", "Standing", "Better", "Value", "Limit", "May be worse by", "Last sign-off")

KINDS = ("error of the harness", "blocks", "in quarantine", "waived", "informs")
"""Of failures, the gravest first."""

TALLY = {
    "pass": "Pass", "flaky": "On a retry", "fail": "Fail", "could-not-run": "Could not run",
    "not-applicable": "Not applicable", "error": "Error", "missing": "No result",
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A heading, then lines, then a table, its most important rows first. Texts are cleaned and not escaped.

    place: where report.html has all of it. weighty: how many rows a reader in a hurry needs (None: each counts).
    is_background: nothing that a decision hangs on.
    """

    heading: str
    lines: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = field(default=())
    place: str = ""
    weighty: int | None = None
    is_background: bool = False


def headline(found: Findings) -> str:
    """What the verdict means for this candidate, as the rest of a sentence that starts with its name."""
    reached = [stage.name for stage in found.run.stages if stage.decision is not None]
    last = found.run.stages[-1].name if found.run.stages else ""
    match found.run.verdict.value:
        case "PASS" if reached and reached[-1] == last:
            return f"is fit for {last}"
        case "PASS":
            return f"passed up to stage {reached[-1]}"
        case "FAIL":
            return "is not fit to go on"
        case "INCONCLUSIVE":
            return "cannot be judged yet"
        case _:
            return "was not judged: this run is void"


def title_of(found: Findings) -> str:
    """The verdict in one line."""
    return clean(f"{found.run.verdict.value}: {found.run.candidate.name} {headline(found)}")


def blocks_of(found: Findings) -> tuple[Block, ...]:
    """The whole report."""
    made = (
        _remedies(found),
        _stages(found),
        *_upgrades(found),
        _clauses(found),
        _failures(found),
        *statistics_of(found),
        _waivers(found),
        _untested(found),
        _environment(found),
        _components(found),
        _files(found),
        _evidence(found),
        _digests(found),
    )
    return tuple(block for block in made if block.lines or block.rows)


def _remedies(found: Findings) -> Block:
    rows = [(clean(group.remedy), clean(" ".join(group.lines))) for group in found.remedies_grouped]
    return Block("What would let it go on", (), ("Do this", "Because"), tuple(rows), "verdict")


def _stages(found: Findings) -> Block:
    rows = []
    for stage in found.run.stages:
        tally = tally_of(stage)
        verdict = (
            stage.decision.verdict.value if stage.decision else "not decided" if stage.requested else "not asked for"
        )
        rows.append((clean(stage.name), verdict, *(str(tally[key]) for key in TALLY)))
    header = ("Stage", "Verdict", *TALLY.values())
    facts = f"Run {found.run.id}, profile {found.run.profile or 'not stated'}, took {_took(found)}"
    return Block("Stages", (clean(facts),), header, tuple(rows), "stages")


def upgrades_of(run: RunFolder) -> Iterator[tuple[str, Earlier, list[tuple[str, str, str, str]]]]:
    """Each stage that upgraded, the release that it came from, and what was another before (Earlier.rows)."""
    for stage in run.stages:
        release = earlier.read(run.path / stage.name)
        if release is not None:
            yield stage.name, release, release.rows(run.candidate.components)


def _upgrades(found: Findings) -> Iterator[Block]:
    header = ("Component", "Before", "Identity before", "After")
    for stage, release, rows in upgrades_of(found.run):
        told = f"The stage {stage} came from {release.name}, candidate file sha256:{release.digest}."
        lines = (clean(told), clean(f"Vouched for by {release.vouching}."))
        cells = tuple(tuple(map(clean, row)) for row in rows)
        yield Block("What the upgrade came from", lines, header, cells, "earlier")


def _clauses(found: Findings) -> Block:
    """How many clauses of each suite hold."""
    rows = []
    for suite in found.suites:
        counts = found.counts(suite)
        numbers = (counts["pass"], counts["fail"], counts["waived"], sum(counts[item] for item in OPEN))
        rows.append((clean(suite), *map(str, (*numbers, counts["not-applicable"]))))
    header = ("Suite", "Pass", "Fail", "Waived", "Open", "Not applicable")
    return Block("Clauses", (), header, tuple(rows), "tested")


def _took(found: Findings) -> str:
    return span(found.run.started, found.run.finished) or "an unknown time"


def _failures(found: Findings) -> Block:
    rows = [
        (
            "error of the harness" if item.result.harness_error
            else "waived" if item.waiver else "in quarantine" if item.quarantined
            else "blocks" if item.blocking else "informs",
            clean(", ".join(clause.id for clause in item.clauses)),
            clean(item.result.summary),
            clean(item.stage),
        )
        for item in found.failures
    ]  # fmt: skip
    rows.sort(key=lambda row: KINDS.index(row[0]))
    told = ", ".join(f"{kind}: {number}" for kind in KINDS if (number := sum(row[0] == kind for row in rows)))
    return Block(
        "Failures", (told,) if rows else (), ("Kind", "Clause", "What is wrong", "Stage"), tuple(rows), "failures"
    )


def statistics_of(found: Findings) -> Iterator[Block]:
    """What was compared with the last sign-off and measured; the worst first, and how small a drop could be seen."""
    decisions = [stage.decision for stage in found.run.stages if stage.decision]
    compared = [item for decision in decisions for item in decision.comparisons]
    order = list(CALLS)
    compared.sort(key=lambda item: (order.index(item.call) if item.call in order else len(order), item.clause))
    rows = tuple(map(_compared, compared))
    lines = (_in_short(compared),) if compared else ()
    worse = sum(item.call in ("regressed", "still-regressed") for item in compared)
    yield Block("Beside the last sign-off", lines, COMPARED, rows, "statistics", worse)
    measured = [item for decision in decisions for item in decision.measurements]
    yield Block("Measured figures", (), MEASURED, tuple(map(_measured, measured)), "statistics")
    told = [(stage, test) for stage in found.run.stages for test in told_of(stage)]
    header = ("Test", "Attempts", "What it came to")
    yield Block("Run again, flaky or in quarantine", (), header, tuple(_retries(told)), "statistics")


def _in_short(compared: Sequence[Comparison]) -> str:
    """All comparisons in one line."""
    pools = [item for item in compared if item.is_pool]
    compared = [item for item in compared if not item.is_pool]
    known = [item for item in compared if item.basis_runs]
    if not known:
        return "No earlier sign-off to compare with: these clauses stand for nothing but themselves."
    worse = sum(item.call in ("regressed", "still-regressed") for item in compared)
    drops = [item.detectable for item in known if item.detectable is not None]
    blind = len(known) - len(drops)
    told = f"Of {plural(len(known), 'clause')} with an earlier sign-off, {worse} became worse."
    told += f" A drop of {min(drops):g} to {max(drops):g} points would have shown." if drops else ""
    told += f" For {blind} the sample cannot tell how small a drop would show." if blind else ""
    for item in pools:
        drop = "no drop" if item.detectable is None else f"a drop of {item.detectable:g} points"
        told += f" All tests of {clean(item.clause)} together would have shown {drop}."
    return told


def _compared(item: Comparison) -> tuple[str, ...]:
    before = f"{item.basis_failures} of {item.basis_runs}" if item.basis_runs else "none known"
    drop = "cannot be told" if item.detectable is None else f"{item.detectable:g} points"
    numbers = ("" if value is None else f"{value:.4f}" for value in (item.p, item.least_p, item.adjusted))
    now = f"{item.failures} of {item.runs}"
    return (clean(item.clause), CALLS.get(item.call, item.call), now, before, *numbers, drop)


def _measured(item: Measurement) -> tuple[str, ...]:
    value, limit, before = ("none" if each is None else f"{each:g}" for each in (item.value, item.limit, item.basis))
    tolerance = "not stated" if item.tolerance is None else f"{item.tolerance:g} %"
    return (clean(item.figure), item.standing, item.direction, value, limit, tolerance, before)


def _retries(told: Iterable[tuple[Stage, Told]]) -> Iterator[tuple[str, ...]]:
    """Tests with more than one attempt, and those in quarantine that failed."""
    for stage, test in told:
        held = stage.decision is not None and test.result.test in stage.decision.quarantined
        if not (test.others or test.flaky or held):
            continue
        attempts = sorted((test.result, *test.others), key=lambda item: item.attempt)
        words = ["flaky: it failed and then passed" if test.flaky else test.result.outcome.value]
        words += ["in quarantine, does not block"] if held else []
        outcomes = ", ".join(item.outcome.value for item in attempts)
        yield clean(test.result.test), outcomes, "; ".join(words)


def _waivers(found: Findings) -> Block:
    states = [*((waiver, "used") for waiver in found.run.used_waivers), *found.idle_waivers]
    rows = [
        (item.id, state, item.clause, item.test, item.owner or "nobody named", item.reason, item.expires, item.link)
        for item, state in states
    ]
    header = ("Waiver", "State", "Clause", "Only this test", "Owner", "Reason", "Expires", "Link")
    return Block("Waivers", (), header, tuple(tuple(map(clean, row)) for row in rows), "risk")


def _untested(found: Findings) -> Block:
    """Required things first: they are what somebody who signs accepts."""
    rows = [
        ("yes" if item.required else "no", UNTESTED[item.kind][0], clean(item.what), clean(item.reason))
        for item in sorted(found.untested, key=lambda item: not item.required)
    ]
    required = sum(1 for item in found.untested if item.required and item.kind != "not-applicable")
    told = (
        f"{found.open_clauses} of {plural(len(found.rows), 'clause')} without a finding, {required} of them required. "
    )
    told += f"Not applicable: {found.counts()['not-applicable']}. Of all {plural(len(rows), 'entry', 'entries')}: "
    kinds = [item.kind for item in found.untested]
    told += ", ".join(f"{UNTESTED[kind][0]} {kinds.count(kind)}" for kind in UNTESTED if kind in kinds) + "."
    header = ("Required", "Kind", "What", "Why")
    return Block("Not tested", (told,) if rows else (), header, tuple(rows), "tested", required)


def cluster_of(run: RunFolder) -> str:
    """Which cluster the run had, in a few words."""
    told = run.provider or "not stated"
    told += f", {plural(run.nodes, 'node')}" if run.nodes else ""
    if run.had_cluster:
        return told
    return f"none came up; asked for was {told}" if run.provider else "none: no stage needed one"


def _environment(found: Findings) -> Block:
    run = found.run
    facts = {**{str(key): str(value) for key, value in run.machine.items()}}
    facts |= {"cluster": cluster_of(run)}
    facts |= {"seed": "" if run.seed is None else str(run.seed), "started": when(run.started)}
    facts["Seatrial"] = " ".join(filter(None, [run.seatrial.get("version"), run.seatrial.get("commit")]))
    rows = [(clean(key), clean(value)) for key, value in facts.items() if value]
    facts_shown = len(rows)
    rows += [("differs from production", clean(item)) for item in run.departures]
    rows += [("known deviation", clean(f"{item.component} {item.version}: {item.summary}")) for item in run.deviations]
    return Block("Environment", (), ("Fact", "Value"), tuple(rows), "environment", facts_shown, is_background=True)


def _components(found: Findings) -> Block:
    parts = {part.component: part for part in found.run.parts}
    rows = [
        (
            clean(component.name),
            clean(component.version),
            clean(parts[component.name].identity) if component.name in parts else "not provided in this run",
        )
        for component in found.run.candidate.components
    ]
    lines = (f"Candidate file sha256:{found.run.candidate.digest}",) if found.run.candidate.digest else ()
    header = ("Component", "Version", "Identity")
    return Block("Bill of materials", lines, header, tuple(rows), "components", is_background=True)


def _files(found: Findings) -> Block:
    rows = [
        (clean(part.component), clean(file), digest) for part in found.run.parts for file, digest in part.sha256.items()
    ]
    header = ("Component", "File", "sha256")
    return Block("Files of the components", (), header, tuple(rows), "components", 0, is_background=True)


def _evidence(found: Findings) -> Block:
    rows = [
        (clean(item.path), clean(failure.result.test), item.sha256)
        for failure in found.failures
        for item in failure.result.evidence
    ]
    header = ("File", "Test", "sha256")
    return Block("Evidence of failures", (), header, tuple(rows), "failures", 0, is_background=True)


def _digests(found: Findings) -> Block:
    rows = tuple((clean(name), digest) for name, digest in found.run.digests().items())
    told = "The sign-off beside this report binds these. Check it offline: python -m pipelines verify RUN --key KEY"
    return Block("What is signed", (told,), ("File", "sha256"), rows, "verify", 0, is_background=True)
