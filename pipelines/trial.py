"""One run: takes a candidate through the stages, a gate after each, and leaves a run folder with everything in it."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines import (
    VERSION,
    attempts,
    basis,
    closing,
    deviations,
    foreseen,
    gate,
    policy,
    upgrading,
)
from pipelines.configuration import Misconfigured
from pipelines.findings import Finding, Past
from pipelines.inputs import Inputs, Options, by_copies, read_inputs
from pipelines.interrupts import Interrupted, Interrupts
from pipelines.logbook import Logbook, now, records_of, stamp
from pipelines.pipeline import Stage
from pipelines.provisioning import NotProvided, Provisioning, wanted
from pipelines.screen import Screen, show_decision, show_end
from pipelines.stages import StageRun
from reports import shards
from reports.model import Decision, Part, Verdict
from reports.recorder import revision
from reports.run_folder import moment

INTERRUPTED = 130


@dataclass
class Trial:
    """A run in progress."""

    options: Options
    inputs: Inputs
    book: Logbook
    screen: Screen
    interrupts: Interrupts
    environment: dict[str, str]
    build: Provisioning
    decisions: list[Decision] = field(default_factory=list)

    def stages(self) -> None:
        """Run the stages until one is not PASS."""
        self._provision()
        for stage in self.inputs.stages:
            self.book.stage(stage.name, started=stamp(now()))
            findings = self._stage(stage)
            self.book.incidents(stage.name, findings)
            if self.options.shard:
                # A part of the tests decides nothing, the merge does: only what no other shard can mend ends it here.
                self.book.stage(stage.name, finished=stamp(now()))
                if stage.kind == "tests" and is_beyond_mending(self._decide(stage, findings)):
                    self._stop_here(stage)
                    return
                continue
            decision = self._decide(stage, findings)
            self.book.decision(decision)
            self.book.stage(stage.name, finished=stamp(now()))
            self.decisions.append(decision)
            show_decision(self.screen, decision)
            if decision.verdict is not Verdict.PASS:
                self._stop_here(stage)
                return

    def _provision(self) -> None:
        stage = ["--stage", self.options.stage] if self.options.stage else []
        self.build.start([*self._choice(), *stage], self.environment)

    def _choice(self) -> list[str]:
        """What a build is told of the run."""
        arguments = ["--candidate", str(self.options.candidate), "--pipeline", str(self.options.pipeline)]
        return [*arguments, "--profile", self.options.profile, *([] if self.options.install else ["--no-install"])]

    def _stage(self, stage: Stage) -> list[Finding]:
        """Do the stage's work. What went wrong outside its tests comes back as findings."""
        if stage.kind == "sign-off":
            return []
        begun = time.monotonic()
        try:
            parts = self.build.wait_for(stage, self.interrupts)
            earlier = self._earlier(stage) if stage.upgrade_from else []
        except NotProvided as error:
            return [error.finding]
        finally:
            self.book.time(f"waiting for parts of {stage.name}", time.monotonic() - begun)
            self.book.parts(self.build.newest())
        runner = StageRun(
            self.book,
            self.options.wishes,
            screen=self.screen,
            interrupts=self.interrupts,
            environment=self.environment,
        )
        return runner.run(stage, parts, self.build, earlier)

    def _earlier(self, stage: Stage) -> list[Part]:
        """The parts of the release that the stage upgrades from. NotProvided: they will not come."""
        release = self.inputs.earlier[stage.name]
        release.write(self.book.folder / stage.name)
        self.screen.event(f"{stage.name}: comes from {release.text}", "dim")
        order = upgrading.order(release.candidate, stage, self.inputs.candidate)
        log = self.book.folder / "log" / f"provision-{stage.name}.log"
        build = Provisioning(order, {stage.name: len(order)}, self.screen, log)
        arguments = [*self._choice(), "--stage", stage.name, "--from", str(stage.upgrade_from)]
        return build.whole(stage, arguments, self.environment, self.interrupts)

    def _decide(self, stage: Stage, findings: Sequence[Finding]) -> Decision:
        parts = self.build.newest() if stage.kind == "sign-off" else self.build.parts_for(stage)
        # What the gate is given lies in the run folder, so that the decision can be made again from there.
        self.book.parts(parts, stage.name)
        digest = self.inputs.candidate.digest
        return gate.evaluate(
            stage=stage,
            candidate=self.inputs.candidate,
            catalogue=self.inputs.catalogue,
            records=records_of(self.book.folder / stage.name),
            parts=parts,
            policy=policy.load(stage.policy),
            waivers=self.inputs.waivers,
            deviations=self.inputs.deviations,
            history=[Past(item.stage, digest, item.verdict, moment(item.decided)) for item in self.decisions],
            now=now().replace(microsecond=0),
            incidents=findings,
            quarantine=self.inputs.quarantine,
            basis=self.inputs.basis,
            figures=basis.figures_of(self.book.folder, stage.name),
            others=foreseen.judges(self.inputs.pipeline.stages),
        )

    def _stop_here(self, stage: Stage) -> None:
        later = [item.name for item in self.inputs.stages[self.inputs.stages.index(stage) + 1 :]]
        with self.interrupts.shielded():
            stopped = self.build.stop()
        if later:
            did = "cannot" if self.options.shard else "did not"
            self.screen.event(f"{' and '.join(later)} not started: {stage.name} {did} pass")
        if stopped:
            self.screen.event("the build was stopped; what is finished stays in the cache", "dim")


