"""--csi-deviations: known failures are told from new ones, strictly both ways, and the record stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fixtures.subjects.csi.deviations import Deviation, compare, read_deviations
from reports.record import read
from suites.selftest.csi.test_csi_driver_choice import run_suite

TODAY = "2026-11-24"


def result(test: str, outcome: str, *clauses: str, harness_error: bool = False) -> dict[str, Any]:
    """A result as the recorder writes it."""
    return {"test": test, "outcome": outcome, "clauses": list(clauses), "harness_error": harness_error}


def test_deviation_of_a_clause_explains_its_failures_and_no_others() -> None:
    results = [result("t::a[1]", "fail", "c.one"), result("t::b", "fail", "c.two"), result("t::c", "pass", "c.one")]
    standing = compare([Deviation("d", "why", clause="c.one")], results, TODAY)
    assert [tests for _, tests in standing.known] == [["t::a[1]"]]
    assert standing.new == ["t::b"]
    assert not standing.is_as_known


def test_deviation_of_a_test_covers_all_its_parameters() -> None:
    results = [result("t::a[1]", "fail", "c"), result("t::a[2]", "fail", "c")]
    assert compare([Deviation("d", "why", test="t::a")], results, TODAY).is_as_known


def test_deviation_that_is_gone_or_expired_is_reported() -> None:
    gone = compare([Deviation("d", "why", clause="c")], [result("t::a", "pass", "c")], TODAY)
    assert (len(gone.gone), gone.is_as_known) == (1, False)
    expired = Deviation("d", "why", clause="c", expires="2026-11-23")
    assert compare([expired], [result("t::a", "fail", "c")], TODAY).expired == [expired]
    lasting = Deviation("d", "why", clause="c", expires=TODAY)
    assert compare([lasting], [result("t::a", "fail", "c")], TODAY).is_as_known


def test_deviation_that_nothing_could_judge_is_neither_gone_nor_new() -> None:
    standing = compare([Deviation("d", "why", clause="c")], [result("t::a", "could-not-run", "c")], TODAY)
    assert (len(standing.unjudged), standing.is_as_known) == (1, True)


def test_deviation_never_explains_an_error_of_ours() -> None:
    broken = result("t::a", "fail", "c", harness_error=True)
    assert compare([Deviation("d", "why", clause="c")], [broken], TODAY).new == ["t::a"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[deviation]]\nclause = 'c'", "deviation 1: reason: is missing"),
        ("[[deviation]]\nreason = 'r'", "name the clause"),
        ("[[deviation]]\nreason = 'r'\nclause = 'c'\nwhy = 'x'", "why: is not known"),
        ("[[deviation]]\nreason = 'r'\nclause = 'c'\nexpires = 'soon'", "'soon' is no day"),
        ("[deviations]", 'deviations: is not known here. Did you mean "deviation"?'),
    ],
)
def test_deviations_with_a_mistake_are_a_usage_error(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "d.toml").write_text(text)
    with pytest.raises(pytest.UsageError) as raised:
        read_deviations(str(tmp_path / "d.toml"))
    assert says in str(raised.value)


@pytest.mark.needs("root")
@pytest.mark.parametrize(
    ("clause", "code"), [("csi.plugin-info.version-is-stated", 0), ("csi.plugin-info.name-is-well-formed", 1)]
)
def test_known_failure_ends_with_0_and_stays_a_failure_in_the_record(tmp_path: Path, clause: str, code: int) -> None:
    (tmp_path / "d.toml").write_text(f"[[deviation]]\nid = 'D-1'\nclause = '{clause}'\nreason = 'the vendor knows'\n")
    done = run_suite(
        tmp_path / "run", "suites/csi/identity/test_identity.py", "--mutant", "csi/states_no_version",
        "--clause", "csi.plugin-info.version-is-stated", "--csi-deviations", str(tmp_path / "d.toml"),
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    assert "D-1: the vendor knows" in done.stdout
    assert [kept.outcome for kept in read(tmp_path / "run" / "record.jsonl").results] == ["fail"]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("clause = 'csi.plugin-info.version-is-statd'", 'Did you mean "csi.plugin-info.version-is-stated"?'),
        ("test = 'suites/csi/nowhere.py::test_a'", "there is no file suites/csi/nowhere.py"),
    ],
)
def test_deviation_of_what_does_not_exist_is_a_usage_error(tmp_path: Path, entry: str, says: str) -> None:
    (tmp_path / "d.toml").write_text(f"[[deviation]]\nreason = 'r'\n{entry}\n")
    done = run_suite(
        tmp_path / "run", "suites/csi/identity/test_identity.py", "--csi-deviations", str(tmp_path / "d.toml")
    )
    assert done.returncode == 4
    assert says in done.stdout + done.stderr
