"""A folder that mixes every document format, made from scratch, and the facts that stand in it.

The documents are those of an invented company, Bodegas Lumen, in English and in Spanish. No fact stands in two files.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docx
from reportlab.lib import colors, pdfencrypt
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import cm
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Table,
    TableStyle,
)


@dataclass(frozen=True, slots=True)
class Fact:
    """`sentence` stands in `file` (a path in the folder), on `page` of it, or on none; `question` asks for it."""

    question: str
    sentence: str
    file: str
    page: int | None = None


FACTS = (
    Fact("Who founded Bodegas Lumen?", "Bodegas Lumen was founded in 1987 by Irene Valdós in Haro.", "handbook.pdf", 1),
    Fact("How long is the notice period?", "The notice period is 45 days for every employee.", "handbook.pdf", 1),
    Fact(
        "What is the daily allowance in Lisbon?",
        "| City: Lisbon | Hotel per night: 130 EUR | Daily allowance: 62 EUR |",
        "handbook.pdf",
        2,
    ),
    Fact(
        "How often does the cellar sensor send a reading?",
        "The cellar sensor sends a reading every 90 seconds.",
        "handbook.pdf",
        3,
    ),
    Fact(
        "What does the alarm do when humidity falls?",
        "When humidity falls below 58 percent, the alarm calls the night guard.",
        "handbook.pdf",
        3,
    ),
    Fact(
        "Who signs purchases over 9,000 euros?",
        "Purchases over 9,000 euros are signed by the treasurer, Omar Lindqvist.",
        "handbook.pdf",
        4,
    ),
    Fact(
        "¿Cuántas botellas caben en un palé?",
        "En un palé caben 504 botellas de vino tinto.",
        "logistica/manual.docx",
    ),
    Fact(
        "¿Qué empresa reparte en Bilbao?",
        "| Zona: Bilbao | Transportista: Ruta Norte | Plazo: 2 días |",
        "logistica/manual.docx",
    ),
    Fact(
        "When is the tasting room closed?",
        "The tasting room is closed on Tuesdays and on 25 December.",
        "visits.html",
    ),
    Fact("How much is the Reserve tour?", "| Tour: Reserve | Duration: 2 h | Price: 38 EUR |", "visits.html"),
    Fact(
        "¿Cuánto cuesta la botella de Lumen Añejo?",
        "| Artículo: Lumen Añejo | Precio: 27,50 € | Año: 2016 |",
        "precios.csv",
    ),
    Fact(
        "Which line bottles the magnum?",
        "| Line: B4 | Format: Magnum | Bottles per hour: 850 |",
        "production/lines.tsv",
    ),
    Fact(
        "Can I return an opened bottle?",
        "An opened bottle can be returned within 9 days if the cork was faulty.",
        "faq.json",
    ),
    Fact(
        "What happened in ticket LUM-77?",
        "The pump of tank 12 stopped because a fuse of 16 amperes had blown.",
        "tickets.jsonl",
    ),
    Fact(
        "Which oak are the barrels made of?",
        "The barrels are made of Slavonian oak and hold 225 litres.",
        "cellar.md",
    ),
    Fact(
        "¿A qué hora empieza la vendimia nocturna?",
        "La vendimia nocturna empieza a las 23:15 en septiembre.",
        "vendimia.txt",
    ),
)


PASSWORD = "vineyard"


def make_mixed_folder(folder: Path) -> list[Fact]:
    """Write one file of every format, some in subfolders, with an encrypted and a scanned PDF that cannot be read."""
    for name in ("logistica", "production", "scans"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_handbook(folder / "handbook.pdf")
    write_encrypted_pdf(folder / "scans" / "payroll.pdf")
    write_scanned_pdf(folder / "scans" / "licence.pdf")
    write_manual(folder / "logistica" / "manual.docx")
    (folder / "visits.html").write_text(VISITS, encoding="utf-8")
    (folder / "precios.csv").write_bytes(PRICES.encode("cp1252"))
    (folder / "production" / "lines.tsv").write_text(LINES, encoding="utf-8")
    (folder / "faq.json").write_text(json.dumps(FAQ, ensure_ascii=False, indent=2), encoding="utf-8")
    (folder / "tickets.jsonl").write_text("".join(json.dumps(one) + "\n" for one in TICKETS), encoding="utf-8")
    (folder / "cellar.md").write_text(CELLAR, encoding="utf-8")
    (folder / "vendimia.txt").write_text(HARVEST, encoding="utf-8")
    return list(FACTS)


def write_handbook(path: Path) -> None:
    """Four pages with running lines: headings, a ruled table on the second, two columns on the third."""
    text = getSampleStyleSheet()
    width, height = A4
    one = Frame(2 * cm, 2 * cm, width - 4 * cm, height - 4 * cm)
    columns = [Frame(left * cm, 2 * cm, 8 * cm, height - 8 * cm) for left in (2, 11)]
    document = BaseDocTemplate(str(path), pagesize=A4, title="Employee handbook", author="Irene Valdós", invariant=1)
    document.addPageTemplates(
        [
            PageTemplate("one", [one], onPage=_running_lines),
            PageTemplate(
                "two", [Frame(2 * cm, height - 5.8 * cm, width - 4 * cm, 3.5 * cm), *columns], onPage=_running_lines
            ),
        ]
    )
    story: list[Flowable] = [
        Paragraph("Employee handbook", text["Title"]),
        Paragraph("The company", text["Heading1"]),
        Paragraph(FACTS[0].sentence + " " + _FILLER, text["BodyText"]),
        Paragraph("Leaving", text["Heading2"]),
        Paragraph(FACTS[1].sentence + " It begins on the first of a month.", text["BodyText"]),
        PageBreak(),
        Paragraph("Travel", text["Heading1"]),
        Paragraph("Allowances differ by city, as the table shows.", text["BodyText"]),
        _ruled_table(),
        NextPageTemplate("two"),
        PageBreak(),
        Paragraph("The cellar", text["Heading1"]),
        Paragraph(_CELLAR_INTRODUCTION, text["BodyText"]),
        *[Paragraph(paragraph, text["BodyText"]) for paragraph in _CELLAR_COLUMNS],
        NextPageTemplate("one"),
        PageBreak(),
        Paragraph("Purchases", text["Heading1"]),
        Paragraph(FACTS[5].sentence + " " + _FILLER, text["BodyText"]),
    ]
    document.build(story)


def write_encrypted_pdf(path: Path, password: str = PASSWORD) -> None:
    """A PDF that opens with `password`; with "" it opens for everybody, but must not be changed."""
    encryption = pdfencrypt.StandardEncryption(password, ownerPassword="owner", strength=128)
    write_pdf(path, ["The salaries are paid on the 28th of a month."], encrypt=encryption)


def write_scanned_pdf(path: Path) -> None:
    """A page with a picture and no text."""
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path), pagesize=A4, invariant=1)
    canvas.setFillColor(colors.lightgrey)
    canvas.rect(3 * cm, 3 * cm, 12 * cm, 18 * cm, fill=1)
    canvas.showPage()
    canvas.save()


def write_pdf(path: Path, paragraphs: Sequence[str | Flowable], **options: Any) -> None:
    """A PDF of paragraphs in one column. A string that begins with `# ` is a heading; flowables go in as they are."""
    text = getSampleStyleSheet()
    width, height = A4
    document = BaseDocTemplate(str(path), pagesize=A4, invariant=1, **options)
    document.addPageTemplates([PageTemplate("one", [Frame(2 * cm, 2 * cm, width - 4 * cm, height - 4 * cm)])])
    document.build([_flowable(part, text) if isinstance(part, str) else part for part in paragraphs])


def _flowable(part: str, text: Any) -> Paragraph:
    return Paragraph(part.removeprefix("# "), text["Heading1" if part.startswith("# ") else "BodyText"])


def _running_lines(canvas: Any, document: Any) -> None:
    canvas.setFont("Helvetica", 8)
    canvas.drawString(2 * cm, A4[1] - 1.3 * cm, "Bodegas Lumen - internal use only")
    canvas.drawCentredString(A4[0] / 2, 1.2 * cm, f"Page {document.page} of 4")


def _ruled_table() -> Table:
    rows = [
        ["City", "Hotel per night", "Daily allowance"],
        ["Lisbon", "130 EUR", "62 EUR"],
        ["Zürich", "240 EUR", "95 EUR"],
        ["Haro", "80 EUR", "41 EUR"],
    ]
    bold = ("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold")
    return Table(rows, style=TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.black), bold]))


def write_manual(path: Path) -> None:
    """A Word document in Spanish: styles, lists, a table with a merged cell."""
    document = docx.Document()
    document.core_properties.title = "Manual de logística"
    document.core_properties.author = "Nerea Olazábal"
    document.core_properties.created = datetime(2026, 3, 9, tzinfo=UTC)
    document.core_properties.keywords = "almacén, reparto"
    document.add_heading("Manual de logística", 0)
    document.add_heading("Almacén", 1)
    document.add_paragraph("En un palé caben 504 botellas de vino tinto. Los palés se apilan de dos en dos.")
    document.add_paragraph("Comprobar el precinto.", style="List Number")
    document.add_paragraph("Pesar el palé.", style="List Number")
    document.add_paragraph("Nunca junto a la caldera.", style="List Bullet")
    document.add_heading("Reparto", 2)
    rows = [("Zona", "Transportista", "Plazo"), ("Bilbao", "Ruta Norte", "2 días"), ("Cádiz", "Sur Exprés", "4 días")]
    table = document.add_table(rows=len(rows), cols=3)
    for row, texts in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    document.save(str(path))


_FILLER = (
    "The first vintage was sold in the market square, from a cart that still stands in the entrance hall. Today the "
    "company sells to eleven countries and keeps its offices next to the old press."
)
_CELLAR_INTRODUCTION = (
    "The cellar lies nine metres under the yard, where neither summer nor winter reaches it, and everything in it is "
    "watched by instruments that were bought when the old thermometers were given to the museum of the town."
)
_CELLAR_COLUMNS = [
    "The cellar sensor sends a reading every 90 seconds. Readings are kept for six years on a machine that stands in "
    "the office of the cellar master, and nobody but her may delete one of them. "
    + "Every barrel has a number in chalk, and every number has a line in the book of the house. "
    * 8,
    "Whoever enters signs the sheet at the door, leaves it again within the hour, and shuts the lamp behind them. "
    + "The stairs are swept on Mondays, and the walls are washed with lime before the harvest comes in. " * 9,
    "When humidity falls below 58 percent, the alarm calls the night guard. The guard opens the valve of the "
    "fountain, waits for the hall to fog, and writes down the hour. "
    + "A second guard reads the hour aloud and signs beside the first. "
    * 12,
]

VISITS = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Visits · Bodegas Lumen</title>
<meta name="author" content="Marta Ibáñez"><meta name="keywords" content="tours, tasting">
<style>nav { color: red }</style><script>var tracker = "never read this";</script></head>
<body><header><a href="/">Home</a></header>
<nav><ul><li><a href="/">Home</a></li><li><a href="/shop">Shop</a></li></ul></nav>
<main><h1>Visits</h1>
<p>The tasting room is <b>closed on Tuesdays</b> and on 25&nbsp;December. Groups of more than
twelve write to <a href="mailto:visits@lumen.example">visits@lumen.example</a> first.</p>
<h2>Tours</h2>
<table><thead><tr><th>Tour</th><th>Duration</th><th>Price</th></tr></thead>
<tbody><tr><td>Classic</td><td>1 h</td><td>19 EUR</td></tr>
<tr><td>Reserve</td><td>2 h</td><td>38 EUR</td></tr></tbody></table>
<h2>Bring with you</h2>
<ul><li>A warm jacket<ul><li>also in August</li></ul></li><li>Flat shoes</li></ul>
</main><footer>© Bodegas Lumen</footer></body></html>
"""
PRICES = "Artículo;Precio;Año\r\nLumen Joven;9,90 €;2024\r\nLumen Añejo;27,50 €;2016\r\n"
LINES = "Line\tFormat\tBottles per hour\nA1\tStandard\t3200\nB4\tMagnum\t850\n"
FAQ = [
    {
        "question": "Can I return an opened bottle?",
        "answer": "An opened bottle can be returned within 9 days if the cork was faulty. Shipping is on us.",
        "topic": "returns",
    },
    {"question": "Do you ship to islands?", "answer": "Yes, islands are served by boat.", "topic": "shipping"},
]
TICKETS = [
    {"id": "LUM-76", "status": "open", "text": "A label peels off in the fridge."},
    {
        "id": "LUM-77",
        "status": "closed",
        "priority": 1,
        "text": "The pump of tank 12 stopped because a fuse of 16 amperes had blown. It was replaced.",
    },
]
CELLAR = """---
title: The barrels
author: Irene Valdós
tags: [oak, barrels]
---
# Barrels

The barrels are made of Slavonian oak and hold 225 litres. They are used for three vintages.

- Toasted over vine shoots
- Washed with hot water only
"""
HARVEST = """Vendimia

La vendimia nocturna empieza a las 23:15 en septiembre. Las uvas blancas se recogen primero.
"""
