"""What a paragraph is, by its style and its numbering: a heading, a list item, or text."""

import re
from collections import defaultdict
from collections.abc import Iterator

from docx.document import Document
from docx.oxml.ns import qn
from lxml.etree import _Element as Element

from agent.ingest.formats.docx_text import attribute, children

_HEADING_NAME = re.compile(r"heading ([1-9])$", re.IGNORECASE)
_LIST_NAME = re.compile(r"list (bullet|number)(?: ([2-5]))?$", re.IGNORECASE)
_CONTENTS_NAME = re.compile(r"(toc|table of figures)\b", re.IGNORECASE)
_LONGEST_CHAIN = 20


class Styles:
    """The document's styles and lists. Word keeps the names of built-in styles in English in every language."""

    def __init__(self, document: Document) -> None:
        self._styles = {style.get(qn("w:styleId")): style for style in children(document.styles.element, "w:style")}
        self._formats = dict(_number_formats(document))
        self._counts: defaultdict[tuple[str, int], int] = defaultdict(int)

    def heading_level(self, paragraph: Element) -> int | None:
        """1 for the title and the first level; None for what is no heading."""
        own = attribute(paragraph, "w:pPr/w:outlineLvl")
        if own is not None:
            return int(own) + 1 if own.isdecimal() and int(own) < 9 else None
        for style in self._chain(paragraph):
            name = attribute(style, "w:name") or ""
            if name.casefold() == "title":
                return 1
            if match := _HEADING_NAME.match(name):
                return int(match.group(1))
            outline = attribute(style, "w:pPr/w:outlineLvl") or ""
            if outline.isdecimal() and int(outline) < 9:
                return int(outline) + 1
        return None

    def is_title(self, paragraph: Element) -> bool:
        """Whether the style is the document's title."""
        return any((attribute(style, "w:name") or "").casefold() == "title" for style in self._chain(paragraph))

    def is_contents(self, paragraph: Element) -> bool:
        """Whether it is a line of a table of contents."""
        return any(_CONTENTS_NAME.match(attribute(style, "w:name") or "") for style in self._chain(paragraph))

    def item(self, paragraph: Element) -> tuple[int, int | None] | None:
        """Depth (from 0) and number (None for a bullet) of a list item, counted on from the one before."""
        number_id, depth = self._numbering(paragraph)
        if number_id == "0":
            return None
        names = [
            match for style in self._chain(paragraph) if (match := _LIST_NAME.match(attribute(style, "w:name") or ""))
        ]
        # "List Bullet 2" is a list of its own, of the first level, that is set in.
        shown_depth = max(depth, int(names[0].group(2) or 1) - 1 if names else 0)
        if number_id is not None:
            numbered = self._formats.get((number_id, depth), "bullet") != "bullet"
            return self._counted(number_id, shown_depth, numbered)
        if names:
            return self._counted(names[0].group(0), shown_depth, names[0].group(1).lower() == "number")
        return None

    def _numbering(self, paragraph: Element) -> tuple[str | None, int]:
        for holder in (paragraph, *self._chain(paragraph)):
            if (number_id := attribute(holder, "w:pPr/w:numPr/w:numId")) is not None:
                depth = attribute(holder, "w:pPr/w:numPr/w:ilvl") or "0"
                return number_id, int(depth) if depth.isdecimal() and int(depth) < 9 else 0
        return None, 0

    def _counted(self, name: str, depth: int, numbered: bool) -> tuple[int, int | None]:
        for deeper in range(depth + 1, 9):
            self._counts.pop((name, deeper), None)
        if not numbered:
            return depth, None
        self._counts[name, depth] += 1
        return depth, self._counts[name, depth]

    def _chain(self, paragraph: Element) -> Iterator[Element]:
        """The paragraph's style and those it is based on."""
        name = attribute(paragraph, "w:pPr/w:pStyle")
        for _ in range(_LONGEST_CHAIN):
            style = self._styles.get(name)
            if style is None:
                return
            yield style
            name = attribute(style, "w:basedOn")


def _number_formats(document: Document) -> Iterator[tuple[tuple[str, int], str]]:
    """(list, depth) to "bullet", "decimal", ..."""
    try:
        root = document.part.numbering_part.element
    except (KeyError, NotImplementedError):
        return  # A document without lists has no such part, and python-docx has none to make one from.
    abstract = {one.get(qn("w:abstractNumId")): one for one in children(root, "w:abstractNum")}
    for number in children(root, "w:num"):
        one = abstract.get(attribute(number, "w:abstractNumId"))
        for level in () if one is None else children(one, "w:lvl"):
            depth = level.get(qn("w:ilvl")) or "0"
            if depth.isdecimal():
                yield (number.get(qn("w:numId")) or "", int(depth)), attribute(level, "w:numFmt") or "decimal"
