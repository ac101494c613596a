"""The one contract between retrieval and whatever turns text into vectors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.store.vectors import Vectors
from agent.text.blocks import HEADING_JOINT


@dataclass(frozen=True, slots=True)
class PassageText:
    """A passage to embed: its head, its text, and where in it the sentences are.

    `heading` is the document's title with its date, then the heading path (see `agent.ingest.builder.passage_of`).
    """

    heading: str
    body: str
    sentences: tuple[tuple[int, int], ...] = ()

    @property
    def text(self) -> str:
        """What stands for the passage: its heading path says what it is about, so it goes first."""
        return f"{self.heading}\n{self.body}"

    @property
    def sentence_texts(self) -> list[str]:
        """What stands for each sentence: the sentence under the innermost heading."""
        heading = self.heading.rsplit(HEADING_JOINT, 1)[-1]
        return [f"{heading}: {self.body[start:end]}" for start, end in self.sentences]


@dataclass(frozen=True, slots=True)
class PassageVectors:
    """The vector of a passage, shape (dimension,), and of its sentences, shape (sentences, dimension)."""

    passage: Vectors
    sentences: Vectors


class Embedder(Protocol):
    """Texts in, L2-normalised vectors out. Questions and passages are told apart, as models trained for search do."""

    name: str
    dimension: int

    @property
    def fingerprint(self) -> str:
        """Changes whenever the vectors would; a store works only with the embedder that built it."""

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        """One vector a question, shape (len(texts), dimension)."""

    def embed_passages(self, passages: Sequence[PassageText]) -> Iterator[tuple[int, PassageVectors]]:
        """The vectors of each passage with its place in `passages`, in whatever order they are made."""

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Length of each text in the model's tokens, without special tokens."""
