"""One PDF page to lines and ruled tables, each with its place."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pdfminer.layout import LTChar, LTCurve, LTFigure, LTPage, LTTextContainer, LTTextLine
from pdfplumber.page import Page
from pdfplumber.table import Table as FoundTable

from agent.ingest.formats.table import plain
from agent.ingest.formats.wrapping import joined_lines

_BOLD = re.compile(r"bold|black|heavy|demi|semib", re.IGNORECASE)
_MONO = re.compile(r"courier|mono|consolas|menlo|typewriter|cmtt|inconsolata|sourcecode|lettergothic", re.IGNORECASE)
# A glyph without a character. Alone in front of a line it is a bullet: from a font of symbols, or code 127 (reportlab).
_UNMAPPED_BULLET = re.compile(r"\s*(?:\(cid:\d+\)|[\ue000-\uf8ff])(?=\s)")
_UNMAPPED = re.compile(r"\(cid:\d+\)|[\ue000-\uf8ff]")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
# In points. More strokes than these are a drawing or a map, in which the search for tables would take minutes.
_SHORTEST_RULE = 3.0
_MOST_STROKES = 2000
_LONGEST_CELL = 1000
# How far a line may rise on its width; a page is never scanned quite straight.
_STEEPEST = 0.2


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text. Lengths are in points, `top` and `bottom` from the upper edge of the page."""

    text: str
    page: int
    x0: float
    x1: float
    top: float
    bottom: float
    size: float
    bold: bool
    mono: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `header` is whether its first row is one of names, None where its looks do not say."""

    rows: tuple[tuple[str, ...], ...]
    page: int
    x0: float
    x1: float
    top: float
    bottom: float
    header: bool | None = None


Box = Line | Table


@dataclass(frozen=True, slots=True)
class PageBoxes:
    """What is on a page, in no order."""

    number: int
    height: float
    boxes: tuple[Box, ...]


def read_page(page: Page) -> PageBoxes:
    """The page's lines and tables; a table's text is in the table only."""
    layout = page.layout
    lines = [line for found in _text_lines(layout) if (line := _line(found, page.page_number, layout.height))]
    searched = page.find_tables() if _may_be_ruled(layout) else []
    tables = [table for found in searched if (table := _table(found, lines, page.page_number))]
    outside = [line for line in lines if not any(_inside(line, table) for table in tables)]
    return PageBoxes(page.page_number, layout.height, (*outside, *tables))


def _may_be_ruled(layout: LTPage) -> bool:
    """Whether there are strokes both ways, as a table has; the search itself costs as much as all else."""
    strokes = [item for item in _items(layout) if isinstance(item, LTCurve)]
    across = sum(1 for item in strokes if item.width >= _SHORTEST_RULE)
    down = sum(1 for item in strokes if item.height >= _SHORTEST_RULE)
    return min(across, down) > 1 and len(strokes) <= _MOST_STROKES


def _items(container: LTPage | LTFigure) -> Iterator[object]:
    for item in container:
        if isinstance(item, LTFigure):
            yield from _items(item)
        else:
            yield item


def _text_lines(layout: LTPage) -> Iterator[LTTextLine]:
    for item in layout:
        if isinstance(item, LTTextLine):
            yield item
        elif isinstance(item, LTTextContainer):
            yield from (line for line in item if isinstance(line, LTTextLine))


def _line(found: LTTextLine, page: int, height: float) -> Line | None:
    characters = [item for item in found if isinstance(item, LTChar) and not item.get_text().isspace()]
    # A soft hyphen is shown only where a word is broken, and there it is a hyphen.
    text = plain(_mapped(found.get_text()).translate(_LIGATURES).replace("\u00ad", "-"))
    if not text or not any(map(_is_level, characters)):
        return None
    sizes = Counter(round(character.size * 2) / 2 for character in characters)
    fonts = Counter(character.fontname for character in characters)
    bold = sum(count for font, count in fonts.items() if _BOLD.search(font))
    mono = sum(count for font, count in fonts.items() if _MONO.search(font))
    return Line(
        text=text,
        page=page,
        x0=min(character.x0 for character in characters),
        x1=max(character.x1 for character in characters),
        top=height - found.y1,
        bottom=height - found.y0,
        size=sizes.most_common(1)[0][0],
        bold=bold >= 0.8 * len(characters),
        mono=mono == len(characters),
    )


def _is_level(character: LTChar) -> bool:
    """Whether it stands upright. A stamp up the margin or a watermark comes letter by letter, in no order."""
    across, up, *_ = character.matrix
    return abs(up) <= _STEEPEST * abs(across)


def _mapped(text: str) -> str:
    bullet = _UNMAPPED_BULLET.match(text)
    return _UNMAPPED.sub("", f"•{text[bullet.end() :]}" if bullet else text)


def _table(found: FoundTable, lines: list[Line], page: int) -> Table | None:
    """None when it is a box around text, not rows and columns."""
    rows = tuple(tuple(joined_lines((text or "").split("\n")) for text in row) for row in found.extract())
    filled = [row for row in rows if any(row)]
    wide = sum(1 for row in filled if sum(map(bool, row)) > 1)
    if wide < 2 or any(len(text) > _LONGEST_CELL for row in filled for text in row):
        return None
    x0, top, x1, bottom = found.bbox
    return Table(tuple(filled), page, x0, x1, top, bottom, _header(found, lines))


def _header(found: FoundTable, lines: list[Line]) -> bool | None:
    x0, top, x1, bottom = found.bbox
    inside = [line for line in lines if _within(line, x0, top, x1, bottom)]
    if len({line.bold for line in inside}) < 2:
        return None
    x0, top, x1, bottom = found.rows[0].bbox
    return all(line.bold for line in inside if _within(line, x0, top, x1, bottom))


def _inside(line: Line, table: Table) -> bool:
    return _within(line, table.x0, table.top, table.x1, table.bottom)


def _within(line: Line, x0: float, top: float, x1: float, bottom: float) -> bool:
    return x0 <= (line.x0 + line.x1) / 2 <= x1 and top <= (line.top + line.bottom) / 2 <= bottom
