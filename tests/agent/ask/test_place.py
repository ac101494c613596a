"""`file:page:line`, and the headings above."""

from typing import Any

import pytest

from agent.ask.place import headings_of, place_of
from agent.schemas import Citation
from tests.agent.ask.answers import place


def at(**changes: Any) -> Citation:
    return Citation(id=1, quote="q", **place(**changes))


@pytest.mark.parametrize(
    ("shown", "changes"),
    [
        ("guide.md:5", {}),
        ("report.pdf:p3", {"source": "report.pdf", "page": 3, "line": None}),
        ("letter.docx", {"source": "letter.docx", "line": None}),
        ("book.txt:p3:7", {"source": "book.txt", "page": 3, "line": 7}),
        ("a b.md:5", {"source": "a\nb.md"}),
    ],
)
def test_a_place_is_the_file_the_page_and_the_line(shown: str, changes: dict[str, Any]) -> None:
    """What the document does not have is left out, and it is one line whatever the file is called."""
    assert shown == place_of(at(**changes))


@pytest.mark.parametrize(
    ("shown", "title", "heading"),
    [
        ("Guide > The server", "Guide", "Guide > The server"),
        ("Guide", "Guide", "Guide"),
        ("Guide", "Guide", ""),
        ("Report 2026 > Summary", "Report 2026", "Summary"),
        ("Guide > Guidelines", "Guide", "Guidelines"),
    ],
)
def test_the_title_is_told_once(shown: str, title: str, heading: str) -> None:
    """Documents whose first heading is their title have it in both."""
    assert shown == headings_of(at(title=title, heading=heading))
