"""How far a waiver reaches: owner, term, versions and tests; and what is said of one that is too wide."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines import waivers
from pipelines.configuration import Misconfigured
from pipelines.policy import Policy, Waiving
from reports.model import Component, Layer, Outcome, Verdict
from suites.selftest.pipelines import synthetic as made
from suites.selftest.pipelines.synthetic import clause, decide, record, result, texts, waiver

A, B = clause("a"), clause("b")
BESIDE = result("t_b", Outcome.PASS, B.id)
FAILING = [record([result("t_a", Outcome.FAIL, A.id), BESIDE])]
PARTLY = [record([result("t_a", Outcome.FAIL, A.id), result("t_a2", Outcome.PASS, A.id), BESIDE])]


@pytest.mark.parametrize(
    ("range_", "version", "covered"),
    [
        (">=1.5,<1.6", "1.5.2", True),
        (">=1.5,<1.6", "1.6.0", False),
        (">=1.5,<1.6", "1.5.3rc1", True),
        ("==1.5.*", "1.5.99", True),
        ("~=1.5.1", "1.5.0", False),
        (">=1.5", "v1.37.2", True),
        (">=1.5", "nightly", False),
        (">=1.5", "1.31.2+k3s1", True),
    ],
)
def test_version_range_covers_what_it_says(range_: str, version: str, covered: bool) -> None:
    assert waiver(A.id, versions=(), range=range_).covers(version) is covered


def test_waiver_with_a_range_lets_a_version_of_it_by_and_no_other() -> None:
    assert decide(FAILING, [A, B], waivers=[waiver(A.id, versions=(), range=">=1.5,<1.6")]).verdict is Verdict.PASS
    decision = decide(FAILING, [A, B], waivers=[waiver(A.id, versions=(), range=">=1.6,<1.7")])
    assert decision.verdict is Verdict.FAIL
    assert "is for csi-driver >=1.6,<1.7; this candidate has csi-driver 1.5.2" in texts(decision)


@pytest.mark.parametrize(("layer", "verdict"), [(Layer.PROTOCOL, Verdict.FAIL), (Layer.CLUSTER, Verdict.PASS)])
def test_waiver_of_a_component_that_the_clause_does_not_judge_does_not_count(layer: Layer, verdict: Verdict) -> None:
    """A driver's failure is its own at the protocol level; in a cluster another component can be behind it."""
    runc = Component("runc", "1.5.2", made.candidate().components[0].sources)
    both = dataclasses.replace(made.candidate(), components=(*made.candidate().components, runc))
    known = [dataclasses.replace(item, layer=layer) for item in (A, B)]
    stage = dataclasses.replace(made.STAGE, layer=layer)
    decision = decide(FAILING, known, candidate=both, stage=stage, waivers=[waiver(A.id, component="runc")])
    assert decision.verdict is verdict
    assert ("is for runc, and csi.a judges csi-driver" in texts(decision)) is (verdict is Verdict.FAIL)


def test_waiver_of_somebody_who_may_not_does_not_count() -> None:
    allowed = Policy("p", waiving=Waiving(frozenset({"release managers"})))
    decision = decide(FAILING, [A, B], waivers=[waiver(A.id)], policy=allowed)
    assert decision.verdict is Verdict.FAIL
    assert "node team may not waive; the policy p names release managers" in texts(decision)
    own = waiver(A.id, owner="release managers")
    assert decide(FAILING, [A, B], waivers=[own], policy=allowed).verdict is Verdict.PASS


BROAD: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "too long": (FAILING, {"expires": datetime.date(2027, 11, 23)}, "365 more days, and 90 is the longest term"),
    "no upper end": (FAILING, {"versions": (), "range": ">=1.5"}, "has no real upper end"),
    "an end that nobody will see": (FAILING, {"versions": (), "range": ">=0.1,<99"}, "it still holds 1.15, so"),
    "the next major release": (FAILING, {"versions": (), "range": ">=1.5,<2.1,!=1.15,!=1.16"}, "it still holds 2.0"),
    "ends with holes": (FAILING, {"versions": (), "range": ">=1.5,!=2.0,!=1.15"}, "has no real upper end"),
    "everything there ever was": (FAILING, {"versions": (), "range": "<1.6"}, "has no lower end"),
    "all tests for one": (PARTLY, {}, "1 of 2 tests fail, and it names none of them"),
    "other versions": (FAILING, {"versions": ("1.5.1", "1.5.2")}, "also for 1.5.1"),
}
LONG = Waiving(longest=90)


