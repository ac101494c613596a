"""Corpora of any size: real sentences in new combinations, with vectors near the real ones.

Embedding 100,000 chunks takes a CPU hours and tells nothing about the store. So the vectors of a real corpus are taken,
each with noise of its own, and the texts are its sentences, shuffled, with made-up words between them so that the
vocabulary grows with the corpus as it does in the real world (Heaps' law).
"""

from collections.abc import Iterator, Sequence

import numpy as np

from agent.ingest.builder import Cut
from agent.retrieval.embedder import PassageText, PassageVectors
from agent.store.documents import ChunkSpan, Document
from agent.store.vectors import Vectors

CHUNKS_A_DOCUMENT = 50
SENTENCES_A_CHUNK = 5
# Chunks of one corpus have a cosine of about 0.85 with each other under e5; this noise keeps that.
_NOISE = 0.03


class SyntheticEmbedder:
    """Gives passages vectors near real ones without a model. Questions are for the real embedder."""

    def __init__(self, name: str, fingerprint: str, real: Vectors, seed: int) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.dimension = real.shape[1]
        self._real = real
        self._random = np.random.default_rng(seed)

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        """Vectors near real ones, shape (len(texts), dimension)."""
        picked = self._real[self._random.integers(0, len(self._real), len(texts))]
        noisy = picked + self._random.normal(0, _NOISE, picked.shape).astype(np.float32)
        vectors: Vectors = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
        return vectors

    def embed_passages(self, passages: Sequence[PassageText]) -> Iterator[tuple[int, PassageVectors]]:
        """As `embed_questions`, for each passage and its sentences, in order."""
        for place, passage in enumerate(passages):
            vectors = self.embed_questions(["", *passage.sentence_texts])
            yield place, PassageVectors(vectors[0], vectors[1:])

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Number of words."""
        return [len(text.split()) for text in texts]


def documents(count: int, sentences: Sequence[str], seed: int) -> Iterator[Cut]:
    """Documents with `count` chunks in all, cut already."""
    random = np.random.default_rng(seed)
    for first in range(0, count, CHUNKS_A_DOCUMENT):
        chunks = min(CHUNKS_A_DOCUMENT, count - first)
        parts: list[str] = []
        spans: list[ChunkSpan] = []
        at = 0
        for _ in range(chunks):
            start, units = at, []
            for text in (sentences[i] for i in random.integers(0, len(sentences), SENTENCES_A_CHUNK)):
                sentence = f"{text.rstrip('.')} {_word(random)}."
                units.append((at, at + len(sentence), "prose"))
                parts.append(sentence + " ")
                at += len(sentence) + 1
            spans.append(ChunkSpan("", start, at - 1, SENTENCES_A_CHUNK * 20, tuple(units)))
        number = first // CHUNKS_A_DOCUMENT
        text = "".join(parts)
        yield Document(f"doc-{number:05}.txt", f"Document {number}", "en", "txt", f"{number:064x}", text), spans


def _word(random: np.random.Generator) -> str:
    """A made-up word; the commonest are met again and again, the rare ones once (Zipf)."""
    return f"w{int(random.zipf(1.3)) % 1_000_000}"
