"""The Retriever: passages for a question, from embeddings and BM25 together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.errors import UnknownFilter
from agent.retrieval.fusion import Scores, fuse_across_languages, z_scores
from agent.retrieval.query import Query
from agent.retrieval.reranker import Reranker
from agent.store.documents import Chunk
from agent.store.store import Store

CANDIDATES = 50
RERANKED = 10
# Of the cross-encoder's z-score in the order of those; the fused score has the rest (measured in docs/evaluation.md).
RERANKER_SHARE = 0.6
# BM25 is left out when fewer of the question's terms than this occur in any document: it is then in another
# language than they are, and equal fusion would bury what the embeddings found.
MIN_COVERAGE = 0.3
# Half the dense score is the passage's cosine, half that of its best sentence: the mean over a passage blurs the one
# sentence that answers (measured in docs/evaluation.md).
SENTENCE_SHARE = 0.5

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that was found. `dense` is its cosine with its best sentence's; `lexical` its BM25; `fused` its rank;
    `reranked` what the cross-encoder said, None where it was not asked.
    """

    chunk: Chunk
    dense: float
    lexical: float
    fused: float
    reranked: float | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """The candidates of one query, best first; all shapes (candidates,).

    `reranked` is not a number where the cross-encoder was not asked. `coverage` is the share of the query's terms that
    any document has, `dense_weight` what was left for embeddings.
    """

    ids: Ids
    dense: Scores
    lexical: Scores
    fused: Scores
    reranked: Scores
    coverage: float
    dense_weight: float

    def best(self, count: int) -> "Ranking":
        """The first `count` of them."""
        some = slice(count)
        return Ranking(
            self.ids[some], self.dense[some], self.lexical[some], self.fused[some], self.reranked[some],
            self.coverage, self.dense_weight,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What was found, best first. `ranking` is that of the last query, whole."""

    passages: tuple[Passage, ...]
    ranking: Ranking | None


class Retriever:
    """Ranks the chunks of one store.

    Args:
        store: open, and built with the embedder that the queries are embedded with.
        dense_weight: share of the embedding score, 0 to 1.
        reranker: reads the best candidates together with the question, where there is one.
    """

    def __init__(self, store: Store, dense_weight: float, reranker: Reranker | None = None) -> None:
        self._store = store
        self._dense_weight = dense_weight
        self._reranker = reranker

    def retrieve(self, queries: Sequence[Query], top_k: int, filters: dict[str, str]) -> Retrieval:
        """The `top_k` best passages over all `queries`, each passage by the query it suits best.

        Filters are applied before ranking. Blocking: call it in a thread.

        Raises:
            UnknownFilter: no document has such a field.
        """
        among = self._among(filters)
        if (among is not None and len(among) == 0) or len(self._store.vectors) == 0:
            return Retrieval((), None)
        rankings = [self.rank(query, among) for query in queries]
        best: dict[int, tuple[float, float, float, float | None]] = {}
        for ranking in rankings:
            columns = (ranking.ids, ranking.dense, ranking.lexical, ranking.fused, ranking.reranked)
            for number, dense, lexical, fused, read in zip(*(column.tolist() for column in columns), strict=True):
                if number not in best or fused > best[number][2]:
                    best[number] = (dense, lexical, fused, None if math.isnan(read) else read)
        ranked = sorted(best, key=lambda number: (-best[number][2], number))[:top_k]
        chunks = self._store.chunks.get(ranked)
        passages = tuple(Passage(chunk, *best[number]) for chunk, number in zip(chunks, ranked, strict=True))
        return Retrieval(passages, rankings[-1])

    def rank(self, query: Query, among: Sequence[int] | None = None) -> Ranking:
        """The candidates for one query; `among` keeps it to these chunks. Blocking: call it in a thread."""
        found = dict(self._store.vectors.search(query.vector, CANDIDATES, among))
        coverage = sum(map(self._store.lexical.knows, query.terms)) / max(len(query.terms), 1)
        bm25 = self._store.lexical.scores(query.terms).astype(np.float64)
        weight = self._dense_weight if coverage >= MIN_COVERAGE else 1.0
        ids = self._candidates(found, bm25, among) if weight < 1.0 else np.asarray(sorted(found), dtype=np.int64)
        dense = self._dense(query, ids)
        foreign = self._store.spanish[ids] != (query.language == "es")
        fused = fuse_across_languages(dense, bm25[ids], foreign, weight)
        # Equal scores in the order of the ids, so that one question has one answer.
        order = np.lexsort((ids, -fused))
        unread = np.full(len(ids), np.nan)
        ranking = Ranking(ids[order], dense[order], bm25[ids][order], fused[order], unread, coverage, weight)
        return self._reranked(query, ranking)

    def _among(self, filters: dict[str, str]) -> list[int] | None:
        for field in filters:
            if field not in self._store.chunks.fields:
                raise UnknownFilter(f"Documents cannot be filtered by {field!r}."[:200], param=f"filters.{field}"[:80])
        return self._store.chunks.matching(filters) if filters else None

    def _candidates(self, found: dict[int, float], bm25: Scores, among: Sequence[int] | None) -> Ids:
        """Those that the embeddings found, and as many by BM25."""
        scores = bm25
        if among is not None:
            scores = np.zeros_like(bm25)
            scores[list(among)] = bm25[list(among)]
        count = min(CANDIDATES, len(scores))
        top = np.argpartition(-scores, count - 1)[:count]
        return np.asarray(sorted({*found, *(int(number) for number in top if scores[number] > 0)}), dtype=np.int64)

    def _dense(self, query: Query, ids: Ids) -> Scores:
        """The mean of each chunk's cosine and its best sentence's."""
        passage = self._store.vectors.get(ids.tolist()) @ query.vector
        sentences = [self._store.sentences_of(number) for number in ids.tolist()]
        cosines = self._store.sentence_vectors.get([row for rows in sentences for row in rows]) @ query.vector
        starts = np.cumsum([0, *(len(rows) for rows in sentences[:-1])])
        best = np.maximum.reduceat(cosines, starts)
        dense: Scores = ((1 - SENTENCE_SHARE) * passage + SENTENCE_SHARE * best).astype(np.float64)
        return dense

    def _reranked(self, query: Query, ranking: Ranking) -> Ranking:
        """The first few in the order in which the cross-encoder and the fused score together see them."""
        if self._reranker is None or len(ranking.ids) < 2:
            return ranking
        count = min(RERANKED, len(ranking.ids))
        chunks = self._store.chunks.get(ranking.ids[:count].tolist())
        read = self._reranker.score(query.text, [f"{chunk.head}\n{chunk.text}" for chunk in chunks])
        fused, reranked = ranking.fused.copy(), ranking.reranked.copy()
        reranked[:count] = read
        # Kept above all that was not read.
        together = RERANKER_SHARE * z_scores(read) + (1 - RERANKER_SHARE) * z_scores(fused[:count])
        fused[:count] = fused[count - 1] + 1e-6 + (together - together.min())
        order = np.lexsort((ranking.ids, -fused))
        return Ranking(
            ranking.ids[order], ranking.dense[order], ranking.lexical[order], fused[order], reranked[order],
            ranking.coverage, ranking.dense_weight,
        )  # fmt: skip