@pytest.mark.parametrize("case", BROAD)
def test_over_broad_waiver_is_reported_and_counts(case: str) -> None:
    records, changes, words = BROAD[case]
    decision = decide(records, [A, B], waivers=[waiver(A.id, **changes)], policy=Policy("p", waiving=LONG))
    assert decision.verdict is Verdict.PASS
    assert f"W-{A.id} is over-broad: " in texts(decision)
    assert words in texts(decision)


@pytest.mark.parametrize("case", ["too long", "no upper end"])
def test_over_broad_waiver_does_not_count_where_the_policy_refuses_it(case: str) -> None:
    records, changes, words = BROAD[case]
    refusing = Policy("p", waiving=dataclasses.replace(LONG, refuses_over_broad=True))
    decision = decide(records, [A, B], waivers=[waiver(A.id, **changes)], policy=refusing)
    assert decision.verdict is Verdict.FAIL
    assert words in texts(decision)


def test_waiver_that_is_just_wide_enough_is_not_called_over_broad() -> None:
    narrow = [waiver(A.id, versions=(), range=">=1.5,<1.6", test="t_a")]
    decision = decide(PARTLY, [A, B], waivers=narrow, policy=Policy("p", waiving=LONG))
    assert decision.verdict is Verdict.PASS
    assert "over-broad" not in texts(decision)


def test_policy_that_does_not_allow_waived_lets_no_waiver_count() -> None:
    strict = Policy("p", allowed=frozenset({"pass"}))
    assert decide(FAILING, [A, B], waivers=[waiver(A.id)], policy=strict).verdict is Verdict.FAIL


def test_version_without_an_order_is_in_no_range() -> None:
    whole = made.candidate()
    nightly = dataclasses.replace(whole, components=(Component("csi-driver", "nightly", whole.components[0].sources),))
    let, replaced = waiver(A.id, versions=(), range=">=1.5,<1.6"), dataclasses.replace(made.part(), version="nightly")
    decision = decide(FAILING, [A, B], candidate=nightly, waivers=[let], parts=[replaced])
    assert decision.verdict is not Verdict.PASS
    assert "this candidate has csi-driver nightly" in texts(decision)


def test_of_two_waivers_for_one_failure_the_same_is_used_in_any_order() -> None:
    both = [waiver(A.id, id="W-2"), waiver(A.id, id="W-1")]
    for given in (both, both[::-1]):
        assert decide(FAILING, [A, B], waivers=given).waivers_used == ("W-1",)


ENTRY = '[[waiver]]\nid = "W"\nclause = "csi.a"\ncomponent = "csi-driver"\nowner = "o"\nreason = "r"\n'
ENTRY += 'link = "https://example.org"\nexpires = 2027-01-01\n'


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("", "names no version"),
        ('versions = ["1"]\nversion-range = "<2"\n', "Write one of the two"),
        ('version-range = "about 2"\n', "is no range of versions"),
        ('version-ranges = "<2"\nversions = ["1"]\n', 'Did you mean "version-range"'),
    ],
)
def test_waiver_file_with_a_broken_range_names_the_line(more: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text(ENTRY + more)
    with pytest.raises(Misconfigured) as raised:
        waivers.load(tmp_path / "w.toml")
    assert f"{tmp_path / 'w.toml'}:" in str(raised.value)
    assert words in str(raised.value)


def test_waiver_file_with_a_range_is_read_and_shown(tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text(ENTRY + 'version-range = ">=1.5,<1.6"\ntest = "t"\n')
    (read,) = waivers.load(tmp_path / "w.toml")
    assert (read.range, read.versions) == (">=1.5,<1.6", ())
    assert (read.shown()["version"], read.shown()["test"]) == (">=1.5,<1.6", "t")
