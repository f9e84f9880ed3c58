"""Sign and promote what a gate let pass, from the artifact of this workflow run."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipelines import basis, cli, closing
from pipelines.configuration import Misconfigured
from pipelines.github import artifacts, commands, inputs, judgement, telling
from pipelines.logbook import now, write
from pipelines.screen import Screen
from reports import attest, verification
from reports.model import Decision, Verdict, to_json

NEXT_BASIS = "next-basis.json"


def sign(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Decide again, sign with SIGNING_KEY, and give out what actions/attest takes."""
    where = artifacts.here(environment)
    note, run = artifacts.only(options.folder, where)
    workspace = Path(environment.get("GITHUB_WORKSPACE", "."))
    given = inputs.of_commit(workspace, vars(options), options.profile)
    leg = judgement.judge_leg(note.leg, run, given, now())
    if leg.verdict is not Verdict.PASS:
        found = judgement.Judgement(leg.verdict, note.attempt, (), (leg,))
        texts = telling.annotated(found, given.candidate.path)
        print("\n".join(commands.errors(texts, file=options.candidate, title=f"Not signed: {leg.verdict}")))
        return leg.verdict.exit_code
    status = _signed(run, environment.get("SIGNING_KEY", ""), leg.decisions, options.add)
    if status:
        return status
    envelope = run / attest.SIGNOFF
    statement = json.loads(verification.read_envelope(envelope).payload)
    predicate, subjects = options.folder / "predicate.json", options.folder / "subjects.sha256"
    write(predicate, json.dumps(statement["predicate"], indent=1, sort_keys=True) + "\n")
    write(subjects, "".join(f"{item['digest']['sha256']}  {item['name']}\n" for item in statement["subject"]))
    # What the next candidate is compared with; a maintainer commits it, so that nobody chooses a lower bar later.
    write(
        options.folder / NEXT_BASIS,
        json.dumps(basis.shown(dataclasses.replace(basis.load(run), unchecked=False)), indent=1, default=str) + "\n",
    )
    outputs = {
        "artifact": _name(envelope, note.leg, where.attempt),
        "run-folder": str(run),
        "predicate-type": str(statement["predicateType"]),
        "predicate": str(predicate),
        "subjects": str(subjects),
    }
    commands.give(environment.get("GITHUB_OUTPUT", ""), outputs)
    return 0


def _name(envelope: Path, leg: str, attempt: int) -> str:
    """The artifact of a signed run. The number of signatures is in it, so that each role has one of its own."""
    return f"signed-{len(verification.read_envelope(envelope).signatures)}-{artifacts.name_of(leg, attempt)}"


def _signed(run: Path, key: str, decisions: Sequence[Decision], add: bool) -> int:
    """Sign afresh what was decided here, or add a signature to a sign-off. The exit code of `python -m pipelines sign`.

    The runner of the trial ran the candidate's code as root, so nothing that it decided, rendered or signed is taken
    over: only its records are, and those were judged.
    """
    if not add:
        for decision in decisions:
            write(run / "decisions" / f"{decision.stage}.json", json.dumps(to_json(decision), indent=1) + "\n")
        closing.render(run, Screen())
    with _key_file(key, "SEATRIAL_SIGNING_KEY") as file:
        return _call(["sign", str(run), "--key", str(file), "--add" if add else "--replace-sign-off"], "Sign-off")[0]


def _call(argv: Sequence[str], title: str) -> tuple[int, str]:
    """A command of `python -m pipelines`: its exit code and all it said. What it says of errors becomes annotations."""
    said, wrong = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
        status = cli.main(list(argv))
    print("\n".join(commands.quiet(said.getvalue().splitlines())))
    for line in filter(None, wrong.getvalue().splitlines()):
        print(commands.error(line, title=title))
    return status, said.getvalue() + wrong.getvalue()


@contextlib.contextmanager
def _key_file(key: str, secret: str) -> Iterator[Path]:
    """A key from a secret as a file that only this user reads, for as long as the block lasts. Misconfigured: there is
    none, which GitHub hands on as an empty text."""
    if not key.strip():
        text = f"the secret {secret} is empty here: put the key into the GitHub environment of this job"
        raise Misconfigured([f"{text}, and let the calling workflow pass it on by that name (docs/github-actions.md)."])
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(key if key.endswith("\n") else key + "\n")
        file.flush()
        yield Path(file.name)


def promote(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Call `python -m pipelines promote`; why it refuses becomes an annotation, what it did the summary."""
    _, run = artifacts.only(options.folder, artifacts.here(environment))
    workspace = Path(environment.get("GITHUB_WORKSPACE", "."))
    argv = ["promote", str(run), f"--to={options.to}", f"--threshold={options.threshold}", f"--why={options.why}"]
    argv += [f"--roles={workspace / options.roles}"] if options.roles else []
    argv += [f"--key={workspace / name}" for name in _lines(options.keys)]
    return _released(argv, options, environment, f"Promotion to {options.to}", (options.to, "promoted"))


def rollback(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Call `python -m pipelines rollback` in the same way."""
    argv = ["rollback", f"--to={options.to}", f"--why={options.why}", "--", options.environment]
    title = f"Rollback of {options.environment}"
    return _released(argv, options, environment, title, (options.environment, "rolled back"))


def _released(
    argv: Sequence[str],
    options: argparse.Namespace,
    environment: Mapping[str, str],
    title: str,
    told: tuple[str, str],
) -> int:
    """Add where releases go and who signs the ledger, call it, and tell. Each value is one word with its option, so
    that none that begins with a hyphen is read as another."""
    workspace = Path(environment.get("GITHUB_WORKSPACE", "."))
    shared = [f"--target={options.target}", f"--by={options.by}", f"--deployments={workspace / options.deployments}"]
    shared += [f"--overwrite={options.overwrite}"]
    shared += [f"--ledger-trust={workspace / name}" for name in _lines(options.ledger_trust)]
    with _key_file(environment.get("LEDGER_KEY", ""), "SEATRIAL_LEDGER_KEY") as key:
        status, said = _call([argv[0], *shared, f"--ledger-key={key}", *argv[1:]], title)
    text = f"## {commands.plain(told[0])}: {'' if status == 0 else 'not '}{told[1]}\n\n{commands.plain(said)}\n"
    commands.summarise(environment.get("GITHUB_STEP_SUMMARY", ""), text)
    return status


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
