"""PDF files, made by reportlab."""

import io
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, PageBreak, Paragraph, Preformatted, Spacer, Table, TableStyle

from agent.ingest.formats import PageStart, Parsed, Unreadable, parse
from tests.fakes.documents import write_encrypted_pdf, write_pdf, write_scanned_pdf

_LONG = "The cellar keeps its barrels in the dark and writes every reading into a book. "
_STYLES = getSampleStyleSheet()


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Parsed]:
    def written_and_read(*parts: str | Flowable, **options: object) -> Parsed:
        write_pdf(tmp_path / "a.pdf", parts, **options)
        return parse(".pdf", (tmp_path / "a.pdf").read_bytes())

    return written_and_read


def drawn(*pages: list[tuple[float, float, str]], font: str = "Helvetica") -> Parsed:
    """Parse a PDF with strings at (x, y from the top) in 10 points."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, invariant=1)
    for page in pages:
        canvas.setFont(font, 10)
        for x, y, text in page:
            canvas.drawString(x, A4[1] - y, text)
        canvas.showPage()
    canvas.save()
    return parse(".pdf", file.getvalue())


def lines(first_y: float, *texts: str, x: float = 72) -> list[tuple[float, float, str]]:
    return [(x, first_y + 12 * place, text) for place, text in enumerate(texts)]


def test_headings_have_levels_and_lines_are_joined(read: Callable[..., Parsed]) -> None:
    """The larger, the higher; a wrapped paragraph is one line; the first heading is the title."""
    title, sub = Paragraph("Report", _STYLES["Title"]), Paragraph("Detail", _STYLES["Heading3"])
    parsed = read(title, "# Part", _LONG * 4, sub, _LONG)
    expected = f"# Report\n\n# Part\n\n{(_LONG * 4).strip()}\n\n## Detail\n\n{_LONG.strip()}"
    assert (expected, "Report", (PageStart(1, 0),)) == (parsed.text, parsed.title, parsed.pages)


def test_the_information_is_title_and_metadata(read: Callable[..., Parsed]) -> None:
    """What a program wrote because it was told nothing is left out."""
    parsed = read(_LONG, title="Cellar book", author="Irene", keywords="oak, wine", subject="Cellar")
    expected = {"author": ("Irene",), "date": ("2000-01-01",), "description": ("Cellar",), "keywords": ("oak", "wine")}
    assert ("Cellar book", expected) == (parsed.title, parsed.metadata)
    parsed = read(_LONG, title="Microsoft Word - a.docx")
    assert (None, {"date": ("2000-01-01",)}) == (parsed.title, parsed.metadata)


def test_a_page_starts_where_its_text_does(read: Callable[..., Parsed]) -> None:
    """A page without text has no start."""
    parsed = read("First page.", PageBreak(), Spacer(1, 1), PageBreak(), "# Third", "Third page.")
    assert [PageStart(1, 0), PageStart(3, parsed.text.index("# Third"))] == list(parsed.pages)


def test_a_paragraph_over_a_page_break_stays_one() -> None:
    """Also when a word is broken there; the page begins in the middle of it."""
    parsed = drawn(lines(760, "It began on the first page and went on with infor-"), lines(60, "mation on the second."))
    text = "It began on the first page and went on with information on the second."
    assert (text, PageStart(2, text.index("mation on"))) == (parsed.text, parsed.pages[1])


def test_a_sentence_that_ended_does_not_go_on() -> None:
    """Nor does one go on with a capital letter."""
    parsed = drawn(lines(760, "It ended here."), lines(60, "and this is new"), lines(60, "Or this"))
    assert "It ended here.\n\nand this is new\n\nOr this" == parsed.text


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("for all infor-", "mation there is", "for all information there is"),
        ("an anti-", "American film", "an anti-American film"),
        ("from 2020-", "2024 on", "from 2020-2024 on"),
        ("a pause -", "then more", "a pause - then more"),
        ("the well-", "known well-known one", "the well-known well-known one"),
    ],
)
def test_hyphens_at_a_line_end(first: str, second: str, expected: str) -> None:
    """A broken word is whole again; a compound, a range and a dash keep theirs."""
    assert expected == drawn(lines(100, first, second)).text


def test_a_gap_or_an_early_end_begins_a_paragraph() -> None:
    """And so does a bullet, wherever it stands."""
    text = drawn(
        lines(
            100,
            "A first line that fills its column up to the very end of it,",
            "and ends. Early.",
            "Next one, which fills the column again from left to right.",
        )
        + lines(160, "After a gap.")
        + lines(200, "• one", "• two, which", "2) three")
    ).text
    expected = (
        "A first line that fills its column up to the very end of it, and ends. Early.\n\n"
        "Next one, which fills the column again from left to right.\n\nAfter a gap.\n\n- one\n- two, which\n2. three"
    )
    assert expected == text


def test_columns_are_read_one_after_the_other() -> None:
    """With a line across both above and below them."""
    left = [f"left {n} runs along its column here" for n in range(6)]
    right = [f"right {n} runs along its column here" for n in range(6)]
    page = [
        (72.0, 60.0, "A line across the page that spans both columns and says what is in them, at length."),
        *lines(100, *left),
        *lines(100, *right, x=320),
        (72.0, 220.0, "Another line across the page that spans both columns and ends what is in them now."),
    ]
    text = drawn(page).text
    order = [text.index(word) for word in ("A line", "left 0", "left 5", "right 0", "right 5", "Another")]
    assert sorted(order) == order


def test_a_ragged_column_is_no_gutter() -> None:
    """Two columns side by side, set flush left: the strip between them parts them, not one inside of their margin."""
    texts = ["side fact {} is told in full here in three", "lines that all end at a place of their", "own."]
    left, right = ([text.format(f"{side}{n}") for n in range(8) for text in texts] for side in ("left", "right"))
    # The longest lines of the left column end further to the right than the others.
    text = drawn([*lines(100, *left), *lines(100, *right, x=320)]).text
    order = [text.index(f"{side}{n} ") for side in ("left", "right") for n in range(8)]
    assert sorted(order) == order


def test_text_at_an_angle_is_left_out() -> None:
    """A stamp up the margin would come letter by letter."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, invariant=1)
    canvas.drawString(72, 700, "The level text says this.")
    for angle in (90, 45):
        canvas.saveState()
        canvas.rotate(angle)
        canvas.drawString(300, -100, "A stamp says that.")
        canvas.restoreState()
    canvas.save()
    assert "The level text says this." == parse(".pdf", file.getvalue()).text


