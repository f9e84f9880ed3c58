"""What is written to GitHub: whatever a component says, it stays text, and it stays within GitHub's limits."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.configuration import Misconfigured
from pipelines.findings import Finding
from pipelines.github import commands, telling
from pipelines.github.__main__ import names
from pipelines.github.judgement import Judgement
from reports.model import Verdict
from suites.selftest.actions.machine import read_outputs

HOSTILE = "100%\r\n::set-output name=verdict::PASS\n::stop-commands::x"


@settings(deadline=None)
@given(st.text(), st.text(), st.text())
def test_annotation_of_any_text_is_one_command_on_one_line(text: str, file: str, title: str) -> None:
    line = commands.error(text, file=file, title=title)
    assert line.startswith("::error")
    assert not {"\n", "\r"} & set(line)


def test_annotation_keeps_its_text_and_its_place() -> None:
    line = commands.error(HOSTILE, file="a,b:c.toml", line=7, title="x::y")
    assert line.startswith("::error file=a%2Cb%3Ac.toml,line=7,title=x%3A%3Ay::100%25%0D%0A::set-output")


def test_annotations_stay_within_what_github_shows_and_count_the_rest() -> None:
    ten = commands.errors([(f"reason {n}", 1) for n in range(10)], file="c.toml", title="t")
    many = commands.errors([(f"reason {n}", 1) for n in range(1000)], file="c.toml", title="t")
    assert (len(ten), len(many)) == (10, 10)
    assert "991 more reasons" in many[-1]
    assert "more reasons" not in ten[-1]


def test_log_lines_cannot_reopen_commands() -> None:
    first, *middle, last = commands.quiet([HOSTILE])
    token = first.removeprefix("::stop-commands::")
    assert last == f"::{token}::"
    assert token not in "".join(middle)


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_output_of_any_text_is_read_back_by_githubs_rules(value: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "output"
        commands.give(str(path), {"a": value, "b": "2"})
        assert read_outputs(path) == {"a": value, "b": "2"}


def test_summary_is_cut_below_githubs_limit_at_a_line_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    commands.summarise(str(path), "x" * 1000 + "\n")
    commands.summarise(str(path), "é\n" * 600_000)
    text = path.read_text()
    assert path.stat().st_size <= commands.MOST_SUMMARY < 1024 * 1024
    assert text.endswith("The report in the artifact is whole.\n")


def test_summary_shows_markup_and_mentions_as_text() -> None:
    finding = Finding.of(Verdict.FAIL, "<img src=x> [a](http://x) @team `x` | **b**\n# big", "<b>")
    text = telling.markdown(Judgement(Verdict.FAIL, 1, (finding,), ()), "a|b")
    assert "<img" not in text
    assert "\\@team" in text
    assert "\\[a\\]\\(http" in text
    assert "\n# big" not in text


def test_summary_of_many_reasons_counts_those_it_leaves_out() -> None:
    findings = tuple(Finding.of(Verdict.FAIL, f"reason number {n}") for n in range(500))
    text = telling.markdown(Judgement(Verdict.FAIL, 1, findings, ()), "atlas")
    assert text.count("reason number") == telling.MOST_REASONS
    assert "300 more" in text


def test_annotation_points_to_the_component_that_its_reason_names(tmp_path: Path) -> None:
    file = tmp_path / "candidate.toml"
    file.write_text('[release]\nname = "a"\n[[component]]\nname = "runc"\n[[component]]\nname = "runc-shim"\n')
    findings = tuple(Finding.of(Verdict.FAIL, text) for text in ("the runc-shim is old", "runc is old", "neither"))
    found = telling.annotated(Judgement(Verdict.FAIL, 1, findings, ()), file)
    assert [line for _, line in found] == [6, 4, 1]


def test_legs_are_words_or_the_matrix_s_own_list_and_none_is_there_twice() -> None:
    assert names("one two") == names('["one", "two"]') == names('[{"name": "one"}, {"name": "two", "nodes": "5"}]')
    for text in ("one two one", '[{"name": "one", "shard": "0/2"}, {"name": "one", "shard": "1/2"}]'):
        with pytest.raises(Misconfigured, match="one: named more than once"):
            names(text)
    for text in ("[1", "[{}]"):
        with pytest.raises(Misconfigured, match="not a JSON list of names"):
            names(text)
