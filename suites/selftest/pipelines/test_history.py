"""Many runs in one page, two runs clause by clause, and summaries that never outlive what they were made from."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import html
import html.parser
import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import main
from reports import attest, history, run_folder
from reports.history import Summary
from reports.model import Outcome, Verdict
from reports.render import history as pages
from reports.render.all import render_all
from suites.selftest.pipelines.synthetic import result
from suites.selftest.reports import synthetic
from suites.selftest.reports.browser import value_in

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two runs of one candidate, rendered: the first fails, the second passes."""
    for name, verdict in (("r1", "FAIL"), ("r2", "PASS")):
        render_all(synthetic.write(tmp_path / "runs" / name, verdict=verdict))
    return tmp_path / "runs"


def summary(run: str, **changes: Any) -> Summary:
    """A made-up run; its time is in the order of its name."""
    fields: dict[str, Any] = {
        "candidate": "atlas",
        "digest": "d",
        "started": f"2026-11-23T20:00:{int(run[1:]):02d}Z",
        "plan": "p",
    }
    return Summary(**{"run": run, "verdict": Verdict.PASS, **fields, **changes})


def test_summary_says_what_the_run_says_and_needs_no_record(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_folder.load(place / "r1")
    monkeypatch.setattr(run_folder, "load", lambda folder: pytest.fail(f"{folder} was read"))
    found, why = history.load(place / "r1")
    assert why == ""
    assert (found.verdict, found.run, found.digest) == (run.verdict, "r1", run.candidate.digest)
    assert sum(found.counts.values()) == sum(len(item.results) for stage in run.stages for item in stage.records)
    standings = {item.clause: item.standing for s in run.stages if s.decision for item in s.decision.standings}
    assert found.clauses == standings
    assert {test for test, outcome in found.unproven.items() if outcome == "missing"} == {
        test for stage in run.stages for item in stage.records for test in item.missing
    }
    assert found == history.summarise(run)


CHANGES = {
    "a decision": ("decisions/staging.json", '"FAIL"', '"PASS"'),
    "a record made longer": ("dev/record.jsonl", '"outcome": "pass"', '"outcome": "could-not-run"'),
    "the facts": ("run.json", '"profile"', '"profiles"'),
    "the summary's version": (history.FILE, '"version": 2', '"version": 9'),
    "the summary cut off": (history.FILE, '"version": 2}', ""),
    "what it is bound to": (history.FILE, '"run.json"', '"../r2/run.json"'),
}


@pytest.mark.parametrize("case", CHANGES)
def test_summary_of_a_run_that_changed_does_not_count(case: str, place: Path) -> None:
    name, old, new = CHANGES[case]
    path = place / "r1" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    found, why = history.load(place / "r1")
    assert why
    assert found == history.summarise(run_folder.load(place / "r1"))


def test_large_file_changed_in_place_is_found_where_all_is_checked(place: Path) -> None:
    path = place / "r1" / "dev" / "record.jsonl"
    path.write_bytes(path.read_bytes() + b"\n" * history.HASHED)
    run = dataclasses.replace(history.load(place / "r2")[0], run="r1")
    size = path.stat().st_size
    bound = {"run.json": run.bound["run.json"], "dev/record.jsonl": (size, "0" * 64)}
    facts = (place / "r1" / "run.json").read_bytes()
    bound["run.json"] = (len(facts), run_folder.sha256_of(place / "r1" / "run.json"))
    assert history._changed(place / "r1", dataclasses.replace(run, bound=bound), True).startswith("dev/record.jsonl")


def test_edited_summary_is_found_where_all_is_checked_or_the_run_is_signed(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    attest.sign(place / "r1")
    for name in ("r1", "r2"):
        path = place / name / history.FILE
        path.write_text(path.read_text().replace('"verdict": "FAIL"', '"verdict": "PASS"').replace("atlas", "other"))
    index = ["history", "index", str(place), "-o", str(tmp_path / "out")]
    assert main(index) == 0
    assert "r1: read anew, since history.json is not the file that was signed" in capsys.readouterr().out
    assert main([*index, "--check"]) == 0
    assert "r2: read anew, since history.json says other things than" in capsys.readouterr().out
    assert history.of(place / "r2")[0] == history.summarise(run_folder.load(place / "r2"))
    assert main(["history", "compare", str(place / "r1"), str(place / "r2")]) == 0
    assert capsys.readouterr().out.count("read anew, since history.json") == 2


def test_sign_off_that_does_not_hold_is_told_where_all_is_checked(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    for name in ("r1", "r2"):
        for path in (place / name / "decisions").glob("*.json"):
            path.write_text(json.dumps({**json.loads(path.read_text()), "decided": "2020-01-01T00:00:00Z"}))
        render_all(place / name)
        attest.sign(place / name, now=datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC))
        assert not attest.verify(place / name / attest.SIGNOFF).ok, "it has run out since, which is no fault"
    (place / "r1" / "summary.md").write_text("PASS")
    index = ["history", "index", str(place), "-o", str(tmp_path / "out")]
    assert main(index) == 0
    assert "sign-off" not in capsys.readouterr().out
    assert main([*index, "--check"]) == 0
    told = capsys.readouterr().out
    assert "r1: its sign-off does not hold: summary.md was changed after signing" in told
    assert "r2: its sign-off" not in told


def test_record_or_decision_put_in_later_is_found(place: Path) -> None:
    (place / "r1" / "dev" / "record-more.jsonl").write_bytes((place / "r1" / "dev" / "record.jsonl").read_bytes())
    assert history.load(place / "r1")[1] == "dev/record-more.jsonl is new"


def test_runs_without_summary_or_readable_files_are_told_and_hide_no_other(place: Path) -> None:
    (place / "r1" / history.FILE).unlink()
    (place / "r3").mkdir()
    (place / "r3" / "run.json").write_text("{")
    render_all(synthetic.write(place / "r4")).clear()
    (place / "r4").rename(place / "r5")
    found, told = history.all_of(place)
    assert [run.run for run in found] == ["r1", "r2"]
    assert ["r1: read anew" in told[0], "r3: cannot be read" in told[1], "it is r4" in told[2]] == [True] * 3


class Reader(html.parser.HTMLParser):
    """What a page loads, and its rows."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in ("src", "srcset", "data", "action")]


def test_index_lists_runs_and_loads_nothing(place: Path, tmp_path: Path) -> None:
    assert main(["history", "index", str(place), "-o", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out" / "index.html").read_text()
    reader = Reader()
    reader.feed(text)
    assert reader.loaded == []
    assert {"link", "img", "iframe"} & set(reader.tags) == set()
    assert text.index(">r2<") < text.index(">r1<")  # The newest first.
    assert 'href="../runs/r1/report.html"' in text
    script = text.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in html.unescape(text)
    assert f"script-src 'sha256-{digest}'" in html.unescape(text)
    assert (tmp_path / "out" / "../runs/r1/report.html").is_file()


def test_index_of_nothing_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "index", str(tmp_path), "-o", str(tmp_path / "out")]) == 3
    assert main(["history", "index", str(tmp_path / "none"), "-o", str(tmp_path / "out")]) == 3
    assert "no run that can be read" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_page_with_hostile_names_shows_them_as_text() -> None:
    run = summary("r1", candidate=HOSTILE, flakes=(HOSTILE,), figures={HOSTILE: 1.0}, stages={HOSTILE: HOSTILE})
    other = summary("r2", candidate=HOSTILE, clauses={HOSTILE: HOSTILE}, components={HOSTILE: HOSTILE})
    text = pages.index_page([run], [HOSTILE], {"r1": f'"{HOSTILE}'})
    text += pages.comparison_page(history.compare(run, other))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_trend_of_a_figure_spans_the_runs_that_measured_it() -> None:
    runs = [summary(f"r{at}", figures={"dev/x": float(value)}) for at, value in enumerate((3, 1, 2))]
    (found,) = pages.trends([*runs, summary("r9")])
    assert (found["last"], found["least"], found["most"], found["number"]) == (2.0, 1.0, 3.0, 3)
    heights = [float(point.partition(",")[2]) for point in found["points"].split()]
    assert heights[0] < heights[2] < heights[1]  # SVG counts from the top.


def test_figure_that_moved_the_wrong_way_is_marked_by_the_policy_of_the_newest_run() -> None:
    way = {"dev/ms": "lower", "dev/rate": "higher"}
    runs = [summary("r1", figures={"dev/ms": 1, "dev/rate": 1, "dev/own": 1}), summary("r2", better=way)]
    runs[1] = dataclasses.replace(runs[1], figures={"dev/ms": 2, "dev/rate": 2, "dev/own": 2})
    found = {item["name"]: (item["way"], item["moved"]) for item in pages.trends(runs)}
    assert found == {"dev/ms": ("lower", "worse"), "dev/rate": ("higher", "better"), "dev/own": ("", "")}
    compared = history.compare(*runs)
    assert {item.what: (item.worse, item.better) for item in compared.figures} == {
        "dev/ms": (True, False), "dev/rate": (False, True), "dev/own": (False, False),
    }  # fmt: skip
    assert not compared.is_worse, "figures change no exit code"
    text = pages.index_page(runs, [], {})
    assert "↓ lower" in text
    assert "↑ higher" in text
    assert history.read(history.text_of(runs[1]).encode()).better == way


def test_direction_of_a_figure_comes_from_the_decision(tmp_path: Path) -> None:
    folder = synthetic.write(tmp_path / "r")
    path = folder / "decisions" / "dev.json"
    measured = {"figure": "minutes", "standing": "pass", "direction": "lower", "value": 2.0}
    path.write_text(json.dumps({**json.loads(path.read_text()), "measurements": [measured]}))
    assert history.summarise(run_folder.load(folder)).better == {"dev/minutes": "lower"}


@pytest.mark.parametrize("width", [390, 500, 901, 1280])
def test_index_in_a_browser_breaks_no_word_of_a_header_and_scrolls_only_in_its_tables(
    width: int, tmp_path: Path
) -> None:
    figures = {"staging/policy-window-ms": 429, "dev/results-per-second": 3.25}
    stages = {"dev": "PASS", "staging": "INCONCLUSIVE", "production": ""}
    counts = {"pass": 994, "not-applicable": 82}
    test = "suites/csi/node/test_stage.py::test_node_stage_volume_twice_with_other_arguments[block-something-else]"
    runs = [
        dataclasses.replace(
            summary(f"r{at}", figures=figures, stages=stages, counts=counts, flakes=(test,)),
            run=f"20261124-22105{at}-2da9", candidate="kubernetes-1.37 2026.11.1", verdict=Verdict.INCONCLUSIVE,
        )
        for at in range(3)
    ]  # fmt: skip
    expression = (
        "(()=>{const lines=e=>{const r=doc.createRange();r.selectNodeContents(e);"
        "return new Set([...r.getClientRects()].map(b=>Math.round(b.top))).size};"
        "const heads=[...doc.querySelectorAll('th')].filter(e=>e.textContent&&!e.textContent.includes(' '));"
        "const short=[...doc.querySelectorAll('td.short, td time')];const room=doc.documentElement;"
        "return [heads.length>9,short.length>4,room.scrollWidth<=room.clientWidth,"
        "[...heads,...short].filter(e=>lines(e)>1).map(e=>e.textContent)]})()"
    )
    assert value_in(tmp_path, pages.index_page(runs, [], {}), width, expression) == "[true,true,true,[]]"


def test_comparison_in_a_browser_shows_on_a_phone_what_is_worse(tmp_path: Path) -> None:
    name = "csi.controller-publish-volume.other-node-is-refused-while-published"
    one, two = (
        dataclasses.replace(
            summary(run, clauses={name: standing}, figures={"dev/ms": value}), better={"dev/ms": "lower"}
        )
        for run, standing, value in (("r1", "pass", 1), ("r2", "could-not-run", 2))
    )
    expression = (
        "(()=>{const bad=[...doc.querySelectorAll('.worse')];const room=doc.documentElement;"
        "return [room.scrollWidth<=room.clientWidth,"
        "bad.map(e=>[e.textContent,e.getBoundingClientRect().right<=room.clientWidth])]})()"
    )
    page = pages.comparison_page(history.compare(one, two))
    assert value_in(tmp_path, page, 390, expression) == '[true,[["worse",true],["worse",true]]]'


def test_flakes_count_retries_and_the_next_run_of_the_same_candidate() -> None:
    fail = {"a": "fail", "b": "fail"}
    runs = [
        summary("r1", unproven={"f": "fail"}, flakes=("f",)),
        summary("r2", unproven=fail),
        summary("r3", unproven={"b": "could-not-run"}),  # a passed again; b was not judged
        summary("r4", unproven=fail),
        summary("r5", unproven={}, digest="e"),  # another candidate: what it repaired was no flake
        summary("r6", unproven={}, plan="q"),  # other tests: whether a ran is not known
        summary("r7", unproven={"f": "fail"}, flakes=("f",)),
    ]
    found = {item.test: (item.inside, item.across, item.last) for item in history.flakes(runs)}
    assert found == {"f": (2, 0, "r7"), "a": (0, 2, "r7"), "b": (0, 1, "r7")}
    assert [item.test for item in history.flakes(runs)] == ["a", "f", "b"]


def test_repetitions_that_differ_are_one_flake_of_their_test() -> None:
    again = "x.py::t[#2]"
    runs = [
        summary("r1", unproven={again: "fail"}, flakes=("x.py::t",)),
        summary("r2", unproven={"x.py::t": "fail", again: "fail"}),  # always the same: no flake
        summary("r3", unproven={}),
    ]
    assert [(item.test, item.inside, item.across) for item in history.flakes(runs)] == [("x.py::t", 1, 1)]


def test_summary_tells_a_test_whose_repetitions_differ(place: Path) -> None:
    run = run_folder.load(place / "r1")
    (stage, *others) = run.stages
    steady = [result("x.py::s", Outcome.FAIL), result("x.py::s[#2]", Outcome.FAIL)]
    differ = [result("x.py::t", Outcome.PASS), result("x.py::t[#2]", Outcome.FAIL)]
    told = dataclasses.replace(stage.records[0], results=(*steady, *differ))
    stage = dataclasses.replace(stage, records=(told,))
    found = history.summarise(dataclasses.replace(run, stages=(stage, *others)))
    assert "x.py::t" in found.flakes
    assert "x.py::s" not in found.flakes


COMPARED = [
    ("pass", "fail", True),
    ("fail", "pass", False),
    ("pass", "missing", True),
    ("pass", "", True),
    ("", "pass", False),
    ("", "fail", True),
    ("could-not-run", "fail", True),
    ("pass", "waived", True),
]


@pytest.mark.parametrize(("was", "now", "worse"), COMPARED)
def test_clause_that_stands_worse_or_is_not_judged_any_more_is_worse(was: str, now: str, worse: bool) -> None:
    first, second = (summary("r1", clauses={"c": word} if word else {}) for word in (was, now))
    found = history.compare(first, second)
    assert [(item.before, item.after) for item in found.clauses] == [(was or "not judged", now or "not judged")]
    assert found.is_worse is worse
    assert not history.compare(second, second).is_worse


def test_two_runs_compared_tell_every_difference_as_text_and_page(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = json.loads((place / "r2" / "candidate.json").read_text())
    facts["components"][0]["version"] = "9.9.9"
    (place / "r2" / "candidate.json").write_text(json.dumps(facts))
    page = tmp_path / "compare.html"
    assert main(["history", "compare", str(place / "r1"), str(place / "r2"), "--html", str(page)]) == 0
    said = capsys.readouterr().out
    assert f"component {facts['components'][0]['name']}: " in said
    assert "-> 9.9.9" in said
    assert ": fail -> pass" in said
    assert "9.9.9" in page.read_text()
    assert main(["history", "compare", str(place / "r2"), str(place / "r1")]) == 1
    assert "WORSE " in capsys.readouterr().out
    assert main(["history", "compare", str(place / "r2"), str(place / "none")]) == 3
