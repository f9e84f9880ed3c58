"""The pages and examples of docs/ say what is so: links, inputs, and every command with every option."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines import arguments, names, policy, roles, waivers
from pipelines.configuration import Misconfigured
from reports import catalogue
from reports.keys import KeyFileError, generate_key, public_path
from suites.selftest.actions import judges, reading

DOCS = judges.ROOT / "docs"
PAGES = (DOCS / "github-actions.md", DOCS / "other-engines.md")
ENGINES = sorted(set((DOCS / "examples").glob("*.y*ml")) - {judges.EXAMPLE, judges.ROLLBACK})
KNOWN = names.of_checkout(catalogue.load())
KINDS = {
    "argo-workflow.yaml": ("argoproj.io/v1alpha1", "Workflow"),
    "argo-rollouts-analysis.yaml": ("argoproj.io/v1alpha1", "AnalysisTemplate"),
    "tekton.yaml": ("tekton.dev/v1", "Pipeline"),
    "indexed-job.yaml": ("v1", "List"),
}


def texts(value: Any) -> Iterator[str]:
    """Every command that a piece of YAML holds: command and args joined, scripts line by line."""
    if isinstance(value, dict):
        words = [*value["command"], *value.get("args", [])] if "command" in value else []
        if words[:2] == ["sh", "-c"]:
            yield " ".join(words[2:])
        elif words:
            yield shlex.join(words)
        scripts = value.get("script", [])
        yield from scripts.splitlines() if isinstance(scripts, str) else scripts
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def commands(path: Path) -> list[list[str]]:
    """The words after `-m pipelines` of every command in an example."""
    found = []
    for text in texts(yaml.safe_load(path.read_text())):
        for _, _, rest in [part.partition("-m pipelines ") for part in re.split(r";|\bdo\b|&&", text)]:
            if rest:
                found.append(shlex.split(rest))
    return found


def accepted(words: list[str]) -> argparse.Namespace:
    """What the command line makes of the words; SystemExit: nothing. A variable stands for a number or a name."""
    return arguments.parser().parse_args([re.sub(r"\$\w+", "1", word) for word in words])


@pytest.mark.parametrize("path", ENGINES, ids=lambda path: path.name)
def test_example_of_an_engine_is_yaml_of_its_kind_and_its_commands_are_accepted(path: Path) -> None:
    data = yaml.safe_load(path.read_text())
    if path.name in KINDS:
        assert (data["apiVersion"], data["kind"]) == KINDS[path.name]
    given = [accepted(words) for words in commands(path)]
    assert "run" in {item.command for item in given}
    assert path.name == "argo-rollouts-analysis.yaml" or {"gate", "merge"} & {item.command for item in given}


@pytest.mark.parametrize("words", [["run", "--candidat", "x", "--nowhere"], ["gate"], ["promote", "run"], ["deploy"]])
def test_command_that_is_none_is_not_accepted(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        accepted(words)


def test_commands_are_found_in_every_form_of_an_example(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    lines = [
        "a: {command: [python, -m, pipelines, run], args: [--nodes, '3']}",
        'b: {script: "x\\npython -m pipelines lock"}',
        "c: {script: [for r in a; do python -m pipelines gate $r; done]}",
    ]
    path.write_text("\n".join(lines))
    assert commands(path) == [["run", "--nodes", "3"], ["lock"], ["gate", "$r"]]


def test_example_for_github_gives_every_action_and_workflow_the_inputs_that_it_has() -> None:
    read = [reading.read(path) for path in (judges.EXAMPLE, judges.ROLLBACK)]
    seen = set()
    for item in [item for data in read for item in (*data["jobs"].values(), *reading.steps(data))]:
        path = str(item.get("uses", "")).partition("@")[0].removeprefix("your-org/seatrial/")
        if path.startswith(".github"):
            call = reading.read(judges.ROOT / path)["on"]["workflow_call"]
            check(call["inputs"], item.get("with", {}), path)
            check(call.get("secrets", {}), item.get("secrets", {}), path)
            seen.add(path.rpartition("/")[2])
        elif path.startswith("pipelines/actions"):
            check(reading.read(judges.ROOT / path / "action.yml")["inputs"], item.get("with", {}), path)
            seen.add(path.rpartition("/")[2])
    assert seen == {"matrix.yml", "sign-off.yml", "promote.yml", "evaluate-gate", "rollback.yml"}


def check(declared: dict[str, Any], given: dict[str, Any], path: str) -> None:
    assert set(given) <= set(declared), path
    assert {name for name, item in declared.items() if item.get("required")} <= set(given), path


def test_example_for_github_gives_every_job_the_same_files() -> None:
    data = reading.read(judges.EXAMPLE)
    given = [
        item["with"] for item in [*data["jobs"].values(), *reading.steps(data)] if "candidate" in item.get("with", {})
    ]
    files = [{name: each[name] for name in ("candidate", "policy", "waivers")} for each in given]
    assert len(files) == 3
    assert files.count(files[0]) == 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()) if "://" not in link]
    assert links
    assert [link for link in links if not (page.parent / link).is_file()] == []


def snippets(page: Path, language: str) -> list[str]:
    """The pieces of this language in a page, without the indent of a list that they stand in."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(text) for _, text in found]


