"""doctor and clean: what this machine can do, and what dead runs left on it."""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path

from pipelines import ground
from pipelines.existing import reach
from pipelines.screen import Screen
from reports.model import EnvironmentUnfit, Verdict

CACHE_MARKS = ("objects", "parts", "locks")
"""Folders without which a folder is not taken for our cache."""
KERNEL = "kernel "
WIDTH = 28
"""Of a fact's name; the longest has 26 characters."""
MARGIN = 8 + WIDTH
FATAL = ("root", "disk")
"""Without these no stage can do anything."""
CONTAINERS = "cgroups"
"""Without it nothing can be judged that starts containers."""


def doctor(_given: argparse.Namespace) -> int:
    """One screen of what this machine can and cannot do; 0 able, 2 not able."""
    screen = Screen()
    facts = ground.machine_facts(network=True)
    working = [fact.name.removeprefix(KERNEL) for fact in facts if fact.ok and fact.name.startswith(KERNEL)]
    screen.line(f"{screen.paint('ok      ', 'PASS')}{'kernel':<{WIDTH}}{_wrapped(', '.join(working))}")
    for fact in facts:
        if not (fact.ok and fact.name.startswith(KERNEL)):
            _show(screen, fact)
    lacking = [fact.name for fact in facts if fact.required and not fact.ok]
    screen.line()
    if lacking:
        screen.line(f"This machine cannot run the default pipeline yet: {', '.join(lacking)}.", "FAIL")
        return Verdict.INCONCLUSIVE.exit_code
    screen.line("This machine can run the default pipeline: python -m pipelines run", "PASS")
    return 0


def _show(screen: Screen, fact: ground.Fact) -> None:
    mark, colour = ("ok", "PASS") if fact.ok else ("MISSING", "FAIL") if fact.required else ("without", "dim")
    screen.line(f"{screen.paint(f'{mark:<8}', colour)}{fact.name:<{WIDTH}}{_wrapped(fact.detail)}")
    if not fact.ok:
        if fact.needed_for:
            screen.line(screen.paint(f"{'':{MARGIN}}{_wrapped('needed for ' + fact.needed_for)}", "dim"))
        screen.line(screen.paint(f"{'':{MARGIN}}repair: {fact.repair or 'none'}", "dim"))  # whole, to be copied


def _wrapped(text: str) -> str:
    """The text in lines that begin in the third column."""
    return f"\n{'':{MARGIN}}".join(textwrap.wrap(text, 80, break_long_words=False))


def require_able(screen: Screen, install: bool, containers: bool = True) -> None:
    """EnvironmentUnfit, with what to do, where no stage could do its work; a note for what only some tests need.

    install: missing system packages come by themselves. containers: a stage starts some, so it limits them.
    """
    lacking = [fact for fact in ground.machine_facts(network=False) if fact.required and not fact.ok]
    needed = (*FATAL, *([CONTAINERS] if containers else []), *([] if install else ["system packages"]))
    fatal = [fact for fact in lacking if fact.name in needed]
    if fatal:
        listed = "".join(f"\n  {fact.name}: {fact.detail}\n    repair: {fact.repair}" for fact in fatal)
        raise EnvironmentUnfit(f"something is missing (python -m pipelines doctor shows all){listed}")
    for fact in lacking:
        if fact.name != "system packages":
            screen.line(f"note: {fact.name}: {fact.detail}; what needs it cannot be judged here", "INCONCLUSIVE")


def clean(given: argparse.Namespace) -> int:
    """Remove what dead runs left; with --cache also what was fetched and built. 2: something could not be removed."""
    in_cluster = bool(given.kubeconfig or given.kube_context or given.as_user)  # KUBECONFIG may say which
    if in_cluster:
        lines = ground.clean_cluster(reach(given), everything=given.all)
    else:
        lines = ground.reap(kept=given.kept, orphans=True)
    for line in lines:
        print(line if line.startswith("left:") else f"removed {line}")
    left = [line for line in lines if line.startswith("left:")]
    if not lines:
        print(f"nothing of ours was left {'in that cluster' if in_cluster else 'on this machine'}")
    if given.cache:
        _clean_cache(ground.cache_root(), given.yes)
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
    ground.remove_tree(root)
    print(f"removed {root} ({size / 1e9:.1f} GB)")


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        print(question + "(nobody to ask: use --yes)")
        return False
    return input(question).strip().lower() in ("y", "yes")
