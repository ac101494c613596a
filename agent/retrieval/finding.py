"""What the documents have on one question: passages, the sentences in them, and how much all that says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.retrieval.evidence import Evidence, EvidenceRanker
from agent.retrieval.query import Query
from agent.retrieval.retriever import Passage, Ranking, Retriever
from agent.store.store import Store
from agent.text.words import terms

# Passages whose sentences are ranked; the calibrations are fitted on so many.
_EVIDENCE_PASSAGES = 4


@dataclass(frozen=True, slots=True)
class Signals:
    """What a judgement of the finding rests on, each from 0 to 1 (a cosine may be a little less than 0).

    Attributes:
        dense: score of the best candidate by embeddings.
        sentence: cosine of the sentence that would be quoted.
        coverage: weighted share of the question's terms in the best passage.
        sentence_coverage: the same in the sentence that would be quoted.
        bm25: the best BM25 score, as a share of what a passage with all terms could have at most.
        foreign: 1 when that sentence is in another language than the question, else 0.
    """

    dense: float
    sentence: float
    coverage: float
    sentence_coverage: float
    bm25: float
    foreign: float


@dataclass(frozen=True, slots=True)
class Finding:
    """Passages and evidence, best first, for one query. `ranking` is None when nothing was searched."""

    query: Query
    passages: tuple[Passage, ...]
    evidence: tuple[Evidence, ...]
    ranking: Ranking | None
    signals: Signals | None

    def signals_for(self, evidence: Evidence) -> Signals:
        """The signals if this sentence, and not the best one, were quoted."""
        assert self.signals is not None
        foreign = float(evidence.passage.chunk.language != self.query.language)
        return replace(self.signals, sentence=evidence.cosine, sentence_coverage=evidence.coverage, foreign=foreign)


class Finder:
    """Searches one store for passages, and the passages for sentences."""

    def __init__(self, store: Store, retriever: Retriever) -> None:
        self._store = store
        self._retriever = retriever
        self._ranker = EvidenceRanker(store)

    def find(self, queries: Sequence[Query], top_k: int, filters: dict[str, str]) -> Finding:
        """The finding for the last query, which stands for the question; the others help to find passages.

        Blocking: call it in a thread.

        Raises:
            UnknownFilter: as `Retriever.retrieve`.
        """
        query = queries[-1]
        found = self._retriever.retrieve(queries, top_k, filters)
        evidence = tuple(self._ranker.rank(query, found.passages[:_EVIDENCE_PASSAGES]))
        signals = self._signals(query, found.ranking, evidence) if evidence and found.ranking else None
        return Finding(query, found.passages, evidence, found.ranking, signals)

    def _signals(self, query: Query, ranking: Ranking, evidence: Sequence[Evidence]) -> Signals:
        best = evidence[0]
        passages = {item.passage.chunk.id: item.passage.chunk for item in evidence}.values()
        heads = [set(terms(f"{chunk.head}\n{chunk.text}", chunk.language)) for chunk in passages]
        most = sum(map(self._store.lexical.weight, query.terms)) or 1.0
        return Signals(
            dense=float(ranking.dense.max()),
            sentence=best.cosine,
            coverage=max(self._ranker.coverage(query, words) for words in heads),
            sentence_coverage=best.coverage,
            bm25=float(ranking.lexical.max()) / most,
            foreign=float(best.passage.chunk.language != query.language),
        )
