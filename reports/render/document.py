"""A run's report as plain blocks, most important first: what the Markdown summary and the PDF are drawn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from reports.findings import UNTESTED, Findings
from reports.model import Comparison, Measurement
from reports.render.words import clean, plural, span, when

CALLS = {
    "regressed": "worse", "still-regressed": "worse still", "not-seen": "no drop seen",
    "no-basis": "nothing to compare with", "no-sample": "no result",
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A heading, then lines, then a table. Texts are cleaned and not escaped."""

    heading: str
    lines: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = field(default=())


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
        _failures(found),
        *statistics_of(found),
        _waivers(found),
        _untested(found),
        _environment(found),
        _components(found),
        _evidence(found),
        _digests(found),
    )
    return tuple(block for block in made if block.lines or block.rows)


def _remedies(found: Findings) -> Block:
    rows = [
        (clean(remedy), clean("; ".join(reason.text for reason in reasons)))
        for remedy, reasons in found.remedies_grouped
    ]
    return Block("What would let it go on", (), ("Do this", "Because"), tuple(rows))


def _stages(found: Findings) -> Block:
    rows = []
    for stage in found.run.stages:
        tally = dict.fromkeys(("pass", "fail", "could-not-run", "not-applicable", "error", "missing"), 0)
        for record in stage.records:
            for key, value in {**record.counts(), "missing": len(record.missing)}.items():
                tally[key] = tally.get(key, 0) + value
        verdict = (
            stage.decision.verdict.value if stage.decision else "not decided" if stage.requested else "not asked for"
        )
        rows.append((clean(stage.name), verdict, *(str(tally[key]) for key in tally)))
    header = ("Stage", "Verdict", "Pass", "Fail", "Could not run", "Not applicable", "Error", "No result")
    facts = f"Run {found.run.id}, profile {found.run.profile or 'not stated'}, took {_took(found)}"
    return Block("Stages", (clean(facts),), header, tuple(rows))


def _took(found: Findings) -> str:
    return span(found.run.started, found.run.finished) or "an unknown time"


def _failures(found: Findings) -> Block:
    rows = [
        (
            "error of the harness" if item.result.harness_error
            else "waived" if item.waiver else "blocks" if item.blocking else "informs",
            clean(", ".join(clause.id for clause in item.clauses)),
            clean(item.result.summary),
            clean(item.stage),
        )
        for item in found.failures
    ]  # fmt: skip
    return Block("Failures", (), ("Kind", "Clause", "What is wrong", "Stage"), tuple(rows))


def statistics_of(found: Findings) -> Iterator[Block]:
    """What was compared with the last sign-off and measured; the worst first, and how small a drop could be seen."""
    decisions = [stage.decision for stage in found.run.stages if stage.decision]
    compared = [item for decision in decisions for item in decision.comparisons]
    order = list(CALLS)
    compared.sort(key=lambda item: (order.index(item.call) if item.call in order else len(order), item.clause))
    header = ("Clause", "Judgement", "Failures now", "Failures before", "p", "p adjusted", "Smallest drop seen")
    yield Block("Beside the last sign-off", (), header, tuple(map(_compared, compared)))
    measured = [item for decision in decisions for item in decision.measurements]
    yield Block(
        "Measured figures",
        (),
        ("Figure", "Standing", "Value", "Limit", "Last sign-off"),
        tuple(map(_measured, measured)),
    )
    flaky = [(clean(test), "failed, then passed") for decision in decisions for test in decision.flakes]
    held = [(clean(test), "failed, in quarantine") for decision in decisions for test in decision.quarantined]
    yield Block("Flaky tests", (), ("Test", "What it did"), (*flaky, *held))


def _compared(item: Comparison) -> tuple[str, ...]:
    before = f"{item.basis_failures} of {item.basis_runs}" if item.basis_runs else "none known"
    drop = "cannot be told" if item.detectable is None else f"{item.detectable:g} points"
    numbers = ("" if value is None else f"{value:.4f}" for value in (item.p, item.adjusted))
    return (
        clean(item.clause),
        CALLS.get(item.call, item.call),
        f"{item.failures} of {item.runs}",
        before,
        *numbers,
        drop,
    )


def _measured(item: Measurement) -> tuple[str, ...]:
    values = ("none" if value is None else f"{value:g}" for value in (item.value, item.limit, item.basis))
    return (clean(item.figure), f"{item.standing} ({item.direction})", *values)


def _waivers(found: Findings) -> Block:
    rows = [
        (item.id, item.clause, item.owner or "nobody named", item.reason, item.expires, item.link)
        for item in found.run.used_waivers
    ]
    header = ("Waiver", "Clause", "Owner", "Reason", "Expires", "Link")
    return Block("Waivers used", (), header, tuple(tuple(map(clean, row)) for row in rows))


def _untested(found: Findings) -> Block:
    """Required things first: they are what somebody who signs accepts."""
    rows = [
        ("yes" if item.required else "no", UNTESTED[item.kind][0], clean(item.what), clean(item.reason))
        for item in sorted(found.untested, key=lambda item: not item.required)
    ]
    required = sum(1 for item in found.untested if item.required and item.kind != "not-applicable")
    told = f"{plural(len(rows), 'thing')} of which this says nothing, {required} of them required."
    return Block("Not tested", (told,) if rows else (), ("Required", "Kind", "What", "Why"), tuple(rows))


def _environment(found: Findings) -> Block:
    run = found.run
    facts = {**{str(key): str(value) for key, value in run.machine.items()}}
    facts |= {"cluster": run.provider, "nodes": "" if run.nodes is None else str(run.nodes)}
    facts |= {"seed": "" if run.seed is None else str(run.seed), "started": when(run.started)}
    facts["Seatrial"] = " ".join(filter(None, [run.seatrial.get("version"), run.seatrial.get("commit")]))
    rows = [(clean(key), clean(value)) for key, value in facts.items() if value]
    rows += [("differs from production", clean(item)) for item in run.departures]
    rows += [("known deviation", clean(f"{item.component} {item.version}: {item.summary}")) for item in run.deviations]
    return Block("Environment", (), ("Fact", "Value"), tuple(rows))


def _components(found: Findings) -> Block:
    parts = {part.component: part for part in found.run.parts}
    rows = [
        (clean(component.name), clean(component.version), clean(parts[component.name].identity), clean(file), digest)
        for component in found.run.candidate.components
        if component.name in parts
        for file, digest in (parts[component.name].sha256 or {"": ""}).items()
    ]
    absent = [
        (clean(component.name), clean(component.version), "", "not provided in this run", "")
        for component in found.run.candidate.components
        if component.name not in parts
    ]
    lines = (f"Candidate file sha256:{found.run.candidate.digest}",) if found.run.candidate.digest else ()
    header = ("Component", "Version", "Identity", "File", "sha256")
    return Block("Bill of materials", lines, header, (*rows, *absent))


def _evidence(found: Findings) -> Block:
    rows = [
        (clean(item.path), clean(failure.result.test), item.sha256)
        for failure in found.failures
        for item in failure.result.evidence
    ]
    return Block("Evidence of failures", (), ("File", "Test", "sha256"), tuple(rows))


def _digests(found: Findings) -> Block:
    rows = tuple((clean(name), digest) for name, digest in found.run.digests().items())
    told = "The sign-off beside this report binds these. Check it offline: python -m pipelines verify RUN --key KEY"
    return Block("What is signed", (told,), ("File", "sha256"), rows)
