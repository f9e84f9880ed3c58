"""What is already judged: one small file for each mutant and tool, written whole, valid for the sources it names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reports.model import to_json
from reports.render.files import write_atomically
from suites.selftest.matrix.judging import Findings, findings_from_json
from suites.selftest.matrix.mutants import ROOT, Mutant, digest_of


@dataclass(frozen=True)
class State:
    """Findings below folder. A run that was killed goes on where it was; a file that is damaged is judged again."""

    folder: Path

    def find(self, tool: str, name: str, key: str) -> Findings | None:
        """The findings, if they are of these sources (key)."""
        try:
            data = json.loads(self._path(tool, name).read_text())
            return findings_from_json(data["findings"]) if data["key"] == key else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def judged_once(self, tool: str, name: str, key: Callable[[], str], judge: Callable[[], Findings]) -> Findings:
        """The findings that are there, or those of judge(). Kept unless the run is broken, or somebody changed the
        sources under it: then nobody knows what was judged."""
        before = key()
        known = self.find(tool, name, before)
        if known is not None:
            return known
        found = judge()
        if not found.broken and key() == before:
            path = self._path(tool, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps({"key": before, "findings": to_json(found)}, indent=1) + "\n")
        return found

    def _path(self, tool: str, name: str) -> Path:
        return self.folder / tool / f"{name}.json"


@dataclass(frozen=True)
class Keys:
    """What findings depend on, by tool: the subject's sources, and the tests or the tool."""

    subject: str
    suite: str
    sanity: str

    @classmethod
    def of(cls, suite: str) -> Keys:
        """Of the sources as they are now."""
        mutants = ROOT / "fixtures/mutants" / suite
        machinery = [path for path in sorted(mutants.glob("*.py")) if path.stem in {"__main__", "proxy", "wrapper"}]
        subject = digest_of([ROOT / "fixtures/references" / suite, *machinery])
        tests = digest_of([ROOT / "suites" / suite, ROOT / "fixtures/subjects" / suite])
        return cls(subject, tests, digest_of([ROOT / "fixtures/subjects/csi/sanity.py"]))

    def ours(self, mutant: Mutant | None, spec: str) -> str:
        return " ".join((self.subject, self.suite, spec, _digest(mutant)))

    def theirs(self, mutant: Mutant | None, spec: str) -> str:
        return " ".join((self.subject, self.sanity, spec, _digest(mutant)))


def _digest(mutant: Mutant | None) -> str:
    return digest_of([mutant.path]) if mutant else "reference"
