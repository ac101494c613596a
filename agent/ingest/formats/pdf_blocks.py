"""Lines of a PDF to headings, paragraphs, list items and tables."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

from agent.ingest.formats.pdf_page import Box, Line, Table
from agent.ingest.formats.table import has_header, row_lines
from agent.ingest.formats.wrapping import join

_ITEM = re.compile(r"(?:[•●▪◦‣·–—*-]|\d{1,3}[.)])\s+\S")
_LONE_BULLET = re.compile(r"[•●▪◦‣·]")
_NUMBER = re.compile(r"(\d{1,3})[.)]\s+")
_SENTENCE_END = re.compile(r"[.!?…:;][\"'”’»)\]]*$")
_COMPOUND = re.compile(r"\w+(?:-\w+)+")
_LONGEST_HEADING = 160
_LARGER = 1.12
_DEEPEST_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Body:
    """How the document's running text is set: its size in points, the usual gap between its lines, its looks."""

    size: float
    gap: float
    bold: bool
    mono: bool
    compounds: frozenset[str]


@dataclass(slots=True)
class Block:
    """Lines that belong together, in one style; or one table."""

    lines: list[Line] = field(default_factory=list)
    table: Table | None = None

    @property
    def style(self) -> tuple[float, bool]:
        """Size and boldness."""
        return self.lines[0].size, self.lines[0].bold

    @property
    def is_item(self) -> bool:
        """Whether it begins with a bullet or a number."""
        return bool(self.lines) and _ITEM.match(self.lines[0].text) is not None

    def number(self) -> int | None:
        """Of a numbered item."""
        match = _NUMBER.match(self.lines[0].text)
        return int(match.group(1)) if match else None

    def is_code(self, body: Body) -> bool:
        """Whether it is set as on a typewriter, where the body is not."""
        return bool(self.lines) and not body.mono and all(line.mono for line in self.lines)

    def text(self, body: Body) -> tuple[str, list[tuple[int, int]]]:
        """The text, and for every page that begins in it, its number and how much text follows.

        It is on one line, unless it is code.
        """
        if self.is_code(body):
            return "\n".join(_indented_lines(self.lines)), []
        text = ""
        begins: list[tuple[int, int]] = []
        for before, line in zip([None, *self.lines], self.lines, strict=False):
            text = join(text, line.text, body.compounds)
            if before is not None and before.page != line.page:
                begins.append((line.page, len(text) - len(line.text)))
        return text, [(page, len(text) - start) for page, start in begins]


def body_of(boxes: Sequence[Box]) -> Body:
    """The style that most characters are set in."""
    lines = [box for box in boxes if isinstance(box, Line)]
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
    size = sizes.most_common(1)[0][0] if sizes else 0.0
    total = sum(len(line.text) for line in lines if line.size == size)
    bold = sum(len(line.text) for line in lines if line.size == size and line.bold)
    mono = sum(len(line.text) for line in lines if line.size == size and line.mono)
    gaps = [b.top - a.bottom for a, b in pairwise(lines) if a.size == b.size == size and a.page == b.page]
    near = [gap for gap in gaps if -0.5 * size < gap < 1.5 * size]
    compounds = frozenset(found.casefold() for line in lines for found in _COMPOUND.findall(line.text))
    return Body(size, median(near) if near else 0.2 * size, bold > total / 2, mono > total / 2, compounds)


def blocks_of(boxes: Iterable[Box], body: Body) -> list[Block]:
    """Blocks in reading order. A paragraph that goes on in the next column or on the next page is one."""
    blocks: list[Block] = []
    for box in _with_bullets(boxes):
        last = blocks[-1] if blocks else None
        if isinstance(box, Table):
            blocks.append(Block(table=box))
        elif last is not None and last.lines and _continues(last, box, body):
            last.lines.append(box)
        else:
            blocks.append(Block([box]))
    return blocks


def _with_bullets(boxes: Iterable[Box]) -> Iterator[Box]:
    """The boxes; a bullet that stands too far off its text to be in one line with it is put before it."""
    bullet = ""
    for box in boxes:
        if isinstance(box, Line) and _LONE_BULLET.fullmatch(box.text):
            bullet = box.text
            continue
        yield replace(box, text=f"{bullet} {box.text}") if bullet and isinstance(box, Line) else box
        bullet = ""


