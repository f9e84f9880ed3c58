"""The report's look: contrast in both themes, no sideways scroll on a phone, use without script and colour."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from reports import findings
from reports.history import summarise
from reports.render.html import TEMPLATES, page_of, render_html
from suites.selftest.reports import synthetic
from suites.selftest.reports.browser import value_in
from suites.selftest.reports.page import Page

STYLE = (TEMPLATES / "style.css").read_text(encoding="utf-8")
TONES = ("pass", "fail", "warn", "void", "none")
# (text, ground): every pair that the style sheet puts on each other.
PAIRS = [
    *((text, ground) for text in ("ink", "soft", "link") for ground in ("paper", "card", "code")),
    *((tone, ground) for tone in TONES for ground in ("paper", "card")),
    *(("card", tone) for tone in TONES),
    *(("ink", f"{tone}-tint") for tone in TONES),
    ("soft", "none-tint"),
    ("link", "fail-tint"),
]


def themes() -> dict[str, dict[str, str]]:
    """The colours of each block that defines them, in the order of the style sheet."""
    blocks = re.findall(r"(:root[^{]*)\{([^}]*--paper[^}]*)\}", STYLE)
    found = {}
    for number, (selector, body) in enumerate(blocks):
        found[f"{number} {selector.strip()}"] = dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{3,6})\b", body))
    assert len(found) == 4
    return found


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    folder = synthetic.write(tmp_path_factory.mktemp("runs") / "r")
    return Page(render_html(folder).read_text(encoding="utf-8"))


def test_contrast_of_black_on_white_is_the_standards_21() -> None:
    assert round(contrast("#000", "#ffffff"), 2) == 21


@pytest.mark.parametrize("theme", [0, 2])
def test_text_has_contrast_of_level_aa(theme: int) -> None:
    colours = list(themes().values())[theme]
    poor = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in PAIRS}
    assert {pair: value for pair, value in poor.items() if value < 4.5} == {}


def test_dark_by_choice_is_the_dark_of_the_system() -> None:
    _, system, chosen, _ = themes().values()
    assert system == chosen


def test_standing_is_told_by_a_word_not_by_colour_alone(page: Page) -> None:
    marks = [item for item in page.all("span") if item.attributes.get("class", "").startswith("mark ")]
    assert len(marks) >= 28
    assert all(re.search(r"[a-z]{4}", mark.text) for mark in marks)


def test_tables_have_headings_with_a_scope_and_sections_have_headings(page: Page) -> None:
    assert all(item.attributes.get("scope") in ("col", "row") for item in page.all("th"))
    assert len(page.all("thead")) == len(page.all("table"))
    assert len(page.all("h1")) == 1
    sections = page.all("section")
    assert all(item.attributes.get("aria-labelledby") for item in sections)
    ids = {item.attributes.get("id") for item in page.elements}
    assert {item.attributes["aria-labelledby"] for item in sections} <= ids


def test_page_without_script_shows_no_dead_control(page: Page) -> None:
    controls = [item for item in page.all("button") if item.attributes.get("type") != "reset"]
    assert all("hidden" in item.attributes for item in [*controls, *page.all("form")])
    assert not [item for item in page.all("tr") if "hidden" in item.attributes]


def test_page_fits_a_phone_by_its_style(page: Page) -> None:
    viewport = [item for item in page.all("meta") if item.attributes.get("name") == "viewport"]
    assert viewport[0].attributes["content"] == "width=device-width, initial-scale=1"
    assert re.search(r"\bpre \{[^}]*white-space: pre-wrap; overflow-wrap: anywhere", STYLE)
    kinds = {item.attributes.get("class", "").partition(" ")[0] for item in page.all("table")}
    assert kinds == {"stack", "suites"}


def in_browser(tmp_path: Path, width: int, expression: str) -> str:
    """The value of an expression over a report."""
    told = findings.of_folder(synthetic.write(tmp_path / "r"))
    now = summarise(told.run)
    source = page_of(told, [dataclasses.replace(now, run=f"older-{number}") for number in range(3)])
    return value_in(tmp_path, source, width, expression)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_page_in_a_browser_does_not_scroll_sideways(tmp_path: Path, width: int) -> None:
    """With everything folded out; the elements that stick out are named."""
    expression = (
        '(()=>{doc.querySelectorAll("details").forEach(e=>{e.open=true});const all=[...doc.querySelectorAll("main *")];'
        "const room=doc.documentElement.clientWidth;"
        "const wide=all.filter(e=>e.getBoundingClientRect().right>room+1&&getComputedStyle(e).position!='absolute');"
        "return [doc.documentElement.scrollWidth<=room,all.length>500,wide.map(e=>e.tagName+'.'+e.className)]})()"
    )
    assert in_browser(tmp_path, width, expression) == "[true,true,[]]"


def test_filter_in_a_browser_leaves_the_matching_clauses(tmp_path: Path) -> None:
    """The script runs under the page's own content policy, and the filter shows what it should."""
    expression = (
        '(()=>{doc.getElementById("f-standing").value="fail";'
        'doc.getElementById("filters").dispatchEvent(new Event("input",{bubbles:true}));'
        'const rows=[...doc.querySelectorAll("tr[data-standing]")].filter(e=>e.checkVisibility());'
        'return [rows.map(e=>e.id),doc.getElementById("f-count").textContent]})()'
    )
    shown = in_browser(tmp_path, 1280, expression)
    assert shown == '[["clause-cni.network-policy.denies-then-allows"],"1 of 28 clauses shown"]'


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_single_word_in_a_browser_is_not_broken(tmp_path: Path, width: int) -> None:
    """With everything folded out: a text of a table that is one short word, such as a level, keeps to one line."""
    expression = (
        '(()=>{doc.querySelectorAll("details").forEach(e=>{e.open=true});const wrong=new Set();let seen=0;'
        'for(const table of doc.querySelectorAll("main table")){'
        "const walk=doc.createTreeWalker(table,NodeFilter.SHOW_TEXT);while(walk.nextNode()){"
        "const text=walk.currentNode.textContent.trim();if(!/^[A-Za-z0-9]{3,14}$/.test(text))continue;"
        "const range=doc.createRange();range.selectNodeContents(walk.currentNode);"
        "const lines=new Set([...range.getClientRects()].map(box=>Math.round(box.top)));seen++;"
        "if(lines.size>1)wrong.add(text)}}return [seen>100,[...wrong]]})()"
    )
    assert in_browser(tmp_path, width, expression) == "[true,[]]"


@pytest.mark.parametrize("width", [320, 390, 768, 1045, 1280])
def test_counts_in_a_browser_stand_apart_and_break_no_word(tmp_path: Path, width: int) -> None:
    """Neighbours' texts are 4 px apart or more, and each keeps to one line; the cells that do not are named."""
    expression = (
        '(()=>{const wrong=[];let seen=0;for(const row of doc.querySelectorAll(".suites tr")){let end=-99;'
        "for(const cell of row.cells){if(!cell.checkVisibility())continue;seen++;const range=doc.createRange();"
        "range.selectNodeContents(cell);const box=range.getBoundingClientRect();"
        "const line=parseFloat(getComputedStyle(cell).fontSize)*2;"
        "if(box.height>line||box.left<end+4)wrong.push(cell.textContent);end=box.right}}"
        "return [seen>50,wrong]})()"
    )
    assert in_browser(tmp_path, width, expression) == "[true,[]]"