def is_beyond_mending(part: Decision) -> bool:
    """Whether a stage cannot pass whatever the other shards find: a required clause fails, and no waiver lets it by."""
    return any(item.required and item.standing == "fail" for item in part.standings)


def run(options: Options, environment: dict[str, str], screen: Screen, reap: Callable[[], Sequence[str]]) -> int:
    """Take a candidate through its stages; returns the exit code. Misconfigured or HarnessError: nothing was started.

    environment: for every child (it carries the lease). reap: removes what dead children left; returns what.
    """
    inputs = read_inputs(options)
    provider = options.wishes.provider if any(stage.needs_cluster for stage in inputs.stages) else ""
    facts = {
        "profile": options.profile,
        "provider": provider,
        "nodes": None if provider in ("", "kubeconfig") else options.wishes.nodes,
        "seed": options.wishes.seed,
        "command": [Path(sys.executable).name, "-m", "pipelines", *sys.argv[1:]],
        "seatrial": {"version": VERSION, "commit": revision()},
        "machine": machine(),
        "waivers": [item.shown() for item in inputs.waivers],
        "deviations": [item.shown() for item in deviations.of_candidate(inputs.deviations, inputs.candidate)],
    }
    try:
        book = _open(options, inputs, facts)
    except attempts.Done as done:
        screen.event(str(done), "INCONCLUSIVE")
        return Verdict.INCONCLUSIVE.exit_code
    inputs = by_copies(inputs, book.folder)
    interrupts = Interrupts(lambda text: screen.event(text, "INCONCLUSIVE"))
    order, until = wanted(inputs.stages, inputs.candidate)
    build = Provisioning(order, until, screen, book.folder / "log" / "provision.log")
    environment = {**environment, "SEATRIAL_CANDIDATE": inputs.candidate.digest}
    trial = Trial(options, inputs, book, screen, interrupts, environment, build)
    _show_start(screen, inputs, options, book)
    stopped = False
    with interrupts.installed():
        try:
            trial.stages()
        except Interrupted as asked:
            stopped = True
            screen.event(f"stopped by {asked}", "INCONCLUSIVE")
        except Exception as error:  # noqa: BLE001 - ours, whatever it is: the run is INVALID and says why
            screen.event(closing.ended_by(error), "INVALID")
            with contextlib.suppress(OSError):  # a full disk: what was said on screen is all there is
                (book.folder / "log" / "error.txt").write_text(traceback.format_exc())
                book.note(error=f"{type(error).__name__}: {error}")
        with interrupts.shielded():
            build.stop()
            for line in reap():
                if line.startswith("left:"):
                    screen.event(f"not removed: {line}")
            book.parts(build.newest())
            if options.shard and not stopped and "error" not in book.facts:
                book.note(shard={**book.facts["shard"], "whole": True})
            book.note(finished=stamp(now()))
            return _finish(trial, stopped)


