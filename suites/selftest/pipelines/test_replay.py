"""Old runs decided again: the same bytes under their own policy, and every difference told under another one."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipelines import basis
from pipelines.cli import main
from pipelines.configuration import Misconfigured
from pipelines.statistics import Basis, Counts
from reports import attest, record
from reports.attempts import base_of
from reports.model import Comparison, Outcome, to_json
from suites.selftest.pipelines import tiny_run


@pytest.fixture(scope="module")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real run, signed."""
    return tiny_run.take(tmp_path_factory.mktemp("real"))


@pytest.fixture
def run(real_run: Path, tmp_path: Path) -> Path:
    """A copy of it, somewhere else, that a test may spoil."""
    return Path(shutil.copytree(real_run, tmp_path / "runs" / real_run.name))


@pytest.fixture
def stricter(tmp_path: Path) -> Path:
    """A policy under which the run would not have passed."""
    path = tmp_path / "stricter.toml"
    text = tiny_run.POLICY.replace("limit = 0.001", "limit = 99999").replace('["must"]', '["must", "should"]')
    path.write_text(text)
    return path


def replayed(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
    capsys.readouterr()
    status = main(["replay", "--json", *(str(item) for item in arguments)])
    return status, json.loads(capsys.readouterr().out)


def test_real_run_replayed_under_its_own_files_is_the_same_byte_for_byte(
    real_run: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = replayed(capsys, real_run, run)
    assert status == 0
    assert [stage["identical"] for item in found for stage in item["stages"]] == [True] * 4
    assert {stage["stage"] for item in found for stage in item["stages"]} == {"dev", "production"}


def test_real_run_names_no_cluster_and_no_deviation_of_what_it_did_not_have(real_run: Path) -> None:
    facts = json.loads((real_run / "run.json").read_text())
    assert (facts["provider"], facts["nodes"], facts["deviations"]) == ("", None, [])
    assert "| cluster | none: no stage needed one |" in (real_run / "summary.md").read_text()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("dev/record.jsonl", '"outcome": "pass"', '"outcome": "could-not-run"'),
        ("decisions/dev.json", '"PASS"', '"PASS" '),
        ("policies/dev.toml", 'name = "tiny"', 'name = "tinier"\nrequired-suites = ["csi"]'),
    ],
)
def test_run_with_a_changed_file_is_not_the_same_any_more(
    file: str, old: str, new: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    _, found = replayed(capsys, run)
    assert not found[0]["stages"][0]["identical"]


def test_stricter_policy_shows_what_changes_and_why(
    run: Path, stricter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = replayed(capsys, "--policy", stricter, run)
    dev, production = found[0]["stages"]
    assert status == 1
    assert (dev["was"], dev["now"], production["now"]) == ("PASS", "FAIL", "FAIL")
    change = next(item for item in dev["changes"] if item["clause"] == "gpu.allocate.unknown-id-refused")
    assert (change["was"], change["now"]) == ("pass, informing", "pass, required")
    assert change["why"] == "the policy requires it now"
    assert all(item["why"] for item in dev["changes"])
    assert any("the limit is 99999" in change["why"] and change["now"] == "blocks" for change in dev["changes"])


def test_policy_that_changes_no_verdict_ends_with_0_and_still_tells(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "milder.toml").write_text(tiny_run.POLICY.replace("[statistics]\n", ""))
    assert main(["replay", "--policy", str(tmp_path / "milder.toml"), str(run)]) == 0
    told = capsys.readouterr().out
    assert f"{run.name} dev: PASS, 1 change\n" in told
    assert "(the stage): a note -> -" in told
    assert "1 run, 0 with another verdict" in told


def test_run_that_cannot_be_replayed_is_told_and_hides_no_other(
    run: Path, tmp_path: Path, stricter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Path(shutil.copytree(run, tmp_path / "runs" / "broken"))
    (broken / "decisions" / "dev.json").write_text("{")
    status, found = replayed(capsys, "--policy", stricter, broken, tmp_path, run)
    assert status == 2
    assert ["problem" if item["problem"] else "replayed" for item in found] == ["problem", "problem", "replayed"]
    assert str(broken / "decisions" / "dev.json") in found[0]["problem"]
    assert found[2]["verdict_changes"]


def test_replay_under_a_broken_policy_names_file_and_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong.toml").write_text(tiny_run.POLICY.replace("retries", "retrys"))
    assert main(["replay", "--policy", str(tmp_path / "wrong.toml"), str(run)]) == 3
    assert f"{tmp_path / 'wrong.toml'}:5: budgets.retrys: is not known here" in capsys.readouterr().err


def test_basis_of_a_signed_run_holds_its_counts_and_is_read_back(run: Path, tmp_path: Path) -> None:
    found = basis.of_run(run)
    assert found.run == run.name
    assert {counts.runs - counts.passes for counts in found.clauses.values()} == {0}
    assert len(found.clauses) > 40
    assert "dev/results-per-second" in found.figures
    (tmp_path / "basis.json").write_text(json.dumps(basis.shown(found)))
    assert basis.load(tmp_path / "basis.json") == found == basis.load(run)


def test_run_without_a_sign_off_or_with_one_that_does_not_hold_is_no_basis(run: Path) -> None:
    path = run / "dev" / "record.jsonl"
    path.write_text(path.read_text().replace('"outcome": "pass"', '"outcome": "fail"', 1))
    with pytest.raises(Misconfigured, match="does not hold"):
        basis.of_run(run)
    (run / "signoff.dsse.json").unlink()
    with pytest.raises(Misconfigured, match="Give a run that was signed off"):
        basis.of_run(run)


def test_stage_repeats_the_tests_of_informing_clauses_and_compares_them_together(
    real_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sign-off after sign-off: the second has a sample that can show a drop, and both are the same when replayed."""
    more = tiny_run.POLICY.replace("[statistics]\n", '[statistics]\npools = ["suite"]\nrepeat = 3\n')
    found = tiny_run.take(tmp_path, "--basis", str(real_run), policy=more)
    results = record.read(found / "dev" / "record.jsonl").results
    decision = json.loads((found / "decisions" / "dev.json").read_text())
    informing = {item["clause"] for item in decision["standings"] if not item["required"] and item["tests"]}
    repeated = {base_of(result.test) for result in results if base_of(result.test) != result.test}
    wanted = {result.test for result in results if result.clauses and informing.issuperset(result.clauses)}
    assert repeated
    assert repeated == {base_of(test) for test in wanted}
    (pool,) = [item for item in decision["comparisons"] if item["clause"] == "gpu.*"]
    judged = {base_of(result.test) for result in results if result.outcome is Outcome.PASS} & repeated
    assert (pool["runs"], pool["basis_runs"], pool["call"]) == (3 * len(judged), len(judged), "not-seen")
    assert basis.of_run(found).tests[min(judged)] == Counts(3, 3)
    status, told = replayed(capsys, found)
    assert (status, {stage["identical"] for stage in told[0]["stages"]}) == (0, {True})


QUARANTINE = """[[quarantine]]
test = "{test}"
owner = "gpu team"
reason = "late"
link = "https://example.org"
failures = 3
runs = 40
entered = 2026-11-20
deadline = 2026-12-01
"""


def test_next_basis_goes_on_from_the_one_before(run: Path) -> None:
    """Clean runs are counted on, and a clause that became worse keeps the better counts that it is measured by."""
    results = record.read(run / "dev" / "record.jsonl").results
    test, worse = results[0].test, results[0].clauses[0]
    before = Basis("older", clauses={worse: Counts(99, 99)}, clean={test: 4, "suites/gpu/gone.py::test_gone": 2})
    entries = [
        QUARANTINE.format(test=name) for name in (test, "suites/gpu/gone.py::test_gone", "suites/gpu/new.py::test_n")
    ]
    (run / "quarantine.toml").write_text("".join(entries))
    (run / "basis.json").write_text(json.dumps(basis.shown(before)))
    decision = run / "decisions" / "dev.json"
    called = to_json(Comparison(worse, "regressed", 5, 20, 0, 99))
    decision.write_text(json.dumps({**json.loads(decision.read_text()), "comparisons": [called]}))
    attest.sign(run)
    found = basis.of_run(run)
    assert found.clean == {test: 5, "suites/gpu/gone.py::test_gone": 2, "suites/gpu/new.py::test_n": 0}
    assert found.regressed == {worse}
    assert found.clauses[worse] == Counts(99, 99)


def test_run_that_did_not_pass_is_no_basis(run: Path) -> None:
    decision = run / "decisions" / "production.json"
    decision.write_text(decision.read_text().replace('"PASS"', '"INCONCLUSIVE"'))
    attest.sign(run)
    with pytest.raises(Misconfigured, match="A basis is a run that passed"):
        basis.of_run(run)


def test_basis_that_an_earlier_seatrial_wrote_has_no_counts_of_tests(tmp_path: Path) -> None:
    found = Basis("r", clauses={"a": Counts(2, 3)}, regressed=frozenset({"dev/csi.*"}), tests={"t": Counts(1, 1)})
    data = basis.shown(found)
    path = tmp_path / "basis.json"
    path.write_text(json.dumps(data))
    assert basis.load(path) == found
    del data["tests"]
    path.write_text(json.dumps(data))
    assert basis.load(path) == dataclasses.replace(found, tests={})


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("version", 2, "is all that this Seatrial reads"),
        ("clauses", {"a": [3, 2]}, "cannot be"),
        ("clauses", {"a": 3}, "is no basis"),
        ("tests", {"a": [3, 2]}, "cannot be"),
        ("figures", [], "is no basis"),
        ("figures", {"dev/x": ["1", 2]}, "'1' is not a number"),
        ("signoff", None, "'signoff' is missing"),
    ],
)
def test_broken_basis_names_file_and_what_is_wrong(key: str, value: Any, words: str, tmp_path: Path) -> None:
    data = {**basis.shown(Basis()), key: value}
    path = tmp_path / "basis.json"
    path.write_text(json.dumps({name: item for name, item in data.items() if item is not None}))
    with pytest.raises(Misconfigured, match=words) as raised:
        basis.load(path)
    assert str(path) in str(raised.value)


def test_figures_read_back_are_the_numbers_that_were_written(tmp_path: Path) -> None:
    """A decision tells them; 429 that came back as 429.0 would not be the same byte for byte."""
    written = basis.shown(Basis(figures={"staging/policy-window-ms": (4, 429), "dev/minutes": (0.5, 2.0)}))
    (tmp_path / "basis.json").write_text(json.dumps(written))
    assert json.dumps(basis.shown(basis.load(tmp_path / "basis.json"))) == json.dumps(written)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "figures.json").write_text('{"x": 429, "y": 3.0}')
    assert json.dumps(basis.figures_of(tmp_path, "dev")) == '{"x": 429, "y": 3.0}'


@pytest.mark.parametrize(
    ("old", "new"), [('versions = ["1.9.1"]', 'version-range = ">=1"'), ("test = ", "#test = ")], ids=["range", "test"]
)
def test_waiver_made_wider_after_signing_is_found(
    old: str, new: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run / "waivers.toml"
    assert main(["verify", str(run), "--no-signature"]) == 0
    path.write_text(path.read_text().replace(old, new))
    assert main(["verify", str(run)]) == 3
    assert "waivers.toml was changed after signing" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["basis.json", "quarantine.toml", "dev/figures.json"])
def test_input_of_the_gate_put_in_after_signing_is_found(
    name: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / name).unlink(missing_ok=True)
    (run / name).write_text("{}" if name.endswith("json") else "# nothing\n")
    assert main(["verify", str(run)]) == 3
    assert name in capsys.readouterr().out


SPOILED = [
    ("policies/dev.toml", '["must"]', '["must", "should"]', "the policy requires it now"),
    ("dev/record.jsonl", '"outcome": "pass"', '"outcome": "could-not-run"', "record.jsonl.sha256 has another digest"),
    ("decisions/dev.json", '"flakes": []', '"flakes": ["a::b"]', "flakes differ"),
    ("decisions/production.json", '"waivers_used": []', '"waivers_used": ["W-1"]', "waivers used differ"),
    ("run.json", '"nodes"', '"knots"', "run.json was changed after signing"),
    ("run.json", '"name": "dev"', '"name": "deva"', "run.json names the stages deva, production"),
    ("run.json", '"expires": "2027', '"expires": "2099', "run.json describes the waiver W-2026-001 otherwise"),
    ("run.json", '"id": "W-2026-001"', '"id": "W-1"', "the waiver W-2026-001 is in waivers.toml alone"),
    ("candidate.json", '"name": "tiny 1"', '"name": "tiny 2"', "candidate.json says tiny 2 ("),
    ("candidate.json", '"version": "0.1.0"', '"version": "0.2.0"', "names other components or versions"),
]


@pytest.mark.parametrize(("file", "old", "new", "cause"), SPOILED)
def test_run_whose_files_do_not_bear_its_decisions_out_is_not_signed_and_the_cause_named(
    file: str, old: str, new: str, cause: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    before = (run / attest.SIGNOFF).read_bytes()
    assert main(["sign", str(run)]) == 3
    told = capsys.readouterr().err
    assert cause in told
    assert file in told
    assert (run / attest.SIGNOFF).read_bytes() == before
    path.write_text(path.read_text().replace(new, old))
    assert main(["sign", str(run)]) == 0


def test_cause_that_no_file_tells_is_sought_in_seatrial_itself(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "policies" / "dev.toml").write_text(tiny_run.POLICY.replace('["must"]', '["must", "should"]'))
    (run / "history.json").unlink()
    assert main(["sign", str(run)]) == 3
    assert "run the trial again" in capsys.readouterr().err
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, "seatrial": {"version": "0", "commit": "0ld"}}))
    assert main(["sign", str(run)]) == 3
    assert "another Seatrial (0ld, this is " in capsys.readouterr().err
