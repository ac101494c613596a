"""Where each way of searching ranks the passage that holds the answer."""

from collections.abc import Sequence
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from agent.retrieval.embedder import Embedder
from agent.retrieval.query import Query, make_queries
from agent.retrieval.reranker import Reranker
from agent.retrieval.retriever import Ranking, Retriever
from agent.schemas import Language
from agent.settings import Settings
from agent.store.store import Store
from evaluation.subject import Asked

Ranks = dict[str, int | None]

_BATCH = 64


def embed(asked: Sequence[Asked], embedder: Embedder) -> dict[str, Query]:
    """The questions as queries, by id, embedded in batches of one language each."""
    made: dict[str, Query] = {}
    for language in get_args(Language):
        own = [one for one in asked if one.language == language]
        for at in range(0, len(own), _BATCH):
            batch = own[at : at + _BATCH]
            queries = make_queries([one.text for one in batch], language, embedder)
            made.update((one.id, query) for one, query in zip(batch, queries, strict=True))
    return made


class Ranker:
    """Ranks the documents of one store for a question, by embeddings, by BM25, fused, and reranked if it can."""

    def __init__(self, store: Store, settings: Settings, reranker: Reranker | None) -> None:
        self._store = store
        self._plain = Retriever(store, settings.dense_weight)
        self._reranking = Retriever(store, settings.dense_weight, reranker) if reranker else None

    def ranks(self, asked: Asked, query: Query) -> Ranks:
        """The rank of the first passage that holds the answer; None when it is not among the candidates."""
        ranking = self._plain.rank(query)
        found: Ranks = {
            "dense": self._rank(asked, ranking, ranking.dense),
            "bm25": self._rank(asked, ranking, np.where(ranking.lexical > 0, ranking.lexical, -np.inf)),
            "fused": self._rank(asked, ranking, ranking.fused),
        }
        if self._reranking is not None:
            reranked = self._reranking.rank(query)
            found["reranked"] = self._rank(asked, reranked, reranked.fused)
        return found

    def _rank(self, asked: Asked, ranking: Ranking, scores: NDArray[np.float64]) -> int | None:
        """Chunks of one document count once, where the best of them stands."""
        ids = ranking.ids[np.lexsort((ranking.ids, -scores))]
        kept = {int(number) for number, score in zip(ranking.ids, scores, strict=True) if np.isfinite(score)}
        seen: set[str] = set()
        for chunk in self._store.chunks.get([int(number) for number in ids if int(number) in kept]):
            seen.add(chunk.source if asked.gold_span is None else f"{chunk.source}#{chunk.id}")
            if asked.is_gold(chunk.source, chunk.start, chunk.end):
                return len(seen)
        return None
