"""What is printed on a PDF's pages but is not part of its text: running lines, page numbers, tables of contents."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from agent.ingest.formats.pdf_page import Box, Line, PageBoxes

_FEWEST_PAGES = 3
# The strip along the upper and the lower edge in which they stand, and the share of pages they must stand on.
_STRIP = 0.12
_SHARE = 0.5
# A chapter's running line stands on fewer pages than most, but it does not look like a heading.
_PAGES_OF_A_CHAPTER = 3
_LEADER = re.compile(r"(?:\s?\.){5,}\s*[\divxlc]*$")
_DIGITS = re.compile(r"\d+")


class _Key(NamedTuple):
    at_top: bool
    is_heading: bool
    text: str


def is_contents(box: Box) -> bool:
    """Whether dots lead to a page number: a line of a table of contents, which the headings say again."""
    return isinstance(box, Line) and _LEADER.search(box.text) is not None


def without_running_lines(pages: Sequence[PageBoxes], body_size: float) -> list[PageBoxes]:
    """The pages without the lines that most of them repeat at an edge, numbers aside."""
    if len(pages) < _FEWEST_PAGES:
        return list(pages)
    counts = Counter(key for page in pages for key in {_key(box, page, body_size) for box in page.boxes} if key)
    running = {key for key, count in counts.items() if count > max(1, _SHARE * len(pages))}
    running |= {key for key, count in counts.items() if count >= _PAGES_OF_A_CHAPTER and not key.is_heading}
    return [
        PageBoxes(
            page.number, page.height, tuple(box for box in page.boxes if _key(box, page, body_size) not in running)
        )
        for page in pages
    ]


def _key(box: Box, page: PageBoxes, body_size: float) -> _Key | None:
    """Edge and text. A number may differ from page to page, but not in what is set as a heading: "Chapter 3" is one."""
    at_top, at_bottom = box.bottom < _STRIP * page.height, box.top > (1 - _STRIP) * page.height
    if not isinstance(box, Line) or not (at_top or at_bottom):
        return None
    is_heading = box.size > body_size or box.bold
    return _Key(at_top, is_heading, box.text if is_heading else _DIGITS.sub("#", box.text))
