"""What a store holds: documents, the chunks that are found in them, and the sentences that are quoted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.schemas import Language

# Between the headings of a heading path: "Guide > Settings".
HEADING_JOINT = " > "

Metadata = Mapping[str, tuple[str, ...]]


# The formats whose text is the file itself.
_AS_WRITTEN = frozenset(("md", "markdown", "txt"))


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was ingested.

    `source` is its path inside the ingested folder; `sha256` is of the file, `text` what was read from it. `pages` are
    (offset, page number) pairs, ascending, empty where the format has no pages. What lies before `body_start` (a front
    matter) is part of the text but is never searched.
    """

    source: str
    title: str
    language: Language
    format: str
    sha256: str
    text: str
    pages: tuple[tuple[int, int], ...] = ()
    metadata: Metadata = field(default_factory=dict)
    body_start: int = 0

    @property
    def keeps_lines(self) -> bool:
        """Whether `text` has the lines of the file; that of a page or a table does not."""
        return self.format in _AS_WRITTEN


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence or other unit, at `document[start:end] == text`. `kind` as in `agent.text.sentences.Kind`.

    `id` is its row among the sentence vectors; `page` and `line`, both from 1, are where it begins, None where there
    are none.
    """

    id: int
    start: int
    end: int
    text: str
    kind: str
    page: int | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is embedded and found: `document[start:end] == text`. `id` is its row in both indexes."""

    id: int
    source: str
    title: str
    language: Language
    heading: str
    start: int
    end: int
    text: str
    sentences: tuple[Sentence, ...]

    @property
    def page(self) -> int | None:
        """The page on which the chunk begins."""
        return self.sentences[0].page if self.sentences else None


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """A chunk to be written: offsets into its document, its heading path, its length and its sentences' spans."""

    heading: str
    start: int
    end: int
    tokens: int
    sentences: tuple[tuple[int, int, str], ...]
