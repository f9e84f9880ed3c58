"""The Markdown summary and the PDF: all that a reader needs, within GitHub's bytes, and nothing smuggled in."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

import pytest

from pipelines.cli import main
from reports import attest, findings
from reports.findings import Findings
from reports.render import pdf
from reports.render.document import KINDS
from reports.render.html import page_of
from reports.render.markdown import BUDGET, escape, markdown_of
from suites.selftest.reports import synthetic

COMPARISON = {
    "clause": "cni.add.unusual", "call": "regressed", "failures": 4, "runs": 9, "basis_failures": 1, "basis_runs": 60,
    "p": 0.00123, "adjusted": 0.0456, "least_p": 0.0001, "detectable": 31.5,
}  # fmt: skip
MEASUREMENT = {"figure": "cluster.ready", "standing": "fail", "direction": "lower", "value": 42.5, "limit": 30.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run that failed, with statistics in its decision."""
    folder = synthetic.write(tmp_path / "r")
    path = folder / "decisions" / "staging.json"
    decision = json.loads(path.read_text())
    decision |= {"comparisons": [COMPARISON], "measurements": [MEASUREMENT], "flakes": ["suites/cni/test_x.py::test_y"]}
    path.write_text(json.dumps(decision))
    return folder


@pytest.fixture
def found(folder: Path) -> Findings:
    return findings.of_folder(folder)


def text_in(document: bytes) -> bytes:
    """What a PDF with built-in fonts says: its streams, unpacked."""
    return b"".join(zlib.decompress(item) for item in re.findall(rb"stream\n(.*?)\nendstream", document, re.S))


def test_summary_holds_decision_reasons_statistics_waivers_gaps_materials_and_digests(found: Findings) -> None:
    text = markdown_of(found)
    assert text.startswith("# FAIL: atlas 2026.11 is not fit to go on\n")
    assert all(escape(reason.text) in text for reason in found.remedies)
    for heading in (
        "Stages", "Clauses", "What would let it go on", "Failures", "Beside the last sign-off", "Measured figures",
        "Waivers", "Not tested",
    ):  # fmt: skip
        assert f"\n## {heading}\n" in text
    for heading in ("Environment", "Bill of materials"):
        assert re.search(rf"\n<details><summary>{heading} \(\d+\)</summary>\n", text)
    assert "| cni.add.unusual | worse | 4 of 9 | 1 of 60 | 0.0012 | 0.0001 | 0.0456 | 31.5 points |" in text
    assert "| cluster.ready | fail | lower | 42.5 | 30 | not stated | none |" in text
    required = [item for item in found.untested if item.required and item.kind != "not-applicable"]
    assert required
    assert all(escape(item.what) in text for item in required)
    assert all(escape(part.identity) in text for part in found.run.parts)
    assert f"- What is signed: {len(found.run.digests())} rows in [the report](report.html#verify)." in text


def test_every_row_has_as_many_cells_as_its_table(found: Findings) -> None:
    width = 0
    for line in markdown_of(found).splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line))
        if line.startswith("|"):
            width = width or cells
            assert cells == width, line
        else:
            width = 0


def test_summary_counts_what_it_leaves_out_and_links_to_places_that_the_page_has(found: Findings) -> None:
    text = markdown_of(found)
    places = set(re.findall(r"\(report\.html#([a-z]+)\)", text))
    assert places >= {"tested", "components", "verify"}
    page = page_of(found)
    assert all(f'id="{place}"' in page for place in places)
    (more,) = re.findall(r"(\d+) more rows in \[the report\]\(report\.html#tested\)", text)
    shown = len(re.findall(r"^\| (?:yes|no) \|", text, re.MULTILINE))
    assert int(more) + shown == len(found.untested)


@pytest.mark.parametrize("many", [30, 3000])
def test_summary_of_very_much_is_a_screen_or_two_and_names_what_blocks_first(folder: Path, many: int) -> None:
    """Whatever there is much of: what was compared, tests in quarantine, things not tested, long texts."""
    path = folder / "decisions" / "staging.json"
    decision = json.loads(path.read_text())
    decision["comparisons"] = [{**COMPARISON, "clause": f"cni.add.x{number}"} for number in range(many)]
    decision["measurements"] = [{**MEASUREMENT, "figure": f"f-{number}"} for number in range(many)]
    path.write_text(json.dumps(decision))
    run = json.loads((folder / "run.json").read_text())
    run["untested"] = [{"what": f"thing {number} ÿ€𝄞", "reason": "x" * 9000} for number in range(many)]
    run["waivers"] = [{**run["waivers"][0], "id": f"W{number}", "reason": "y" * 9000} for number in range(many)]
    (folder / "run.json").write_text(json.dumps(run))
    text = markdown_of(findings.of_folder(folder))
    assert len(text.splitlines()) <= 150
    assert len(text.encode()) <= 50_000 < BUDGET < 1024 * 1024
    assert text.index("## What would let it go on") < text.index("## Stages") < text.index("## Failures")
    assert f"{many - 10} more rows in [the report](report.html#statistics)" in text
    (more,) = re.findall(r"(\d+) more rows in \[the report\]\(report\.html#risk\)", text)
    assert int(more) >= many - 10
    assert "Cut here" not in text


