"""PDF: text in reading order, with the offset at which every page begins."""

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pdfplumber
from pdfminer.pdfdocument import PDFPasswordIncorrect
from pdfminer.psexceptions import PSException
from pdfplumber.utils.exceptions import MalformedPDFException, PdfminerException

from agent.ingest.formats.notation import Composition
from agent.ingest.formats.parsed import PageStart, Parsed, Unreadable
from agent.ingest.formats.pdf_blocks import Block, Body, blocks_of, body_of, is_heading, levels_of, named_tables
from agent.ingest.formats.pdf_margins import is_contents, without_running_lines
from agent.ingest.formats.pdf_order import in_reading_order
from agent.ingest.formats.pdf_page import PageBoxes, read_page
from agent.ingest.formats.table import plain

_MARK = b"%PDF-"
_MARK_WITHIN = 1024
# The hierarchy of text boxes (boxes_flow) is not asked for: it is slow, and pdf_order finds the columns.
_LAYOUT = {"boxes_flow": None, "all_texts": True}
# What programs write when they were told nothing.
_NOTHING = frozenset({"anonymous", "unspecified", "unknown"})
_DATE = re.compile(r"(?:D:)?(\d{4})(\d\d)(\d\d)")
_NO_TITLE = re.compile(
    r"untitled|\(?anonymous\)?|.*\.(docx?|pdf|indd|tex|odt|pptx?|xlsx?|qxd|rtf)|(microsoft|libreoffice).*", re.I
)


def read_pdf(content: bytes) -> Parsed:
    """A PDF with text. Its title is the document information's, when that is one, or else the first heading.

    Raises:
        Unreadable: it is encrypted, damaged, or has no text.
    """
    if _MARK not in content[:_MARK_WITHIN]:
        raise Unreadable("not a PDF: it does not begin like one")
    with _quiet():
        pages, information = _read(content)
    if not any(page.boxes for page in pages):
        raise Unreadable("no text; a scanned document needs OCR first")
    body = body_of([box for page in pages for box in page.boxes])
    kept = without_running_lines(pages, body.size)
    ordered = [box for page in kept for box in in_reading_order(page.boxes) if not is_contents(box)]
    blocks = blocks_of(ordered, body)
    writer = _Writer(body, levels_of(blocks, body))
    for block, rows in named_tables(blocks):
        writer.write(block, rows)
    starts = tuple(PageStart(number, start) for number, start in sorted(writer.starts.items()))
    title = _title(information) or writer.first_heading
    return Parsed(writer.composition.text, title, starts, _metadata(information))


@contextmanager
def _quiet() -> Iterator[None]:
    """pdfminer reports every oddity of a file, one line a glyph at times, and warns of it."""
    loggers = [logging.getLogger(name) for name in ("pdfminer", "pdfplumber")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _read(content: bytes) -> tuple[list[PageBoxes], dict[str, str]]:
    """Lines and tables of every page; a page's characters, which take a hundred times the room, are dropped."""
    pages = []
    try:
        with pdfplumber.open(io.BytesIO(content), laparams=_LAYOUT, password="") as document:
            information = {name: plain(value) for name, value in document.metadata.items() if isinstance(value, str)}
            for page in document.pages:
                pages.append(read_page(page))
                page.close()
    except (PdfminerException, MalformedPDFException, PSException) as error:
        cause = error.args[0] if error.args else None
        if isinstance(cause, PDFPasswordIncorrect):
            raise Unreadable("encrypted") from error
        raise Unreadable("not a PDF: damaged, or not to the standard") from error
    return pages, information


class _Writer:
    """Writes blocks and notes where pages begin."""

    def __init__(self, body: Body, levels: dict[tuple[float, bool], int]) -> None:
        self.composition = Composition()
        self.starts: dict[int, int] = {}
        self.first_heading: str | None = None
        self._body = body
        self._levels = levels

    def write(self, block: Block, rows: list[str]) -> None:
        """Add a block; `rows` is the text of its table."""
        if block.table is not None:
            self._note(block.table.page, self.composition.rows(rows))
            return
        text, begins = block.text(self._body)
        self._note(block.lines[0].page, self._add(block, text))
        for page, after in begins:
            # Counted from the end: a marker may have been dropped or added in front.
            self._note(page, self.composition.length - after)

    def _add(self, block: Block, text: str) -> int | None:
        if is_heading(block, self._body):
            self.first_heading = self.first_heading or text
            return self.composition.heading(self._levels[block.style], text)
        if block.is_code(self._body):
            return self.composition.code(text)
        if block.is_item:
            number = block.number()
            return self.composition.item(text if number is None else text.split(maxsplit=1)[1], number=number)
        return self.composition.paragraph(text)

    def _note(self, page: int, start: int | None) -> None:
        if start is not None:
            self.starts.setdefault(page, start)


def _title(information: dict[str, str]) -> str | None:
    title = information.get("Title", "")
    sensible = 2 < len(title) <= 200 and any(character.isalpha() for character in title)
    return title if sensible and not _NO_TITLE.fullmatch(title) else None


def _metadata(information: dict[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    author = information.get("Author", "")
    if author and author.strip("()").casefold() not in _NOTHING:
        found["author"] = (author,)
    if match := _DATE.match(information.get("CreationDate", "")):
        found["date"] = ("-".join(match.groups()),)
    if (subject := information.get("Subject", "")) and subject.strip("()").casefold() not in _NOTHING:
        found["description"] = (subject,)
    if keywords := tuple(filter(None, map(str.strip, re.split("[,;]", information.get("Keywords", ""))))):
        found["keywords"] = keywords
    return found
