"""`python -m pipelines.github`: the steps of our actions. Exit codes are those of `python -m pipelines`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipelines.configuration import Misconfigured
from pipelines.github import artifacts, commands, inputs, judgement, needs, release, telling
from pipelines.logbook import now
from reports.model import Verdict

VERDICTS = {verdict.exit_code: verdict.value for verdict in Verdict}


def main(argv: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Run one step. A mistake in its inputs is an annotation and INVALID."""
    try:
        options = _parser().parse_args(argv)
    except SystemExit as ended:
        return Verdict.INVALID.exit_code if ended.code else 0
    try:
        return STEPS[options.command](options, environment)
    except Misconfigured as error:
        problems = error.problems
    except OSError as error:
        problems = (f"{error.filename or 'system'}: {error.strerror or error}",)
    for problem in problems:
        print(commands.error(problem))
    return Verdict.INVALID.exit_code


def _parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m pipelines.github", description=__doc__)
    steps = top.add_subparsers(dest="command", required=True, metavar="STEP")
    publish = steps.add_parser("publish", help="prepare the run folder of a leg as this attempt's artifact")
    publish.add_argument("--runs", type=Path, required=True, metavar="DIR", help="where the one run of this leg is")
    publish.add_argument("--leg", required=True, metavar="NAME", help="which leg of the matrix this is")
    publish.add_argument("--status", type=int, required=True, metavar="N", help="how python -m pipelines run ended")
    gate = steps.add_parser("gate", help="judge the needs and the artifacts of this attempt (NEEDS: toJSON(needs))")
    gate.add_argument("--artifacts", type=Path, required=True, metavar="DIR", help="where they were downloaded to")
    gate.add_argument("--required", default="", metavar="JOBS", help="the jobs that must be among the needs")
    gate.add_argument("--legs", default="", metavar="NAMES", help="names, or the JSON list that the matrix has")
    _inputs(gate)
    sign = steps.add_parser("sign", help="decide again, sign, and prepare the attestation (SIGNING_KEY: a PEM)")
    sign.add_argument("--folder", type=Path, required=True, metavar="DIR", help="where the artifact was downloaded to")
    _inputs(sign)
    sign.add_argument("--add", action="store_true", help="add the signature to those of other roles")
    promote = steps.add_parser(
        "promote", help="python -m pipelines promote, with annotations and a summary (LEDGER_KEY: a PEM)"
    )
    promote.add_argument("--folder", type=Path, required=True, metavar="DIR", help="where the signed run is")
    kept = ("--to", "--by", "--why", "--overwrite", "--target", "--deployments", "--ledger-trust")
    for name in (*kept, "--keys", "--threshold", "--roles"):
        promote.add_argument(name, required=True, metavar="VALUE", help="as python -m pipelines promote has it")
    back = steps.add_parser("rollback", help="python -m pipelines rollback, in the same way")
    for name in ("--environment", *kept):
        back.add_argument(name, required=True, metavar="VALUE", help="as python -m pipelines rollback has it")
    return top


def _inputs(command: argparse.ArgumentParser) -> None:
    """What every leg must have been given, relative to the workspace."""
    for name in inputs.CHOSEN:
        help_ = f"the {name} of this commit (default: the one shipped; no basis)"
        command.add_argument(f"--{name}", default="", required=name == "candidate", metavar="FILE", help=help_)
    command.add_argument("--profile", default="quick", metavar="NAME", help="quick (default) or full")


def _publish(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Note down who made the one run in --runs and give out its name. Its verdict is no result of this step."""
    runs = sorted(path.parent for path in options.runs.glob("*/run.json"))
    if len(runs) != 1:
        raise Misconfigured([f"{options.runs}: holds {len(runs)} runs; a leg makes one. Its log says what happened."])
    where = artifacts.here(environment)
    artifacts.note_down(options.runs, options.leg, runs[0].name, where)
    outputs = {
        "run-folder": str(runs[0]),
        "artifact": artifacts.name_of(options.leg, where.attempt),
        "attempt": str(where.attempt),
        "verdict": VERDICTS.get(options.status, Verdict.INCONCLUSIVE.value),
    }
    commands.give(environment.get("GITHUB_OUTPUT", ""), outputs)
    return 0


def _gate(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Judge; tell the log, the annotations, the summary and the outputs. The exit code is the verdict's."""
    workspace = Path(environment.get("GITHUB_WORKSPACE", "."))
    given = inputs.of_commit(workspace, vars(options), options.profile)
    legs = names(options.legs)
    asked = judgement.Asked(options.required.split(), legs, given)
    found = judgement.judge(
        asked, needs.read(environment.get("NEEDS", "")), options.artifacts, artifacts.here(environment), now()
    )
    print("\n".join(commands.quiet(telling.log(found))))
    texts = telling.annotated(found, given.candidate.path)
    title = f"Seatrial: {found.verdict}"
    print("\n".join(commands.errors(texts, file=options.candidate, title=title)))
    heading = f"{given.candidate.name} {given.candidate.version}"
    commands.summarise(environment.get("GITHUB_STEP_SUMMARY", ""), telling.markdown(found, heading))
    outputs = {"verdict": found.verdict.value, **_artifact(found, legs, environment)}
    commands.give(environment.get("GITHUB_OUTPUT", ""), outputs)
    return found.verdict.exit_code


def _artifact(found: judgement.Judgement, legs: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """The artifact of the first leg. Of shards it is made here: merged is the name of its folder, to be uploaded."""
    group = found.members.get(legs[0], "") if legs else ""
    if not group:
        return {"artifact": artifacts.name_of(legs[0], found.attempt) if legs else "", "merged": ""}
    # Of this attempt, also where only the gate is run again; and of a name that the gate itself does not fetch.
    name = f"merged-{artifacts.name_of(group, artifacts.here(environment).attempt)}"
    return {"artifact": name, "merged": group}


def names(text: str) -> list[str]:
    """The legs that the gate expects: words, or the matrix's own JSON list of names or of objects with a name."""
    try:
        items = json.loads(text) if text.lstrip().startswith("[") else text.split()
        found = [str(item["name"] if isinstance(item, dict) else item) for item in items]
    except (ValueError, KeyError) as error:
        raise Misconfigured([f"legs: not a JSON list of names, or of objects with a name: {error}"]) from error
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        text = f"legs: {', '.join(twice)}: named more than once"
        raise Misconfigured([f"{text}. Give every leg of the matrix a name of its own, also those of one group."])
    return found


STEPS: Mapping[str, Callable[[argparse.Namespace, Mapping[str, str]], int]] = {
    "publish": _publish,
    "gate": _gate,
    "sign": release.sign,
    "promote": release.promote,
    "rollback": release.rollback,
}

if __name__ == "__main__":
    sys.exit(main())