def loaded(text: str, folder: Path) -> str:
    """Read a piece of TOML with the command's own reader of such a file; which kind it was."""
    file = folder / "given.toml"
    file.write_text(text)
    if "[[waiver]]" in text:
        waivers.load(file, KNOWN)
        return "waivers"
    if "[role." in text:
        for path in re.findall(r'"([\w./-]+\.(?:pem|pub))"', text):
            if not (folder / path).exists():
                generate_key(folder / "key.pem")
                public_path(folder / "key.pem").rename(folder / path)
                (folder / "key.pem").unlink()
        (folder / "trust.json").write_text("{}")
        roles.load(file)
        return "roles"
    if "[policy]" in text:
        policy.load(file, KNOWN)
        return "policy"
    raise AssertionError(text)


@pytest.mark.parametrize(
    ("page", "kinds"),
    [
        ("github-actions.md", ["policy", "waivers", "roles"]),
        ("promotion.md", ["roles", "roles"]),
        ("policy.md", ["policy"]),
    ],
)
def test_files_that_a_page_shows_are_read_by_the_command_s_own_readers(
    page: str, kinds: list[str], tmp_path: Path
) -> None:
    assert [loaded(text, tmp_path) for text in snippets(DOCS / page, "toml")] == kinds


@pytest.mark.parametrize(
    ("old", "new"),
    [("required-levels", "required-level"), ("cni.del.idempotent", "cni.del.twice"), ("keys =", "key =")],
)
def test_file_with_a_mistake_in_a_page_is_found(old: str, new: str, tmp_path: Path) -> None:
    texts = [text for text in snippets(PAGES[0], "toml") if old in text]
    assert texts
    with pytest.raises((Misconfigured, KeyFileError)):
        loaded(texts[0].replace(old, new), tmp_path)


def test_calls_that_the_page_for_github_shows_fit_the_workflow_they_call() -> None:
    found = [yaml.safe_load(text) for text in snippets(PAGES[0], "yaml")]
    jobs = [job for item in found for job in item.values() if isinstance(job, dict)]
    assert len(jobs) == 1
    for job in jobs:
        call = reading.read(judges.WORKFLOWS / Path(job["uses"].partition("@")[0]).name)["on"]["workflow_call"]
        check(call["inputs"], job["with"], job["uses"])
        check(call["secrets"], job["secrets"], job["uses"])
    legs = [json.loads(item["legs"]) for item in found if "legs" in item]
    assert [len(item) for item in legs] == [2, 2]


def test_environments_and_secrets_in_the_page_s_table_are_those_of_the_example() -> None:
    rows = re.findall(r"^ *\| `([\w-]+)` \| `(\w+)` \|", PAGES[0].read_text(), re.MULTILINE)
    data = reading.read(judges.EXAMPLE)
    calls = {name: job for name, job in data["jobs"].items() if "secrets" in job}
    used = [(job["with"].get("environment", "sign-off"), *job["secrets"]) for job in calls.values()]
    assert rows == used


def test_key_that_the_page_tells_how_to_make_is_made(tmp_path: Path) -> None:
    (script,) = re.findall(r'python -c "(.+)"', PAGES[0].read_text())
    environment = {"PYTHONPATH": str(judges.ROOT), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"release.pem", "release.pub.pem"}
