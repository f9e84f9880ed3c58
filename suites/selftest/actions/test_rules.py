"""Rules that no linter has: pins, least permissions, and a gate that GitHub cannot skip, rename or leave pending."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.selftest.actions import judges, reading

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
IF = "    if: ${{ always() }}\n    runs-on"
STEP = "        if: ${{ always() }}\n        uses: $/pipelines"
PASSED = "SEATRIAL_SIGNING_KEY: ${{ secrets.SEATRIAL_SIGNING_KEY }}"
CI = judges.WORKFLOWS / "ci.yml"


@pytest.mark.parametrize(
    "path", [*judges.workflows(), *judges.actions()], ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_file_keeps_our_rules(path: Path) -> None:
    assert reading.problems(path, judges.ROOT) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (CHECKOUT, "actions/checkout@v7", "not pinned"),
        (CHECKOUT, "actions/checkout@3d3c42e", "not pinned"),
        ("90b1 # v7.0.1", "90b1", "does not name its version"),
        ("$/pipelines/actions/run-suite", "$/pipelines/actions/nowhere", "not pinned"),
        ("$/pipelines/actions/run-suite", "./pipelines/actions/run-suite", "not pinned"),
        ("permissions: {}", "permissions: {contents: read}", "does not take all permissions away"),
        ("contents: read", "contents: write", "may write contents"),
        ("contents: read", "contents: read\n      id-token: write", "may write id-token"),
        ("    timeout-minutes: 90\n", "", "has no timeout"),
        ("run: sudo -E .ci/run", "run: echo ${{ github.ref }}", "expression in its script"),
        ("    timeout-minutes: 90\n", "    timeout-minutes: 90\n    continue-on-error: true\n", "hides a failure"),
        (IF, "    runs-on", "skipped counts as a success"),
        (IF, "    if: ${{ !cancelled() }}\n    runs-on", "skipped counts as a success"),
        (STEP, "        uses: $/pipelines", "of the gate may be skipped"),
        ("name: gate\n", "name: gate ${{ github.ref }}\n", "no fixed name"),
        ("name: gate\n", "name: gate\n    strategy: {matrix: {a: [1]}}\n", "no fixed name"),
        ("  merge_group:\n", "", "no merge_group"),
        ("  pull_request:\n", "  pull_request: {paths: [docs/**]}\n", "path filter"),
        ("needs: [tests, trial]", "needs: [trial]", "exactly the jobs"),
        ("required: tests trial", "required: trial", "exactly the jobs"),
        ("needs: ${{ toJSON(needs) }}", "needs: '{}'", "results of its needs"),
        ("  gate:\n", "  stray:\n    name: stray\n  gate:\n", "does not wait for stray"),
        ("      attempt: ${{ steps.run.outputs.attempt }}\n", "      other: x\n", "does not tell the attempt"),
    ],
)  # fmt: skip
def test_planted_mistake_is_found(old: str, new: str, found: str, tmp_path: Path) -> None:
    text = CI.read_text()
    assert old in text
    broken = tmp_path / "ci.yml"
    broken.write_text(text.replace(old, new))
    assert found in "; ".join(reading.problems(broken, judges.ROOT))


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("      SEATRIAL_SIGNING_KEY:", "      signing-key:", "no secret can be called signing-key"),
        ("secrets.SEATRIAL_SIGNING_KEY", "secrets.OTHER", "reads OTHER, which is not declared"),
        ("    environment: ${{ inputs.environment }}\n", "", "reads a secret of no environment"),
    ],
)
def test_secret_that_would_be_empty_on_github_is_found(old: str, new: str, found: str, tmp_path: Path) -> None:
    text = (judges.WORKFLOWS / "sign-off.yml").read_text()
    assert old in text
    broken = tmp_path / "sign-off.yml"
    broken.write_text(text.replace(old, new))
    assert found in "; ".join(reading.problems(broken, judges.ROOT))


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (PASSED, "SEATRIAL_SIGNING_KEY: ${{ secrets.MY_KEY }}", "another name"),
        (f"    secrets:\n      {PASSED}", "    secrets: inherit", "every secret"),
    ],
)
def test_secret_that_a_caller_would_lose_or_give_away_is_found(old: str, new: str, found: str, tmp_path: Path) -> None:
    text = judges.EXAMPLE.read_text()
    assert old in text
    broken = tmp_path / judges.EXAMPLE.name
    broken.write_text(text.replace(old, new))
    assert found in "; ".join(reading.problems(broken, judges.ROOT))


def test_write_permission_is_only_where_the_table_names_it(tmp_path: Path) -> None:
    renamed = tmp_path / "other.yml"
    renamed.write_text((judges.WORKFLOWS / "sign-off.yml").read_text())
    assert "the job sign-off may write id-token" in reading.problems(renamed, judges.ROOT)
