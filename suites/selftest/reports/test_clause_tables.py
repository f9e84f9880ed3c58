"""The clause tables of docs/ say what is there, and the committed ones are up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports import catalogue
from reports.model import Clause, Layer, Level
from reports.render.clauses import Facts, facts_of, main, page

TESTED = Clause("csi.a.holds", "csi", Level.MUST, Layer.PROTOCOL, "It | holds.", "", "Section", since="1.13")
UNTESTED = Clause(
    "csi.b.holds", "csi", Level.MUST, Layer.PROTOCOL, "So too.", "", "Section", uncovered="Nobody sees it."
)


def test_committed_clause_tables_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_table_names_tests_mutants_and_reasons() -> None:
    facts = Facts([TESTED, UNTESTED], {"csi.a.holds": ["test_1", "test_2", "test_3", "test_4"]}, {"csi.a.holds": ["m"]})
    text = page("csi", facts)
    assert "clauses: 2 (2 must, 0 should, 0 expectation)" in text
    assert "with a test: 1; without, with a reason: 1" in text
    cells = "from 1.13 | It / holds. | 4: `test_1`, `test_2`, `test_3` and 1 more | 1: `m` |"
    assert f"| `csi.a.holds` | must | {cells}" in text
    assert "| none: Nobody sees it. |" in text


def test_sentences_are_counted_by_what_became_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "suites/csi/sentences"
    folder.mkdir(parents=True)
    lines = ["k1\tProbe\tcsi.a.b csi.c.d", "k2\tProbe\tco: it binds the caller", "k3\tProbe\tnone: a duty to document"]
    (folder / "room.tsv").write_text("\n".join(lines) + "\n")
    facts = facts_of("csi", {}, tmp_path)
    assert facts.sentences == {"room.tsv": {"clauses": 1, "orchestrator": 1, "no clause": 1}}
    assert "3 (1 carried by clauses, 1 about" in page("csi", facts)
    assert "| [room.tsv](../suites/csi/sentences/room.tsv) | 1 | 1 | 1 |" in page("csi", facts)


def test_headings_say_once_that_they_hold_expectations() -> None:
    sections = ("Expectations", "none: the profile", "CreateVolume")
    clauses = [
        Clause(f"csi.{number}.holds", "csi", Level.EXPECTATION, Layer.PROTOCOL, "It holds.", "", section)
        for number, section in enumerate(sections)
    ]
    headings = [line for line in page("csi", Facts(clauses)).splitlines() if line.startswith("## ")]
    assert headings == ["## CreateVolume (expectations)", "## Expectations", "## The profile (expectations)"]


@pytest.mark.parametrize("suite", catalogue.SUITES)
def test_mutants_of_a_suite_are_found(suite: str) -> None:
    assert sum(map(len, facts_of(suite, {}).mutants.values())) > 10
