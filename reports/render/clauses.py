"""The clause tables of docs/: what is judged, by which tests, and which seeded defects show that they can fail.

`python -m reports.render.clauses` writes docs/<suite>-clauses.md for every suite; `--check` says whether they are up
to date. Tests are collected by a pytest of their own; mutants and the specification's sentences are read as data.
"""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reports import catalogue
from reports.model import Clause, HarnessError, Level
from reports.record import Planned, read
from reports.render.files import write_atomically

ROOT = Path(__file__).resolve().parents[2]
_SHOWN = 3  # names of tests and mutants in a cell; the rest is counted


_KINDS = {
    "clauses": "carried by clauses",
    "orchestrator": "about the orchestrator only",
    "no clause": "without a clause, with a reason",
}


@dataclass
class Facts:
    """What is known of a suite's clauses. tests, mutants: clause -> names. sentences: file -> how the normative
    sentences of the specification in it are accounted for: "clauses", "orchestrator" or "no clause" -> number."""

    clauses: Sequence[Clause]
    tests: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mutants: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sentences: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def facts_of(suite: str, tests: Mapping[str, Sequence[str]], root: Path = ROOT) -> Facts:
    """Read a suite's clauses, mutants and sentences. tests: as collected. HarnessError: the catalogue is broken."""
    mutants: dict[str, list[str]] = defaultdict(list)
    for path in sorted((root / "fixtures/mutants" / suite).glob("*.py")):
        said = constants_of(path)
        for clause in (*said.get("BREAKS", ()), *said.get("IN_CLUSTER", ())):
            mutants[clause].append(path.stem)
    clauses = catalogue.load(root / "suites").of((suite,))
    return Facts(clauses, tests, mutants, _sentences(root / "suites" / suite / "sentences"))


def constants_of(path: Path) -> dict[str, tuple[str, ...]]:
    """What a mutant's file says in constants, each one text or several: BREAKS, IN_CLUSTER, AUTHOR. Never imported."""
    found: dict[str, tuple[str, ...]] = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign):
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            texts = tuple(
                value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)
            )
            found.update({target.id: texts for target in node.targets if isinstance(target, ast.Name) and texts})
    return found


def collect_tests(suites: Sequence[str], root: Path = ROOT) -> dict[str, list[str]]:
    """The tests of each clause, as pytest collects them, those of the cluster too. HarnessError: it cannot."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", *(f"suites/{suite}" for suite in suites), "--collect-only", "-q"]
        command += ["-p", "no:cacheprovider", "--run-dir", folder]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise HarnessError(f"the tests cannot be collected:\n{done.stdout[-2000:]}{done.stderr[-500:]}")
        planned = read(Path(folder) / "record.jsonl").planned or Planned()
    found: dict[str, list[str]] = defaultdict(list)
    for test, clauses in {**planned.tests, **planned.left_out}.items():
        name = test.rpartition("::")[2].partition("[")[0]
        for clause in clauses:
            if name not in found[clause]:
                found[clause].append(name)
    return found


def _sentences(folder: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for path in sorted(folder.glob("*.tsv")):
        counts = found[path.name] = dict.fromkeys(_KINDS, 0)
        for line in path.read_text().splitlines():
            words = line.split("\t")
            if len(words) < 3 or line.startswith("#"):
                continue
            kind = {"co": "orchestrator", "none": "no clause"}.get(words[2].partition(":")[0], "clauses")
            counts[kind] += 1
    return found


def page(suite: str, facts: Facts) -> str:
    """The page in Markdown."""
    tested = [clause for clause in facts.clauses if facts.tests.get(clause.id)]
    defended = [clause for clause in tested if facts.mutants.get(clause.id)]
    uncovered = [clause for clause in facts.clauses if clause.uncovered]
    lines = [f"# The clauses of the {suite.upper()} suite", ""]
    lines += ["Made by `python -m reports.render.clauses`; do not edit.", ""]
    if facts.sentences:
        totals = {kind: sum(counts[kind] for counts in facts.sentences.values()) for kind in _KINDS}
        kinds = ", ".join(f"{totals[kind]} {text}" for kind, text in _KINDS.items())
        lines.append(f"- sentences of the specification, all versions: {sum(totals.values())} ({kinds})")
    levels = [f"{sum(clause.level is level for clause in facts.clauses)} {level.value}" for level in Level]
    lines.append(f"- clauses: {len(facts.clauses)} ({', '.join(levels)})")
    lines.append(f"- with a test: {len(tested)}; without, with a reason: {len(uncovered)}")
    lines.append(f"- with a test and a mutant that shows that it can fail: {len(defended)}")
    lines += _ledger(suite, facts.sentences)
    for section, members in _by_section(facts.clauses).items():
        lines += ["", f"## {section}", "", "| clause | level | versions | obligation | tests | mutants |"]
        lines.append("| --- | --- | --- | --- | --- | --- |")
        lines += [_row(clause, facts) for clause in members]
    return "\n".join(lines) + "\n"


def _ledger(suite: str, sentences: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Where each sentence is accounted for, with the reason where it has no clause."""
    if not sentences:
        return []
    lines = ["", "## Sentences of the specification", ""]
    lines += ["Each file names the sentences by key, and for each its clauses, or the reason why it has none.", ""]
    lines += [f"| file | {' | '.join(_KINDS.values())} |", "| --- " * (len(_KINDS) + 1) + "|"]
    for name, counts in sentences.items():
        link = f"[{name}](../suites/{suite}/sentences/{name})"
        lines.append(f"| {' | '.join([link, *(str(counts[kind]) for kind in _KINDS)])} |")
    return lines


def _by_section(clauses: Sequence[Clause]) -> dict[str, list[Clause]]:
    found: dict[str, list[Clause]] = defaultdict(list)
    for clause in clauses:
        found[_heading(clause)].append(clause)
    return dict(sorted(found.items()))


def _heading(clause: Clause) -> str:
    section = clause.section.removeprefix("none: ")  # what no specification says
    section = section[:1].upper() + section[1:]
    told = clause.level is not Level.EXPECTATION or "expectation" in section.lower()
    return section if told else f"{section} (expectations)"


def _row(clause: Clause, facts: Facts) -> str:
    versions = f"from {clause.since}" if clause.since else f"until {clause.until}" if clause.until else "all"
    if clause.since and clause.until:
        versions = f"{clause.since} to {clause.until}"
    tests = _named(facts.tests.get(clause.id, ())) or (f"none: {clause.uncovered}" if clause.uncovered else "none")
    cells = [f"`{clause.id}`", clause.level.value, versions, clause.obligation, tests]
    cells.append(_named(facts.mutants.get(clause.id, ())))
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)}: {shown}{more}" if names else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 with --check: a page is not what it would be made to."""
    parser = argparse.ArgumentParser(prog="python -m reports.render.clauses", description=__doc__)
    parser.add_argument("suite", nargs="*", help=f"of {', '.join(catalogue.SUITES)} (default: all)")
    parser.add_argument("--check", action="store_true", help="write nothing; say which pages are out of date")
    chosen = parser.parse_args(arguments)
    status = 0
    suites = chosen.suite or catalogue.SUITES
    tests = collect_tests(suites)
    for suite in suites:
        path, text = ROOT / f"docs/{suite}-clauses.md", page(suite, facts_of(suite, tests))
        if path.exists() and path.read_text() == text:
            continue
        if chosen.check:
            print(f"{path.relative_to(ROOT)} is out of date: python -m reports.render.clauses")
            status = 1
        else:
            print(f"written: {write_atomically(path, text).relative_to(ROOT)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
