"""Writes extracted text in the notation that `agent.text.sentences` splits into units."""

import re

from agent.ingest.formats.table import plain

# What would make a line of someone's text a heading, a row or a fence. It is dropped, not escaped: a backslash would
# stand in every quote of that sentence.
_MARKER = re.compile(r"(?:#{1,6}(?=\s|$)|\||```|~~~)[\s|`~]*")
_PARAGRAPHS = re.compile(r"\n\s*\n|\n(?=\s*[-*•]\s)")
_FENCE = re.compile(r"(\s*)(?:```+|~~~+)")
_BULLET = re.compile(r"[•●▪◦‣·–—*-]\s+")


def one_line(text: str) -> str:
    """`text` on one line: white space collapsed, control characters gone, not readable as a heading, row or fence."""
    text = plain(text)
    while match := _MARKER.match(text):
        text = text[match.end() :]
    return text


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text in which blank lines part them, each on one line. A bullet begins one too."""
    return [line for part in _PARAGRAPHS.split(text) if (line := one_line(part))]


class Composition:
    """A text under construction: blocks parted by a blank line; items and rows in a run by a line break.

    Every method returns the offset of the block it added, or None when there was nothing to add.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._last = ""

    @property
    def text(self) -> str:
        """What was written so far."""
        return "".join(self._parts)

    @property
    def length(self) -> int:
        """How many characters were written so far."""
        return self._length

    def heading(self, level: int, text: str) -> int | None:
        """A heading; `level` from 1."""
        line = one_line(text)
        return self._add("heading", f"{'#' * min(max(level, 1), 6)} {line}") if line else None

    def paragraph(self, text: str) -> int | None:
        """A paragraph, on one line."""
        return self._add("paragraph", one_line(text))

    def item(self, text: str, depth: int = 0, number: int | None = None) -> int | None:
        """A list item, numbered or not; `depth` from 0."""
        line = _BULLET.sub("", one_line(text), count=1) if _BULLET.match(one_line(text)) else one_line(text)
        marker = "-" if number is None else f"{number}."
        return self._add("item", f"{'  ' * depth}{marker} {line}") if line else None

    def rows(self, lines: list[str]) -> int | None:
        """The rows of one table, from `table.py`."""
        self._last = ""
        return self._add("rows", "\n".join(lines))

    def code(self, text: str) -> int | None:
        """Lines of code between fences; a fence inside would end it and is dropped."""
        lines = [_FENCE.sub(r"\1", line).rstrip() for line in text.expandtabs(4).splitlines()]
        while lines and not lines[0]:
            del lines[0]
        body = "\n".join(lines).rstrip()
        return self._add("code", f"```\n{body}\n```") if body else None

    def _add(self, kind: str, block: str) -> int | None:
        if not block:
            return None
        joint = "" if not self._parts else "\n" if kind == self._last == "item" else "\n\n"
        start = self._length + len(joint)
        self._parts += [joint, block]
        self._length = start + len(block)
        self._last = kind
        return start
