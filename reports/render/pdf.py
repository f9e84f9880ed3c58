"""The report as PDF, on request: drawn from the same blocks as the Markdown, without a browser or system libraries.

A page holds only what its font has. Where DejaVu Sans is installed that is nearly everything; the PDF's built-in
fonts know Latin letters only, and other characters appear as their numbers.
"""

from __future__ import annotations

import datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.fonts import FontFace

from reports.findings import Findings
from reports.render import words
from reports.render.document import Block, blocks_of, title_of
from reports.render.files import folder_for_files, write_atomically
from reports.run_folder import moment

ROWS = 300  # of one table; the HTML report has all
_FONTS = (Path("/usr/share/fonts/truetype/dejavu"), Path("/usr/share/fonts/dejavu-sans-fonts"))
_HEADING_ROOM = 25  # millimetres: a heading and the first rows below it
_GREY = (235, 235, 235)


def render_pdf(found: Findings, out: Path | None = None) -> Path:
    """Write runs/<id>/report.pdf, or into another folder, and return its path. The same run gives the same bytes on the
    same machine."""
    place = out or found.run.path
    with folder_for_files(place):
        return write_atomically(place / "report.pdf", pdf_of(found))


def pdf_of(found: Findings) -> bytes:
    """The document."""
    pdf = FPDF(format="A4")
    pdf.set_creation_date(_time(found))
    pdf.set_title(title_of(found))
    pdf.set_producer("Seatrial")
    pdf.set_auto_page_break(auto=True, margin=15)
    family = _font(pdf)
    pdf.add_page()
    _paragraph(pdf, family, title_of(found), 15, bold=True)
    _paragraph(pdf, family, words.clean(found.reason), 10)
    for block in blocks_of(found):
        _block(pdf, family, block)
    return bytes(pdf.output())


def _time(found: Findings) -> datetime.datetime:
    return moment(found.run.finished or found.run.started)


def _font(pdf: FPDF) -> str:
    folder = next((item for item in _FONTS if (item / "DejaVuSans-Bold.ttf").is_file()), None)
    if folder is None or not (folder / "DejaVuSans.ttf").is_file():
        return "Helvetica"
    pdf.add_font("DejaVu", "", folder / "DejaVuSans.ttf")
    pdf.add_font("DejaVu", "B", folder / "DejaVuSans-Bold.ttf")
    return "DejaVu"


def _paragraph(pdf: FPDF, family: str, text: str, size: int, bold: bool = False) -> None:
    pdf.set_font(family, "B" if bold else "", size)
    pdf.multi_cell(0, size * 0.5, _shown(family, text), new_x="LMARGIN", new_y="NEXT", align="L")
    pdf.ln(1)


def _block(pdf: FPDF, family: str, block: Block) -> None:
    if pdf.will_page_break(_HEADING_ROOM):  # a heading alone at the end of a page
        pdf.add_page()
    pdf.ln(2)
    _paragraph(pdf, family, block.heading, 12, bold=True)
    for line in block.lines:
        _paragraph(pdf, family, line, 9)
    if block.rows:
        pdf.set_font(family, "", 7)
        headings = FontFace(emphasis="BOLD", fill_color=_GREY)
        with pdf.table(
            headings_style=headings,
            line_height=3.5,
            text_align="LEFT",
            borders_layout="HORIZONTAL_LINES",
            col_widths=_widths(block),
        ) as table:
            for cells in (block.header, *block.rows[:ROWS]):
                row = table.row()
                for cell in cells:
                    row.cell(_shown(family, cell))
    if len(block.rows) > ROWS:
        _paragraph(pdf, family, f"{len(block.rows) - ROWS} more rows are in report.html.", 9)


def _widths(block: Block) -> tuple[int, ...]:
    """Shares of the page's width: by the longest text of a column, within bounds."""
    columns = zip(block.header, *block.rows[:ROWS], strict=True)
    return tuple(max(14, min(64, max(len(cell) for cell in column))) for column in columns)


def _shown(family: str, text: str) -> str:
    """The text in letters that the font has, on one line."""
    flat = " ".join(text.split())
    return flat if family != "Helvetica" else flat.encode("latin-1", "backslashreplace").decode("latin-1")
