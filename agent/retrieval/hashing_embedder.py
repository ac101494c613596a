"""An embedder without a model: words hashed into a vector. For tests and demos; it knows no synonyms."""

import hashlib
from collections.abc import Sequence

import numpy as np

from agent.retrieval.embedder import Progress
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

    def embed_question(self, text: str) -> Vectors:
        """One vector, shape (dimension,)."""
        return self._embed(text)

    def embed_passages(self, texts: Sequence[str], progress: Progress = lambda _done: None) -> Vectors:
        """One vector a passage, shape (len(texts), dimension)."""
        vectors = (
            np.stack([self._embed(text) for text in texts]) if texts else np.zeros((0, self.dimension), np.float32)
        )
        progress(len(texts))
        return vectors

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
