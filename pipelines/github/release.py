"""Sign and promote what a gate let pass, from the artifact of this workflow run."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipelines import cli
from pipelines.candidate import load as load_candidate
from pipelines.configuration import Misconfigured
from pipelines.github import artifacts, commands, judgement, telling
from pipelines.logbook import now, write
from reports import attest, verification
from reports.keys import KeyFileError
from reports.model import Verdict
from reports.run_folder import RunFolderError


def sign(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Decide again; sign with SIGNING_KEY where there is one; give out what actions/attest takes."""
    note, run = artifacts.only(options.folder, artifacts.here(environment))
    workspace = Path(environment.get("GITHUB_WORKSPACE", "."))
    digest = load_candidate(workspace / options.candidate).digest if options.candidate else ""
    asked = judgement.Asked(required=(), legs=(note.leg,), candidate=digest)
    leg = judgement.judge_leg(note.leg, run, asked, now())
    if leg.verdict is not Verdict.PASS:
        found = judgement.Judgement(leg.verdict, note.attempt, (), (leg,))
        texts = telling.annotated(found, None)
        print("\n".join(commands.errors(texts, file=options.candidate, title=f"Not signed: {leg.verdict}")))
        return leg.verdict.exit_code
    envelope = _signed(run, environment.get("SIGNING_KEY", ""))
    statement = json.loads(verification.read_envelope(envelope).payload)
    predicate, subjects = options.folder / "predicate.json", options.folder / "subjects.sha256"
    write(predicate, json.dumps(statement["predicate"], indent=1, sort_keys=True) + "\n")
    write(subjects, "".join(f"{item['digest']['sha256']}  {item['name']}\n" for item in statement["subject"]))
    outputs = {
        "artifact": f"signed-{artifacts.name_of(note.leg, artifacts.here(environment).attempt)}",
        "run-folder": str(run),
        "predicate-type": str(statement["predicateType"]),
        "predicate": str(predicate),
        "subjects": str(subjects),
    }
    commands.give(environment.get("GITHUB_OUTPUT", ""), outputs)
    return 0


def _signed(run: Path, key: str) -> Path:
    """The sign-off of a run, by the key where one is given. Misconfigured: there is none, or it does not hold."""
    try:
        if key:
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
                file.write(key if key.endswith("\n") else key + "\n")
                file.flush()
                attest.sign(run, [Path(file.name)])
        checked = attest.verify(run / attest.SIGNOFF)
    except (KeyFileError, RunFolderError, ValueError) as error:
        raise Misconfigured([f"not signed: {error}"]) from error
    if not checked.ok:
        raise Misconfigured([f"the sign-off does not hold: {problem}" for problem in checked.problems])
    return run / attest.SIGNOFF


def promote(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Call `python -m pipelines promote`; why it refuses becomes an annotation, what it did the summary."""
    _, run = artifacts.only(options.folder, artifacts.here(environment))
    workspace = Path(environment.get("GITHUB_WORKSPACE", "."))
    argv = ["promote", str(run), "--to", options.to, "--target", options.target, "--threshold", options.threshold]
    argv += ["--deployments", str(workspace / options.deployments)]
    for key in filter(None, map(str.strip, options.keys.splitlines())):
        argv += ["--key", str(workspace / key)]
    said, refused = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(refused):
        status = cli.main(argv)
    print("\n".join(commands.quiet(said.getvalue().splitlines())))
    for line in filter(None, refused.getvalue().splitlines()):
        print(commands.error(line, title=f"Promotion to {options.to}"))
    verdict = "promoted" if status == 0 else "not promoted"
    text = f"## {commands.plain(options.to)}: {verdict}\n\n{commands.plain(said.getvalue() + refused.getvalue())}\n"
    commands.summarise(environment.get("GITHUB_STEP_SUMMARY", ""), text)
    return status
