"""The Retriever: passages for a question, from embeddings and BM25 together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.errors import UnknownFilter
from agent.retrieval.embedder import Embedder
from agent.retrieval.fusion import fuse
from agent.schemas import Language
from agent.store.chunks import FILTER_FIELDS, Chunk
from agent.store.store import Store
from agent.text.words import terms

CANDIDATES = 50
# BM25 is left out when fewer of the question's terms than this occur in any document: it is then in another
# language than they are, and equal fusion would bury what the embeddings found.
MIN_COVERAGE = 0.3


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that was found. `dense` is its cosine; `lexical` its BM25; `fused` what it was ranked by."""

    chunk: Chunk
    dense: float
    lexical: float
    fused: float


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What was found, best first, and how well the corpus covers the question's words (0 to 1)."""

    passages: tuple[Passage, ...]
    coverage: float
    dense_weight: float


@dataclass(frozen=True, slots=True)
class _Scored:
    id: int
    dense: float
    lexical: float
    fused: float


class Retriever:
    """Ranks the chunks of one store.

    Args:
        store: open, and built with `embedder`.
        dense_weight: share of the embedding score, 0 to 1.
    """

    def __init__(self, store: Store, embedder: Embedder, dense_weight: float) -> None:
        self._store = store
        self._embedder = embedder
        self._dense_weight = dense_weight

    def retrieve(self, queries: Sequence[str], language: Language, top_k: int, filters: dict[str, str]) -> Retrieval:
        """The `top_k` best passages over all `queries` (the question, and what it follows up).

        Filters are applied before ranking. Blocking: call it in a thread.

        Raises:
            UnknownFilter: documents have no such field.
        """
        for field in filters:
            if field not in FILTER_FIELDS:
                raise UnknownFilter(f"Documents cannot be filtered by {field!r}."[:200], param=f"filters.{field}"[:80])
        among = self._store.chunks.matching(filters) if filters else None
        if among == [] or len(self._store.vectors) == 0:
            return Retrieval((), 0.0, self._dense_weight)
        best: dict[int, _Scored] = {}
        coverage, weight = 0.0, self._dense_weight
        for query in queries:
            found, covered, weight = self._rank(query, language, among)
            coverage = max(coverage, covered)
            for scored in found:
                known = best.get(scored.id)
                if known is None or scored.fused > known.fused:
                    best[scored.id] = scored
        ranked = sorted(best.values(), key=lambda scored: (-scored.fused, scored.id))[:top_k]
        chunks = self._store.chunks.get([scored.id for scored in ranked])
        passages = (Passage(chunk, s.dense, s.lexical, s.fused) for chunk, s in zip(chunks, ranked, strict=True))
        return Retrieval(tuple(passages), coverage, weight)

    def _rank(self, query: str, language: Language, among: Sequence[int] | None) -> tuple[list[_Scored], float, float]:
        vector = self._embedder.embed_question(query)
        cosine = dict(self._store.vectors.search(vector, CANDIDATES, among))
        query_terms = sorted(set(terms(query, language)))
        coverage = sum(map(self._store.lexical.knows, query_terms)) / max(len(query_terms), 1)
        lexical = self._store.lexical.scores(query_terms)
        weight = self._dense_weight if coverage >= MIN_COVERAGE else 1.0
        ids = self._candidates(cosine, lexical, among) if weight < 1.0 else sorted(cosine)
        # A chunk that only BM25 found gets the lowest cosine among those that the embeddings found.
        floor = min(cosine.values())
        dense = np.asarray([cosine.get(number, floor) for number in ids], dtype=np.float64)
        sparse = np.asarray([lexical[number] for number in ids], dtype=np.float64)
        fused = fuse(dense, sparse, weight)
        columns = zip(ids, dense.tolist(), sparse.tolist(), fused.tolist(), strict=True)
        return [_Scored(*row) for row in columns], coverage, weight

    def _candidates(
        self, cosine: dict[int, float], lexical: NDArray[np.float32], among: Sequence[int] | None
    ) -> list[int]:
        scores = lexical
        if among is not None:
            scores = np.zeros_like(lexical)
            scores[list(among)] = lexical[list(among)]
        top = np.argsort(-scores, kind="stable")[:CANDIDATES]
        return sorted(set(cosine) | {int(number) for number in top if scores[number] > 0})
