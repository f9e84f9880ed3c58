"""The HTML report: it says what the record says, loads nothing, and lets no text of a subject act as markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from reports import findings
from reports.render.html import render_html
from suites.selftest.reports import synthetic
from suites.selftest.reports.page import Page


def page_of(folder: Path) -> Page:
    return Page(render_html(folder).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.write(tmp_path_factory.mktemp("runs") / "20261123-201407")


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return page_of(folder)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return page_of(synthetic.write(tmp_path_factory.mktemp("runs") / "hostile", hostile=True))


def test_page_is_well_formed(page: Page, hostile: Page) -> None:
    assert page.faults == []
    assert hostile.faults == []
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    targets = {element.attributes["href"][1:] for element in page.all("a") if element.attributes["href"][0] == "#"}
    assert targets <= set(ids)


def test_markup_in_texts_of_a_subject_shows_as_text(page: Page, hostile: Page) -> None:
    assert len(hostile.all("script")) == len(page.all("script")) == 1
    assert not hostile.has("img")
    assert hostile.text.count(synthetic.HOSTILE) >= 10
    assert not [key for element in hostile.elements for key in element.attributes if key.startswith("on")]


def test_page_loads_nothing_and_allows_only_its_own_script_and_style(page: Page) -> None:
    policy = next(item for item in page.all("meta") if "http-equiv" in item.attributes).attributes["content"]
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.all(tag)[0].text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not [item for item in page.elements if {"src", "srcset", "style", "poster"} & set(item.attributes)]
    assert not page.has("link")
    assert not re.search(r"url\(|@import", page.all("style")[0].text)


def test_verdict_reason_and_remedy_come_first(page: Page) -> None:
    assert page.all("h1")[0].text == "atlas 2026.11 is not fit to go on"
    assert page.text.startswith("✕ FAIL atlas 2026.11 is not fit to go on Stage staging: required clause")
    first = page.text[:1200]
    assert "What would let it go on" in first
    assert "Repair kube-router 2.10.0" in first


def test_counts_on_the_page_are_those_of_the_findings(folder: Path, page: Page) -> None:
    found = findings.of_folder(folder)
    rows = [item for item in page.all("tr") if "data-standing" in item.attributes]
    assert len(rows) == len(found.rows) == 28
    for standing, count in found.counts().items():
        assert sum(1 for row in rows if row.attributes["data-standing"] == standing) == count
    assert "24 of 28 clauses judged" in page.text
    assert "26 tests ended: " in page.text
    assert "3 of 28 clauses without a finding, 2 of them required" in page.text
    assert "The 1 clause that is not applicable is not among them." in page.text


def test_badges_of_what_was_not_tested_say_what_they_count_and_add_up(folder: Path, page: Page) -> None:
    found = findings.of_folder(folder)
    badges = {
        heading: next(
            item.text.removeprefix(heading).strip()
            for item in page.all("summary") if item.text.strip().startswith(heading)
        )
        for kind, (heading, _) in findings.UNTESTED.items() if any(item.kind == kind for item in found.untested)
    }  # fmt: skip
    counted = {heading: re.match(r"(\d+) clause", badge.strip()) for heading, badge in badges.items()}
    clauses = {heading: int(match[1]) for heading, match in counted.items() if match}
    assert clauses.pop("Not declared by the subject") == found.counts()["not-applicable"]
    assert sum(clauses.values()) == found.open_clauses == 3
    assert all(re.fullmatch(r"\d+ [a-z ]+( and \d+ [a-z ]+)?", badge.strip()) for badge in badges.values()), badges


def test_table_of_suites_adds_up_to_all_clauses(tmp_path: Path) -> None:
    found = findings.of_folder(synthetic.write(tmp_path / "r"))
    for suite in found.suites:
        counts = found.counts(suite)
        judged = counts["pass"] + counts["fail"] + counts["waived"]
        opened = sum(counts[standing] for standing in findings.OPEN)
        assert judged + opened + counts["not-applicable"] == sum(row.clause.suite == suite for row in found.rows)


def test_failure_shows_all_that_its_test_said(page: Page) -> None:
    article = next(item for item in page.all("article") if item.attributes["id"] == "failure-1")
    for words in (
        "traffic stays blocked 30 s after the deny policy was removed",
        "A deny policy stops traffic",
        "TCP 10.244.1.7:8080 answers within 10 s",
        "connect: timed out (31 attempts",
        "Does the controller rebuild its ipsets",
        "policy deny-all deleted 20:16:03.530",
        "KUBE-POD-FW-7QK2 -j REJECT",
        "blocks this candidate",
        "--seed 20261123",
    ):
        assert words in article.text


def test_everything_not_tested_is_named_with_its_reason(folder: Path, page: Page) -> None:
    section = page.text[page.text.index("Not tested") : page.text.index("What failed")]
    untested = findings.of_folder(folder).untested
    assert len(untested) >= 10
    for item in untested:
        assert item.what in section
        assert " ".join(item.reason.split()) in section


def test_waiver_is_shown_with_owner_reason_and_expiry(page: Page) -> None:
    row = next(item for item in page.all("tr") if "Ines Okafor" in item.text)
    assert "Nothing in this platform calls CHECK" in row.text
    assert "2027-02-01" in row.text


def test_evidence_outside_the_run_folder_is_neither_read_nor_linked(tmp_path: Path) -> None:
    folder = synthetic.write(tmp_path / "r")
    (tmp_path / "private.txt").write_text("the neighbour's secret")
    record = folder / "staging/record.jsonl"
    record.write_text(record.read_text().replace("evidence/network-policy/iptables-n1.txt", "../../private.txt"))
    page = page_of(folder)
    assert "the neighbour's secret" not in page.source
    assert not [item for item in page.all("a") if "private.txt" in item.attributes["href"]]


def test_link_of_a_waiver_that_would_run_script_is_shown_as_text(tmp_path: Path) -> None:
    folder = synthetic.write(tmp_path / "r")
    data = json.loads((folder / "run.json").read_text())
    data["waivers"][0]["link"] = "javascript:alert(1)"
    (folder / "run.json").write_text(json.dumps(data))
    page = page_of(folder)
    assert {element.attributes["href"].partition(":")[0] for element in page.all("a")} >= {"https"}
    assert not [item for item in page.all("a") if item.attributes["href"].lower().startswith("javascript")]


def test_page_of_a_killed_run_says_that_it_was_killed(tmp_path: Path) -> None:
    folder = synthetic.write(tmp_path / "r")
    (folder / "decisions/staging.json").unlink()
    record = folder / "staging/record.jsonl"
    record.write_bytes(record.read_bytes()[:-300])
    page = page_of(folder)
    assert page.text.startswith("? INCONCLUSIVE atlas 2026.11 cannot be judged yet")
    assert "cut off after" in page.text
    assert 'has no "end" line' in page.text


def test_page_of_a_run_that_ended_before_anything_ran_is_drawn(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    folder.mkdir()
    (folder / "candidate.json").write_text('{"name": "empty"}')
    (folder / "run.json").write_text(
        '{"id": "r", "started": "2026-11-23T20:14:07Z", "stages": ["dev"], "error": "no source served runc"}'
    )
    page = page_of(folder)
    assert page.faults == []
    assert page.text.startswith("! INVALID empty was not judged: this run is void no source served runc")


def changed(folder: Path, name: str, **values: object) -> None:
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_page_names_a_cluster_only_where_one_was(tmp_path: Path) -> None:
    folder = synthetic.write(tmp_path / "r")
    assert "Clusterlocal, 2 nodes" in page_of(folder).text
    changed(folder, "run.json", departures=[], timings={})
    for record in folder.glob("*/record.jsonl"):
        record.write_text(record.read_text().replace('"subjects"', '"objects"'))
    assert "Clusternone came up; asked for was local, 2 nodes" in page_of(folder).text
    changed(folder, "run.json", provider="", nodes=None)
    assert "Clusternone: no stage needed one" in page_of(folder).text
    assert "This run had no cluster." in page_of(folder).text


def test_time_of_a_suite_counts_a_test_of_several_clauses_once(tmp_path: Path) -> None:
    folder = synthetic.write(tmp_path / "r")
    path = folder / "dev" / "record.jsonl"
    before = path.read_text()

    def times() -> list[str]:
        cells = [item for item in page_of(folder).all("tr") if "cni" in item.text and "clause" not in item.text]
        return cells[0].text.split()[-2:]

    once = times()
    lines = [json.loads(line) for line in before.splitlines()]
    names = [line["clauses"][0] for line in lines if line["kind"] == "result" and line["clauses"][0].startswith("cni.")]
    assert len(names) > 1
    for line in lines:
        if line["kind"] == "result" and line["clauses"] == [names[0]]:
            line["clauses"] = names
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert times() == once
    assert "added up over all workers" in page_of(folder).text


def test_stage_that_started_no_test_calls_no_clause_without_a_test(tmp_path: Path) -> None:
    folder = synthetic.write(tmp_path / "r")
    (folder / "staging" / "record.jsonl").unlink()
    decision = json.loads((folder / "decisions" / "staging.json").read_text())
    idle = [{**item, "standing": "uncovered", "tests": []} for item in decision["standings"]]
    changed(folder, "decisions/staging.json", standings=idle, verdict="INVALID")
    found = findings.of_folder(folder)
    here = {item["clause"] for item in idle}
    rows = [row for row in found.rows if row.clause.id in here and not row.clause.uncovered]
    assert rows
    assert {(row.standing, row.note) for row in rows} == {("not-in-run", "no test of stage staging was started")}


def test_page_names_no_secret_of_a_text(tmp_path: Path) -> None:
    folder = synthetic.write(tmp_path / "r")
    (folder / "staging/evidence/network-policy/iptables-n1.txt").write_text("password=correct-horse\n")
    assert "correct-horse" not in page_of(folder).source
    assert "[redacted: secret]" in page_of(folder).source
