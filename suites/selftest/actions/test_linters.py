"""Our workflows, actions and the example of the documentation, as actionlint and zizmor see them: nothing to find."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.selftest.actions import judges

SOUND = """
name: sound
on: push
permissions: {}
concurrency: {group: sound, cancel-in-progress: true}
jobs:
  one:
    name: one
    runs-on: ubuntu-24.04
    steps:
      - name: Say
        run: echo hello
"""


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    assert judges.lint(judges.repository(tmp_path)) == ""


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("run: echo hello", 'run: echo "${{ needs.nobody.result }}"', 'property "nobody" is not defined'),
        ("run: echo hello", "uses: ./pipelines/actions/trial\n        with: {stage-name: dev}", "stage-name"),
        ("name: one\n", "name: one\n    needs: [two]\n", "two"),
        ("ubuntu-24.04", "ubuntu-1804", "unknown"),
    ],
)
def test_actionlint_finds_a_planted_mistake(old: str, new: str, found: str, tmp_path: Path) -> None:
    assert old in SOUND
    broken = {".github/workflows/broken.yml": SOUND.replace(old, new)}
    said = judges.lint(judges.repository(tmp_path, broken))
    assert "broken.yml" in said
    assert found in said


def test_zizmor_finds_nothing() -> None:
    assert judges.audit([*judges.workflows(), *judges.actions()]) == []


@pytest.mark.parametrize(
    ("old", "new", "ident"),
    [
        ("run: echo hello", "uses: actions/checkout@v4", "unpinned-uses"),
        ("run: echo hello", "run: echo ${{ github.event.pull_request.title }}", "template-injection"),
        ("permissions: {}", "permissions: write-all", "excessive-permissions"),
        ("permissions: {}\n", "", "excessive-permissions"),
        ("on: push", "on: pull_request_target", "dangerous-triggers"),
        ("run: echo hello", "uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "artipacked"),
    ],
)
def test_zizmor_finds_a_planted_mistake(old: str, new: str, ident: str, tmp_path: Path) -> None:
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    sound, broken = (tmp_path / ".github" / "workflows" / name for name in ("sound.yml", "broken.yml"))
    sound.write_text(SOUND)
    broken.write_text(SOUND.replace(old, new))
    assert judges.audit([sound]) == []
    assert ident in judges.audit([broken])
