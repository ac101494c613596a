"""What a store holds: documents and their blocks, the chunks that are found, and the sentences in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.schemas import Language
from agent.text.blocks import head_of

Metadata = Mapping[str, tuple[str, ...]]


# The formats whose text is the file itself.
_AS_WRITTEN = frozenset(("md", "markdown", "txt"))


# Names that front matter and document properties use for the day of the text, the one that tells most first.
_DATE_FIELDS = ("date", "fecha", "published", "publication_date", "last_updated", "updated", "created")
_AUTHOR_FIELDS = ("author", "authors", "autor", "autores")


@dataclass(frozen=True, slots=True)
class Block:
    """What a reader sees as one thing, at `document[start:end]`: see `agent.text.blocks.TextBlock`.

    `kind` as in `agent.text.blocks.BlockKind`; `section` is the ordinal of the heading that it stands under; up to
    `lead_end` it only introduces itself (lead-in, header row, question).
    """

    kind: str
    heading: str
    section: int
    start: int
    end: int
    lead_end: int


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was ingested.

    `source` is its path inside the ingested folder; `sha256` is of the file, `text` what was read from it. `pages` are
    (offset, page number) pairs, ascending, empty where the format has no pages. What lies before `body_start` (a front
    matter) is part of the text but is never searched. `blocks` are filled when it is cut into chunks.
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
    blocks: tuple[Block, ...] = ()

    @property
    def date(self) -> str | None:
        """The day of the text, as its front matter or properties write it."""
        return self._first(_DATE_FIELDS)

    @property
    def author(self) -> str | None:
        """Its author or authors, as its front matter or properties write them."""
        return self._first(_AUTHOR_FIELDS)

    def _first(self, fields: tuple[str, ...]) -> str | None:
        found = (", ".join(self.metadata[field]) for field in fields if self.metadata.get(field))
        return next((value for value in found if value.strip()), None)

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
    """What is embedded and found: `document[start:end] == text`. `id` is its row in both indexes.

    `date` is the document's, None where it does not say.
    """

    id: int
    source: str
    title: str
    language: Language
    heading: str
    start: int
    end: int
    text: str
    sentences: tuple[Sentence, ...]
    date: str | None = None

    @property
    def head(self) -> str:
        """Title, date and heading path on one line: what stands before the text where it is embedded or read."""
        return head_of(self.title, self.date, self.heading)

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
