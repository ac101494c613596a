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


# "```code```" is no fence: what follows an opening one names a language, and nothing follows a closing one.
_FENCE = re.compile(r"\s*(`{3,}+(?!.*`)|~{3,}+)(.*)")
_HEADING = re.compile(r"#{1,6}\s")
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+")
_ROW = re.compile(r"\s*\|")
_RULE = re.compile(r"[\s|:=+-]+$")
# A sentence ends at . ! ? … with closing quotes, before white space and something that can begin a sentence, or at the
# end of a line: whoever writes a sentence a line may begin one with "multilingual-e5-small". Nothing is tried twice, or
# a page of dots would take hours.
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]*_`]*+(?=\s+[\"'“‘«(\[*_`¿¡]*[A-Z0-9ÁÉÍÓÚÑÜ¿¡`]|[ \t]*\n)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|Mr|Mrs|Ms|Dr|Prof|St|No|Fig|Sr|Sra|Srta|Dña|Ud|Uds|p\.ej|art|núm|pág|EE\.UU|[A-Z]))\.$"
)
_LONGEST_ABBREVIATION = 8
# Longer than any sentence, and all that the embedding model reads of one. A text without sentences is cut there, or a
# question that one word of it answers would be answered with all of it.
_LONGEST = 2000


def introduces_more(text: str) -> bool:
    """Whether a text only introduces what comes after it: it ends in a colon, emphasis aside."""
    return text.rstrip("*_ ").endswith(":")


def split_units(text: str, begin: int = 0) -> Iterator[Span]:
    """Units from offset `begin` on, in order, without overlap.

    White space, rules and fence markers between them belong to none.
    """
    for start, end, kind in _blocks(text, begin):
        if kind in (Kind.PROSE, Kind.ITEM):
            yield from (Span(a, b, kind) for a, b in _sentences(text, start, end))
        elif kind is Kind.CODE:
            yield from (Span(a, b, kind) for a, b in _cut(text, start, end))
        elif (trimmed := _trim(text, start, end)) is not None:
            yield Span(*trimmed, kind)


def _blocks(text: str, begin: int) -> Iterator[tuple[int, int, Kind]]:
    """Runs of lines that belong together; a paragraph's and an item's wrapped lines are joined."""
    at, fence = begin, ""
    open_block: tuple[int, int, Kind] | None = None
    for line in text[begin:].splitlines(keepends=True):
        start, at = at, at + len(line)
        kind = _line_kind(line, fence)
        fence = _fence_after(line, fence)
        joins = kind is Kind.PROSE and open_block is not None and open_block[2] in (Kind.PROSE, Kind.ITEM)
        if open_block is not None and joins:
            open_block = (open_block[0], at, open_block[2])
            continue
        if open_block is not None:
            yield open_block
        open_block = (start, at, kind) if kind is not None else None
    if open_block is not None:
        yield open_block


def _fence_after(line: str, fence: str) -> str:
    """The fence that is open after this line, "" for none: one like it, and not shorter, closes it."""
    match = _FENCE.match(line)
    if match is None:
        return fence
    if not fence:
        return match.group(1)
    closes = match.group(1).startswith(fence) and not match.group(2).strip()
    return "" if closes else fence


def _line_kind(line: str, fence: str) -> Kind | None:
    if not line.strip() or (_FENCE.match(line) and _fence_after(line, fence) != fence):
        return None
    if fence:
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
        if _ABBREVIATION.search(text, max(begin, match.end() - _LONGEST_ABBREVIATION), match.end()):
            continue
        yield from _cut(text, begin, match.end())
        begin = match.end()
    yield from _cut(text, begin, end)


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """All of it, without the white space around it; what is too long in pieces, between words where it has any."""
    while (trimmed := _trim(text, start, end)) is not None:
        start, stop = trimmed
        if stop - start > _LONGEST:
            stop = start + len(text[start : start + _LONGEST].rsplit(maxsplit=1)[0])
        yield start, stop
        start = stop


def _trim(text: str, start: int, end: int) -> tuple[int, int] | None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None