def _continues(block: Block, line: Line, body: Body) -> bool:
    before = block.lines[-1]
    if abs(before.size - line.size) > 1 or before.bold != line.bold:
        return False
    if line.mono and block.is_code(body):
        # Blank lines stand in code too; a page break ends it, so that a page always begins with a block.
        return before.page == line.page and 0 <= line.top - before.top < 3.5 * line.size
    if _ITEM.match(line.text) or block.is_code(body) or (line.mono and not body.mono and not block.lines[0].mono):
        return False
    if before.page != line.page or line.top < before.top:
        return line.text[0].islower() and not _SENTENCE_END.search(before.text) and not is_heading(block, body)
    if is_heading(block, body) and not _are_aligned(before, line):
        return False
    allowance = max(0.35 * line.size, 0.5 * body.gap) if line.size <= body.size * _LARGER else 0.6 * line.size
    if line.top - before.bottom > max(body.gap, 0) + allowance:
        return False
    return not (_SENTENCE_END.search(before.text) and (_is_indented(block, line) or _was_short(before, line)))


def _are_aligned(before: Line, line: Line) -> bool:
    """Left edges or middles stand one below the other; a centred title does not go on in a section's heading."""
    return min(abs(before.x0 - line.x0), abs(before.x0 + before.x1 - line.x0 - line.x1) / 2) < line.size / 2


def _is_indented(block: Block, line: Line) -> bool:
    """A first line that is set in begins a paragraph; a list item's other lines are all set in."""
    before = block.lines[-1]
    return not block.is_item and line.x0 > before.x0 + 0.8 * line.size


def _was_short(before: Line, line: Line) -> bool:
    """The next word would have fitted on the line before, so the break was meant."""
    word = len(line.text.split()[0]) + 1
    return before.x1 + 1.2 * word * (line.x1 - line.x0) / len(line.text) < line.x1


def _indented_lines(lines: Sequence[Line]) -> Iterator[str]:
    """Lines of code with as many spaces in front as they are set in."""
    left = min(line.x0 for line in lines)
    for line in lines:
        width = (line.x1 - line.x0) / len(line.text)
        yield " " * round((line.x0 - left) / width if width > 0 else 0) + line.text


def is_heading(block: Block, body: Body) -> bool:
    """Set larger than the body, or bold where the body is not, short, and with letters."""
    if not block.lines or len(block.lines) > 4 or block.is_code(body):
        return False
    text = " ".join(line.text for line in block.lines)
    size, bold = block.style
    larger = size >= body.size * _LARGER
    stands_out = larger or (bold and not body.bold and size >= 0.95 * body.size)
    letters = sum(character.isalpha() for character in text)
    if not stands_out or letters < 2 or len(text) > _LONGEST_HEADING:
        return False
    return larger or not text.endswith((".", ",", ";", ":"))


def levels_of(blocks: Iterable[Block], body: Body) -> dict[tuple[float, bool], int]:
    """A level, 1 to 3, for every style of headings: the larger the size, the higher."""
    styles = {block.style for block in blocks if is_heading(block, body)}
    return {style: min(rank, _DEEPEST_LEVEL) for rank, style in enumerate(sorted(styles, reverse=True), 1)}


def named_tables(blocks: Sequence[Block]) -> Iterator[tuple[Block, list[str]]]:
    """Every block, and the rows of a table as text: one that goes on from the page before has that one's names."""
    names: tuple[str, ...] | None = None
    page = 0
    for block in blocks:
        table = block.table
        if table is None:
            names = None
            yield block, []
            continue
        goes_on = names is not None and table.page == page + 1 and len(table.rows[0]) == len(names)
        if goes_on and names is not None:
            rows = table.rows if table.rows[0] == names else (names, *table.rows)
            yield block, row_lines(rows, header=True)
        else:
            is_named = has_header(table.rows) if table.header is None else table.header
            names = table.rows[0] if is_named else None
            yield block, row_lines(table.rows, header=is_named)
        page = table.page
