"""Writes docs/policy.md from the declarations in policy.py, so that page and program never differ.

python -m pipelines.policy_page
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from pipelines.policy import TABLES, Threshold
from pipelines.quarantine import Entry
from pipelines.settings import Key, keys
from reports.render.files import write_atomically

PAGE = Path(__file__).resolve().parents[1] / "docs" / "policy.md"
HEAD = """\
# The policy file

Made by `python -m pipelines.policy_page` from `pipelines/policy.py`; do not edit it here.

A policy says what one stage must show. Each stage of the pipeline file names its own (`policy = "policy/x.toml"`), so
that staging may ask for more than dev. Every key but `name` and `required-levels` may be left out. A key that is not
listed here is an error with file, line, field and the nearest known one.

What a change of policy does is seen before it is made: `python -m pipelines replay --policy new.toml runs/*` decides
old runs again under the new policy and lists, clause by clause, what would have come out differently.

```toml
[policy]
name = "staging"
required-levels = ["must"]
required-suites = ["csi", "cni", "cri"]
informing-clauses = ["csi.node-expand.is-idempotent"]
allowed-outcomes = ["pass", "waived", "not-applicable", "uncovered"]
max-age-hours = 24

[waivers]
owners = ["node team", "release managers"]
longest-days = 90

[budgets]
retries = 1
flakes = 2
minutes = 20

[statistics]
minimum-failures = 3
claim-drop-points = 25

[[threshold]]
figure = "cluster-ready-seconds"
direction = "lower"
limit = 60
tolerance-percent = 30
```

