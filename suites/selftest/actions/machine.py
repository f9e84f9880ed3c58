"""A machine like a GitHub runner, for the scripts of our steps: bash, the files that steps write, contexts, artifacts.

Every expression is evaluated by GitHub's own evaluator. The actions of others do here what they do there, as far as our
workflows rely on it: upload-artifact refuses a name that is taken, download-artifact leaves the artifact's folder out
where only one matches (its version 8.0.1 does, src/download-artifact.ts). `python -m pipelines run` is pretend.py.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from reports.attestations import PAYLOAD_TYPE, STATEMENT_TYPE
from suites.selftest.actions import judges, reading, runs

FILES = ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STEP_SUMMARY", "GITHUB_PATH")
PYTHON = """#!/bin/sh
case "$1 $2 $3" in
  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; exit 0;;
  "-m pip "*) echo "$@" >> "$PIP_LOG"; exit "${PIP_STATUS:-0}";;
  "-m pipelines run") shift 3; exec {real} -m suites.selftest.actions.pretend "$@";;
esac
exec {real} "$@"
"""
SUDO = '#!/bin/sh\n[ "$1" = -E ] && shift\nexec "$@"\n'


def _bundle(given: Mapping[str, str]) -> str:
    """What actions/attest leaves: a bundle over a statement of its own making (here nobody has signed it)."""
    lines = Path(given["subject-checksums"]).read_text().splitlines()
    subjects = [
        {"name": name, "digest": {"sha256": digest}} for digest, name in (line.split("  ", 1) for line in lines)
    ]
    predicate = json.loads(Path(given["predicate-path"]).read_text())
    statement = {"_type": STATEMENT_TYPE, "subject": subjects}
    statement |= {"predicateType": given["predicate-type"], "predicate": predicate}
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    return json.dumps({"dsseEnvelope": {"payload": payload, "payloadType": PAYLOAD_TYPE, "signatures": []}})


@dataclass
class Ran:
    """One script that was run."""

    name: str
    status: int
    output: str
    summary: str
    outputs: Mapping[str, str]


@dataclass
class Job:
    """How a job ended. result: as GitHub gives it in needs."""

    result: str
    outputs: dict[str, str]
    ran: list[Ran]

    @property
    def text(self) -> str:
        return "\n".join(item.output for item in self.ran)

    @property
    def summary(self) -> str:
        return "".join(item.summary for item in self.ran)

    @property
    def annotations(self) -> list[str]:
        """The errors that GitHub would show: commands outside of what was fenced off."""
        found, token = [], ""
        for line in self.text.splitlines():
            if token:
                token = "" if line == f"::{token}::" else token
            elif line.startswith("::stop-commands::"):
                token = line.removeprefix("::stop-commands::")
            elif line.startswith("::"):
                found.append(line)
        return found

    def as_need(self) -> dict[str, Any]:
        return {"result": self.result, "outputs": self.outputs}


@dataclass
class Machine:
    """root: where everything is. attempt: of the workflow run. variables: more environment for every step."""

    root: Path
    attempt: int = 1
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("bin", "artifacts", "workspace"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        real = f"'{sys.executable}'"
        for name, text in (("python3", PYTHON.replace("{real}", real)), ("sudo", SUDO)):
            (self.root / "bin" / name).write_text(text)
            (self.root / "bin" / name).chmod(0o755)

    @property
    def workspace(self) -> Path:
        return self.root / "workspace"

    def job(self, workflow: str, name: str, **contexts: Any) -> Job:
        """Run one job of a workflow on a fresh machine. contexts: inputs, needs, secrets, matrix."""
        data = reading.read(judges.WORKFLOWS / workflow)
        call = data["on"].get("workflow_call") or {}
        defaults = {key: value.get("default", "") for key, value in call.get("inputs", {}).items()}
        job = data["jobs"][name]
        shutil.rmtree(self.root / "temp", ignore_errors=True)
        (self.root / "temp").mkdir()
        known = {
            "needs": {},
            "secrets": {},
            "matrix": {},
            **contexts,
            "inputs": {**defaults, **contexts.get("inputs", {})},
        }
        ran: list[Ran] = []
        state = self._contexts(known, "")
        good = self._steps(job["steps"], state, ran, str(self.workspace))
        outputs = {key: self._text(value, state) for key, value in job.get("outputs", {}).items()}
        return Job("success" if good else "failure", outputs, ran)

    def _contexts(self, given: Mapping[str, Any], action_path: str) -> dict[str, Any]:
        github = {"action_path": action_path, "actor": "alice", "token": "t0ken", "run_attempt": str(self.attempt)}
        github |= {"event_name": "push", "ref": "refs/heads/main"}
        return {**given, "github": github, "runner": {"temp": str(self.root / "temp")}, "steps": {}}

    def _steps(self, steps: Sequence[Mapping[str, Any]], state: dict[str, Any], ran: list[Ran], cwd: str) -> bool:
        good = True
        for step in steps:
            if not self._holds(str(step.get("if", "success()")), state, good):
                continue
            if "run" in step:
                done, outputs = self._script(step, state, ran, cwd)
            else:
                done, outputs = self._action(step, state, ran)
            good = good and done
            if "id" in step:
                outcome = "success" if done else "failure"
                state["steps"][step["id"]] = {"outputs": outputs, "outcome": outcome, "conclusion": outcome}
        return good

    def _holds(self, condition: str, state: Mapping[str, Any], good: bool) -> bool:
        condition = condition.removeprefix("${{").removesuffix("}}").strip()
        if not re.search(r"\b(always|success|failure|cancelled)\(\)", condition):
            condition = f"success() && ({condition})"
        status = {"success": good, "failure": not good, "cancelled": False}
        found: list[bool] = judges.ask({"evaluate": [{"expression": condition, "contexts": state, "status": status}]})
        return found[0]

    def _text(self, value: Any, state: Mapping[str, Any]) -> str:
        """A value of YAML with every expression in it evaluated."""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        expressions = re.findall(r"\$\{\{(.*?)\}\}", text)
        asked = [{"expression": item.strip(), "contexts": state, "status": {}} for item in expressions]
        for item, found in zip(expressions, judges.ask({"evaluate": asked}) if asked else [], strict=True):
            text = text.replace("${{" + item + "}}", str(found).lower() if isinstance(found, bool) else str(found))
        return text

    def _script(
        self, step: Mapping[str, Any], state: Mapping[str, Any], ran: list[Ran], cwd: str
    ) -> tuple[bool, dict[str, str]]:
        files = {name: self.root / "temp" / f"_{name}_{len(ran)}" for name in FILES}
        for path in files.values():
            path.write_text("")
        environment = {**os.environ, **runs.WORKFLOW_RUN, "GITHUB_ACTIONS": "true", "CI": "true", **self.variables}
        environment |= {"GITHUB_RUN_ATTEMPT": str(self.attempt), "GITHUB_WORKSPACE": str(self.workspace)}
        environment |= {"RUNNER_TEMP": str(self.root / "temp"), "PIP_LOG": str(self.root / "pip.log")}
        environment |= {name: str(path) for name, path in files.items()}
        environment |= {"PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"}
        environment |= {key: self._text(value, state) for key, value in step.get("env", {}).items()}
        place = Path(cwd) / self._text(step.get("working-directory", "."), state)
        script = self.root / "temp" / f"_script_{len(ran)}.sh"
        script.write_text(step["run"])
        # GitHub's own template for shell: bash; without a shell it is `bash -e`, which forgives more.
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail"] if step.get("shell") == "bash" else ["bash", "-e"]
        command, out, err = [*shell, str(script)], subprocess.PIPE, subprocess.STDOUT
        done = subprocess.run(command, cwd=place, env=environment, stdout=out, stderr=err, text=True, check=False)
        outputs = read_outputs(files["GITHUB_OUTPUT"])
        summary = files["GITHUB_STEP_SUMMARY"].read_text()
        ran.append(Ran(str(step.get("name")), done.returncode, done.stdout, summary, outputs))
        return done.returncode == 0, outputs

    def _action(self, step: Mapping[str, Any], state: Mapping[str, Any], ran: list[Ran]) -> tuple[bool, dict[str, str]]:
        given = {key: self._text(value, state) for key, value in step.get("with", {}).items()}
        name = step["uses"].partition("@")[0]
        if name.startswith("$/"):
            return self.action(name.rpartition("/")[2], given, ran)
        if name == "actions/upload-artifact":
            return self._upload(given["name"], Path(given["path"]), given.get("if-no-files-found", "warn")), {}
        if name == "actions/download-artifact":
            return self._download(given), {}
        if name == "actions/attest":
            bundle = self.root / "temp" / "bundle.json"
            bundle.write_text(_bundle(given))
            return True, {"bundle-path": str(bundle)}
        return name == "actions/checkout", {}

    def action(self, name: str, given: Mapping[str, str], ran: list[Ran]) -> tuple[bool, dict[str, str]]:
        """Run one of our composite actions. given: its inputs."""
        folder = judges.ACTIONS / name
        data = reading.read(folder / "action.yml")
        declared = data.get("inputs", {})
        assert set(given) <= set(declared), f"{name} has no input {set(given) - set(declared)}"
        inputs = {key: given.get(key, value.get("default", "")) for key, value in declared.items()}
        state = self._contexts({"inputs": inputs}, str(folder))
        good = self._steps(data["runs"]["steps"], state, ran, str(self.workspace))
        return good, {key: self._text(item["value"], state) for key, item in data.get("outputs", {}).items()}

    def _upload(self, name: str, path: Path, empty: str) -> bool:
        """As the action does: it looks for files first, and only then whether the name is taken."""
        there = self.root / "artifacts" / name
        path = path if path.is_absolute() else self.workspace / path
        if not path.is_dir() or not any(path.iterdir()):
            return empty != "error"
        if there.exists():
            return False
        shutil.copytree(path, there)
        return True

    def _download(self, given: Mapping[str, str]) -> bool:
        there, pattern = Path(given["path"]), given.get("name") or given["pattern"]
        found = [path for path in sorted((self.root / "artifacts").iterdir()) if fnmatch(path.name, pattern)]
        for path in found:
            shutil.copytree(path, there if len(found) == 1 else there / path.name, dirs_exist_ok=True)
        return bool(found) or "name" not in given


def read_outputs(path: Path) -> dict[str, str]:
    """The file of GITHUB_OUTPUT as the runner reads it: NAME=VALUE, or NAME<<DELIMITER to a line of DELIMITER."""
    found = {}
    lines = path.read_bytes().decode().split("\n")
    while lines:
        line = lines.pop(0)
        name, here, delimiter = line.partition("<<")
        if here:
            end = lines.index(delimiter)
            found[name], lines = "\n".join(lines[:end]), lines[end + 1 :]
        elif line:
            name, _, value = line.partition("=")
            found[name] = value
    return found
