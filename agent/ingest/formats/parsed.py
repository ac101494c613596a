"""What a reader makes of a file, and how it says that it cannot."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PageStart:
    """Page `number` (from 1) begins at offset `start` of the text. A page without text has no start."""

    number: int
    start: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document's text and what is known about it.

    `text` is what citations are offsets into; it is in the notation that `agent.text.sentences` splits. `body_start` is
    where the text to be chunked begins (after a Markdown front matter). `title` is None when the format has none.
    """

    text: str
    title: str | None
    pages: tuple[PageStart, ...] = ()
    metadata: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    body_start: int = 0


class Unreadable(Exception):
    """A file that cannot be read; `reason` is a sentence for its owner, without paths or internals."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
