"""Every normative sentence of CSI is carried by a clause or a reason, and nothing else is listed."""

from __future__ import annotations

import pytest

from fixtures.protocols.definitions import CSI_SPECS
from fixtures.subjects.csi.specification import read_ledger, read_specification, sentences
from reports import catalogue

TEXTS = {version: read_specification(version) for version in CSI_SPECS}


@pytest.mark.parametrize("version", CSI_SPECS)
def test_every_normative_sentence_is_mapped(version: str) -> None:
    known = read_ledger()
    lacking = [f"line {item.line} of {item.section}: {item.key}" for item in sentences(TEXTS[version])]
    lacking = [line for line in lacking if line.rpartition(" ")[2] not in known]
    assert not lacking, f"CSI {version} has {len(lacking)} sentences that no clause carries, e.g. {lacking[:5]}"


def test_ledger_lists_no_sentence_that_is_gone() -> None:
    there = {item.key for text in TEXTS.values() for item in sentences(text)}
    assert sorted(set(read_ledger()) - there) == []


def test_ledger_names_clauses_that_exist() -> None:
    named = {name for names in read_ledger().values() for name in names if not name.startswith(("none:", "co:"))}
    assert sorted(named - set(catalogue.load().clauses)) == []
    assert named, "the ledger names no clause at all"


def test_sentences_of_a_changed_text_are_told_apart() -> None:
    before = {item.key for item in sentences(TEXTS["1.13"])}
    old = "MUST be 63 characters"
    after = {item.key for item in sentences(TEXTS["1.13"].replace(old, old.replace("63", "64")))}
    assert 0 < len(before - after) == len(after - before) < 5
