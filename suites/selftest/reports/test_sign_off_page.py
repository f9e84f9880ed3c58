"""What somebody who signs must see: retries told once, waivers by their state, statistics whole, and the trend."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from reports import findings, history
from reports.attestations import test_results as statements_of
from reports.findings import Findings
from reports.model import Verdict
from reports.render.all import render_all
from reports.render.markdown import markdown_of
from reports.render.trends import pass_rates, plots
from suites.selftest.reports import synthetic
from suites.selftest.reports.page import Page
from suites.selftest.reports.test_interchange import add_line

TEST = "suites/csi/test_x.py::test_y"
CLAUSE = "cni.check.detects-missing-route"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return synthetic.write(tmp_path / "20261123-201407")


def decide(folder: Path, **changes: Any) -> None:
    """Change the decision of staging."""
    path = folder / "decisions" / "staging.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def page_of(folder: Path) -> Page:
    return Page(render_all(folder)["html"].read_text(encoding="utf-8"))


def failed(found: Findings) -> list[str]:
    return [failure.result.test for failure in found.failures]


def test_flake_is_no_failure_and_is_told_with_its_attempts(folder: Path) -> None:
    before = findings.of_folder(folder)
    add_line(folder, summary="fell over once")
    add_line(folder, outcome="pass", attempt=2)
    decide(folder, flakes=[TEST])
    found = findings.of_folder(folder)
    assert failed(found) == failed(before)
    assert found.outcomes() == {**before.outcomes(), "pass": before.outcomes()["pass"] + 1, "flaky": 1}
    page = page_of(folder)
    assert "fell over once" not in page.text
    assert f"{TEST}fail, passflaky: it failed and then passed" in [row.text for row in page.all("tr")]
    assert "1 of them on a retry" in page.text
    (statement,) = [
        item for path, item in statements_of(found.run, [], {}).items() if path.endswith("staging-csi.dsse.json")
    ]
    assert TEST in statement["predicate"]["warnedTests"]
    assert statement["predicate"]["result"] == "WARNED"


def test_test_that_failed_twice_is_one_failure_with_both_attempts(folder: Path) -> None:
    before = failed(findings.of_folder(folder))
    add_line(folder, summary="fell over")
    add_line(folder, summary="fell again", attempt=2)
    assert sorted(failed(findings.of_folder(folder))) == sorted([*before, TEST])
    assert "Run again: attempt 2 fail (fell again). Shown here is attempt 1." in page_of(folder).text


def test_error_of_the_harness_on_a_retry_is_not_hidden_by_the_failure_before(folder: Path) -> None:
    add_line(folder, summary="fell over")
    add_line(folder, summary="the fixture broke", attempt=2, harness_error=True)
    first = findings.of_folder(folder).failures[0]
    assert (first.result.harness_error, [item.attempt for item in first.again]) == (True, [1])


def test_failure_in_quarantine_is_told_as_one_that_does_not_block(folder: Path) -> None:
    required = "cni.network-policy.denies-then-allows"
    add_line(folder, clauses=[required])
    assert next(item for item in findings.of_folder(folder).failures if item.result.test == TEST).blocking
    decide(folder, quarantined=[TEST])
    failure = next(item for item in findings.of_folder(folder).failures if item.result.test == TEST)
    assert (failure.blocking, failure.quarantined) == (False, True)
    assert "in quarantine, does not block" in page_of(folder).text


def waive(folder: Path, **changes: Any) -> None:
    data = json.loads((folder / "run.json").read_text())
    data["waivers"] = [{**data["waivers"][0], **changes}, *data["waivers"][1:]]
    (folder / "run.json").write_text(json.dumps(data))


def test_waiver_of_one_test_does_not_cover_another_of_its_clause(folder: Path) -> None:
    waived = [item for item in findings.of_folder(folder).failures if item.waiver]
    assert [CLAUSE in item.result.clauses for item in waived] == [True]
    waive(folder, test="suites/cni/test_other.py::test_z")
    assert not [item for item in findings.of_folder(folder).failures if item.waiver]


@pytest.mark.parametrize(("expires", "state"), [("2027-02-01", "not used"), ("2026-11-01", "expired")])
def test_waiver_that_no_gate_used_is_listed_with_its_state(expires: str, state: str, folder: Path) -> None:
    data = json.loads((folder / "run.json").read_text())
    data["waivers"].append({**data["waivers"][0], "id": "W-idle", "expires": expires})
    (folder / "run.json").write_text(json.dumps(data))
    found = findings.of_folder(folder)
    assert [(waiver.id, told) for waiver, told in found.idle_waivers] == [("W-idle", state)]
    assert f"| W-idle | {state} | {CLAUSE}" in markdown_of(found)
    section = page_of(folder).text.partition("What is accepted by signing")[2]
    assert "1 waiver not used" in section
    assert ("expired on 2026-11-01" in section) is (state == "expired")


def test_statistics_show_every_number_of_the_decision(folder: Path) -> None:
    compared = {"clause": "cni.a", "call": "not-seen", "failures": 1, "runs": 9, "basis_failures": 2, "basis_runs": 60,
                "p": 0.5, "adjusted": 0.75, "least_p": 0.0125, "detectable": 31.5}  # fmt: skip
    blind = {**compared, "clause": "cni.b", "detectable": None}
    figure = {"figure": "window-ms", "standing": "fail", "direction": "lower", "value": 42.5, "limit": 30.0,
              "tolerance": 200.0, "basis": 12.0}  # fmt: skip
    pool = {**compared, "clause": "cni.*", "detectable": 4.5}
    decide(folder, comparisons=[compared, blind, pool], measurements=[figure])
    page = page_of(folder)
    text, rows = page.text, [row.text for row in page.all("tr")]
    assert "Of 2 clauses with an earlier sign-off, 0 became worse. A drop of 31.5 to 31.5 points would have" in text
    assert "For 1 the sample cannot tell how small a drop would show." in text
    assert "All tests of cni.* together would have shown a drop of 4.5 points." in text
    assert "cni.ano drop seen1 of 92 of 600.50000.01250.750031.5 points" in rows
    assert "window-msfaillower42.530200 %12" in rows


def older(folder: Path, name: str, started: str, *, signed: bool = True, profile: str = "quick") -> Path:
    """An earlier run beside this one."""
    made = synthetic.write(folder.parent / name, verdict="PASS")
    data = json.loads((made / "run.json").read_text())
    (made / "run.json").write_text(json.dumps({**data, "started": started, "profile": profile}))
    render_all(made)
    if signed:
        (made / "signoff.dsse.json").write_text("{}")
    return made


def test_trend_is_of_signed_earlier_runs_of_the_profile_only(folder: Path) -> None:
    older(folder, "a", "2026-11-20T10:00:00Z")
    older(folder, "b", "2026-11-21T10:00:00Z")
    older(folder, "unsigned", "2026-11-20T11:00:00Z", signed=False)
    older(folder, "full", "2026-11-20T12:00:00Z", profile="full")
    older(folder, "later", "2026-11-24T10:00:00Z")
    (older(folder, "broken", "2026-11-20T13:00:00Z") / "history.json").write_text("{")
    (folder.parent / "broken" / "run.json").write_text("{")
    found = findings.of_folder(folder)
    assert [item.run for item in history.earlier(found.run)] == ["a", "b"]
    assert [item.run for item in history.earlier(found.run, most=1)] == ["b"], "the newest"
    page = page_of(folder)
    assert "after the last 2 signed runs of the quick profile" in page.text
    drawn = [item for item in page.all("svg") if "now" in item.attributes.get("aria-label", "")]
    assert len(drawn) == len(page.all("figure")) >= 5
    assert {len(item.attributes["points"].split()) for item in page.all("polyline")} == {3}
    assert "../a/report.html" in {item.attributes["href"] for item in page.all("a")}
    assert page.faults == []


def test_trend_without_an_earlier_sign_off_says_so(folder: Path) -> None:
    page = page_of(folder)
    assert "No earlier signed run of this profile lay beside this one" in page.text
    assert not page.has("polyline")


def test_plot_says_in_words_what_it_shows(folder: Path) -> None:
    now = history.summarise(findings.of_folder(folder).run)
    before = history.summarise(findings.of_folder(older(folder, "a", "2026-11-20T10:00:00Z")).run)
    assert pass_rates(before)["cni"] > pass_rates(now)["cni"] > 0
    drawn = {plot.name: plot for plot in plots([before, now], {})}
    cni = drawn["cni: clauses that pass"]
    ending = f"{pass_rates(before)['cni']:.1f} % in 2 runs; higher is better".replace(".0 %", " %")
    assert cni.words.endswith(ending)
    assert cni.dots[0][1] < cni.dots[1][1], "the better one is higher up"
    assert drawn["staging: tests took"].last == "2.8 min"
    limited = plots([now], {"x": 5.0})
    assert all(plot.limit is None for plot in limited), "no figure has that name"
    assert now.verdict is Verdict.FAIL


def test_limit_of_a_figure_is_drawn_unless_it_is_far_away(folder: Path) -> None:
    now = history.summarise(findings.of_folder(folder).run)
    measured = history.Summary(**{**vars(now), "figures": {"staging/x": 10.0}})
    near, far = (plots([measured], {"staging/x": limit})[-1] for limit in (15.0, 900.0))
    assert near.limit is not None
    assert near.limit < near.dots[0][1]
    assert (far.limit, far.words) == (None, "staging/x: 10 now; the limit is 900")
    judged = dataclasses.replace(measured, better={"staging/x": "lower"})
    assert plots([judged], {})[-1].words == "staging/x: 10 now; lower is better"