def test_a_ruled_table_is_rows_only(read: Callable[..., Parsed]) -> None:
    """Its text is not repeated as paragraphs; wrapped cells are joined; a merged cell is not repeated."""
    cell = Paragraph("a text that is wrapped in its cell", _STYLES["BodyText"])
    grid = TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.black), ("SPAN", (1, 2), (2, 2))])
    rows = [["Plan", "Price", "Note"], ["Pro", "20 EUR", cell], ["Free", "nothing", ""]]
    text = read("Before.", Table(rows, colWidths=[60, 60, 80], style=grid), "After.").text
    expected = (
        "Before.\n\n| Plan: Pro | Price: 20 EUR | Note: a text that is wrapped in its cell |\n"
        "| Plan: Free | Price: nothing |\n\nAfter."
    )
    assert expected == text


def test_a_table_over_a_page_break_keeps_its_names(read: Callable[..., Parsed]) -> None:
    """Whether the names are printed again or not; each row is on its page."""
    grid = TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.black)])
    rows = [["City", "Price"]] + [[f"Town {n}", f"{n} EUR"] for n in range(60)]
    for repeated in (0, 1):
        parsed = read(Table(rows, style=grid, repeatRows=repeated))
        expected = [f"| City: Town {n} | Price: {n} EUR |" for n in range(60)]
        assert expected == [line for line in parsed.text.split("\n") if line]
        assert parsed.text[parsed.pages[1].start :].startswith("| City: Town")


def test_names_in_bold_are_a_header_and_a_bold_first_column_is_none(read: Callable[..., Parsed]) -> None:
    """How a table is set says more than what its words look like."""
    grid, bold = ("GRID", (0, 0), (-1, -1), 0.5, colors.black), "Helvetica-Bold"
    rows = [["Name", "Irene"], ["Town", "Haro"]]
    column = read(Table(rows, style=TableStyle([grid, ("FONTNAME", (0, 0), (0, -1), bold)])))
    assert "| Name | Irene |\n| Town | Haro |" == column.text
    row = read(Table([["7", "8"], *rows], style=TableStyle([grid, ("FONTNAME", (0, 0), (-1, 0), bold)])))
    assert "| 7: Name | 8: Irene |\n| 7: Town | 8: Haro |" == row.text


