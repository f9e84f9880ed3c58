"""The mutants of a suite as data: what is wrong, which clause it breaks, who wrote it. Read, never imported."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fixtures.protocols.definitions import CSI_SPECS
from reports.model import Clause, HarnessError
from reports.render.clauses import constants_of

ROOT = Path(__file__).resolve().parents[3]
MACHINERY = {"__init__", "__main__", "proxy", "wrapper"}


@dataclass(frozen=True)
class Mutant:
    """One seeded defect. author: "blind" where it was written by somebody who had not seen the tests. in_cluster: the
    clauses of the cluster level at which it dies as well."""

    suite: str
    name: str
    what: str
    breaks: str
    author: str = ""
    in_cluster: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        return ROOT / "fixtures/mutants" / self.suite / f"{self.name}.py"

    @property
    def is_blind(self) -> bool:
        return self.author == "blind"


def mutants_of(suite: str) -> list[Mutant]:
    """The mutants that a suite's protocol level has to kill, by name. HarnessError: one of them names no clause."""
    return [mutant for mutant in _all_of(suite) if not _is_of_cluster(mutant.breaks)]


def cluster_mutants_of(suite: str) -> list[tuple[Mutant, str]]:
    """The mutants that the cluster level has to kill, by name, each with a clause at which it dies there."""
    pairs = [(mutant, clause) for mutant in _all_of(suite) for clause in (mutant.breaks, *mutant.in_cluster)]
    return [(mutant, clause) for mutant, clause in pairs if _is_of_cluster(clause)]


def _is_of_cluster(clause: str) -> bool:
    return clause.split(".")[1:2] == ["cluster"]


def _all_of(suite: str) -> list[Mutant]:
    folder = ROOT / "fixtures/mutants" / suite
    return [_read(suite, path) for path in sorted(folder.glob("*.py")) if path.stem not in MACHINERY]


def _read(suite: str, path: Path) -> Mutant:
    said = constants_of(path)
    if "BREAKS" not in said:
        raise HarnessError(f"{path.name} has no BREAKS")
    what = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split())
    (breaks,), (author,) = said["BREAKS"], said.get("AUTHOR", ("",))
    return Mutant(suite, path.stem, what, breaks, author, said.get("IN_CLUSTER", ()))


def spec_of(clause: Clause | None) -> str:
    """The version of CSI that a mutant of the clause is judged in: the first one that has the clause."""
    versions = list(CSI_SPECS)
    return clause.since if clause is not None and clause.since in versions else versions[0]


def files_naming(suite: str, clause: str) -> list[Path]:
    """The test files that name a clause, to collect no others; all of the suite where none spells it out."""
    files = sorted((ROOT / "suites" / suite).rglob("test_*.py"))
    return [path for path in files if f'"{clause}"' in path.read_text()] or files


def digest_of(paths: Iterable[Path]) -> str:
    """sha256 over names and contents of files, and of the Python, TOML and text files below folders."""
    found = hashlib.sha256()
    for path in paths:
        below = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in below:
            if file.suffix in {".py", ".toml", ".tsv"}:
                found.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes() + b"\n")
    return found.hexdigest()[:32]
