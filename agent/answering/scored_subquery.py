"""What was found for each sub-query of a question, and what it is worth."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeVar

from agent.answering.composition import AnswerComposer, SourceSpan
from agent.answering.context_builder import Context
from agent.answering.rewriting import Rewriting, Subquery
from agent.retrieval.evidence import Evidence
from agent.retrieval.finding import Finding
from agent.retrieval.retriever import Passage
from agent.schemas import Nearest

Item = TypeVar("Item")

_MAX_NEAREST = 3
# Further down than the best few, sentences speak of something else.
_SPEAKING = 2


@dataclass(frozen=True, slots=True)
class ScoredSubquery:
    """A sub-query and its finding; `relevance` and `confidence` from 0 to 1."""

    subquery: Subquery
    finding: Finding
    relevance: float
    confidence: float

    def details(self) -> dict[str, Any]:
        """What the trace says of it, as JSON values."""
        ranking = self.finding.ranking
        return {
            "queries": list(self.subquery.queries),
            "passages": [
                {"source": p.chunk.source, "heading": p.chunk.heading or p.chunk.title, "start": p.chunk.start,
                 "dense": round(p.dense, 4), "lexical": round(p.lexical, 4), "fused": round(p.fused, 4),
                 "reranked": None if p.reranked is None else round(p.reranked, 4)}
                for p in self.finding.passages
            ],
            "coverage": round(ranking.coverage, 3) if ranking else 0.0,
            "relevance": round(self.relevance, 3),
            "confidence": round(self.confidence, 3),
        }  # fmt: skip

    def answered_by(self, answer: AnswerComposer) -> bool:
        """Whether the answer cites a sentence that speaks to this sub-query."""
        return any(
            answer.cites(item.passage.chunk.source, item.sentence.start, item.sentence.end)
            for item in self.finding.evidence[:_SPEAKING]
        )


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Everything that a strategy answers from: the sub-queries that the documents are about, and their context."""

    rewriting: Rewriting
    scored: tuple[ScoredSubquery, ...]
    relevant: tuple[ScoredSubquery, ...]
    context: Context


def passages_of(parts: Sequence[ScoredSubquery]) -> list[Passage]:
    """The passages of all sub-queries in turn, each once."""
    return _take_turns([item.finding.passages for item in parts], lambda passage: passage.chunk.id)


def evidence_of(parts: Sequence[ScoredSubquery]) -> list[Evidence]:
    """The sentences of all sub-queries in turn, each once."""
    rows = [item.finding.evidence for item in parts]
    return _take_turns(rows, lambda evidence: (evidence.passage.chunk.source, evidence.sentence.start))


def nearest_of(parts: Sequence[ScoredSubquery]) -> list[Nearest]:
    """The best sentence of each of the best passages."""
    rows = [item.finding.evidence for item in parts]
    best = _take_turns(rows, lambda evidence: evidence.passage.chunk.id)[:_MAX_NEAREST]
    return [Nearest(text=evidence.sentence.text, **SourceSpan.of_evidence(evidence).place()) for evidence in best]


def _take_turns(rows: Sequence[Sequence[Item]], key: Callable[[Item], Hashable]) -> list[Item]:
    """The first of each row, then the second of each, and so on; of those with the same key the first."""
    found: dict[Hashable, Item] = {}
    for item in (item for turn in zip_longest(*rows) for item in turn if item is not None):
        found.setdefault(key(item), item)
    return list(found.values())
