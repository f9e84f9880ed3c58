"""A real run, as small as one can be: our own GPU device plugin, judged over its sockets, and signed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pipelines.arguments import CANDIDATE

ROOT = Path(__file__).resolve().parents[3]
POLICY = """[policy]
name = "tiny"
required-levels = ["must"]
[budgets]
retries = 1
[statistics]
[[threshold]]
figure = "results-per-second"
direction = "higher"
limit = 0.001
tolerance-percent = 99
"""
STAGES = """[pipeline]
name = "tiny"
[[stage]]
name = "dev"
suites = ["gpu"]
needs = ["protocols", "gpu-device-plugin"]
policy = "policy.toml"
workers = 2
[[stage]]
name = "production"
kind = "sign-off"
requires = ["dev"]
policy = "policy.toml"
"""
PLUGIN = '[[component]]\nname = "gpu-device-plugin"\nversion = "0.1.0"\n[[component.source]]\nkind = "builtin"\n'


def candidate() -> str:
    """The interface definitions of the shipped candidate, and our device plugin."""
    entries = CANDIDATE.read_text().split("[[component]]\n")
    protocols = next(entry for entry in entries if entry.startswith('name = "protocols"'))
    return f'[release]\nname = "tiny"\nversion = "1"\n[[component]]\n{protocols}\n{PLUGIN}'


def take(folder: Path, *options: str, status: int = 0, policy: str = POLICY) -> Path:
    """Run the pipeline on it, to this exit code; returns the run's folder."""
    for name, text in {"candidate.toml": candidate(), "stages.toml": STAGES, "policy.toml": policy}.items():
        (folder / name).write_text(text)
    command = [sys.executable, "-m", "pipelines", "run", "--candidate", str(folder / "candidate.toml"), "--no-install"]
    command += ["--pipeline", str(folder / "stages.toml"), "--runs-dir", str(folder / "runs"), "--seed", "5", *options]
    before = set((folder / "runs").glob("*"))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout[-3000:] + done.stderr[-1000:]
    (made,) = set((folder / "runs").glob("*")) - before
    return made
