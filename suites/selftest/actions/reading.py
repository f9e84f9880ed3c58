"""Workflows and actions as plain data, for rules that no linter has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

SHA = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
WRITES = {
    "sign-off.yml": {"sign-off": {"id-token", "attestations"}},
    "promote.yml": {"promote": {"contents"}},
    "rollback.yml": {"rollback": {"contents"}},
    "github-rollback.yml": {"rollback": {"contents"}},
    "github-release.yml": {
        "sign-off": {"id-token", "attestations"},
        **{environment: {"contents"} for environment in ("dev", "staging", "production")},
    },
}
"""The only jobs that may write anything, and what. A job of any other name may read contents and nothing else."""


def read(path: Path) -> dict[str, Any]:
    """A workflow or an action. YAML 1.1 reads `on` as true, so that key has its name again."""
    data = yaml.safe_load(path.read_text())
    return {("on" if key is True else key): value for key, value in data.items()}


def steps(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every step of every job, or of a composite action."""
    for job in data.get("jobs", {}).values():
        yield from job.get("steps", [])
    yield from data.get("runs", {}).get("steps", [])


def uses(data: Mapping[str, Any]) -> Iterator[str]:
    """Every action and reusable workflow that is used."""
    yield from (job["uses"] for job in data.get("jobs", {}).values() if "uses" in job)
    yield from (step["uses"] for step in steps(data) if "uses" in step)


def problems(path: Path, root: Path) -> list[str]:
    """What is against our rules in one file. root: where $/ leads."""
    data = read(path)
    found = [f"{name} is not pinned" for name in uses(data) if not _is_pinned(name, root)]
    text = path.read_text()
    found += [f"{name} does not name its version" for name in SHA.findall(text) if f"{name} # v" not in text]
    found += [
        f"step {step.get('name')} has an expression in its script"
        for step in steps(data)
        if "${{" in step.get("run", "")
    ]
    found += ["continue-on-error hides a failure"] if "continue-on-error" in text else []
    if "jobs" in data:
        found += _of_workflow(data, WRITES.get(path.name, {}))
        found += _of_secrets(data)
    return found


def _of_secrets(data: Mapping[str, Any]) -> Iterator[str]:
    """An environment's secret reaches a called job under the name under which the caller passes it on, if the job
    names the environment. Source: GitHub's documentation, "Reuse workflows"."""
    call = (data.get("on") or {}).get("workflow_call") if isinstance(data.get("on"), dict) else None
    declared = set((call or {}).get("secrets", {}))
    yield from (f"no secret can be called {name}" for name in declared if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name))
    for name, job in data["jobs"].items():
        passed = job.get("secrets", {})
        if passed == "inherit":
            yield f"the job {name} passes every secret on"
            continue
        for secret, value in passed.items():
            if value != f"${{{{ secrets.{secret} }}}}":
                yield f"the job {name} passes {secret} on under another name than the environment's"
        read = set(re.findall(r"\bsecrets\.([\w-]+)", str({key: job[key] for key in job if key != "secrets"})))
        if read and "environment" not in job:
            yield f"the job {name} reads a secret of no environment"
        if call is not None:
            yield from (f"the job {name} reads {secret}, which is not declared" for secret in read - declared)


def _is_pinned(name: str, root: Path) -> bool:
    if name.startswith("$/"):
        there = root / name.removeprefix("$/")
        return (there.suffix == ".yml" and there.is_file()) or (there / "action.yml").is_file()
    return bool(SHA.fullmatch(name))


def _of_workflow(data: Mapping[str, Any], writes: Mapping[str, set[str]]) -> Iterator[str]:
    if data.get("permissions") != {}:
        yield "the workflow does not take all permissions away first"
    for name, job in data["jobs"].items():
        allowed = writes.get(name, set())
        for scope, level in (job.get("permissions") or {"(none set)": "write"}).items():
            if (
                level != "none"
                and (scope, level) != ("contents", "read")
                and not (level == "write" and scope in allowed)
            ):
                yield f"the job {name} may {level} {scope}"
        if "uses" not in job and "timeout-minutes" not in job:
            yield f"the job {name} has no timeout"
        if name == "gate":
            yield from _of_gate(job)
    events = data.get("on")
    if isinstance(events, dict) and "pull_request" in events:
        if "merge_group" not in events:
            yield "a merge queue would wait for the gate for ever: no merge_group"
        if any("paths" in str(key) for event in events.values() for key in (event or {})):
            yield "a workflow that a path filter skips leaves its required check pending for ever"
        if "gate" not in data["jobs"]:
            yield "there is no gate"
    if "gate" in data["jobs"]:
        yield from _of_needed(data["jobs"])


def _of_gate(job: Mapping[str, Any]) -> Iterator[str]:
    if "always()" not in str(job.get("if")):
        yield "the gate may be skipped, and skipped counts as a success"
    if "strategy" in job or "${{" in str(job.get("name")) or job.get("name") != "gate":
        yield "the gate has no fixed name, so a required check would not find it"
    for step in job.get("steps", []):
        if "always()" not in str(step.get("if")):
            yield f"the step {step.get('name')} of the gate may be skipped"


def _of_needed(jobs: Mapping[str, Any]) -> Iterator[str]:
    """The gate waits for every job before it, requires each by name, and each tells the attempt of its artifacts."""
    gate = jobs["gate"]
    given: Mapping[str, Any] = next(
        (step["with"] for step in gate["steps"] if "evaluate-gate" in step.get("uses", "")), {}
    )
    if set(str(given.get("required", "")).split()) != set(gate.get("needs", [])):
        yield "the gate does not require exactly the jobs that it needs"
    if given.get("needs") != "${{ toJSON(needs) }}":
        yield "the gate does not look at the results of its needs"
    after: set[str] = set()
    for name, job in jobs.items():  # a job stands below those that it needs
        if {"gate", *after} & set(job.get("needs", [])):
            after.add(name)
    for name in set(jobs) - {"gate"} - after - set(gate.get("needs", [])):
        yield f"the gate does not wait for {name}"
    for name in gate.get("needs", []):
        makes = any("run-suite" in step.get("uses", "") for step in jobs[name].get("steps", []))
        if makes and "attempt" not in jobs[name].get("outputs", {}):
            yield f"the job {name} does not tell the attempt of its artifact"
