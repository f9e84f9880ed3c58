"""doctor and clean: what this machine can do, and what dead runs left on it."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from pipelines import stages
from reports.model import EnvironmentUnfit

CACHE_MARKS = ("objects", "parts", "locks")
"""Folders without which a folder is not taken for our cache."""


def doctor(_given: argparse.Namespace) -> int:
    """One screen of what this machine can and cannot do; 0 able, 2 not able."""
    text, able = stages.machine_report()
    print(text)
    return 0 if able else 2


def require_able(install: bool) -> None:
    """EnvironmentUnfit, with what to do, where this machine cannot run a pipeline."""
    problems = stages.machine_problems(install)
    if problems:
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise EnvironmentUnfit(f"{len(problems)} thing(s) are missing (python -m pipelines doctor shows all):{listed}")


def clean(given: argparse.Namespace) -> int:
    """Remove what dead runs left; with --cache also what was fetched and built. 2: something could not be removed."""
    lines = stages.reap(kept=given.kept, orphans=True)
    for line in lines:
        print(line if line.startswith("left:") else f"removed {line}")
    left = [line for line in lines if line.startswith("left:")]
    if not lines:
        print("nothing of ours was left on this machine")
    if given.cache:
        _clean_cache(stages.cache_root(), given.yes)
    return 2 if left else 0


def _clean_cache(root: Path, sure: bool) -> None:
    if not root.exists():
        print(f"there is no cache at {root}")
        return
    if root.is_symlink() or not all((root / name).is_dir() for name in CACHE_MARKS):
        print(f"{root} does not look like our cache, so it is left alone", file=sys.stderr)
        return
    size = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    if not sure and not _agreed(f"Remove {root} ({size / 1e9:.1f} GB)? The next run builds everything again. [y/N] "):
        print("the cache stays")
        return
    stages.remove_tree(root)
    print(f"removed {root} ({size / 1e9:.1f} GB)")


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        print(question + "(nobody to ask: use --yes)")
        return False
    return input(question).strip().lower() in ("y", "yes")


def free_space(folder: Path) -> int:
    """Bytes free where a folder is or would be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
