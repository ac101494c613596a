"""DOCX files, made by python-docx and, where it cannot, from their XML."""

import io
import zipfile
from datetime import UTC, datetime

import docx
import pytest
from docx.document import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from agent.ingest.formats import Parsed, Unreadable, parse


@pytest.fixture
def document() -> Document:
    return docx.Document()


def content_of(document: Document) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def read(document: Document) -> Parsed:
    return parse(".docx", content_of(document))


def add(document: Document, xml: str) -> None:
    """Put an element at the end of the document."""
    name, rest = xml.split(">", 1) if not xml.startswith("<w:p>") else ("<w:p", xml[5:])
    document.element.body.insert(-1, parse_xml(f"{name} {nsdecls('w')}>{rest}"))


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(text: str) -> str:
    return f"<w:p>{run(text)}</w:p>"


def table(*rows: str) -> str:
    return f"<w:tbl><w:tblPr/><w:tblGrid/>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"


def cell(inner: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{inner if inner.startswith('<') else paragraph(inner)}</w:tc>"


def test_blocks_in_order(document: Document) -> None:
    """Title, headings, text, lists and tables, as they stand in the document."""
    document.add_heading("Guide", 0)
    document.add_heading("Part", 2)
    document.add_paragraph("Some\ttext.\nMore.")
    for style in ("List Number", "List Number", "List Bullet", "List Bullet 2"):
        document.add_paragraph(style, style=style)
    made = document.add_table(2, 2)
    for place, text in enumerate(("Plan", "Price", "Pro", "20")):
        made.cell(place // 2, place % 2).text = text
    document.add_paragraph("# no heading")
    expected = (
        "# Guide\n\n## Part\n\nSome text. More.\n\n1. List Number\n2. List Number\n- List Bullet\n  - List Bullet 2\n\n"
        "| Plan: Pro | Price: 20 |\n\nno heading"
    )
    assert (expected, "Guide") == (read(document).text, read(document).title)


def test_headings_of_other_styles(document: Document) -> None:
    """A style based on a heading's, one with an outline level, and a level set on the paragraph itself."""
    styles = document.styles
    styles.add_style("Mi título", WD_STYLE_TYPE.PARAGRAPH).base_style = styles["Heading 2"]
    outlined = styles.add_style("Apartado", WD_STYLE_TYPE.PARAGRAPH)
    outlined.element.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {nsdecls("w")} w:val="2"/>'))
    document.add_paragraph("A", style="Mi título")
    document.add_paragraph("B", style="Apartado")
    add(document, f'<w:p><w:pPr><w:outlineLvl w:val="0"/></w:pPr>{run("C")}</w:p>')
    assert "## A\n\n### B\n\n# C" == read(document).text


def test_insertions_are_read_and_deletions_are_not(document: Document) -> None:
    """Nor what was moved away; a link's text is kept, and so is a content control's."""
    add(
        document,
        f"<w:p>{run('Kept ')}<w:del>{run('deleted ')}</w:del><w:ins>{run('inserted ')}</w:ins>"
        f"<w:moveFrom>{run('moved ')}</w:moveFrom><w:hyperlink>{run('link')}</w:hyperlink></w:p>",
    )
    add(document, f"<w:sdt><w:sdtContent>{paragraph('In a control.')}</w:sdtContent></w:sdt>")
    assert "Kept inserted link\n\nIn a control." == read(document).text


def test_merged_cells(document: Document) -> None:
    """One merged across is not repeated; one merged down stands in every row, which is then whole."""
    add(
        document,
        table(
            cell("Zone") + cell("City") + cell("Days"),
            cell("North", '<w:vMerge w:val="restart"/>') + cell("Bilbao") + cell("2"),
            cell("", "<w:vMerge/>") + cell("Oviedo") + cell("3"),
            cell("South") + cell("closed", '<w:gridSpan w:val="2"/>'),
        ),
    )
    expected = [
        "| Zone: North | City: Bilbao | Days: 2 |",
        "| Zone: North | City: Oviedo | Days: 3 |",
        "| Zone: South | City: closed |",
    ]
    assert expected == read(document).text.split("\n")


def test_a_nested_table_follows_and_a_frame_is_its_content(document: Document) -> None:
    """Nothing in a table is lost."""
    inner = table(cell("x1") + cell("y1"), cell("x2") + cell("y2"))
    add(document, table(cell("1") + cell(paragraph("two") + inner + paragraph("three"))))
    add(document, table(cell(paragraph("Framed.") + inner)))
    nested = "| x1: x2 | y1: y2 |"
    assert f"| 1 | two/ three |\n\n{nested}\n\nFramed.\n\n{nested}" == read(document).text


def test_a_bold_first_column_is_no_header(document: Document) -> None:
    """It names the rows; a first row in bold names the columns."""
    made = document.add_table(2, 2)
    for place, text in enumerate(("Name", "Irene", "Town", "Haro")):
        made.cell(place // 2, place % 2).paragraphs[0].add_run(text).bold = place % 2 == 0
    assert "| Name | Irene |\n| Town | Haro |" == read(document).text


def test_properties_are_metadata(document: Document) -> None:
    """The template's own author is nobody."""
    properties = document.core_properties
    document.add_paragraph("Text.")
    properties.created = datetime(2026, 3, 9, tzinfo=UTC)
    assert {"date": ("2026-03-09",)} == read(document).metadata
    properties.title, properties.author, properties.keywords = "T", "Ana", "a; b"
    expected = {"author": ("Ana",), "date": ("2026-03-09",), "keywords": ("a", "b")}
    assert ("T", expected) == (read(document).title, read(document).metadata)


def test_a_table_of_contents_is_dropped(document: Document) -> None:
    """It says again what the headings say."""
    document.styles.add_style("toc 1", WD_STYLE_TYPE.PARAGRAPH)
    document.add_paragraph("Part 3", style="toc 1")
    document.add_paragraph("Text.")
    assert "Text." == read(document).text


def bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("word/document.xml", "w") as member:
        for _ in range(201):
            member.write(bytes(2**20))
    return file.getvalue()


def other_archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "no document")
    return file.getvalue()


_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_OLE + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
        (_OLE + b"WordDocument", "not a DOCX: an old Word document (.doc)"),
        (b"text", "not a DOCX: not a ZIP archive, or a damaged one"),
        (other_archive(), "not a DOCX: the archive holds no Word document"),
        (bomb(), "larger than 200 MiB when unpacked"),
    ],
    ids=["encrypted", "doc", "text", "zip", "bomb"],
)
def test_what_cannot_be_read_says_why(content: bytes, reason: str) -> None:
    """Each in a sentence for the file's owner."""
    with pytest.raises(Unreadable) as caught:
        parse(".docx", content)
    assert reason == caught.value.reason


def test_a_document_without_words_is_empty(document: Document) -> None:
    """Empty paragraphs are no content."""
    document.add_paragraph(" ")
    with pytest.raises(Unreadable, match=r"^empty$"):
        read(document)
