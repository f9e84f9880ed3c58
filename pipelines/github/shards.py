"""Legs that are shards of one run: brought together before they are judged, each group as one leg."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from pipelines import merge
from pipelines.configuration import Misconfigured
from pipelines.findings import Finding
from pipelines.github import artifacts
from reports.model import HarnessError, Verdict

REMEDY = "Give the legs of one group the same inputs, and every one a shard of its own."


def joined(
    chosen: Mapping[str, Path], into: Path, where: artifacts.Here
) -> tuple[dict[str, Path], dict[str, str], list[Finding]]:
    """The run folder of every leg, shards merged; which leg each shard went into; and what is wrong.

    The merged folder of a group is into/<group>, prepared as an artifact. Nothing of an earlier merge stays there.
    """
    whole = {}
    groups: dict[str, dict[str, Path]] = {}
    for name, run in chosen.items():
        group = _group(run)
        if group:
            groups.setdefault(group, {})[name] = run
        else:
            whole[name] = run
    findings = []
    members: dict[str, str] = {}
    shutil.rmtree(into, ignore_errors=True)
    for group, legs in groups.items():
        try:
            if group in chosen or not artifacts.LEG.fullmatch(group):
                raise Misconfigured([f'a run of shards cannot be called "{group}" here'])
            run, _ = merge.join(list(legs.values()), into / group)
            artifacts.note_down(into / group, group, run.name, where)
        except (Misconfigured, HarnessError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            problems = error.problems if isinstance(error, Misconfigured) else [str(error)]
            told = f"The legs {', '.join(sorted(legs))} cannot be brought together"
            findings += [Finding.of(Verdict.INVALID, f"{told}: {problem}", REMEDY) for problem in problems]
            continue
        whole[group] = run
        members |= dict.fromkeys(legs, group)
    return whole, members, findings


def _group(run: Path) -> str:
    """The run that a leg is a shard of; "" for a whole run, and for files that cannot be judged anyway."""
    try:
        return str(json.loads((run / "run.json").read_text(encoding="utf-8"))["shard"]["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