Figures that every stage has: `minutes` (from the record's first to its last line) and `results-per-second`; a stage
with a local cluster has `cluster-ready-seconds`; the CNI suite measures `policy-window-ms`, from a network policy's
creation to the first connection that it stops. A test measures more with the fixture `figures`:
`figures.measure("<name>-<unit>", value)`. Of a figure that is measured more than once in a stage, the worst value
counts.

Clauses, capabilities, key tests and figures that do not exist are told with file, line and the nearest name before a
run begins; so are clauses and tests of waivers, and tests in quarantine. `gate` and `replay` look up the clauses and
capabilities of another policy or other waivers. A threshold for a figure that a stage does not measure is told by its
gate.

How the rules work together:

- **A required clause** blocks when it fails, whatever the numbers say. A failure that a retry did not show again is a
  flake: it does not block by itself, is always told, and counts against the budget. A retry beyond the policy's number
  is not looked at.
- **An informing clause** is compared with the last signed sign-off, if the file has a `[statistics]` table. Only first
  attempts count there, so a retry never makes a number better. Without a sign-off before it, the gate says so.
- **One run of a clause shows next to nothing**: where it passed once before, even its failure is no sign (p = 0.5). Two
  keys of `[statistics]` give it something to see, and the gate always tells the smallest drop that would have shown.
- **Pools**: `pools` compares the tests of a suite's informing clauses (`csi.*`), or of a topic's
  (`csi.create-volume.*`), together as well, by the exact test over strata (one stratum for each test), which mixes none
  of them: a test that always failed, or is run more often now, changes nothing. A run counts once, however many clauses
  its test judges; one of several topics is in no topic's pool. A test that judges a required clause is in none, and
  neither is one in quarantine or with a waived failure. False discoveries are controlled among the pools and among the
  clauses apart, so with both the share of false alarms may be up to twice `level`. A pool takes tests as independent:
  what makes ten of them fail at once counts as ten, so guard what all of them stand on by key tests. A pool or clause
  that became worse, and what is waived, keep their older, better counts for the next sign-off. The smallest drop that
  shows with four chances in five, where all passed before as often (p 0.05, three failures, pity 5 and 2):

  | tests | runs of each | one test alone | as a pool |
  | --- | --- | --- | --- |
  | 60 | 1 | none | 10.9 points |
  | 60 | 3 | none | 3.7 points |
  | 60 | 5 | 83.1 points | 3.0 points |
  | 250 | 1 | none | 3.1 points |
  | 250 | 3 | none | 2.6 points |

- **Repetitions**: `repeat` lets a stage run each test that judges informing clauses only so often (at most 100 times).
  Each run is a test of its own in the record (`test_x[#2]`), which counts whatever the others came to, and takes its
  time from `minutes`: name the cheap ones in `repeat-clauses`. One that does not come out the same every time is told.
  A waiver, a quarantine entry or a key test is about its repetitions, too; for `sample.results` they are one test. It
  is no retry: no failure is forgotten for a later pass. Repetitions see what is flaky, not what differs from machine to
  machine: they run on the same one.
- **Quarantine** takes a test out, never a clause: its failure does not block, and a required clause of which nothing
  else passed is INCONCLUSIVE. It ends by itself after the clean runs, or at its deadline.
- **A key test** that failed voids the run: INVALID, and every failure beside it becomes a note. One that could not run
  makes it INCONCLUSIVE. The shipped policies name three, none of them about a component: `default`, at the protocol
  level, that two network namespaces reach each other without a plugin, and that a plugin known to be right is served;
  `staging` that every node of the cluster runs a pod. A pattern for a suite that a stage does not run, or for tests of
  another layer, is for another stage; any other that no planned test is called by is INCONCLUSIVE.
- **A stage without suites** (a sign-off) runs no test, so it applies nothing itself but `max-age-hours` and
  `sign-off-days`. What else its policy sets must be set by the stages that it requires, too: a clause, suite, import,
  capability, key test or threshold by one of them, any other key alike by all. Otherwise the run is refused before it
  starts, and a recorded one is INVALID.
- **A clause in `required-clauses`** must be required by a stage that runs its suite at its level, and a suite with key
  tests must be run by a stage that names them. Otherwise the run is refused before it starts; a recorded one that lacks
  the clause is INCONCLUSIVE.
"""
BROKEN = """\
## Records that are not whole

No policy lets any of these pass, and the state of every environment stays as it is.

| The record | Verdict | Why |
| --- | --- | --- |
"""
BROKEN_ROWS = (
    (
        "ends with a whole line, without an end, and was never closed",
        "INCONCLUSIVE",
        "its run was killed: what it says holds, the rest is not known",
    ),
    (
        "ends with a part of a line",
        "INVALID",
        "a full disk or a broken copy did that, hardly ever a kill (each line is written at once)",
    ),
    (
        "is not what `record.jsonl.sha256` says",
        "INVALID",
        "a run closes its record with that file when it comes to its end; it was cut or changed since",
    ),
    ("has no end though pytest came to its own", "INVALID", "its last lines were lost"),
    (
        "has other results than its end counts, two for one attempt, or a line out of place",
        "INVALID",
        "lines were lost or changed, or two runs wrote into it",
    ),
    (
        "is of another candidate or stage or of a day to come, or passes what it did not plan",
        "INVALID",
        "it was put together, or a clock is wrong",
    ),
)
QUARANTINE = """\
## The quarantine file

`--quarantine FILE` (shipped: `pipelines/quarantine.toml`, empty) has one `[[quarantine]]` entry for each test. Beside
the keys below, `entered` and `deadline` are days such as `2026-12-15`.

"""
TITLES = {
    "policy": "What is required",
    "waivers": "Who may let a failure by",
    "budgets": "What a run may cost",
    "sample": "How much must have been seen",
    "statistics": "How informing clauses are compared",
    "quarantine": "When a flaky test may be set aside",
}


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for name, kind in TABLES:
        parts.append(_table(f"[{name}]", TITLES[name], kind))
    parts.append(_table("[[threshold]]", "What measured figures must keep to", Threshold))
    parts.append(QUARANTINE + _rows(Entry))
    parts.append(BROKEN + "".join(f"| {' | '.join(row)} |\n" for row in BROKEN_ROWS))
    return "\n".join(parts)


def _table(name: str, title: str, kind: type) -> str:
    return f"## `{name}`: {title.lower()}\n\n{_rows(kind)}"


def _rows(kind: type) -> str:
    lines = ["| Key | Value | Default | Meaning |", "| --- | --- | --- | --- |"]
    for _, key, default in keys(kind):
        value = "required" if key.required else _shown(key, default)
        lines.append(f"| `{key.name}` | {_kind(key)} | {value} | {key.meaning} |")
    return "\n".join(lines) + "\n"


def _kind(key: Key) -> str:
    words = {"texts": "list of strings", "text": "string", "flag": "true or false", "count": "whole number"}
    told = words.get(key.kind, "number")
    if key.choices:
        return f"{told}: {', '.join(f'`{item}`' for item in key.choices)}"
    if key.kind in ("number", "count") and (key.least > 0 or key.most < math.inf):
        most = f" to {key.most:g}" if key.most < math.inf else " or more"
        return f"{told}, {key.least:g}{most}"
    return told


def _shown(key: Key, default: Any) -> str:
    if default is None:
        return "none"
    if key.kind == "flag":
        return "`true`" if default else "`false`"
    if key.kind == "texts":
        chosen = [item for item in key.choices if item in default]
        return f"`[{', '.join(chosen)}]`" if chosen else "`[]`"
    if key.kind == "text":
        return f"`{default}`" if default else "empty"
    return f"`{default / key.scale:g}`"


if __name__ == "__main__":
    write_atomically(PAGE, page())
