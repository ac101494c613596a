"""The one contract between retrieval and whatever turns text into vectors."""

from collections.abc import Callable, Sequence
from typing import Protocol

from agent.store.vectors import Vectors

Progress = Callable[[int], None]


class Embedder(Protocol):
    """Texts in, L2-normalised vectors out. Questions and passages are told apart, as models trained for search do."""

    name: str
    dimension: int

    @property
    def fingerprint(self) -> str:
        """Changes whenever the vectors would; a store works only with the embedder that built it."""

    def embed_question(self, text: str) -> Vectors:
        """One vector, shape (dimension,)."""

    def embed_passages(self, texts: Sequence[str], progress: Progress = ...) -> Vectors:
        """One vector a passage, shape (len(texts), dimension). `progress` is told how many are done since last time."""

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Length of each text in the model's tokens, without special tokens."""
