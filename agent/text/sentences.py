"""Sentences of Markdown or plain text, as exact spans of it.

Every span satisfies `text[start:end] == sentence`: nothing is normalised, so a quote can be checked byte for byte. A
table row, a list item, a heading and a line of code is each a unit of its own, because it is one to a reader.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a unit is. Only prose is split into sentences."""

    PROSE = "prose"
    ITEM = "item"
    ROW = "row"
    CODE = "code"
    HEADING = "heading"


@dataclass(frozen=True, slots=True)
class Span:
    """A sentence or another unit: `text[start:end]`."""

    start: int
    end: int
    kind: Kind


_FENCE = re.compile(r"\s*(```|~~~)")
_HEADING = re.compile(r"#{1,6}\s")
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+")
_ROW = re.compile(r"\s*\|")
_RULE = re.compile(r"[\s|:=+-]+$")
# A sentence ends at . ! ? … with closing quotes, before white space and something that can begin a sentence, or at the
# end of a line: whoever writes a sentence a line may begin one with "multilingual-e5-small".
_END = re.compile(r"[.!?…]+[\"'”’»)\]*_`]*(?=\s+[\"'“‘«(\[*_`¿¡]*[A-Z0-9ÁÉÍÓÚÑÜ¿¡`]|[ \t]*\n)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|Mr|Mrs|Ms|Dr|Prof|St|No|Fig|Sr|Sra|Srta|Dña|Ud|Uds|p\.ej|art|núm|pág|EE\.UU|[A-Z]))\.$"
)


def split_units(text: str, begin: int = 0) -> Iterator[Span]:
    """Units from offset `begin` on, in order, without overlap.

    White space, rules and fence markers between them belong to none.
    """
    for start, end, kind in _blocks(text, begin):
        if kind in (Kind.PROSE, Kind.ITEM):
            yield from (Span(a, b, kind) for a, b in _sentences(text, start, end))
        elif (trimmed := _trim(text, start, end)) is not None:
            yield Span(*trimmed, kind)


def _blocks(text: str, begin: int) -> Iterator[tuple[int, int, Kind]]:
    """Runs of lines that belong together; a paragraph's and an item's wrapped lines are joined."""
    at, in_code = begin, False
    open_block: tuple[int, int, Kind] | None = None
    for line in text[begin:].splitlines(keepends=True):
        start, at = at, at + len(line)
        kind = _line_kind(line, in_code)
        if _FENCE.match(line):
            in_code = not in_code
        joins = kind is Kind.PROSE and open_block is not None and open_block[2] in (Kind.PROSE, Kind.ITEM)
        if open_block is not None and joins:
            open_block = (open_block[0], at, open_block[2])
            continue
        if open_block is not None:
            yield open_block
        open_block = (start, at, kind) if kind is not None else None
    if open_block is not None:
        yield open_block


def _line_kind(line: str, in_code: bool) -> Kind | None:
    if _FENCE.match(line) or not line.strip():
        return None
    if in_code:
        return Kind.CODE
    if _HEADING.match(line):
        return Kind.HEADING
    if _RULE.match(line):
        return None
    if _ROW.match(line):
        return Kind.ROW
    return Kind.ITEM if _ITEM.match(line) else Kind.PROSE


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    begin = start + (item.end() if (item := _ITEM.match(text[start:end])) else 0)
    for match in _END.finditer(text, begin, end):
        if _ABBREVIATION.search(text, begin, match.end()):
            continue
        if (trimmed := _trim(text, begin, match.end())) is not None:
            yield trimmed
        begin = match.end()
    if (trimmed := _trim(text, begin, end)) is not None:
        yield trimmed


def _trim(text: str, start: int, end: int) -> tuple[int, int] | None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None
