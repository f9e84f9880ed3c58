"""Demands of a policy that nobody would judge are told: before a run with file and line, by the gate with a reason."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipelines import foreseen, pipeline, policy
from pipelines.configuration import Misconfigured
from pipelines.findings import Past
from pipelines.pipeline import Stage
from pipelines.policy import Policy
from reports import catalogue
from reports.model import Layer, Level, Outcome, Verdict
from suites.selftest.pipelines import synthetic as made
from suites.selftest.pipelines.synthetic import clause, decide, record, result, texts

A = clause("a")
FAR = dataclasses.replace(clause("far"), layer=Layer.CLUSTER)
PASSES_A = result("t_a", Outcome.PASS, A.id)
SIGN_OFF = Stage("production", "", kind="sign-off", requires=("dev",))
STAGING = dataclasses.replace(made.STAGE, name="staging", layer=Layer.CLUSTER)
NEEDS_FAR = Policy("p", clauses=frozenset({FAR.id}))
HEAD = '[policy]\nname = "p"\nrequired-levels = ["must"]\n'

UNAPPLIED: dict[str, Policy] = {
    "policy.required-clauses": Policy("p", clauses=frozenset({A.id})),
    "policy.required-suites": Policy("p", suites=frozenset({"csi"})),
    "policy.required-imports": Policy("p", imports=frozenset({"critest"})),
    "policy.required-levels": Policy("p", levels=frozenset({Level.MUST, Level.SHOULD})),
    "policy.waivers": Policy("p", waivers=False),
    "sample.results": Policy("p", sample=policy.Sample(results=100000)),
    "budgets.minutes": Policy("p", budgets=policy.Budgets(minutes=0.01)),
    "waivers.owners": Policy("p", waiving=policy.Waiving(owners=frozenset({"node team"}))),
    "statistics": Policy("p", statistics=policy.Statistics()),
    "threshold": Policy("p", thresholds=(policy.Threshold("minutes", "lower", 1),)),
}


def signed_off(own: Policy, judged: Policy) -> tuple[Verdict, str]:
    """What a sign-off stage with a policy of its own says of a stage that passed by another one."""
    history = [Past("dev", "d" * 64, Verdict.PASS, made.NOW)]
    decision = decide([], [A], stage=SIGN_OFF, policy=own, history=history, others=[(made.STAGE, judged)])
    return decision.verdict, texts(decision)


@pytest.mark.parametrize("key", UNAPPLIED)
def test_sign_off_whose_policy_asks_for_what_no_stage_was_judged_by_is_invalid(key: str) -> None:
    verdict, told = signed_off(UNAPPLIED[key], Policy("dev"))
    assert verdict is Verdict.INVALID
    assert f"sets {key}, and the policy of dev does not" in told


@pytest.mark.parametrize("key", UNAPPLIED)
def test_sign_off_by_the_policy_that_its_stages_were_judged_by_passes(key: str) -> None:
    assert signed_off(UNAPPLIED[key], dataclasses.replace(UNAPPLIED[key], name="dev")) == (Verdict.PASS, "")


def test_sign_off_passes_by_what_it_applies_itself() -> None:
    assert signed_off(Policy("other", "words", max_age=60.0), Policy("dev"))[0] is Verdict.PASS


def test_clause_that_no_stage_judges_is_inconclusive_and_named() -> None:
    decision = decide([record([PASSES_A])], [A, FAR], policy=NEEDS_FAR)
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert [reason.clause for reason in decision.reasons] == [FAR.id]


@pytest.mark.parametrize(
    ("its", "verdict"), [(NEEDS_FAR, Verdict.PASS), (Policy("p", levels=frozenset()), Verdict.INCONCLUSIVE)]
)
def test_clause_that_another_stage_judges_counts_there_only_if_it_is_required(its: Policy, verdict: Verdict) -> None:
    decision = decide([record([PASSES_A])], [A, FAR], policy=NEEDS_FAR, others=[(STAGING, its)])
    assert decision.verdict is verdict


def told_before(tmp_path: Path, stage: str, own: str, other: str = HEAD, suites: str = '["csi"]') -> str:
    """What is told of a policy for a stage of a pipeline of two before a run; the other stage has another policy."""
    for name in ("dev", "production"):
        (tmp_path / f"{name}.toml").write_text(own if name == stage else other)
    text = f'[pipeline]\nname = "p"\n[[stage]]\nname = "dev"\nsuites = {suites}\npolicy = "dev.toml"\n'
    text += '[[stage]]\nname = "production"\nkind = "sign-off"\nrequires = ["dev"]\npolicy = "production.toml"\n'
    (tmp_path / "stages.toml").write_text(text)
    stages = pipeline.load(tmp_path / "stages.toml").stages
    try:
        for one in stages:
            foreseen.require_judged(one, stages, catalogue.load())
    except Misconfigured as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("key", "text", "line"),
    [
        ("sample.results", "[sample]\nresults = 100000\n", 5),
        ("policy.waivers", "waivers = false\n", 4),
        ("statistics", "[statistics]\npity-points = 10\n", 4),
    ],
)
def test_key_that_no_sign_off_applies_is_told_before_the_run(key: str, text: str, line: int, tmp_path: Path) -> None:
    told = told_before(tmp_path, "production", HEAD + text)
    assert told.startswith(f'{tmp_path / "production.toml"}:{line}: {key}: the stage "production" runs no suite')
    assert told_before(tmp_path, "production", HEAD + text, HEAD + text) == ""


@pytest.mark.parametrize(
    ("text", "suites", "words"),
    [
        ('required-clauses = ["gpu.register.version"]\n', '["csi"]', "runs the suite gpu at the protocol level"),
        ('key-tests = ["suites/gpu/test_selfcheck.py::*"]\n', '["csi"]', "no stage with this key test runs the suite"),
    ],
)
def test_name_that_no_stage_judges_is_told_before_the_run(text: str, suites: str, words: str, tmp_path: Path) -> None:
    told = told_before(tmp_path, "dev", HEAD + text, suites=suites)
    assert told.startswith(f"{tmp_path / 'dev.toml'}:4: policy.")
    assert words in told
    assert told_before(tmp_path, "dev", HEAD + text, suites='["csi", "gpu"]') == ""


def test_shipped_policies_ask_for_nothing_that_nobody_judges() -> None:
    stages = pipeline.load().stages
    for stage in stages:
        foreseen.require_judged(stage, stages, catalogue.load())
