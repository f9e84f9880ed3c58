"""The judges of our workflows that are not ours: actionlint, zizmor, and GitHub's own parser and evaluator.

None of them reaches a network when it judges. actionlint is built by the toolchain from a locked module; GitHub's
packages come by `npm ci` from the lock beside them and are bundled once into the cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fixtures.plugin import cache_root
from fixtures.toolchain.cache import Cache
from fixtures.toolchain.provide import provide
from reports.model import Component, HarnessError, Source

ROOT = Path(__file__).parents[3]
WORKFLOWS = ROOT / ".github" / "workflows"
ACTIONS = ROOT / "pipelines" / "actions"
EXAMPLE = ROOT / "docs" / "examples" / "github-release.yml"
ROLLBACK = ROOT / "docs" / "examples" / "github-rollback.yml"
GITHUB = Path(__file__).parent / "github"
_MODULE = "github.com/rhysd/actionlint"
ACTIONLINT = Component(
    "actionlint", "1.7.12",
    (
        Source(
            "go-module", module=_MODULE, version="v1.7.12", sum="h1:vQ4GeJN86C0QH+gTUQcs8McmK62OLT3kmakPMtEWYnY=",
            packages={f"{_MODULE}/cmd/actionlint": "actionlint"},
        ),
    ),
)  # fmt: skip


def workflows() -> list[Path]:
    """Every workflow that we ship, the examples of the documentation among them."""
    return [*sorted(WORKFLOWS.glob("*.yml")), EXAMPLE, ROLLBACK]


def actions() -> list[Path]:
    return sorted(ACTIONS.glob("*/action.yml"))


def repository(folder: Path, texts: Mapping[str, str] | None = None) -> Path:
    """A Git repository with our workflows and actions, and texts (path -> content) laid over them.

    actionlint 1.7.12 does not know GitHub's own way to name an action of the same repository (uses: $/path, since July
    2026, rhysd/actionlint#711). Here it is the older ./path, whose inputs it checks.
    """
    files = {str(path.relative_to(ROOT)): path.read_text() for path in [*sorted(WORKFLOWS.glob("*.yml")), *actions()]}
    files |= {f".github/workflows/{path.name}": path.read_text() for path in (EXAMPLE, ROLLBACK)}
    for name, text in {**files, **(texts or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(re.sub(r"(uses:\s*)\$/", r"\1./", text))
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


@cache
def _actionlint() -> Path:
    for part in provide([ACTIONLINT], Cache()):
        return Path(part.files["actionlint"])
    raise HarnessError("the toolchain provided no actionlint")


def lint(folder: Path) -> str:
    """What actionlint finds in a repository; empty: nothing."""
    # No shellcheck and no pyflakes: which version is there differs between machines, so findings would.
    command = [str(_actionlint()), "-no-color", "-shellcheck=", "-pyflakes="]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise HarnessError(f"actionlint ended with {done.returncode}: {done.stderr}")
    return done.stdout


def audit(paths: Sequence[Path]) -> list[str]:
    """The audits of zizmor that find something, by its strictest persona."""
    program = Path(sys.executable).with_name("zizmor")
    command = [str(program), "--offline", "--no-config", "--persona=auditor", "--format=json", "--no-exit-codes"]
    command += ["--strict-collection", "--collect=all", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise HarnessError(f"zizmor ended with {done.returncode}: {done.stderr}")
    return [str(finding["ident"]) for finding in json.loads(done.stdout)]


def ask(request: Mapping[str, Any]) -> Any:
    """Ask GitHub's own parser and evaluator; see github/ask.mjs. Skips the test where there is no Node."""
    node = _node()
    assert node.stdin is not None
    assert node.stdout is not None
    node.stdin.write(json.dumps(request) + "\n")
    node.stdin.flush()
    answer = json.loads(node.stdout.readline() or '{"error": "it ended"}')
    if isinstance(answer, dict) and "error" in answer:
        raise HarnessError(f"GitHub's parser: {answer['error']}")
    return answer


@cache
def _node() -> subprocess.Popen[str]:
    """One Node for all questions of this process. It ends when its input does: with this process."""
    return subprocess.Popen(["node", str(bundle())], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@cache
def bundle() -> Path:
    """GitHub's packages and our question in one file, made once for each state of the lock and the question."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"could not run: no {' and no '.join(missing)} here; GitHub's own parser is written for Node")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(GITHUB.iterdir()))).hexdigest()[:16]
    made = cache_root() / "objects" / f"github-parser-{digest}.cjs"
    if not made.exists():
        with Cache().scratch() as scratch:
            _build(scratch)
            # Several workers may come here at once: each makes its own, and the last one is as good as the first.
            (scratch / "ask.cjs").replace(made)
    return made


def _build(scratch: Path) -> None:
    for path in GITHUB.iterdir():
        shutil.copy(path, scratch)
    # No script of a package is run: what is bundled is what the lock's hashes name.
    install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    bundle = ["node", "node_modules/esbuild/bin/esbuild", "ask.mjs", "--bundle", "--platform=node", "--format=cjs"]
    for command in (install, [*bundle, "--outfile=ask.cjs", "--log-level=error"]):
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False, env=dict(os.environ))
        if done.returncode != 0:
            pytest.skip(f"could not run: {' '.join(command[:2])} failed: {done.stderr[-500:]}")