def test_failures_of_a_summary_are_listed_with_the_gravest_first(found: Findings) -> None:
    table = markdown_of(found).partition("## Failures\n")[2].partition("\n## ")[0]
    kinds = [line.split(" | ")[0].lstrip("| ") for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(set(kinds)) > 1
    assert kinds == sorted(kinds, key=KINDS.index)


@pytest.mark.parametrize("budget", [1500, 2500, 4500])
def test_summary_is_cut_to_its_bytes_with_a_note_and_keeps_what_matters_most(found: Findings, budget: int) -> None:
    whole, cut = markdown_of(found), markdown_of(found, budget)
    assert budget - 1000 < len(cut.encode()) <= budget
    kept, _, note = cut.rpartition("\n> Cut here")
    assert kept.count("<details>") == kept.count("</details>")  # else the note would be folded away
    kept = kept.removesuffix("</details>\n") if budget == 4500 else kept
    assert whole.startswith(kept)
    left = int(re.findall(r"(\d+) more lines", note)[0])
    assert left == len(whole.splitlines()) - len(kept.splitlines())
    assert "FAIL" in cut.splitlines()[0]


def test_hostile_texts_mean_themselves(tmp_path: Path) -> None:
    text = markdown_of(findings.of_folder(synthetic.write(tmp_path / "h", hostile=True)))
    assert "<script" not in text
    assert "<img" not in text
    assert escape("a|b\n# [x](y) `c` @me <b>&") == r"a\|b # \[x\](y) \`c\` \@me &lt;b&gt;&amp;"
    assert [escape(line) for line in ("# x", "- x", "1. x", "20) x")] == [r"\# x", r"\- x", r"1\. x", r"20\) x"]


def test_page_shows_the_statistics_where_there_are_any(found: Findings, tmp_path: Path) -> None:
    page = page_of(found)
    assert 'id="statistics"' in page
    assert "31.5 points" in page
    assert 'id="statistics"' not in page_of(findings.of_folder(synthetic.write(tmp_path / "plain")))


def test_pdf_says_what_the_summary_says_and_is_the_same_every_time(
    found: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "_FONTS", ())
    document = pdf.pdf_of(found)
    assert document.startswith(b"%PDF-")
    assert pdf.pdf_of(found) == document
    said = text_in(document)
    for word in (b"FAIL:", b"unusual", b"Bill of materials", b"31.5", b"Evidence of failures", b"What is signed"):
        assert word in said


def test_pdf_of_texts_in_other_scripts_is_made_with_and_without_a_font(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = json.loads((folder / "run.json").read_text())
    run["untested"] = [{"what": f"Łódź 北京 {'w' * 300}", "reason": "✓ 𝄞 \u202e"}]
    (folder / "run.json").write_text(json.dumps(run))
    assert pdf.render_pdf(findings.of_folder(folder)).read_bytes().startswith(b"%PDF-")
    monkeypatch.setattr(pdf, "_FONTS", ())
    assert b"u5317" in text_in(pdf.pdf_of(findings.of_folder(folder)))


def test_pdf_on_request_leaves_what_was_signed(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    assert main(["report", str(folder)]) == 0
    attest.sign(folder)
    before = attest.verify(folder / attest.SIGNOFF)
    assert main(["report", str(folder), "--pdf"]) == 0
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert attest.verify(folder / attest.SIGNOFF).problems == before.problems
    (folder / "run.json").write_text("{")
    assert main(["report", str(folder), "--pdf"]) == 3


def test_report_of_a_signed_run_goes_elsewhere_or_takes_the_sign_off_along(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    assert main(["report", str(folder)]) == 0
    attest.sign(folder)
    before = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    assert main(["report", str(folder)]) == 3
    told = capsys.readouterr().err
    assert "-o DIR" in told
    assert "--replace-sign-off" in told
    out = tmp_path / "elsewhere" / "page"
    assert main(["report", str(folder), "-o", str(out)]) == 0
    assert main(["report", str(folder), "--pdf", "-o", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {
        "report.html",
        "summary.md",
        "junit.xml",
        "ctrf.json",
        "report.pdf",
    }
    evidence = re.findall(r'<a href="([^"#:]+)">', (out / "report.html").read_text())
    assert evidence
    assert all((out / link).is_file() for link in evidence)
    other = synthetic.write(tmp_path / "other")
    assert main(["report", str(other), "-o", str(folder)]) == 3
    assert "is the folder of another run" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()} == before
    assert attest.verify(folder / attest.SIGNOFF).ok
    (folder / "signoff.sigstore.json").write_text("{}")
    assert main(["report", str(folder), "--replace-sign-off"]) == 0
    assert "sign again" in capsys.readouterr().out
    gone = {"signoff.dsse.json", "signoff.sigstore.json", "attestations", "manifest.sha256"}
    assert not gone & {path.name for path in folder.iterdir()}


def test_pdf_that_is_signed_is_not_written_over(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    assert main(["report", str(folder), "--pdf"]) == 0
    attest.sign(folder)
    assert main(["report", str(folder), "--pdf"]) == 3
    assert attest.verify(folder / attest.SIGNOFF).ok
