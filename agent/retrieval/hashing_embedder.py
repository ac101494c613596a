"""An embedder without a model: words hashed into a vector. For tests and demos; it knows no synonyms."""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from agent.retrieval.embedder import PassageText, PassageVectors
from agent.store.vectors import Vectors
from agent.text.language import detect_language
from agent.text.words import terms


class HashingEmbedder:
    """A bag of stemmed words, hashed into `dimension` signed buckets (the hashing trick, Weinberger et al. 2009)."""

    def __init__(self, dimension: int = 256) -> None:
        self.name = f"hashing-{dimension}"
        self.dimension = dimension

    @property
    def fingerprint(self) -> str:
        """The name says all there is."""
        return self.name

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        """One vector a question, shape (len(texts), dimension)."""
        return np.asarray([self._embed(text) for text in texts], np.float32).reshape(len(texts), self.dimension)

    def embed_passages(self, passages: Sequence[PassageText]) -> Iterator[tuple[int, PassageVectors]]:
        """The vectors of each passage, in order."""
        for place, passage in enumerate(passages):
            yield place, PassageVectors(self._embed(passage.text), self.embed_questions(passage.sentence_texts))

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Number of words of each text."""
        return [len(text.split()) for text in texts]

    def _embed(self, text: str) -> Vectors:
        vector = np.zeros(self.dimension, dtype=np.float32)
        for term in terms(text, detect_language(text)):
            digest = hashlib.blake2b(term.encode(), digest_size=8).digest()
            number = int.from_bytes(digest, "little")
            vector[number % self.dimension] += 1.0 if number >> 63 else -1.0
        norm = float(np.linalg.norm(vector))
        return vector / norm if norm else vector