def test_a_frame_around_text_is_no_table(read: Callable[..., Parsed]) -> None:
    """A box of one cell is a paragraph."""
    box = TableStyle([("BOX", (0, 0), (-1, -1), 0.5, colors.black)])
    assert "In a box." == read(Table([["In a box."]], style=box)).text


def test_aligned_columns_without_rules_are_a_table() -> None:
    """Rows stay together; numbers under a name tell that it is one."""
    page = [
        (x, y, text)
        for y, row in zip((100, 114, 128), [("Plan", "Price"), ("Pro", "20"), ("Team", "40")], strict=True)
        for x, text in zip((72, 300), row, strict=True)
    ]
    assert "| Plan: Pro | Price: 20 |\n| Plan: Team | Price: 40 |" == drawn(page).text


def test_a_column_of_prices_is_no_column_of_text() -> None:
    """Rows of a table without rules stay together, however full its columns are."""
    rows = [(f"A long description of article {n} in the list", f"{n}0.00 EUR") for n in range(2, 9)]
    page = [(x, 100 + 14 * n, text) for n, row in enumerate(rows) for x, text in zip((72, 400), row, strict=True)]
    assert [f"| {name} | {price} |" for name, price in rows] == drawn(page).text.split("\n")


def test_running_lines_are_dropped_from_three_pages_on() -> None:
    """With the page number in them or alone; a text that stands there once is kept."""
    pages = [
        [
            *lines(40, "Internal use only"),
            *lines(100, f"Body of page {word}."),
            *lines(800, f"Page {n} of 3"),
            *lines(815, f"{n}"),
        ]
        for n, word in enumerate(("one", "two", "three"), 1)
    ]
    assert "Body of page one.\n\nBody of page two.\n\nBody of page three." == drawn(*pages).text
    assert 2 == drawn(*pages[:2]).text.count("Internal use only")


def test_chapter_headings_at_the_top_of_pages_are_kept(read: Callable[..., Parsed]) -> None:
    """They differ in a number only, but they are headings."""
    parts = [part for n in (1, 2, 3) for part in (f"# Chapter {n}", _LONG, PageBreak())]
    assert 3 == read(*parts).text.count("# Chapter")


def test_a_table_of_contents_is_dropped() -> None:
    """Lines that dots lead to a page number say again what the headings say."""
    assert (
        "Body." == drawn(lines(100, "Introduction . . . . . . . . 4", "Use ........... 12") + lines(200, "Body.")).text
    )


def test_typewriter_text_is_code(read: Callable[..., Parsed]) -> None:
    """Line by line, with its indentation."""
    code = Preformatted("def f():\n    # why\n    return 1", _STYLES["Code"])
    assert f"{_LONG.strip()}\n\n```\ndef f():\n    # why\n    return 1\n```" == read(_LONG, code).text


def test_encrypted_and_scanned_files_are_unreadable(tmp_path: Path) -> None:
    """The reason says what to do; a file that opens without a password is read."""
    reasons = []
    for write in (write_encrypted_pdf, write_scanned_pdf):
        write(tmp_path / "a.pdf")
        with pytest.raises(Unreadable) as caught:
            parse(".pdf", (tmp_path / "a.pdf").read_bytes())
        reasons.append(caught.value.reason)
    assert ["encrypted", "no text; a scanned document needs OCR first"] == reasons
    write_encrypted_pdf(tmp_path / "a.pdf", password="")
    assert "The salaries are paid on the 28th of a month." == parse(".pdf", (tmp_path / "a.pdf").read_bytes()).text


def test_what_is_no_pdf_is_unreadable_and_silent(caplog: pytest.LogCaptureFixture) -> None:
    """pdfminer's own log lines are kept away."""
    for content in (b"<html>", b"%PDF-1.7\nnothing of one"):
        with caplog.at_level(logging.DEBUG), pytest.raises(Unreadable, match=r"^not a PDF"):
            parse(".pdf", content)
    assert [] == caplog.records