def _open(options: Options, inputs: Inputs, facts: dict[str, Any]) -> Logbook:
    """Make the run's folder; for a shard one that no other attempt at it has. attempts.Done: it has run to its end."""
    while True:
        name = options.run_id
        if options.shard:
            index, of = shards.parse(options.shard)
            digest = inputs.candidate.digest
            name, attempt = attempts.next_attempt(options.runs, options.run_id, index, of, digest)
            shard = {"run": options.run_id, "index": index, "of": of, "attempt": attempt, "candidate": digest}
            facts = {**facts, "shard": shard}
        try:
            return Logbook.open(
                options.runs,
                candidate=inputs.candidate,
                pipeline=inputs.pipeline,
                requested=inputs.stages,
                catalogue=inputs.catalogue,
                waivers=options.waivers,
                facts=facts,
                quarantine=options.quarantine,
                basis=basis.shown(inputs.basis) if inputs.basis else None,
                name=name,
            )
        except FileExistsError as error:
            if not options.shard:
                raise Misconfigured([f"{error.filename}: is there already. Give this run another --run-id."]) from error


def _finish(trial: Trial, stopped: bool) -> int:
    """Sign, render, and say how it ended."""
    folder = trial.book.folder
    verdict = closing.verdict(trial.inputs.stages, trial.decisions, trial.book.facts.get("error", ""))
    report = closing.render(folder, trial.screen)
    # After the report: the signature binds it, too.
    signed = closing.sign(folder, trial.screen) if _is_to_be_signed(trial, stopped) else None
    rows = [("report", str(report) if report else f"none; see {folder}")]
    if signed:
        rows.append(("sign-off", str(signed)))
    rows.append(("records", str(folder)))
    rows.append(("again", again(sys.argv[2:], trial.options.wishes.seed)))
    title = f"{trial.inputs.candidate.name} {trial.inputs.candidate.version}"
    if trial.options.shard:
        title += f" (shard {trial.options.shard} decides nothing: python -m pipelines merge RUN...)"
    elif not any(stage.kind == "sign-off" for stage in trial.inputs.stages):
        title += f" (only as far as {trial.inputs.stages[-1].name}: no sign-off)"
    show_end(trial.screen, verdict, title, rows)
    return INTERRUPTED if stopped else verdict.exit_code


def again(given: Sequence[str], seed: int) -> str:
    """The command that does the same once more, with the same random choices. The used --run-id is left out, for
    its folder is there already; shards need it."""
    shards = any(word.partition("=")[0] == "--shard" for word in given)
    words = [
        word
        for before, word in zip(("", *given), given, strict=False)
        if shards or (before != "--run-id" and word.partition("=")[0] != "--run-id")
    ]
    has_seed = any(word.partition("=")[0] == "--seed" for word in words)
    return shlex.join(["python", "-m", "pipelines", "run", *words, *(() if has_seed else ("--seed", str(seed)))])


def _is_to_be_signed(trial: Trial, stopped: bool) -> bool:
    """A verdict of the whole pipeline is signed, whatever it is; a run that was cut short has none."""
    asked = any(stage.kind == "sign-off" for stage in trial.inputs.stages)
    return asked and bool(trial.decisions) and not stopped and not trial.book.facts.get("error")


def _show_start(screen: Screen, inputs: Inputs, options: Options, book: Logbook) -> None:
    stages = " -> ".join(stage.name for stage in inputs.stages)
    screen.line(f"{screen.paint('Seatrial', 'bold')} {inputs.candidate.name} {inputs.candidate.version}: {stages}")
    detail = f"profile {options.profile}, seed {options.wishes.seed}, run {book.folder.name}"
    screen.line(screen.paint(detail, "dim"))


def machine() -> dict[str, str]:
    """Facts of this machine that need no probing; the records hold the rest."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "processors": str(os.cpu_count()),
        "memory": f"{memory / 2**30:.1f} GiB",
        "python": platform.python_version(),
    }
